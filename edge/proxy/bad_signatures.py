"""How many signatures that do not verify an address may send: checking one costs more than making one up.

Rules of this file

- Only what failed and was refused is counted, and only by the address it came from: whoever signs well is never
  slowed by how much they ask, and a failure in another crawler's name costs that crawler nothing.
- A bucket per address leaks at a steady rate; while it is full, signed requests of that address are refused before
  anything is verified. Requests without a signature go on.
"""

from __future__ import annotations

from edge.proxy.leaky_buckets import LeakyBuckets

BURST = 100
"""Failed signatures that an address may send at once."""
PER_SECOND = 10
"""Failed signatures a second that an address may go on sending."""


class BadSignatures(LeakyBuckets):
    """The leaky buckets of one process."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(BURST, PER_SECOND)
