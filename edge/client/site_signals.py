"""What a site says to crawlers before they crawl: robots.txt (RFC 9309), with its licence and content signals.

Rules of this file
- robots.txt is asked for at the page's own host, over at most five redirects. One that is not there allows everything,
  one that cannot be had (5xx, no answer) allows nothing (RFC 9309 section 2.3.1).
- ``License:`` (RSL 1.0) and ``Content-Signal:`` lines are told, not obeyed: they are for people to decide about.
- The signed price list is read in ``price_lists``.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from protego import Protego

from edge.client.answers import Answer
from edge.client.fetching import Conversation
from edge.client.flow import Send
from edge.client.page_url import BadPageUrl, redirect_target

REDIRECTS_MAX = 5
ROBOTS_BYTES_MAX = 512 * 1024
_EVERYTHING, _NOTHING = "", "User-agent: *\nDisallow: /\n"


@dataclass(frozen=True, slots=True)
class SiteSignals:
    """One host's robots.txt. ``licences`` are addresses, ``content_signals`` the lines as they are written.

    ``is_unreachable`` says that it could not be had just now, so that nothing is allowed.
    """

    url: str
    rules: Protego
    licences: tuple[str, ...] = ()
    content_signals: tuple[str, ...] = ()
    is_unreachable: bool = False

    def allows(self, url: str, user_agent: str) -> bool:
        """Whether robots.txt lets this crawler have the page."""
        return bool(self.rules.can_fetch(url, user_agent))

    def delay_seconds(self, user_agent: str) -> float | None:
        """The crawl delay that it asks for."""
        return self.rules.crawl_delay(user_agent)


def read_signals(url: str) -> Conversation[SiteSignals]:
    """Ask the host of a page what it says to crawlers."""
    robots = urljoin(url, "/robots.txt")
    where = robots
    for _ in range(REDIRECTS_MAX + 1):
        came = yield Send(where, (), most_bytes=ROBOTS_BYTES_MAX)
        if not isinstance(came, Answer) or came.status >= 500 or _is_broken(came):
            return SiteSignals(robots, Protego.parse(_NOTHING), is_unreachable=True)
        if not 300 <= came.status < 400:
            return _parsed(robots, came)
        try:
            where = redirect_target(where, came.fields.get("location", ""))
        except BadPageUrl:
            break
    return SiteSignals(robots, Protego.parse(_EVERYTHING))


def _is_broken(came: Answer) -> bool:
    """Whether it did not come whole; of one that is longer than has to be read, the beginning counts."""
    return came.fault is not None and len(came.body) < ROBOTS_BYTES_MAX


def _parsed(robots: str, came: Answer) -> SiteSignals:
    is_there = 200 <= came.status < 300
    text = came.body[:ROBOTS_BYTES_MAX].decode("utf-8", "replace") if is_there else _EVERYTHING
    lines = [line.partition("#")[0].partition(":") for line in text.splitlines()]
    named = [(name.strip().lower(), value.strip()) for name, _, value in lines if value.strip()]
    return SiteSignals(
        robots,
        Protego.parse(text),
        tuple(dict.fromkeys(urljoin(robots, value) for name, value in named if name == "license")),
        tuple(dict.fromkeys(value for name, value in named if name == "content-signal")),
    )
