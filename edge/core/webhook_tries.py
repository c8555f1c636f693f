"""What follows from a try to deliver an event: done, again later, given up, or never again.

The schedule is that of Standard Webhooks: the first try at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h,
20 h and 24 h, which is a little over three days. Up to a fifth is added to each, so that what failed together does not
come back together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
TRIES_MAX = len(RETRY_SECONDS) + 1
JITTER = 0.2
WISH_SECONDS_MAX = 86_400
GONE = 410


@dataclass(frozen=True, slots=True)
class Reply:
    """How one try ended: the receiver's status, or None with the trouble that kept it from answering.

    ``retry_after_seconds`` is the receiver's own wish, where it sent one.
    """

    status: int | None
    trouble: str | None = None
    retry_after_seconds: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Next:
    """What to do with the delivery: it is ``delivered``, waits ``retry_seconds``, has ``failed``, or its receiver is
    ``gone`` and wants no more of anything."""

    state: Literal["delivered", "retry", "failed", "gone"]
    retry_seconds: float = 0.0


def after_try(reply: Reply, attempts: int, draw: float) -> Next:
    """Decide on a delivery that was tried ``attempts`` times, this one included; ``draw`` is from [0, 1)."""
    if reply.accepted:
        return Next("delivered")
    if reply.status == GONE:
        return Next("gone")
    if attempts >= TRIES_MAX:
        return Next("failed")
    wish = min(reply.retry_after_seconds or 0, WISH_SECONDS_MAX)
    return Next("retry", max(RETRY_SECONDS[attempts - 1], wish) * (1 + JITTER * draw))
