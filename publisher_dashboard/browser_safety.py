"""What keeps a browser from being used against its owner: headers on every answer, and who may send a form.

Rules of this file
- No script, style, image, font or frame comes from anywhere but here, and no page may frame ours (CSP).
- A form counts only when the browser itself says that it was sent from a page of ours: ``Sec-Fetch-Site``, or
  ``Origin`` from browsers that do not send it. The session's token in the form is the second wall
  (``publisher_dashboard.auth``).
- The names that we answer to are known, so that no other name can be pointed at us (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with it some browsers send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where people reach the dashboard. Without a public URL it answers on loopback names only.

    ``public_url`` is scheme and host (and port) as typed, such as ``https://dashboard.example``.
    """

    public_url: str | None

    @property
    def secure(self) -> bool:
        """Whether browsers come over https, so that cookies can be bound to it."""
        return self.public_url is not None and self.public_url.startswith("https://")

    def answers_to(self, host_header: str) -> bool:
        """Whether a ``Host`` value names this dashboard."""
        name = split(f"//{host_header}").hostname
        return name in _LOOPBACK_NAMES or (self.public_url is not None and name == split(self.public_url).hostname)


class SecurityHeaders:
    """ASGI middleware: the headers above on every answer; nothing is stored by caches unless a page says so."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's head."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def split(address: str) -> SplitResult:
    """The parts of an address that a stranger wrote; no parts at all where it cannot be one, such as ``http://[``."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def safe_path(wanted: str) -> str:
    """A path of ours to go to, never another host: browsers read // and /\\ as one."""
    plain = wanted.isprintable() and wanted.isascii()
    return wanted if plain and wanted.startswith("/") and wanted[1:2] not in ("/", "\\") else "/"


def page_before(headers: Mapping[str, str]) -> str | None:
    """The page of ours that this request was sent from, as path and query, if the browser says so (``Referer``)."""
    before = split(headers.get("referer", ""))
    if not before.netloc or before.netloc.lower() != headers.get("host", "").lower():
        return None
    return safe_path(f"{before.path}?{before.query}" if before.query else before.path)


def sent_from_here(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that a form was sent from a page of this origin.

    ``Sec-Fetch-Site`` (Fetch Metadata) decides when it is there; else ``Origin`` must name the ``Host`` that was
    asked (RFC 6454). A form with neither is refused: every browser of the last years sends one of them.
    """
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site == "same-origin"
    origin = headers.get("origin")
    if origin is None or origin == "null":
        return False
    return split(origin).netloc.lower() == headers.get("host", "").lower() != ""
