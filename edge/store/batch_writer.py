"""One writer's hand: take operations, write them as one batch in one transaction, and answer for each.

Rules of this file
- First try: write what the operations do when nothing stands in their way, reading nothing. The balance conditions
  and the unique index prove it. If one fails, everything is rolled back and the batch is planned, entry by entry,
  from what is read under lock: crawlers' accounts first, in id order, then the entries of the keys.
- Locks are taken in one order everywhere: crawlers' accounts by id, entries, other accounts by id. All
  transactions that touch one key lock the same crawler's account first, so nobody waits in a circle, and what is
  read after that lock stays true. The accounts that everybody shares come last and are held shortest.
- Nothing is answered before COMMIT has returned. When COMMIT fails, whether it took effect is unknown: the writer's
  row is read back, which waits for that transaction to end, and says. A batch is never repeated blindly.
- A writer that was closed by somebody else has committed nothing: it registers anew and decides again. So does one
  whose clock lies in a month that was closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from edge.core.chain import Batch, Head, canonical, head_of, next_batch
from edge.core.errors import EdgeError
from edge.core.ledger import (
    Credited,
    Entry,
    EntryKind,
    Held,
    InvariantBroken,
    LedgerUnavailable,
    Posted,
    Voided,
    balance_changes,
    check_conservation,
    check_entry,
)
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import Operation, OrderImpossible, Outcome, key_of
from edge.core.ledger_plan import Planner, assume, can_assume, hold_currency
from edge.store import account_rows, writers
from edge.store.alert_rows import tell_of_low
from edge.store.batch_reading import payer_of, read_planner
from edge.store.budget_rows import write_changes
from edge.store.database import Database, now_micros
from edge.store.database_errors import is_outage, is_storage_failure, is_transient, unavailable
from edge.store.deliveries import Position, is_delivered, mark_delivered
from edge.store.grant_rows import write_grants
from edge.store.ledger_sql import ledger_statements

READ_BACK_SECONDS = 5.0
READ_BACK_PAUSE_SECONDS = 0.05
TRIES = 5

Answer = Outcome | OrderImpossible

_CHARGES = frozenset({EntryKind.POST.value, EntryKind.HOLD.value})
_PAYS = frozenset({EntryKind.POST.value, EntryKind.SETTLE.value, EntryKind.GRANT.value})
_PAYS_BACK = frozenset({EntryKind.VOID.value, EntryKind.REVERSE.value, EntryKind.CREDIT.value})


class _Refused(Exception):
    """A condition or the unique index refused the batch; nothing is written."""


class _Closed(Exception):
    """Somebody closed this writer; nothing is written."""


class _ChangeFailed(Exception):
    """What was to change alongside raised an error of its own; nothing is written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _OutcomeUnknown(Exception):
    """COMMIT failed; whether it took effect must be read back."""

    def __init__(self, batch: Batch, answers: list[Answer]) -> None:
        super().__init__(f"batch {batch.writer}/{batch.number}")
        self.batch = batch
        self.answers = answers


class BatchWriter:
    """Writes batches, one at a time; not to be shared by threads.

    ``node`` names this process for people. It registers itself with the first batch.
    """

    def __init__(self, database: Database, node: str, clock: Callable[[], int] = now_micros) -> None:
        self._database = database
        self._node = node
        self._clock = clock
        self._statements = ledger_statements(is_sqlite=database.is_sqlite)
        self._head: Head | None = None
        self._recorded_at_micros = 0
        self._holds_accounts: dict[str, int] = {}
        self._unmarked: set[Position] = set()
        self._expect_refusal = False
        self._watched: set[int] = set()
        self._alongside: Callable[[Connection], object] | None = None

    @property
    def writer_id(self) -> int | None:
        """This process life's number among the writers, once it has written."""
        return None if self._head is None else self._head.writer

    def write_with(self, operations: Sequence[Operation], change: Callable[[Connection], object]) -> list[Answer]:
        """As ``write``, with another change in the same transaction.

        It is called again when that transaction had to be rolled back. An ``EdgeError`` that it raises is raised, and
        nothing was written.
        """
        self._alongside = change
        try:
            return self.write(operations)
        finally:
            self._alongside = None

    def write(self, operations: Sequence[Operation]) -> list[Answer]:
        """Write one batch and return an answer for each operation, in order.

        An order that cannot be written at all is answered with its ``OrderImpossible``; the others go through.
        Raises ``LedgerUnavailable`` when the database cannot be written, and ``InvariantBroken`` when the books
        contradict themselves; then nothing of the batch was written, as far as anyone can know.
        """
        assumable = _assumable(operations)
        planned = self._expect_refusal or not assumable or self._concerns_watched(operations)
        for _ in range(TRIES):
            try:
                with self._database.ledger_connection() as connection:
                    answers = self._transact(connection, operations, planned)
                # Refused orders and retries come in crowds: after one, the next batch is read at once.
                self._expect_refusal = planned and assumable and any(map(_was_not_assumable, answers))
                return answers
            except _Refused:
                planned = True
            except _Closed:
                self._head = None
            except _ChangeFailed as failed:
                raise failed.error from None
            except _OutcomeUnknown as unknown:
                if self._took_effect(unknown.batch):
                    self._head = head_of(unknown.batch)
                    return unknown.answers
            except DBAPIError as error:
                if not is_outage(error):
                    return self._one_by_one(operations, error)
                if not is_transient(error):
                    raise unavailable(error) from error
            except (TypeError, ValueError) as error:
                return self._one_by_one(operations, error)  # a text that cannot be encoded, a number out of range
        raise LedgerUnavailable("the ledger could not be written in several tries")

    def note_deliveries(self, positions: Iterable[Position]) -> None:
        """Remember confirmed deliveries until ``write_marks``; reversals heed them from now on."""
        self._unmarked.update(positions)

    def write_marks(self) -> None:
        """Write the delivery marks that are due; raises ``LedgerUnavailable``, and then keeps them."""
        if self._unmarked:
            with self._small_transaction() as connection:
                mark_delivered(connection, self._unmarked, self._clock())
            self._unmarked.clear()

    def renew_lease(self) -> None:
        """Tell the others that this process lives; raises ``LedgerUnavailable``."""
        if self._head is not None:
            with self._small_transaction() as connection:
                alive = writers.renew(connection, self._head.writer)
            if not alive:
                self._head = None

    def close(self) -> None:
        """Close this writer's chain: nobody needs to wait for its lease. Raises ``LedgerUnavailable``."""
        if self._head is not None:
            with self._small_transaction() as connection:
                writers.close(connection, self._head.writer)
            self._head = None

    def _transact(self, connection: Connection, operations: Sequence[Operation], planned: bool) -> list[Answer]:
        head = self._head or self._register(connection)
        holds_accounts = self._open_holds(connection, operations)
        with connection.begin() as transaction:
            self._recorded_at_micros = max(self._clock(), self._recorded_at_micros)
            page = Page(head.writer, head.entry + 1, self._recorded_at_micros)
            told = False
            if planned:
                delivered = partial(self._is_delivered, connection)
                planner = read_planner(connection, page, operations, holds_accounts, delivered)
                answers = [_plan(planner, operation) for operation in operations]
                write_grants(connection, planner.grants)
                told = write_changes(connection, planner.budgets.changes(), page.recorded_at_micros)
                tell_of_low(connection, planner, page.recorded_at_micros)
                self._note_watched(operations, planner)
            else:
                answers = [assume(operation, page, holds_accounts) for operation in operations]
            if not page.entries:  # nothing but retries and refusals; the first one of a used up budget is told
                transaction.commit() if told else transaction.rollback()
                return answers
            batch = self._record(connection, head, page, planned)
            if self._alongside is not None:
                _change(connection, self._alongside)
            try:
                transaction.commit()
            except DBAPIError as error:
                if is_storage_failure(error):
                    raise  # what the disk took is known after a restart, not by asking it again
                raise _OutcomeUnknown(batch, answers) from error
        self._head = head_of(batch)
        # Nobody waits for a delivery of these: covered like what was delivered, they leave no gaps in the marks.
        self._unmarked.update(entry[:2] for entry in page.entries if entry[5] not in _PAYS)
        return answers

    def _record(self, connection: Connection, head: Head, page: Page, planned: bool) -> Batch:
        """Write the page's entries, what they do to balances, and their link of the chain."""
        entries = page.entries
        for entry in entries:
            check_entry(entry)
        changes = balance_changes(entries)
        check_conservation(changes)
        charged, payers = _payers(entries)
        self._change_balances(connection, changes, sorted(payers), charged, planned)
        forms = [canonical(entry) for entry in entries]
        if self._statements.insert_entries(connection, entries, forms) != len(entries):
            raise _Refused
        others = sorted(number for (number, _), change in changes.items() if change and number not in payers)
        self._change_balances(connection, changes, others, frozenset(), planned)
        batch = next_batch(head, forms, page.recorded_at_micros)
        if self._statements.extend(connection, batch) != 1:
            raise _Closed
        if self._statements.insert_batch(connection, batch) != 1:
            raise InvariantBroken(f"batch {batch.writer}/{batch.number} was not written")
        return batch

    def _change_balances(
        self,
        connection: Connection,
        changes: dict[tuple[int, str], int],
        numbers: Sequence[int],
        charged: frozenset[int] | set[int],
        planned: bool,
    ) -> None:
        by_account = {number: (currency, change) for (number, currency), change in changes.items()}
        rows = [
            {
                "account": number,
                "of_currency": by_account[number][0],
                "change": by_account[number][1],
                "charges": number in charged,
                "planned": planned,
            }
            for number in numbers
        ]
        if rows and self._statements.change_balances(connection, rows) != len(rows):
            raise _Refused

    def _concerns_watched(self, operations: Sequence[Operation]) -> bool:
        """Whether to plan at once, because the watched accounts among these would refuse what is assumed."""
        return bool(self._watched) and not self._watched.isdisjoint(map(payer_of, operations))

    def _note_watched(self, operations: Sequence[Operation], planner: Planner) -> None:
        """Remember which accounts have budgets or alerts: only the first batch of one is written in vain."""
        self._watched.difference_update(filter(None, map(payer_of, operations)))
        self._watched.update(planner.watched)

    def _took_effect(self, batch: Batch) -> bool:
        """Find out whether a batch whose COMMIT failed is in the books.

        The writer's row was locked by that transaction, so reading it for update waits until the server has
        decided. Without an answer in time this writer is given up: its number is never written under again.
        """
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            try:
                with self._database.ledger_connection() as connection, connection.begin():
                    return writers.head_batch(connection, batch.writer) >= batch.number
            except DBAPIError as error:
                if time.monotonic() > deadline:
                    self._head = None
                    raise LedgerUnavailable("the ledger went away during a commit") from error
                time.sleep(READ_BACK_PAUSE_SECONDS)

    def _one_by_one(self, operations: Sequence[Operation], error: Exception) -> list[Answer]:
        """Find the order that no database takes, so that the others do not suffer for it."""
        if len(operations) == 1:
            return [OrderImpossible(f"the order cannot be written: {error}")]
        return [answer for operation in operations for answer in self.write([operation])]

    def _register(self, connection: Connection) -> Head:
        with connection.begin():
            self._head = writers.register(connection, self._node)
            not_before = writers.not_before_micros(connection, self._head.writer)
        # A clock that is slow must not write into a month that was closed.
        self._recorded_at_micros = max(self._recorded_at_micros, not_before)
        return self._head

    def _open_holds(self, connection: Connection, operations: Sequence[Operation]) -> dict[str, int]:
        needed = {currency for operation in operations if (currency := hold_currency(operation)) is not None}
        for currency in needed - self._holds_accounts.keys():
            with connection.begin():
                self._holds_accounts[currency] = account_rows.holds_account(connection, currency)
        return self._holds_accounts

    def _is_delivered(self, connection: Connection, position: Position) -> bool:
        return position in self._unmarked or is_delivered(connection, position)

    @contextmanager
    def _small_transaction(self) -> Iterator[Connection]:
        try:
            with self._database.ledger_connection() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise unavailable(error) from error


def _assumable(operations: Sequence[Operation]) -> bool:
    """Whether to write without reading: nothing needs its entries, and no key comes twice."""
    keys = {key_of(operation) for operation in operations}
    return len(keys) == len(operations) and all(map(can_assume, operations))


def _change(connection: Connection, alongside: Callable[[Connection], object]) -> None:
    try:
        alongside(connection)
    except EdgeError as error:
        raise _ChangeFailed(error) from error


def _plan(planner: Planner, operation: Operation) -> Answer:
    try:
        return planner.plan(operation)
    except OrderImpossible as error:
        return error


def _payers(entries: Iterable[Entry]) -> tuple[set[int], set[int]]:
    """The crawlers' accounts that are charged, and all crawlers' accounts: those are locked first."""
    charged = {entry.debit_account for entry in entries if entry.kind in _CHARGES}
    paid_back = {entry.credit_account for entry in entries if entry.kind in _PAYS_BACK}
    return charged, charged | paid_back


def _was_not_assumable(answer: Answer) -> bool:
    if isinstance(answer, Posted | Held | Credited):
        return not answer.fresh
    return not isinstance(answer, Voided)
