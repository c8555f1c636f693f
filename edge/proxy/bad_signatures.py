"""How many signatures that do not verify an address may send: checking one costs more than making one up.

Rules of this file

- Only what failed and was refused is counted, and only by the address it came from: whoever signs well is never
  slowed by how much they ask, and a failure in another crawler's name costs that crawler nothing.
- A bucket per address leaks at a steady rate; while it is full, signed requests of that address are refused before
  anything is verified. Requests without a signature go on.
- An address is what ``connection_limits`` takes for one: an IPv4 address or an IPv6 /64.
- The memory is bounded: beyond ``ADDRESSES_MAX`` the buckets that were filled least recently are forgotten.
"""

from __future__ import annotations

from edge.proxy.connection_limits import address_key

BURST = 100
"""Failed signatures that an address may send at once."""
PER_SECOND = 10
"""Failed signatures a second that an address may go on sending."""
ADDRESSES_MAX = 10_000


class BadSignatures:
    """The leaky buckets of one process. Times are seconds of one clock; a clock that is set back only holds longer."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def note(self, peer: str, now: float) -> None:
        """A signature from ``peer`` did not verify."""
        key = address_key(peer, ())
        level = self._level(key, now)
        self._buckets.pop(key, None)  # the order of the dictionary is that of the last failure
        self._buckets[key] = (level + 1, now)
        if len(self._buckets) > ADDRESSES_MAX:
            del self._buckets[next(iter(self._buckets))]

    def seconds_to_wait(self, peer: str, now: float) -> int:
        """Seconds after which ``peer`` may send a signature again, at least 1; 0 when it may now."""
        if not self._buckets:
            return 0  # nearly always
        over = self._level(address_key(peer, ()), now) - BURST
        return 0 if over < 0 else int(over / PER_SECOND) + 1

    def _level(self, key: str, now: float) -> float:
        level, since = self._buckets.get(key, (0.0, now))
        return max(0.0, level - max(0.0, now - since) * PER_SECOND)
