"""Alerts: told once when an account's funds fall below an amount, in the transaction that takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select

from edge.core.ledger import Posted
from edge.core.ledger_operations import Credit, Hold, Post
from edge.core.money import Money, parse_price
from edge.store.accounts import refund
from edge.store.alerts import remove_alert, set_alert, show_alerts
from edge.store.budgets import remove_budget
from edge.store.database import Database
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import account, webhook_endpoint, webhook_event, webhook_subscription
from edge.store.verify import verify
from tests.support.budget_counter import DAY, Counter, pages


@pytest.fixture
def counter(database: Database) -> Iterator[Counter]:
    """Ten pages of credit, and somebody who hears of it when they run out."""
    counter = Counter(database, credit=10)
    row = {"url": "https://hooks.example/", "created_by": "test", "created_at_micros": 0, "state": "active"}
    with database.write() as connection:
        connection.execute(insert(webhook_endpoint).values(id=1, **row))
        connection.execute(insert(webhook_subscription).values(endpoint_id=1, event="account.low"))
    yield counter
    assert verify(database).faults == ()


def alert(counter: Counter, below: int) -> None:
    set_alert(counter.database, 1, pages(below), author="operator")


def top_up(counter: Counter, count: int, reference: str) -> None:
    counter.write(Credit(counter.books.top_up(counter.crawler, count, reference)))


def told(counter: Counter) -> list[dict[str, Any]]:
    with counter.database.read() as connection:
        bodies = connection.execute(select(webhook_event.c.body).order_by(webhook_event.c.id)).scalars()
        return [json.loads(body)["data"] for body in bodies]


def is_watched(counter: Counter) -> bool:
    with counter.database.read() as connection:
        found: bool = connection.execute(select(account.c.watched).where(account.c.id == counter.crawler)).scalar_one()
        return found


def test_falling_below_the_amount_is_told_once(counter: Counter) -> None:
    alert(counter, 5)
    counter.sell(5)
    assert told(counter) == []
    counter.sell(1)
    counter.sell(2)
    assert told(counter) == [
        {
            "crawler": "Bot1",
            "available": {"amount_micros": 40_000, "currency": "USD", "display": "USD 0.04"},
            "below": {"amount_micros": 50_000, "currency": "USD", "display": "USD 0.05"},
        }
    ]


def test_it_is_told_again_after_the_account_was_brought_back_to_the_amount(counter: Counter) -> None:
    alert(counter, 5)
    [*_, last] = counter.sell(6)
    top_up(counter, 1, "invoice 2")
    counter.sell(1)
    assert len(told(counter)) == 2
    assert isinstance(last, Posted)
    refund(counter.database, last.charge_id, reason="complaint", author="operator")
    counter.sell(1)
    assert len(told(counter)) == 3


def test_a_top_up_that_does_not_reach_the_amount_changes_nothing(counter: Counter) -> None:
    alert(counter, 5)
    counter.sell(8)
    top_up(counter, 2, "invoice 2")
    counter.sell(1)
    assert len(told(counter)) == 1


def test_a_held_page_counts(counter: Counter) -> None:
    alert(counter, 10)
    counter.write(Hold(counter.books.order(counter.crawler)))
    assert len(told(counter)) == 1


def test_who_sets_it_on_an_account_that_is_below_is_told_the_next_time(counter: Counter) -> None:
    alert(counter, 11)
    with counter.database.read() as connection:
        assert [view.told for view in show_alerts(connection, [counter.crawler])] == [True]
    counter.sell(1)
    assert told(counter) == []
    top_up(counter, 2, "invoice 2")
    counter.sell(1)
    assert len(told(counter)) == 1


def test_of_a_postpaid_account_what_is_left_of_its_limit_counts(counter: Counter) -> None:
    later = counter.books.crawler(2, limit_pages=3)
    set_alert(counter.database, 2, pages(2), author="operator")
    counter.write(*(Post(counter.books.order(later)) for _ in range(2)))
    assert [event["available"]["display"] for event in told(counter)] == ["USD 0.01"]


def test_an_alert_that_is_off_is_not_told_and_leaves_the_account_unwatched(counter: Counter) -> None:
    alert(counter, 5)
    counter.limit(DAY, 100)
    remove_alert(counter.database, 1, "USD")
    assert is_watched(counter)
    counter.sell(9)
    assert told(counter) == []
    remove_budget(counter.database, DAY)
    assert not is_watched(counter)
    with pytest.raises(UnknownName, match="no alert"):
        remove_alert(counter.database, 1, "USD")


def test_removing_the_last_budget_leaves_the_alert_at_work(counter: Counter) -> None:
    alert(counter, 5)
    counter.limit(DAY, 100)
    remove_budget(counter.database, DAY)
    counter.sell(6)
    assert len(told(counter)) == 1


def test_an_alert_without_sense_is_refused(counter: Counter) -> None:
    with pytest.raises(InvalidValue, match="nothing"):
        set_alert(counter.database, 1, Money(0, "USD"), author="operator")
    with pytest.raises(UnknownName, match="no EUR account"):
        set_alert(counter.database, 1, parse_price("EUR 1"), author="operator")
