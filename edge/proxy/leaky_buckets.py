"""Leaky buckets by client address, in bounded memory: how much an address may ask of what costs something.

An address is what ``connection_limits`` takes for one: an IPv4 address or an IPv6 /64. Beyond ``ADDRESSES_MAX`` the
buckets that were filled least recently are forgotten. Times are seconds of one clock; a clock that is set back only
holds longer.
"""

from __future__ import annotations

from edge.proxy.connection_limits import address_key

ADDRESSES_MAX = 10_000


class LeakyBuckets:
    """``burst`` at once, and ``per_second`` from then on, for each address."""

    __slots__ = ("_buckets", "_burst", "_per_second")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: dict[str, tuple[float, float]] = {}

    def note(self, peer: str, now: float) -> None:
        """``peer`` did it once more."""
        key = address_key(peer, ())
        level = self._level(key, now)
        self._buckets.pop(key, None)  # the order of the dictionary is that of the last time
        self._buckets[key] = (level + 1, now)
        if len(self._buckets) > ADDRESSES_MAX:
            del self._buckets[next(iter(self._buckets))]

    def seconds_to_wait(self, peer: str, now: float) -> int:
        """Seconds after which ``peer`` may do it again, at least 1; 0 when it may now."""
        if not self._buckets:
            return 0  # nearly always
        over = self._level(address_key(peer, ()), now) - self._burst
        return 0 if over < 0 else int(over / self._per_second) + 1

    def _level(self, key: str, now: float) -> float:
        level, since = self._buckets.get(key, (0.0, now))
        return max(0.0, level - max(0.0, now - since) * self._per_second)
