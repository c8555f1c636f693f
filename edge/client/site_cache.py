"""What was read of each site, kept for its time: bounded, and safe to share by threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from urllib.parse import urlsplit

SITES_MAX = 1_000

T = TypeVar("T")


def site_of(url: str) -> str:
    """Scheme, host and port of a page: what documents about prices hold for; empty for what is no page's address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_page = parts.scheme in ("http", "https") and parts.hostname
    return f"{parts.scheme}://{parts.netloc}".lower() if is_page else ""


class SiteCache(Generic[T]):
    """One value for each site. Beyond ``SITES_MAX`` the site that was read first is forgotten.

    ``clock`` gives Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[T, float]] = {}
        self._turn = Lock()

    def find(self, url: str) -> T | None:
        """What was read of the page's site, while it counts."""
        with self._turn:
            value, until = self._kept.get(site_of(url), (None, 0.0))
            return value if self._clock() < until else None

    def keep(self, url: str, value: T, seconds: float) -> None:
        """Remember it for so long."""
        site = site_of(url)
        with self._turn:
            self._kept.pop(site, None)
            self._kept[site] = (value, self._clock() + seconds)
            if len(self._kept) > SITES_MAX:
                del self._kept[next(iter(self._kept))]

    def __len__(self) -> int:
        return len(self._kept)
