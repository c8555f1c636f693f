"""The servers behind the newsroom's sites, as the dashboard reads them: what is there is written here."""

from __future__ import annotations

from publisher_dashboard.own_documents import Served

ROBOTS = "User-agent: *\nDisallow: /members/\n\nUser-agent: GPTBot\nDisallow: /\n"
LICENCE = '<rsl xmlns="https://rslstandard.org/rsl">\n  <content url="/"/>\n</rsl>\n'
THERE = {
    ("harbour.example", "/robots.txt"): Served(200, "text/plain", ROBOTS),
    ("harbour.example", "/license.xml"): Served(200, "application/rsl+xml", LICENCE),
    ("harbour.example", "/.well-known/tdmrep.json"): Served(None, trouble="connection refused"),
}


class OwnServers:
    """Answers from ``there``; ``asked`` holds every question."""

    def __init__(self) -> None:
        self.there = dict(THERE)
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, origin: str, host: str, path: str) -> Served:
        self.asked.append((origin, host, path))
        return self.there.get((host, path), Served(404, "text/html", "<h1>Not found</h1>"))
