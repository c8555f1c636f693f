"""How often a token may ask: so many requests at once, and so many a second from then on.

Each process of the dashboard counts for itself; the oldest are forgotten, so that memory has an end. Times are seconds.
"""

from __future__ import annotations

from threading import Lock

BURST = 60
PER_SECOND = 10.0
_TOKENS_KEPT = 10_000


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
