"""The ledger as the edge uses it: post, hold, settle, void, reverse, from event loops and from threads alike.

Each call returns when what it did is durable, and decides funds, duplicates and resolutions in the transaction that
writes them. Every call raises ``LedgerUnavailable`` when the ledger cannot be written (answer 503, sell nothing), and
``OrderImpossible`` when the order names accounts that cannot be.

A caller that is cancelled while it waits is paid back. A caller that wants the charge to stand while its client is
away must shield the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from edge.core.errors import EdgeError
from edge.core.ledger import (
    BreakOffOutcome,
    ChargeOrder,
    CreditOrder,
    CreditOutcome,
    Held,
    HoldOutcome,
    InvariantBroken,
    PostOutcome,
    ReverseOutcome,
    SettleOutcome,
    SuspendOutcome,
    Voided,
)
from edge.core.ledger_operations import BreakOff, Credit, Hold, Operation, Post, Reverse, Settle, Suspend, Void
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database, now_micros
from edge.store.group_commit import BATCH_LIMIT, GroupCommit, Report
from edge.store.recovery import recover
from edge.store.suspense import SuspenseSweep


class Ledger:
    """One process's way to the books: one queue, one thread, one connection. Safe to share by threads and loops."""

    __slots__ = ("_commits",)

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits

    @classmethod
    def open(
        cls,
        database: Database,
        *,
        node: str,
        report: Report,
        batch_limit: int = BATCH_LIMIT,
        clock: Callable[[], int] = now_micros,
        broken: EdgeError | None = None,
    ) -> Ledger:
        """Resolve what dead processes left, then start to take orders.

        ``node`` names this process for people; ``report`` hears of outages and of what ended selling. On SQLite this
        must be the only process that sells (``Database.open(..., serving=True)``). ``broken`` says what is wrong with
        the books: then nothing is written and every order is refused (D6), as when what dead processes left cannot be
        resolved. Raises ``LedgerUnavailable``.
        """
        writer = BatchWriter(database, node, clock)
        if broken is None:
            try:
                recover(database, writer, alone=database.is_sqlite)
            except InvariantBroken as error:
                broken = error
                report(error)
        suspense = SuspenseSweep(database, writer, clock)

        def recover_again() -> None:
            recover(database, writer)
            suspense.sweep()

        return cls(GroupCommit(writer, recover_again, report, batch_limit, broken))

    @property
    def failure(self) -> EdgeError | None:
        """What ended selling in this process, or None; readiness must say no then."""
        return self._commits.failure

    def fail(self, error: EdgeError) -> None:
        """End selling in this process for good: somebody found the books broken (D6)."""
        self._commits.fail(error)

    async def post(self, order: ChargeOrder) -> PostOutcome:
        """Charge at once, the whole answer being in hand. Idempotent by the order's key."""
        outcome: PostOutcome = await self._ask(Post(order))
        return outcome

    async def hold(self, order: ChargeOrder) -> HoldOutcome:
        """Take the funds before a long answer; ``Posted`` when the charge is live from an earlier delivery."""
        outcome: HoldOutcome = await self._ask(Hold(order))
        return outcome

    async def settle(self, held: Held) -> SettleOutcome:
        """Earn what was held: the tail may leave when this returns ``Posted``, and never when it returns ``Lost``."""
        outcome: SettleOutcome = await self._ask(Settle(held))
        return outcome

    async def void(self, held: Held, reason: str = "its delivery was not completed") -> Voided:
        """Give back what was held. Idempotent; harmless when another delivery of the charge has settled it."""
        outcome: Voided = await self._ask(Void(held, reason))
        return outcome

    async def break_off(self, held: Held) -> BreakOffOutcome:
        """Say that the client left with a part of a large page: paid back within the day's count, else in suspense.

        ``held`` is the hold, or what had paid for the page before, with attempt 0. Idempotent.
        """
        outcome: BreakOffOutcome = await self._ask(BreakOff(held))
        return outcome

    async def reverse(
        self, key: bytes, reason: str, *, position: tuple[int, int] | None = None, author: str | None = None
    ) -> ReverseOutcome:
        """Give back what was earned. Idempotent. ``position`` (of ``Posted``) makes sure which attempt is meant.

        Without ``author`` it is a broken delivery: the same signed request may fetch once for nothing, and a
        confirmed delivery is not reversed. With one it is a refund by that person.
        """
        outcome: ReverseOutcome = await self._ask(Reverse(key, reason, position, author))
        return outcome

    async def suspend(self, key: bytes, reason: str, *, position: tuple[int, int]) -> SuspendOutcome:
        """Put what this entry earned into suspense, because nobody knows whether the page arrived. Idempotent."""
        outcome: SuspendOutcome = await self._ask(Suspend(key, reason, position))
        return outcome

    async def credit(self, order: CreditOrder) -> CreditOutcome:
        """Enter a top-up. Idempotent by its reference."""
        outcome: CreditOutcome = await self._ask(Credit(order))
        return outcome

    def confirm_delivery(self, position: tuple[int, int]) -> None:
        """Note that what this entry paid for has arrived; written lazily, at the latest by ``close``."""
        self._commits.confirm(position)

    def submit(self, operation: Operation) -> Future[Any]:
        """Ask from a thread: the future gets the operation's outcome."""
        waiter: Future[Any] = Future()
        self._commits.submit(operation, waiter)
        return waiter

    def close(self) -> None:
        """Write everything that was asked, then stop; blocks. Later calls raise ``LedgerUnavailable``."""
        self._commits.close()

    async def aclose(self) -> None:
        """As ``close``, without blocking the loop."""
        await asyncio.to_thread(self._commits.close)

    def _ask(self, operation: Operation) -> asyncio.Future[Any]:
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._commits.submit(operation, waiter)
        return waiter
