"""Pages that terms make free, on both databases: decided by the ledger, never one too many, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from edge.core.grants import FreePages, FreePeriod, Grant, Recrawl
from edge.core.ledger import (
    AccountSuspended,
    ChargeOrder,
    Held,
    InsufficientFunds,
    NoRight,
    NotReversed,
    NotSuspended,
    Posted,
    Redelivery,
    Reversed,
)
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_operations import Credit, Hold, Post, Reverse, Settle, Suspend
from edge.store.batch_writer import BatchWriter
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.tables import entry, grant_count
from edge.store.verify import verify
from tests.support import ledger_worker
from tests.support.books import PRICE, Books, Reports
from tests.support.budget_counter import Clock
from tests.support.ledger_worker import run_processes

HOUR_MICROS = 3_600_000_000
TEN_A_MONTH = (FreePages(10, FreePeriod.MONTH),)
ONE_A_DAY = (FreePages(1, FreePeriod.DAY),)


class Desk:
    """A crawler with credit for a hundred pages, and a hand that sells to it by a clock of its own."""

    def __init__(self, database: Database, credit: int = 100) -> None:
        self.database = database
        self.books = Books.open(database)
        self.crawler = self.books.crawler(1)
        self.clock = Clock()
        self.hand = BatchWriter(database, "test", self.clock)
        if credit:
            self.hand.write([Credit(self.books.top_up(self.crawler, credit))])

    def order(self, grants: tuple[Grant, ...], signature: int | None = None, **changes: object) -> ChargeOrder:
        return replace(self.books.order(self.crawler, signature), grants=grants, **changes)  # type: ignore[arg-type]

    def post(self, grants: tuple[Grant, ...], signature: int | None = None, **changes: object) -> object:
        [answer] = self.hand.write([Post(self.order(grants, signature, **changes))])
        return answer

    def hold(self, order: ChargeOrder) -> object:
        [answer] = self.hand.write([Hold(order)])
        return answer

    def used(self) -> list[int]:
        with self.database.read() as connection:
            return list(connection.execute(select(grant_count.c.used).order_by(grant_count.c.start_micros)).scalars())

    def grants(self) -> list[str | None]:
        """By which terms pages were free, in the order of time."""
        query = select(entry.c.reference).where(entry.c.kind == "grant").order_by(entry.c.number)
        with self.database.read() as connection:
            return list(connection.execute(query).scalars())


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    desk.hand.close()
    assert verify(database).faults == ()


def is_free(answer: object) -> bool:
    assert isinstance(answer, Posted), answer
    return answer.amount.amount_micros == 0


def test_so_many_pages_are_free_and_then_the_price_is_taken(desk: Desk) -> None:
    answers = [desk.post((FreePages(2, FreePeriod.MONTH),)) for _ in range(3)]
    assert [is_free(answer) for answer in answers] == [True, True, False]
    assert desk.books.pages_of(desk.crawler) == 99
    assert desk.books.kinds().count("grant") == 2


def test_a_free_page_needs_no_funds(database: Database) -> None:
    desk = Desk(database, credit=0)
    assert is_free(desk.post(ONE_A_DAY))
    assert isinstance(desk.post(ONE_A_DAY), InsufficientFunds)


def test_an_order_without_an_offer_gets_the_free_page_and_nothing_after_it(desk: Desk) -> None:
    assert is_free(desk.post(ONE_A_DAY, redelivery_only=True, offer=None))
    assert isinstance(desk.post(ONE_A_DAY, redelivery_only=True, offer=None), NoRight)
    assert desk.books.pages_of(desk.crawler) == 100


def test_the_same_signed_request_is_the_same_free_page(desk: Desk) -> None:
    first = desk.post(ONE_A_DAY, 7, redelivery_only=True)
    again = desk.post(ONE_A_DAY, 7, redelivery_only=True)
    assert isinstance(first, Posted)
    assert first.fresh
    assert again == replace(first, fresh=False)
    assert desk.used() == [1]


def test_an_aged_request_collects_its_free_page_once_more_and_gets_no_new_one(desk: Desk) -> None:
    desk.post(TEN_A_MONTH, 7)
    assert is_free(desk.post((), 7, redelivery_only=True))
    assert isinstance(desk.post((), 7, redelivery_only=True), NoRight)
    assert isinstance(desk.post((), 8, redelivery_only=True), NoRight)


def test_a_suspended_account_gets_no_free_page(desk: Desk) -> None:
    desk.books.suspend(desk.crawler)
    assert isinstance(desk.post(TEN_A_MONTH), AccountSuspended)


def test_pages_are_free_again_in_the_next_period(desk: Desk) -> None:
    desk.clock.now = micros(2026, 11, 30, 23)
    assert [is_free(desk.post(ONE_A_DAY)) for _ in range(2)] == [True, False]
    desk.clock.now = micros(2026, 12, 1, 0)
    assert [is_free(desk.post(ONE_A_DAY)) for _ in range(2)] == [True, False]
    assert desk.used() == [1, 1]


def test_all_rules_of_a_site_share_the_count_and_a_lower_allowance_gives_nothing_more(desk: Desk) -> None:
    assert is_free(desk.post(TEN_A_MONTH, rule="one"))
    assert is_free(desk.post(TEN_A_MONTH, rule="two"))
    assert not is_free(desk.post((FreePages(2, FreePeriod.MONTH),), rule="three"))
    assert is_free(desk.post(TEN_A_MONTH, site_id=1))
    assert desk.used() == [3]


def test_sixty_four_requests_at_once_get_exactly_ten_free_pages(database: Database) -> None:
    desk, reports = Desk(database), Reports()
    desk.hand.close()
    ledger = Ledger.open(database, node="test", report=reports)
    orders = [desk.order(TEN_A_MONTH) for _ in range(64)]

    async def ask() -> list[object]:
        return list(await asyncio.gather(*(ledger.post(order) for order in orders)))

    answers = asyncio.run(ask())
    ledger.close()
    assert sum(map(is_free, answers)) == 10
    assert desk.books.pages_of(desk.crawler) == 100 - 54
    assert (reports.errors, verify(database).faults) == ([], ())


@pytest.mark.system
def test_three_processes_give_exactly_ten_free_pages(postgres_store_url: str) -> None:
    books = Books.open(Database.open(postgres_store_url))
    account = books.crawler(1)
    answers = run_processes(3, postgres_store_url, ledger_worker.take_free, account, 64)
    assert sum(kind == "Posted" for kind, _, _ in answers) == 10
    assert {kind for kind, _, _ in answers} == {"Posted", "NoRight"}
    assert books.kinds() == ["grant"] * 10
    assert verify(books.database).faults == ()
    books.database.close()


# What does not arrive


def test_a_broken_delivery_gives_the_free_page_back_and_the_same_request_fetches_it(desk: Desk) -> None:
    first = desk.post(ONE_A_DAY, 7)
    assert isinstance(first, Posted)
    [taken] = desk.hand.write([Reverse(key_of(desk, 7), "broken", first.position)])
    assert isinstance(taken, Reversed)
    assert taken.amount.amount_micros == 0
    assert desk.used() == [0]
    assert isinstance(desk.post(ONE_A_DAY, 7), Redelivery)
    assert is_free(desk.post(ONE_A_DAY, 8))
    assert desk.books.kinds(key_of(desk, 7)) == ["grant", "withdraw", "redeliver"]


def test_what_arrived_is_not_given_back(desk: Desk) -> None:
    first = desk.post(ONE_A_DAY, 7)
    assert isinstance(first, Posted)
    desk.hand.note_deliveries([first.position])
    [taken] = desk.hand.write([Reverse(key_of(desk, 7), "broken", first.position)])
    assert isinstance(taken, NotReversed)
    assert desk.used() == [1]


def test_giving_back_has_the_same_end_each_day_as_reversals(desk: Desk) -> None:
    for number in range(REVERSALS_PER_DAY):
        desk.post(TEN_A_MONTH, number)
        [taken] = desk.hand.write([Reverse(key_of(desk, number), "broken")])
        assert isinstance(taken, Reversed)
    desk.post(TEN_A_MONTH, 100)
    [taken] = desk.hand.write([Reverse(key_of(desk, 100), "broken")])
    assert isinstance(taken, NotReversed)
    assert desk.used() == [1]


def test_a_page_goes_back_to_the_period_that_gave_it(desk: Desk) -> None:
    desk.clock.now = micros(2026, 11, 30, 23)
    desk.post(ONE_A_DAY, 7)
    desk.clock.now = micros(2026, 12, 1, 0)
    desk.post(ONE_A_DAY, 8)
    desk.hand.write([Reverse(key_of(desk, 7), "broken")])
    assert desk.used() == [0, 1]


def test_a_free_page_is_neither_suspended_nor_refunded(desk: Desk) -> None:
    first = desk.post(ONE_A_DAY, 7)
    assert isinstance(first, Posted)
    suspended, refunded = desk.hand.write(
        [Suspend(key_of(desk, 7), "unknown", first.position), Reverse(key_of(desk, 7), "sorry", author="operator")]
    )
    assert isinstance(suspended, NotSuspended)
    assert isinstance(refunded, NotReversed)
    assert desk.books.kinds(key_of(desk, 7)) == ["grant"]


def test_a_large_free_page_holds_nothing_and_settles_as_it_is(desk: Desk) -> None:
    order = desk.order(ONE_A_DAY, 7)
    granted = desk.hold(order)
    assert is_free(granted)
    assert isinstance(granted, Posted)
    [settled] = desk.hand.write([Settle(Held(granted.charge_id, granted.amount, order, 0, fresh=False))])
    assert settled == replace(granted, fresh=False)
    paid = desk.hold(desk.order(ONE_A_DAY, 8))
    assert isinstance(paid, Held)
    assert paid.amount == PRICE


def test_a_large_free_page_that_was_given_back_meanwhile_is_granted_again_before_its_tail(desk: Desk) -> None:
    order = desk.order(ONE_A_DAY, 7)
    granted = desk.hold(order)
    assert isinstance(granted, Posted)
    desk.hand.write([Reverse(order.key, "broken")])
    [settled] = desk.hand.write([Settle(Held(granted.charge_id, granted.amount, order, 0, fresh=False))])
    assert is_free(settled)
    assert desk.used() == [1]
    assert desk.books.kinds(order.key) == ["grant", "withdraw", "grant"]


# Fetched again


def test_a_page_is_free_for_so_many_hours_after_it_was_bought(desk: Desk) -> None:
    terms = (Recrawl(24, False),)
    assert not is_free(desk.post(terms))
    desk.clock.now += 24 * HOUR_MICROS
    assert is_free(desk.post(terms))
    assert not is_free(desk.post(terms, target="/other"))
    desk.clock.now += 1
    assert not is_free(desk.post(terms))
    assert desk.used() == []


def test_an_unchanged_page_is_free_and_a_changed_one_is_bought(desk: Desk) -> None:
    terms = (Recrawl(None, True),)
    answers = [desk.post(terms, validator=tag) for tag in ('etag "1"', 'etag "1"', 'etag "2"', 'etag "2"', None)]
    assert [is_free(answer) for answer in answers] == [False, True, False, True, False]


def test_two_requests_for_one_page_in_one_batch_are_one_purchase(desk: Desk) -> None:
    terms = (Recrawl(1, False),)
    first, second = desk.hand.write([Post(desk.order(terms)), Post(desk.order(terms))])
    assert [is_free(first), is_free(second)] == [False, True]


def test_what_was_given_back_or_free_was_not_bought(desk: Desk) -> None:
    terms = (Recrawl(24, False), *ONE_A_DAY)
    assert is_free(desk.post(terms, 1))
    assert not is_free(desk.post(terms, 2))
    desk.hand.write([Reverse(key_of(desk, 2), "broken")])
    assert not is_free(desk.post(terms, 3))
    assert desk.grants() == ["free:day"]
    assert is_free(desk.post(terms, 4))
    assert desk.grants() == ["free:day", "recrawl"]


def test_a_large_page_is_bought_when_it_is_settled(desk: Desk) -> None:
    terms = (Recrawl(24, False),)
    held = desk.hold(desk.order(terms, 1))
    assert isinstance(held, Held)
    assert isinstance(desk.post((*terms,), 2, redelivery_only=True), NoRight)
    desk.hand.write([Settle(held)])
    assert is_free(desk.post(terms, 3, redelivery_only=True))


# Whatever the tables say


def test_verify_names_a_count_that_its_entries_do_not_come_to(database: Database) -> None:
    desk = Desk(database)
    desk.post(TEN_A_MONTH)
    with database.write() as connection:
        connection.execute(update(grant_count).values(used=2))
    [fault] = verify(database).faults
    assert fault.invariant == "I5"
    assert "free:month of account" in fault.place
    assert fault.sentence == "says 2 pages, its entries are 1"


def test_the_database_counts_no_page_beyond_the_allowance(database: Database) -> None:
    desk = Desk(database)
    desk.post(ONE_A_DAY)
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(update(grant_count).values(used=grant_count.c.used + 1))


def key_of(desk: Desk, signature: int) -> bytes:
    return desk.books.order(desk.crawler, signature).key


def micros(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]
