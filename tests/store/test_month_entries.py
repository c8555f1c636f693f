"""A month with money in suspense and credit notes: report, sums, screens and balances say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from edge.core.ledger import Suspended, charge_id
from edge.core.ledger_corrections import AdjustOrder, FeeOrder, NoteOrder, Recorded
from edge.core.ledger_operations import Adjust, Conclude, Credit, Fee, Note, Operation, Post, Reverse, Suspend
from edge.core.money import Money
from edge.core.month import Month
from edge.core.report import check, fold
from edge.store.account_rows import adjustments_account, fees_account
from edge.store.batch_writer import BatchWriter
from edge.store.charge_sums import sum_charges
from edge.store.database import Database
from edge.store.earnings import Period, earned_by_currency
from edge.store.entries import ChargeFilter
from edge.store.verify import verify
from tests.support.books import PRICE, Books
from tests.support.month_entries import month_sums, stream_month

MONTH = Month(2026, 11)
WHOLE = Period(MONTH.start_micros, MONTH.end_micros)
HALF = Money(PRICE.amount_micros // 2, "USD")


class Desk:
    """One crawler, one publisher, and a clock within the month."""

    def __init__(self, database: Database) -> None:
        self.database, self.books = database, Books.open(database)
        self.hand = BatchWriter(database, "test", clock=lambda: MONTH.start_micros)
        self.account = self.books.crawler(1)
        self.write(Credit(self.books.top_up(self.account, 100)))

    def write(self, operation: Operation) -> Any:
        [answer] = self.hand.write([operation])
        return answer

    def suspended(self) -> bytes:
        order = self.books.order(self.account)
        posted = self.write(Post(order))
        assert isinstance(self.write(Suspend(order.key, "nobody knows", posted.position)), Suspended)
        return order.key

    def note(self, number: str, money: Money, corrects: bytes | None = None) -> AdjustOrder:
        with self.database.write() as connection:
            ours = adjustments_account(connection, "USD")
        parties = (ours, self.account) if corrects is None else (self.books.publisher, self.account)
        publisher = None if corrects is None else 1
        charge = None if corrects is None else charge_id(corrects)
        return AdjustOrder(number, *parties, money, 1, publisher, "too dear", "operator", charge)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    desk.hand.close()


def test_a_month_with_everything_in_it_adds_up_everywhere(desk: Desk) -> None:
    waiting, collected, expired, refunded = (desk.suspended() for _ in range(4))
    collecting = desk.books.order(desk.account, 2)
    assert collecting.key == collected
    desk.write(Post(collecting))
    desk.write(Conclude(expired, 1, False))
    desk.write(Reverse(refunded, "asked for", author="operator"))
    sold = desk.books.order(desk.account)
    desk.write(Post(sold))
    assert isinstance(desk.write(Adjust(desk.note("CN-1", HALF, sold.key))), Recorded)
    assert isinstance(desk.write(Adjust(desk.note("CN-2", HALF))), Recorded)
    broken = desk.books.order(desk.account)
    desk.write(Post(broken))
    desk.write(Reverse(broken.key, "broken"))
    with desk.database.read() as connection:
        report = fold(MONTH, stream_month(connection, MONTH))
        check(report, month_sums(connection, MONTH))
        own = frozenset({1})
        check(
            fold(MONTH, stream_month(connection, MONTH, publisher_ids=own)),
            month_sums(connection, MONTH, publisher_ids=own),
        )
        screen = earned_by_currency(connection, 1, WHOLE)["USD"]
        [charges] = sum_charges(connection, ChargeFilter())
    [line] = report.lines
    price = PRICE.amount_micros
    # Collected, sold and the broken one are earned; of them one was reversed and half of one credited.
    assert (line.pages, line.reversed_pages, line.adjusted_micros) == (3, 1, price // 2)
    assert (line.suspended_pages, line.suspended_micros) == (1, price)
    assert line.amount_micros == desk.books.balance(desk.books.publisher) == price + price // 2
    assert (screen.pages, screen.reversed_pages, screen.amount_micros) == (3, 1, line.amount_micros)
    assert (charges.pages, charges.in_suspense, charges.given_back) == (2, 1, 3)
    found = verify(desk.database)
    assert found.faults == ()
    assert found.in_suspense == {"USD": (1, price)}
    assert waiting


def test_fees_and_notes_verify_and_are_no_line_of_a_report(desk: Desk) -> None:
    desk.write(Post(desk.books.order(desk.account)))
    with desk.database.write() as connection:
        fees = fees_account(connection, "USD")
    assert desk.write(Fee(FeeOrder("2026-10", desk.books.publisher, fees, 1, HALF, "close"))).fresh
    note = NoteOrder("n-1", desk.account, desk.books.funding, "USD", 1, None, '{"limit":"USD 5"}', "asked for", "op")
    assert desk.write(Note(note)).fresh
    with desk.database.read() as connection:
        report = fold(MONTH, stream_month(connection, MONTH))
        check(report, month_sums(connection, MONTH))
    assert [line.amount_micros for line in report.lines] == [PRICE.amount_micros]
    assert verify(desk.database).faults == ()


def test_verify_names_a_charge_that_is_credited_beyond_its_price(desk: Desk) -> None:
    """Nothing of ours writes that; whoever gives a second note the first one's charge by hand is found."""
    first, second = desk.books.order(desk.account), desk.books.order(desk.account)
    for number, order in enumerate((first, second)):
        desk.write(Post(order))
        desk.write(Adjust(desk.note(f"CN-{number}", PRICE, order.key)))
    with desk.database.write() as connection:
        connection.exec_driver_sql(_DROP[connection.dialect.name])
        connection.exec_driver_sql(
            f"UPDATE entry SET request_id = '{charge_id(first.key)}' WHERE kind = 'adjust' AND reference = 'CN-1'"
        )
    found = [str(fault) for fault in verify(desk.database).faults]
    assert f"I2: {charge_id(first.key)}: has credit notes over more than it cost" in found


_DROP = {
    "sqlite": "DROP TRIGGER entry_no_update",
    "postgresql": "ALTER TABLE entry DISABLE TRIGGER entry_no_change",
}


def test_nothing_is_recorded_into_a_month_that_is_closed(desk: Desk) -> None:
    desk.write(Post(desk.books.order(desk.account)))
    before = desk.hand.writer_id
    with desk.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE writer SET not_before_micros = {MONTH.end_micros}")
    posted = desk.write(Post(desk.books.order(desk.account)))
    # This writer's clock still says November: it begins a new chain, at the month's end.
    assert desk.hand.writer_id != before
    with desk.database.read() as connection:
        assert len(list(stream_month(connection, MONTH))) == 2
        assert [row.recorded_at_micros for row in stream_month(connection, Month(2026, 12))] == [MONTH.end_micros]
    assert posted.fresh
    assert verify(desk.database).faults == ()
