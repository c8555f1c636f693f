"""How often a token may ask: so many requests at once, and so many a second from then on; less of what is costly.

Each process of the dashboard counts for itself; the oldest are forgotten, so that memory has an end. Times are seconds.
"""

from __future__ import annotations

from threading import Lock

BURST = 60
PER_SECOND = 10.0
COSTLY_BURST = 6
COSTLY_PER_MINUTE = 6
_TOKENS_KEPT = 10_000


class Limits:
    """What a token may ask in all, and of that what is costly: it asks other machines, or reads or writes a lot."""

    def __init__(self) -> None:
        self._all = Rates()
        self._costly = Rates(COSTLY_BURST, COSTLY_PER_MINUTE / 60)

    def take(self, token_id: int, now: float, *, costly: bool) -> int:
        """Count one request: 0 when it may pass, else the whole seconds after which the next one may."""
        wait = self._all.take(token_id, now)
        return wait or (self._costly.take(token_id, now) if costly else 0)


class Rates:
    """A leaky bucket for each token."""

    def __init__(self, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst, self._per_second = burst, per_second
        self._levels: dict[int, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, token_id: int, now: float) -> int:
        """Count one request: 0 when it may pass, else the whole seconds after which the next one may."""
        with self._lock:
            level, since = self._levels.pop(token_id, (0.0, now))
            level = max(0.0, level - max(0.0, now - since) * self._per_second)
            passes = level + 1 <= self._burst
            self._levels[token_id] = (level + 1 if passes else level, now)
            if len(self._levels) > _TOKENS_KEPT:
                del self._levels[next(iter(self._levels))]
        return 0 if passes else int((level + 1 - self._burst) / self._per_second) + 1
