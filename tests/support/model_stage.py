"""Where runs of the ledger's model take turns: one database, the processes on it, its clock and its months.

Rules of this file
- A database has fifty runs, with crawlers of each run's own, who are all there from the beginning: ``prepare`` fills
  what each database is a copy of. Its two processes live on from run to run, unless they die.
- A run that failed leaves the database to nobody.
- When a stage is left, the books verify, and every closed month is what was signed, to the byte: nothing came in later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, case, select, update

from edge.core.month import Month
from edge.core.statement import Party
from edge.store.account_rows import fees_account, holds_account, open_account, suspense_account
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.month_close import Closer, begin_close, close_month, freeze_month, take_fees
from edge.store.publishers import set_share
from edge.store.recovery import recover
from edge.store.service_keys import ServiceKeys
from edge.store.suspense import SuspenseSweep
from edge.store.tables import account, writer
from edge.store.verify import verify
from edge.store.verify_months import closed_month_faults
from tests.support.books import PRICE, USD, Books, introduce_crawler
from tests.support.ledger_model import DAY_MICROS, Months

RUNS_PER_DATABASE = 50
FIRST = Month(2026, 1)
SHARE_PPM = 125_000
DEBT_PAGES = 2
AFTER_MONTH_MICROS = 120_000_000
NEVER_MICROS = 10**17
OPERATOR = Party("Example Edge", None, ("billing@edge.example",))

POCKETS = (holds_account, suspense_account, fees_account)

MakeDatabase = Callable[[], tuple[Database, Callable[[], None]]]


@dataclass
class Stage:
    """``make`` gives a copy of a prepared database and what discards it; ``total`` and ``closes`` count over all."""

    make: MakeDatabase
    keys: ServiceKeys
    database: Database | None = None
    total: int = 0
    closes: int = 0
    now: int = 0
    hands: list[BatchWriter] = field(default_factory=list)
    _runs: int = 0
    _whole: bool = False

    def take(self) -> Database:
        """The database for one more run: a new one when it has had its runs, or the last run failed."""
        if self.database is not None and not self._whole:
            self._drop()
        if self.database is None or self._runs >= RUNS_PER_DATABASE:
            self.leave()
            self._begin()
        assert self.database is not None
        self._whole = False
        self._runs += 1
        self.total += 1
        self.now += DAY_MICROS
        return self.database

    def give_back(self) -> None:
        """The run has ended well: the next one may have the database."""
        self._whole = True

    def leave(self) -> None:
        """Read all that was written; the books hold, and so does every closed month."""
        if self.database is None:
            return
        try:
            assert verify(self.database).faults == ()
            with self.database.read() as connection:
                for month in self.months.closed:
                    assert list(closed_month_faults(connection, month, self.keys.by_thumbprint)) == []
        finally:
            self._drop()

    def _begin(self) -> None:
        self.database, self._discard = self.make()
        self.books, self.months = Books.open(self.database), Months(SHARE_PPM)
        self._runs, self.now = 0, FIRST.start_micros
        with self.database.write() as connection:
            self.pockets = [opens(connection, USD) for opens in POCKETS]
        with self.database.read() as connection:
            theirs = select(account.c.id).where(account.c.owner_kind == "crawler").order_by(account.c.owner_id)
            self._crawlers = list(connection.execute(theirs).scalars())
        self.hands = [self.process(), self.process()]

    def _drop(self) -> None:
        assert self.database is not None
        self.database.close()
        self._discard()
        self.database = None

    # Parties

    @property
    def number(self) -> int:
        """The number of this run's first crawler; the second's is one more."""
        return 2 * self._runs - 1

    @property
    def accounts(self) -> list[int]:
        """The accounts of this run's crawlers; the second may go two pages into debt."""
        return self._crawlers[self.number - 1 : self.number + 1]

    def process(self, clock: Callable[[], int] | None = None) -> BatchWriter:
        """One more process life."""
        assert self.database is not None
        return BatchWriter(self.database, "model", clock=clock or (lambda: self.now))

    # What befalls all

    def take_over(self, dead: list[int], living: BatchWriter) -> None:
        """The leases of the dead have lapsed, and nobody else's: ``living`` resolves what they left."""
        assert self.database is not None
        until = case((writer.c.id.in_(dead), 1), else_=NEVER_MICROS)
        with self.database.write() as connection:
            connection.execute(
                update(writer).where(writer.c.closed_at_micros.is_(None)).values(lease_until_micros=until)
            )
        recover(self.database, living)

    def sweep(self) -> None:
        """Conclude what has waited for a day."""
        assert self.database is not None
        SuspenseSweep(self.database, self.hands[0], lambda: self.now).sweep()

    def close_months(self) -> int:
        """Let the month end and close it, with the earlier ones that are open; the fees that this takes."""
        assert self.database is not None
        fees = 0
        for month in self.months.open_until(Month.of(self.now)):
            closer = Closer(OPERATOR, "operator", self.keys, month.end_micros + AFTER_MONTH_MICROS)
            begin_close(self.database, month)
            take_fees(self.database, month, closer)
            assert freeze_month(self.database, month, closer)[1]
            assert not close_month(self.database, month, closer)[1]
            fees += self.months.close(month)
            self.closes += 1
        return fees


def prepare(database: Database) -> None:
    """Introduce everybody who takes part, on a migrated database."""
    Books.open(database)
    with database.write() as connection:
        set_share(connection, "News1", SHARE_PPM)
        for opens in POCKETS:
            opens(connection, USD)
        for number in range(1, 2 * RUNS_PER_DATABASE + 1):
            introduce_crawler(connection, number)
            _open(connection, number, 0 if number % 2 else DEBT_PAGES)


def _open(connection: Connection, number: int, debt_pages: int) -> int:
    terms, floor = ("postpaid", -debt_pages * PRICE.amount_micros) if debt_pages else ("prepaid", 0)
    code = f"crawler:{number}:{USD}"
    return open_account(connection, code, USD, owner_kind="crawler", owner_id=number, terms=terms, floor_micros=floor)
