"""An event loop whose clock stands still until a test lets time pass.

What counts seconds by the loop's clock (the watchman, the way to the origin, waiting for a head) then takes as long as
the test says, however slow the machine is, and nobody waits for it. Timers and ``asyncio.timeout`` are the loop's own
business and run in real time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop

ITERATIONS = 20


class StillClock(uvloop.Loop):
    """uvloop with such a clock."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        """The clock, in seconds; it moves by the methods below alone."""
        return self._now

    async def let_pass(self, seconds: float, *looks: Callable[[float], None]) -> None:
        """Let time pass when everything sent by now was taken in."""
        await self.settle()
        self.pass_at_once(seconds, *looks)

    def pass_at_once(self, seconds: float, *looks: Callable[[float], None]) -> None:
        """Let time pass; whoever ``looks`` at the clock does, before and after, and nothing comes between."""
        for look in looks:
            look(self._now)
        self._now += seconds
        for look in looks:
            look(self._now)

    async def settle(self) -> None:
        """Take in what has arrived on the loop's sockets, and let everybody do what follows from it."""
        for _ in range(ITERATIONS):
            await asyncio.sleep(0)
