"""The read side: one charge, lists by pages, a month with its sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import insert

from edge.core.ledger import BROKEN_OFF, ChargeOrder, EntryKind, charge_id
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.core.ledger_state import Phase
from edge.core.month import Month
from edge.core.report import ReportMismatch, check, fold
from edge.store.account_rows import publisher_account
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.entries import (
    ChargeFilter,
    ChargeView,
    Evidence,
    charge_by_id,
    list_charges,
    stream_charges,
    was_had_before,
)
from edge.store.tables import crawler, publisher, site
from tests.support.books import PRICE, Books
from tests.support.month_entries import month_sums, stream_month

NOVEMBER = Month(2026, 11)
START = NOVEMBER.start_micros


@dataclass
class Shelf:
    """Books with a clock that the test turns."""

    books: Books
    hand: BatchWriter
    account: int
    now_micros: int = START

    def write(self, *operations: Operation) -> list[Any]:
        return list(self.hand.write(list(operations)))

    def order(self, *, publisher_id: int = 1, site_id: int = 1) -> ChargeOrder:
        with self.books.database.write() as connection:
            earns = publisher_account(connection, publisher_id, "USD")
        order = replace(self.books.order(self.account), publisher_account=earns)
        return replace(order, crawler_id=1, publisher_id=publisher_id, site_id=site_id)


@pytest.fixture
def shelf(database: Database) -> Iterator[Shelf]:
    with database.write() as connection:
        for number, name in ((1, "News"), (2, "Blog")):
            connection.execute(
                insert(publisher).values(id=number, name=name, name_key=name.lower(), email="e@x", created_at_micros=0)
            )
            connection.execute(
                insert(site).values(
                    id=number,
                    publisher_id=number,
                    host=f"{name.lower()}.example",
                    origin="http://127.0.0.1",
                    currency="USD",
                    strict=False,
                    in_band_pricing=False,
                    error_detail=True,
                    case_sensitive_paths=False,
                    active=True,
                    created_at_micros=0,
                )
            )
        connection.execute(
            insert(crawler).values(
                id=1,
                name="ExampleBot",
                name_key="examplebot",
                agent_url="https://bot.example",
                kind="training",
                operator="Example",
                suspended=False,
                created_at_micros=0,
            )
        )
    books = Books.open(database)
    shelf = Shelf(books, BatchWriter(database, "test"), books.crawler(1))
    shelf.hand = BatchWriter(database, "test", clock=lambda: shelf.now_micros)
    shelf.write(Credit(books.top_up(shelf.account, 1_000)))
    yield shelf
    shelf.hand.close()


def find(shelf: Shelf, order: ChargeOrder, **bounds: Any) -> ChargeView | None:
    with shelf.books.database.read() as connection:
        return charge_by_id(connection, charge_id(order.key), **bounds)


def listed(shelf: Shelf, narrowed: ChargeFilter | None = None, limit: int = 50) -> list[list[ChargeView]]:
    pages, cursor = [], None
    with shelf.books.database.read() as connection:
        while True:
            page = list_charges(connection, narrowed or ChargeFilter(), cursor, limit)
            pages.append(list(page.charges))
            cursor = page.next_cursor
            if cursor is None:
                return pages


def test_a_charge_is_shown_in_each_state_of_its_life(shelf: Shelf) -> None:
    order = shelf.order()
    [held] = shelf.write(Hold(order))
    assert (view := find(shelf, order)) is not None
    assert (view.state, view.paid_at_micros, view.amount) == (Phase.HELD, None, PRICE)
    shelf.now_micros += 5
    [posted] = shelf.write(Settle(held))
    assert (view := find(shelf, order)) is not None
    assert (view.state, view.opened_at_micros, view.paid_at_micros) == (Phase.LIVE, START, START + 5)
    assert view.position == posted.position != view.opening
    shelf.write(Reverse(order.key, "complaint", author="operator"))
    assert (view := find(shelf, order)) is not None
    assert (view.state, view.reason, view.author) == (Phase.REVERSED, "complaint", "operator")


def test_a_voided_and_a_redelivered_charge_say_so(shelf: Shelf) -> None:
    voided, again = shelf.order(), shelf.order()
    [held, _] = shelf.write(Hold(voided), Post(again))
    shelf.write(Void(held, "broken"), Reverse(again.key, "broken"))
    shelf.write(Post(again))
    assert (view := find(shelf, voided)) is not None
    assert (view.state, view.reason) == (Phase.VOIDED, "broken")
    assert (view := find(shelf, again)) is not None
    assert view.state is Phase.REDELIVERED


def test_a_charge_says_what_was_sold_with_names(shelf: Shelf) -> None:
    order = shelf.order(publisher_id=2, site_id=2)
    shelf.write(Post(order))
    assert (view := find(shelf, order)) is not None
    assert (view.publisher, view.site, view.crawler) == ("Blog", "blog.example", "ExampleBot")
    assert (view.rule, view.rule_version, view.licence) == (order.rule, order.rule_version, order.licence)
    assert (view.target, view.offer, view.request_id, view.status, view.evidence) == (
        order.target,
        order.offer,
        order.request_id,
        order.status,
        order.evidence,
    )


def test_the_latest_attempt_is_shown_and_each_is_listed(shelf: Shelf) -> None:
    order = shelf.order()
    [held] = shelf.write(Hold(order))
    shelf.write(Void(held, "broken"))
    shelf.write(Post(order))
    assert (view := find(shelf, order)) is not None
    assert (view.attempt, view.state) == (2, Phase.LIVE)
    assert [(one.attempt, one.state) for one in listed(shelf)[0]] == [(2, Phase.LIVE), (1, Phase.VOIDED)]


def test_a_publisher_does_not_find_a_charge_of_another(shelf: Shelf) -> None:
    order = shelf.order(publisher_id=2, site_id=2)
    shelf.write(Post(order))
    assert find(shelf, order, publisher_ids=frozenset({2})) is not None
    assert find(shelf, order, publisher_ids=frozenset({1})) is None
    assert find(shelf, order, publisher_ids=frozenset()) is None
    assert listed(shelf, ChargeFilter(publisher_ids=frozenset({1}))) == [[]]
    assert listed(shelf, ChargeFilter(publisher_ids=frozenset())) == [[]]


@pytest.mark.parametrize("text", ["", "ch_x", "ch_" + "0" * 32, "'; DROP TABLE entry"])
def test_an_unknown_id_is_nothing(shelf: Shelf, text: str) -> None:
    with shelf.books.database.read() as connection:
        assert charge_by_id(connection, text) is None


def test_pages_go_newest_first_without_gaps_or_repeats_while_charges_come_in(shelf: Shelf) -> None:
    orders = [shelf.order() for _ in range(23)]
    for number, order in enumerate(orders):
        shelf.now_micros = START + number // 4  # several share an instant
        shelf.write(Post(order))
    with shelf.books.database.read() as connection:
        first = list_charges(connection, ChargeFilter(), None, 5)
    shelf.now_micros += 100
    shelf.write(Post(shelf.order()))
    seen, cursor = list(first.charges), first.next_cursor
    with shelf.books.database.read() as connection:
        while cursor is not None:
            page = list_charges(connection, ChargeFilter(), cursor, 5)
            assert page.charges
            seen += page.charges
            cursor = page.next_cursor
    assert [view.charge_id for view in seen] == [charge_id(order.key) for order in reversed(orders)]


def test_a_cursor_that_is_not_one_counts_as_none(shelf: Shelf) -> None:
    shelf.write(Post(shelf.order()))
    with shelf.books.database.read() as connection:
        for cursor in ("", "x", "1-2", "1-2-3-4", "9" * 30 + "-1-1", "1 OR 1-1-1"):
            assert len(list_charges(connection, ChargeFilter(), cursor).charges) == 1


def test_filters_narrow_by_site_crawler_and_time(shelf: Shelf) -> None:
    for number in range(4):
        shelf.now_micros = START + number
        shelf.write(Post(shelf.order(publisher_id=1 + number % 2, site_id=1 + number % 2)))

    def count(**narrowed: Any) -> int:
        return sum(map(len, listed(shelf, ChargeFilter(**narrowed), limit=1)))

    assert count(site_id=2) == 2
    assert count(crawler_id=1) == 4
    assert count(crawler_id=2) == 0
    assert count(since_micros=START + 1) == 3
    assert count(until_micros=START + 1) == 1
    assert count(since_micros=START + 1, until_micros=START + 3, site_id=2) == 1


def test_an_export_has_every_charge_oldest_first(shelf: Shelf) -> None:
    for _ in range(7):
        shelf.now_micros += 1
        shelf.write(Post(shelf.order()))
    with shelf.books.database.read() as connection:
        exported = list(stream_charges(connection, ChargeFilter()))
    assert exported == listed(shelf)[0][::-1]


def test_a_month_holds_exactly_what_was_recorded_in_it_and_adds_up(shelf: Shelf) -> None:
    """The last instant of a month belongs to it; the first of the next does not."""
    shelf.now_micros = NOVEMBER.end_micros - 1
    order = shelf.order()
    [held, _, _] = shelf.write(Hold(order), Post(shelf.order()), Post(shelf.order(publisher_id=2, site_id=2)))
    shelf.now_micros = NOVEMBER.end_micros
    shelf.write(Settle(held))
    with shelf.books.database.read() as connection:
        november, december = list(stream_month(connection, NOVEMBER)), list(stream_month(connection, Month(2026, 12)))
        sums = month_sums(connection, NOVEMBER)
        bounded = list(stream_month(connection, NOVEMBER, publisher_ids=frozenset({2})))
    assert sorted(row.kind for row in november) == [EntryKind.CREDIT, EntryKind.HOLD, EntryKind.POST, EntryKind.POST]
    assert [row.kind for row in december] == [EntryKind.SETTLE]
    assert [(row.publisher, row.site, row.crawler) for row in bounded] == [("Blog", "blog.example", "ExampleBot")]
    report = fold(NOVEMBER, november)
    check(report, sums)
    assert sorted((one.publisher, one.entries) for one in sums if one.kind is EntryKind.POST) == [
        ("Blog", 1),
        ("News", 1),
    ]
    assert [(line.publisher, line.pages) for line in report.lines] == [("Blog", 1), ("News", 1)]


@pytest.mark.parametrize(
    ("bounds", "kinds"),
    [
        ({"crawler_ids": frozenset({1})}, ["credit", "post", "post"]),
        ({"crawler_ids": frozenset({2})}, []),
        ({"publisher_ids": frozenset({2})}, ["post"]),
        ({"publisher_ids": frozenset()}, []),
    ],
)
def test_a_part_of_a_month_agrees_with_its_sums(shelf: Shelf, bounds: Any, kinds: list[str]) -> None:
    shelf.write(Post(shelf.order()), Post(shelf.order(publisher_id=2, site_id=2)))
    with shelf.books.database.read() as connection:
        rows, sums = list(stream_month(connection, NOVEMBER, **bounds)), month_sums(connection, NOVEMBER, **bounds)
    check(fold(NOVEMBER, rows), sums)
    assert sorted(row.kind.value for row in rows) == kinds
    assert sum(one.entries for one in sums) == len(kinds)


def test_a_month_is_summed_by_the_accounts_that_were_paid(shelf: Shelf) -> None:
    """An entry that says another publisher than it paid is in neither's report."""
    shelf.write(Post(replace(shelf.order(), publisher_id=2, site_id=2)))
    with shelf.books.database.read() as connection:
        for bounds in (None, frozenset({1}), frozenset({2})):
            report = fold(NOVEMBER, stream_month(connection, NOVEMBER, publisher_ids=bounds))
            with pytest.raises(ReportMismatch):
                check(report, month_sums(connection, NOVEMBER, publisher_ids=bounds))


def test_a_charge_says_what_is_known_of_its_delivery(shelf: Shelf) -> None:
    arrived, open_one, broken = (shelf.order() for _ in range(3))
    [held] = shelf.write(Hold(arrived))
    assert (view := find(shelf, arrived)) is not None
    assert view.delivery is None
    [settled, _, _, _] = shelf.write(Settle(held), Post(open_one), Post(broken), Reverse(broken.key, BROKEN_OFF))
    shelf.hand.note_deliveries([settled.position])
    shelf.hand.write_marks()
    found = {order.key: view.delivery for order in (arrived, open_one, broken) if (view := find(shelf, order))}
    assert list(found.values()) == [Evidence.DELIVERED, Evidence.UNCONFIRMED, Evidence.BROKEN]


def test_what_was_had_before_a_time_is_told_apart_from_what_may_still_be_collected(shelf: Shelf) -> None:
    database = shelf.books.database
    delivered, broken, held = shelf.order(), shelf.order(), shelf.order()
    shelf.write(Post(delivered), Post(broken), Hold(held))
    shelf.write(Reverse(broken.key, BROKEN_OFF))
    assert not was_had_before(database, delivered.key, START)
    assert was_had_before(database, delivered.key, START + 1)
    for order in (broken, held, shelf.order()):
        assert not was_had_before(database, order.key, START + 1)
    shelf.now_micros += 1
    shelf.write(Settle(shelf.write(Hold(held))[0]))
    assert not was_had_before(database, held.key, START + 1)
    assert was_had_before(database, held.key, START + 2)
