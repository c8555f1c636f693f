"""The origin's own robots.txt: asked for now and then, bounded, and kept for when the origin is down.

Rules of this file

- One question at a time for a site, and one answer for ``FRESH_SECONDS``; what failed is asked again after
  ``RETRY_SECONDS``.
- What cannot be merged is passed on as it is: a redirect, another media type than text, more than crawlers read, a
  server's fault. While the origin is down its last good answer counts for a day (RFC 9309 section 2.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.core.policy import SitePolicy
from edge.core.signals.robots import ROBOTS_BYTES_MAX
from edge.proxy.upstream import OriginAnswer, OriginFault, Upstream

FRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0
STALE_SECONDS = 86_400.0
SITES_KEPT_MAX = 1_000
_KEPT_FIELDS = frozenset({b"content-type", b"location", b"retry-after", b"content-encoding"})


@dataclass(frozen=True, slots=True)
class OwnRobots:
    """What the origin answered. ``text`` is what ours is merged into; None where the answer is passed on instead."""

    text: str | None
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    @property
    def is_good(self) -> bool:
        """Whether it says something, so that it may stand in for a while."""
        return self.status < 500 and self.status != 429


@dataclass(slots=True)
class _Kept:
    answer: OwnRobots
    asked_at: float
    good: OwnRobots | None = None
    good_at: float = 0.0


class OwnRobotsFiles:
    """The robots.txt of every site's origin, by host. ``clock`` gives seconds."""

    def __init__(self, upstream: Upstream, clock: Callable[[], float]) -> None:
        self._upstream = upstream
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[OwnRobots]] = {}

    async def of(self, site: SitePolicy) -> OwnRobots:
        """What the site's origin says, not older than a few minutes where it can be had."""
        key = (site.host, site.origin)
        kept = self._kept.get(key)
        if kept is not None:
            age = self._clock() - kept.asked_at
            if 0 <= age < (FRESH_SECONDS if kept.answer.is_good else RETRY_SECONDS):
                return self._best(kept)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(site), name="robots.txt")
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        answer = await asyncio.shield(task)
        return self._best(self._keep(key, answer))

    def _keep(self, key: tuple[str, str], answer: OwnRobots) -> _Kept:
        before = self._kept.pop(key, None)
        now = self._clock()
        kept = _Kept(answer, now, answer, now) if answer.is_good else _Kept(answer, now)
        if not answer.is_good and before is not None:
            kept.good, kept.good_at = before.good, before.good_at
        self._kept[key] = kept
        if len(self._kept) > SITES_KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return kept

    def _best(self, kept: _Kept) -> OwnRobots:
        if kept.good is not None and self._clock() - kept.good_at < STALE_SECONDS:
            return kept.good
        return kept.answer

    async def _ask(self, site: SitePolicy) -> OwnRobots:
        try:
            answer = await self._upstream.ask(site.origin, "GET", "/robots.txt", _headers(site))
        except OriginFault:
            return OwnRobots(None, 502)
        try:
            return await _read(answer)
        except OriginFault:
            return OwnRobots(None, 502)
        finally:
            answer.release()


def _headers(site: SitePolicy) -> list[tuple[str, str]]:
    scheme = site.scheme or urlsplit(site.origin).scheme
    return [
        ("host", site.host),
        ("accept", "text/plain, */*;q=0.1"),
        ("accept-encoding", "identity"),
        ("user-agent", "farebox-edge"),
        ("x-forwarded-host", site.host),
        ("x-forwarded-proto", scheme),
    ]


async def _read(answer: OriginAnswer) -> OwnRobots:
    body = bytearray()
    async for piece in answer.chunks():
        body += piece
        if len(body) > 2 * ROBOTS_BYTES_MAX:
            break  # more than anybody reads; what is left is not asked for
    headers = tuple((name.lower(), value) for name, value in answer.headers if name.lower() in _KEPT_FIELDS)
    as_it_is = OwnRobots(None, answer.status, headers, bytes(body))
    if 400 <= answer.status < 500 and answer.status != 429:
        return OwnRobots("", 200)  # not there: nothing is disallowed (RFC 9309 section 2.3.1.3)
    fields = dict(headers)
    kind = fields.get(b"content-type", b"text/plain").partition(b";")[0].strip().lower()
    encoded = fields.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity")
    if answer.status != 200 or kind != b"text/plain" or encoded or len(body) > ROBOTS_BYTES_MAX:
        return as_it_is
    return OwnRobots(bytes(body).decode("utf-8", "surrogateescape"), 200, headers, bytes(body))
