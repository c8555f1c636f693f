"""What a site's own server answers where the edge can publish: asked for on request, kept a while.

Rules of this file: only the addresses of published documents are ever asked for, of the origin that the edge passes
requests to anyway; an answer is kept for ``KEPT_SECONDS``, so that looking again and again costs the origin nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from edge.core.signals.published import PATHS

KEPT_SECONDS = 60.0
KEPT_MAX = 500


@dataclass(frozen=True, slots=True)
class Served:
    """One answer. ``status`` is None when none came, and ``trouble`` says why; ``text`` may be cut."""

    status: int | None
    media_type: str = ""
    text: str = ""
    trouble: str = ""

    @property
    def is_there(self) -> bool:
        """Whether there is a document."""
        return self.status == 200


ReadOrigin = Callable[[str, str, str], Served]
"""Asks the server behind a site (origin, host, path); never raises."""


class OwnDocuments:
    """The answers of the last minute. ``clock`` gives seconds; safe to share by threads."""

    def __init__(self, read: ReadOrigin, clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._kept: dict[tuple[str, str, str], tuple[Served, float]] = {}
        self._turn = Lock()

    def at(self, origin: str, host: str, path: str) -> Served:
        """What the origin answers there, at most a minute old."""
        assert path in PATHS.values(), "nothing else of an origin is read here"
        key = (origin, host, path)
        with self._turn:
            known = self._kept.get(key)
        if known is not None and 0 <= self._clock() - known[1] < KEPT_SECONDS:
            return known[0]
        served = self._read(origin, host, path)
        with self._turn:
            self._kept.pop(key, None)
            self._kept[key] = (served, self._clock())
            if len(self._kept) > KEPT_MAX:
                del self._kept[next(iter(self._kept))]
        return served


def unreachable(origin: str, host: str, path: str) -> Served:
    """For a dashboard that was not given a way to origins."""
    return Served(None, trouble="this dashboard has no way to the site's own server")
