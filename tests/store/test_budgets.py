"""Budgets set, changed and removed, beside an edge that sells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import cast

import pytest
from sqlalchemy import Connection, select

from edge.core.budgets import DAY_MICROS, Per
from edge.core.ledger import Held, Posted
from edge.core.ledger_operations import Hold, Post, Reverse, Void
from edge.core.money import Money, parse_price
from edge.store.accounts import refund
from edge.store.batch_writer import BatchWriter
from edge.store.budgets import BudgetPlace, remove_budget, set_budget
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import (
    account,
)
from edge.store.verify import verify
from tests.support.books import Books, Reports
from tests.support.budget_counter import DAY, MONTH, SITE, Counter, pages, sold


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    counter = Counter(database)
    yield counter
    assert verify(database).faults == ()


def test_a_new_budget_begins_with_what_its_window_has_taken(counter: Counter) -> None:
    counter.clock.now -= DAY_MICROS
    counter.sell(1)
    counter.clock.now += DAY_MICROS
    first, *_ = counter.sell(4)
    assert isinstance(first, Posted)
    refund(counter.database, first.charge_id, reason="complaint", author="operator")
    [held] = counter.write(Hold(counter.books.order(counter.crawler)))
    assert isinstance(held, Held)
    counter.write(Void(held, "broken"))
    counter.limit(DAY, 4)
    counter.limit(MONTH, 9)
    counter.limit(SITE, 9)
    assert counter.spent() == [3, 4, 4]
    assert sold(counter.sell(2)) == 1


class SoldMeanwhile:
    """A database in which something happens between what a command reads and what it locks."""

    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        self.read, self.ledger_connection = database.read, database.ledger_connection
        self.is_sqlite = database.is_sqlite
        self._write = database.write
        self._happens = happens

    def write(self) -> AbstractContextManager[Connection]:
        self._happens()
        return self._write()


def test_what_is_sold_and_given_back_while_a_budget_is_being_set_counts(counter: Counter) -> None:
    first, second, third, fourth, *_ = counter.sell(7)
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert isinstance(third, Posted)
    assert isinstance(fourth, Posted)
    counter.note("CN-1", third.charge_id, credits=True)

    def meanwhile() -> None:
        counter.sell(3)
        refund(counter.database, first.charge_id, reason="complaint", author="operator")
        counter.note("DN-1", third.charge_id, credits=False)
        counter.note("CN-2", fourth.charge_id, credits=True)
        other = BatchWriter(counter.database, "another", counter.clock)
        other.write([Post(counter.books.order(counter.crawler)), Reverse(key_of(second.charge_id), "broken")])

    database = cast(Database, SoldMeanwhile(counter.database, meanwhile))
    set_budget(database, DAY, pages(9), author="operator", now=counter.clock.now)
    assert counter.spent() == [8]


def key_of(charge: str) -> bytes:
    return bytes.fromhex(charge.removeprefix("ch_"))


def test_a_limit_below_what_is_spent_sells_nothing_until_enough_has_gone_back(counter: Counter) -> None:
    counter.limit(DAY, 8)
    answers = counter.sell(8)
    counter.limit(DAY, 5)
    assert counter.windows() == [(8, 8)]
    assert counter.views()[0].left_micros == 0
    assert sold(counter.sell()) == 0
    for number, answer in enumerate(answers[:4], 1):
        assert isinstance(answer, Posted)
        refund(counter.database, answer.charge_id, reason="complaint", author="operator")
        assert counter.windows() == [(8 - number, max(5, 8 - number))]
    assert sold(counter.sell(3)) == 1


def test_a_higher_limit_sells_on_at_once(counter: Counter) -> None:
    counter.limit(DAY, 1)
    assert sold(counter.sell(2)) == 1
    counter.limit(DAY, 3)
    assert sold(counter.sell(3)) == 2


def test_a_budget_that_was_removed_is_not_looked_at_any_more(counter: Counter) -> None:
    counter.limit(DAY, 1)
    counter.limit(MONTH, 2)
    counter.sell(1)
    remove_budget(counter.database, DAY)
    assert sold(counter.sell(2)) == 1
    remove_budget(counter.database, MONTH)
    assert sold(counter.sell(2)) == 2
    assert counter.views() == []
    with counter.database.read() as connection:
        assert not connection.execute(select(account.c.watched).where(account.c.id == counter.crawler)).scalar_one()
    with pytest.raises(UnknownName, match="no such budget"):
        remove_budget(counter.database, DAY)


def test_a_removed_budget_comes_back_with_what_was_spent_meanwhile(counter: Counter) -> None:
    counter.limit(MONTH, 2)
    counter.sell(2)
    remove_budget(counter.database, MONTH)
    counter.sell(2)
    counter.limit(MONTH, 5)
    assert counter.spent() == [4]


def test_a_budget_without_sense_is_refused(counter: Counter) -> None:
    with pytest.raises(InvalidValue, match="nothing"):
        set_budget(counter.database, DAY, Money(0, "USD"), author="operator")
    with pytest.raises(InvalidValue, match="in USD"):
        set_budget(counter.database, DAY, parse_price("EUR 1"), author="operator")
    with pytest.raises(UnknownName, match="no EUR account"):
        set_budget(counter.database, BudgetPlace(1, "EUR", Per.DAY), parse_price("EUR 1"), author="operator")


def test_a_budget_set_while_an_edge_sells_is_kept_from_then_on(database: Database, store_url: str) -> None:
    books, command = Books.open(database), Database.open(store_url)
    crawler = books.crawler(1)
    ledger = Ledger.open(database, node="edge", report=Reports())

    async def sell() -> list[object]:
        await ledger.credit(books.top_up(crawler, 1_000))
        buying = [asyncio.ensure_future(ledger.post(books.order(crawler))) for _ in range(60)]
        await asyncio.to_thread(set_budget, command, MONTH, pages(100), author="operator")
        return list(await asyncio.gather(*buying, *(ledger.post(books.order(crawler)) for _ in range(60))))

    answers = asyncio.run(sell())
    ledger.close()
    command.close()
    assert sum(isinstance(answer, Posted) for answer in answers) == 100
    assert verify(database).faults == ()
