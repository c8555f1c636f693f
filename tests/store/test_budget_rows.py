"""Budgets in the ledger: decided with the charge, counted in its window, kept by the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from edge.core.budgets import DAY_MICROS, BudgetExceeded, Per
from edge.core.ledger import Held, Posted
from edge.core.ledger_operations import Credit, Hold, Post, Reverse, Settle, Void
from edge.core.money import Money
from edge.store.accounts import refund
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.tables import (
    budget_window,
    webhook_endpoint,
    webhook_event,
    webhook_subscription,
)
from edge.store.verify import verify
from tests.support.books import PRICE, Reports
from tests.support.budget_counter import DAY, MONTH, SITE, Counter, pages, sold


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    counter = Counter(database)
    yield counter
    assert verify(database).faults == ()


def test_a_budget_is_sold_out_exactly_in_one_batch_and_in_many(counter: Counter) -> None:
    counter.limit(DAY, 10)
    assert sold(counter.sell(7)) == 7
    assert sold(counter.sell(7)) == 3
    assert sold(counter.sell(1)) == 0
    assert counter.spent() == [10]
    assert counter.books.pages_of(counter.crawler) == 90


def test_the_answer_names_the_budget_and_when_it_resets(counter: Counter) -> None:
    counter.limit(DAY, 1)
    counter.sell()
    [answer] = counter.sell()
    assert isinstance(answer, BudgetExceeded)
    assert (answer.budget.per, answer.budget.limit, answer.retry_after_seconds) == (Per.DAY, PRICE, 12 * 3600)
    assert answer.resets_at == "2026-12-01T00:00:00Z"


def test_a_hold_counts_and_a_void_gives_back(counter: Counter) -> None:
    counter.limit(DAY, 1)
    [held] = counter.write(Hold(counter.books.order(counter.crawler)))
    assert isinstance(held, Held)
    assert sold(counter.sell()) == 0
    counter.write(Void(held, "broken"))
    assert counter.spent() == [0]
    assert sold(counter.sell()) == 1


def test_settling_a_hold_takes_nothing_more(counter: Counter) -> None:
    counter.limit(DAY, 1)
    [held] = counter.write(Hold(counter.books.order(counter.crawler)))
    assert isinstance(held, Held)
    assert isinstance(counter.write(Settle(held))[0], Posted)
    assert counter.spent() == [1]


@pytest.mark.parametrize("place", [DAY, MONTH, SITE])
def test_a_window_ends_at_midnight_in_utc_and_the_next_one_is_empty(counter: Counter, place: BudgetPlace) -> None:
    counter.limit(place, 2)
    counter.clock.now += DAY_MICROS // 2 - 1
    assert sold(counter.sell(3)) == 2
    counter.clock.now += 1
    assert sold(counter.sell(3)) == 2
    assert counter.windows() == [(2, 2), (2, 2)]


def test_a_month_goes_on_where_a_day_ends(counter: Counter) -> None:
    counter.clock.now -= DAY_MICROS
    counter.limit(DAY, 2)
    counter.limit(MONTH, 3)
    assert sold(counter.sell(3)) == 2
    counter.clock.now += DAY_MICROS
    assert sold(counter.sell(3)) == 1
    assert counter.spent() == [1, 3]


def test_a_refund_gives_back_to_the_window_of_the_charge(counter: Counter) -> None:
    counter.limit(DAY, 2)
    answers = counter.sell(2)
    counter.clock.now += DAY_MICROS
    counter.sell(1)
    assert isinstance(answers[0], Posted)
    refund(counter.database, answers[0].charge_id, reason="complaint", author="operator")
    assert counter.windows() == [(1, 2), (1, 2)]


def test_a_broken_delivery_gives_back_too(counter: Counter) -> None:
    counter.limit(DAY, 1)
    order = counter.books.order(counter.crawler)
    counter.write(Post(order))
    counter.write(Reverse(order.key, "the connection broke"))
    assert counter.spent() == [0]


def test_a_credit_note_gives_back_a_part_and_a_debit_note_takes_it_again(counter: Counter) -> None:
    counter.limit(DAY, 2)
    first, second = counter.sell(2)
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    for number, credits in enumerate([True, False, True, False, True]):
        counter.note(f"CN-{number}", first.charge_id, credits=credits)
        assert counter.spent() == [1 if credits else 2]
    assert sold(counter.sell(2)) == 1
    counter.clock.now += DAY_MICROS
    counter.note("CN-8", second.charge_id, credits=True)
    assert counter.windows() == [(1, 2)]


def test_a_debit_note_counts_also_where_the_budget_is_full_and_nothing_is_sold_over_it(counter: Counter) -> None:
    counter.limit(DAY, 2)
    first, _ = counter.sell(2)
    assert isinstance(first, Posted)
    counter.note("CN-1", first.charge_id, credits=True)
    counter.sell(1)
    counter.note("DN-1", first.charge_id, credits=False)
    assert counter.windows() == [(3, 3)]
    assert sold(counter.sell(1)) == 0
    counter.note("CN-2", first.charge_id, credits=True)
    assert counter.windows() == [(2, 2)]


def test_a_budget_of_a_site_counts_what_is_sold_there(counter: Counter) -> None:
    counter.limit(SITE, 1)
    counter.limit(MONTH, 3)
    assert sold(counter.sell(3)) == 1
    assert counter.spent() == [1, 1]


def test_the_database_itself_refuses_an_overrun(counter: Counter) -> None:
    counter.limit(DAY, 5)
    counter.sell(5)
    for spent in (pages(5).amount_micros + 1, -1):
        with pytest.raises(DBAPIError, match="ck_budget_window_spent"), counter.database.write() as connection:
            connection.execute(update(budget_window).values(spent_micros=spent))


def test_thresholds_are_kept_with_the_window(counter: Counter) -> None:
    counter.limit(DAY, 10)
    told = []
    for count in (4, 1, 3, 2):
        counter.sell(count)
        with counter.database.read() as connection:
            told.append(connection.execute(select(budget_window.c.told)).scalar_one())
    assert told == [0, 1, 3, 7]
    counter.limit(DAY, 20)
    with counter.database.read() as connection:
        assert connection.execute(select(budget_window.c.told)).scalar_one() == 1


def test_a_threshold_is_told_in_the_transaction_that_reaches_it(counter: Counter) -> None:
    listen(counter.database)
    counter.limit(DAY, 10)
    counter.sell(4)
    assert told(counter.database) == []
    counter.sell(5)
    assert [(event["data"]["percent"], event["data"]["spent"]["display"]) for event in told(counter.database)] == [
        (50, "USD 0.09"),
        (80, "USD 0.09"),
    ]
    counter.sell(3)
    last = told(counter.database)[-1]
    assert (last["type"], last["subject"], last["data"]["percent"]) == ("budget.threshold", "crawler Bot1", 100)
    assert last["data"]["budget"] == {
        "per": "day",
        "site": None,
        "limit": {"amount_micros": 100_000, "currency": "USD", "display": "USD 0.10"},
    }
    assert last["data"]["window"] == {"start": "2026-11-30T00:00:00.000000Z", "end": "2026-12-01T00:00:00.000000Z"}


def test_a_used_up_budget_is_told_although_the_last_page_does_not_fit_exactly(counter: Counter) -> None:
    listen(counter.database)
    limit = Money(PRICE.amount_micros * 9 + 1, "USD")
    set_budget(counter.database, DAY, limit, author="operator", now=counter.clock.now)
    counter.sell(9)
    for _ in range(2):
        assert sold(counter.sell(2)) == 0
    assert [event["data"]["percent"] for event in told(counter.database)] == [50, 80, 100]
    assert told(counter.database)[-1]["data"]["spent"]["display"] == "USD 0.09"


def listen(database: Database) -> None:
    """Have somebody hear of budgets."""
    with database.write() as connection:
        row = {"url": "https://hooks.example/", "created_by": "test", "created_at_micros": 0, "state": "active"}
        connection.execute(insert(webhook_endpoint).values(id=1, **row))
        connection.execute(insert(webhook_subscription).values(endpoint_id=1, event="budget.threshold"))


def told(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        bodies = connection.execute(select(webhook_event.c.body).order_by(webhook_event.c.at_micros))
        return [json.loads(body) for body in bodies.scalars()]


def test_accounts_without_budgets_are_charged_as_before_in_the_same_batch(counter: Counter) -> None:
    other = counter.books.crawler(2)
    counter.write(Credit(counter.books.top_up(other, 5, "invoice 2")))
    counter.limit(DAY, 1)
    orders = [counter.books.order(number) for number in (counter.crawler, other) * 3]
    assert [isinstance(answer, Posted) for answer in counter.write(*map(Post, orders))] == [
        True,
        True,
        False,
        True,
    ] * 1 + [
        False,
        True,
    ]


def test_sixty_four_threads_buy_exactly_what_a_budget_allows(sqlite_store_url: str) -> None:
    database = Database.open(sqlite_store_url)
    counter = Counter(database, credit=500)
    set_budget(database, MONTH, pages(100), author="operator")
    ledger = Ledger.open(database, node="edge", report=Reports())

    def buy(_: int) -> list[object]:
        async def posts() -> list[object]:
            return [await ledger.post(counter.books.order(counter.crawler)) for _ in range(4)]

        return asyncio.run(posts())

    with ThreadPoolExecutor(64) as threads:
        answers = [answer for some in threads.map(buy, range(64)) for answer in some]
    ledger.close()
    assert sum(isinstance(answer, Posted) for answer in answers) == 100
    assert sum(isinstance(answer, BudgetExceeded) for answer in answers) == 156
    assert counter.books.pages_of(counter.crawler) == 400
    assert verify(database).faults == ()
    database.close()
