"""The rounds of one edge process: checkpoints when they are due, and an alarm when selling has ended.

Nothing here is on a request's path: the work is done in a thread, and what fails is tried again in the next round. The
one exception are books that do not bear what was signed: those end selling in this process at once (D6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from edge.core.errors import EdgeError
from edge.store.checkpoints import BooksBroken

LOOK_SECONDS = 1.0


class Keeper(Protocol):
    """What the rounds do; ``edge.store.checkpoint_keeper.CheckpointKeeper`` is the real one."""

    def keep(self, *, every_seconds: float = 0.0) -> object: ...
    def alarm(self, error: EdgeError) -> None: ...


class WatchedLedger(Protocol):
    """What the rounds ask of the ledger."""

    @property
    def failure(self) -> EdgeError | None: ...
    def fail(self, error: EdgeError) -> None: ...


class CheckpointRounds:
    """Keeps checkpoints every ``seconds``; tells once, through the keeper's alarm, that the ledger has failed."""

    def __init__(
        self, keeper: Keeper, ledger: WatchedLedger, seconds: float, report: Callable[[str, BaseException], None]
    ) -> None:
        self._keeper = keeper
        self._ledger = ledger
        self._seconds = seconds
        self._report = report
        self._told = False

    async def run(self) -> None:
        """Look every second until cancelled."""
        due = 0.0
        while True:
            now = asyncio.get_running_loop().time()
            if self._ledger.failure is not None:
                await self.tell()
            elif now >= due:
                due = now + self._seconds
                await self.keep()
            await asyncio.sleep(LOOK_SECONDS)

    async def keep(self) -> None:
        """Make a checkpoint when one is due among all processes, and copy what the kept file lacks."""
        try:
            # A little early, so that a minute's round is not put off to the next by its own few milliseconds.
            await asyncio.to_thread(self._keeper.keep, every_seconds=self._seconds * 0.9)
        except BooksBroken as error:
            self._ledger.fail(error)
        except Exception as error:  # the database or the file is away: the next round tries again
            self._report("checkpoint", error)

    async def tell(self) -> None:
        """Raise the alarm, once; until it could be written it is tried again."""
        error = self._ledger.failure
        if self._told or error is None:
            return
        try:
            await asyncio.to_thread(self._keeper.alarm, error)
            self._told = True
        except Exception as failure:
            self._report("alarm", failure)
