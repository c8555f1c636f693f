"""The desk where payments arrive: a believed message becomes a top-up, or waits for a person. Never both, never twice.

Rules of this file
- The ledger decides last: two processes that are told of one payment at the same moment meet at the unique key of its
  reference.
- The database is synchronous, so each visit has a thread; the credit goes through this process's ledger, because on
  SQLite it is the one that writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, assert_never

import structlog

from edge.core.ledger import Credited, CreditOrder, CreditOutcome, ReferenceTaken
from edge.core.payments import Notice, Payment
from edge.store.database import Database
from edge.store.payment_matching import Conflict, Kept, Outcome, Taken, conflict, match_payment, note_reversal

log = structlog.get_logger("farebox.payments")


class CreditLedger(Protocol):
    """What the desk needs of the ledger."""

    async def credit(self, order: CreditOrder) -> CreditOutcome:
        """Enter a top-up; idempotent by its reference. Raises ``LedgerUnavailable``."""


class PaymentDesk:
    """Takes what providers tell, for one process. ``clock`` counts microseconds; ``allow_dev`` as for registering."""

    def __init__(
        self, database: Database, ledger: CreditLedger, node: str, clock: Callable[[], int], *, allow_dev: bool = False
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._node = node
        self._clock = clock
        self._allow_dev = allow_dev

    async def take(self, payment: Payment) -> Outcome:
        """Credit a payment once, or keep it. Raises ``LedgerUnavailable``."""
        found = await asyncio.to_thread(
            match_payment, self._database, payment, self._clock(), allow_dev=self._allow_dev
        )
        outcome = await self._enter(found) if isinstance(found, CreditOrder) else found
        _log(payment, outcome)
        return outcome

    async def note(self, notice: Notice) -> bool:
        """Keep a refund or dispute and raise the alarm; False when that was done before. Raises as ``take``."""
        fresh = await asyncio.to_thread(note_reversal, self._database, notice, self._node, self._clock())
        if fresh:
            log.warning("a payment was taken back", kind=notice.kind.value, payment=notice.payment, of=notice.stated)
        return fresh

    async def _enter(self, order: CreditOrder) -> Outcome:
        outcome = await self._ledger.credit(order)
        match outcome:
            case Credited():
                return Taken(outcome.fresh)
            case ReferenceTaken():
                return await asyncio.to_thread(conflict, self._database, order.reference, outcome.entry)
            case _:
                assert_never(outcome)


def _log(payment: Payment, outcome: Outcome) -> None:
    told = log.bind(source=payment.source.value, reference=payment.reference, amount=payment.stated)
    match outcome:
        case Taken():
            told.info("a payment was credited" if outcome.fresh else "a payment was told again", to=payment.crawler)
        case Kept():
            told.warning("a payment waits for a person", why=outcome.reason)
        case Conflict():
            told.warning("a payment was refused", why=outcome.detail)
        case _:
            assert_never(outcome)
