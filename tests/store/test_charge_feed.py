"""Every charge that was earned is told exactly once, in batches, to each listener in its own cut."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from edge.core.ledger import ChargeOrder, Held, Posted
from edge.core.ledger_operations import Hold, Post, Settle, Void
from edge.store.charge_feed import FOLD_EVERY_SECONDS, FeedLimits, fold_charges
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.service_keys import ServiceKeys, load_service_keys
from edge.store.webhook_deliveries import disable
from edge.store.webhook_endpoints import enable_endpoint
from tests.support.books import PRICE, Books, Reports
from tests.support.webhooks import AT, SECOND, bodies, listen

MINUTE = FOLD_EVERY_SECONDS * SECOND


@pytest.fixture
def keys(tmp_path: Path) -> ServiceKeys:
    return load_service_keys(tmp_path / "data")


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


@pytest.fixture
def ledger(database: Database, books: Books) -> Iterator[Ledger]:
    ledger = Ledger.open(database, node="test", report=Reports())
    yield ledger
    ledger.close()


def buy(ledger: Ledger, order: ChargeOrder) -> str:
    posted = ledger.submit(Post(order)).result()
    assert isinstance(posted, Posted)
    return posted.charge_id


def told(database: Database, endpoint: Any) -> list[str]:
    return [charge["charge_id"] for body in bodies(database, endpoint) for charge in body["data"]["charges"]]


def test_charges_are_told_with_what_they_were_for(
    database: Database, books: Books, ledger: Ledger, keys: ServiceKeys
) -> None:
    account = books.crawler(1, limit_pages=10)
    operator, _ = listen(database, keys, "charge.posted")
    charge_id, second = buy(ledger, books.order(account)), buy(ledger, books.order(account))
    assert not fold_charges(database, AT + MINUTE)
    (body,) = bodies(database, operator)
    assert (body["type"], body["subject"]) == ("charge.posted", "2 charges")
    amount = {"amount_micros": 2 * PRICE.amount_micros, "currency": "USD", "display": "USD 0.02"}
    assert body["data"]["totals"] == [{"charges": 2, "amount": amount}]
    charge = body["data"]["charges"][0]
    assert charge.pop("posted_at").endswith("Z")
    assert charge == {
        "charge_id": charge_id,
        "amount": {"amount_micros": PRICE.amount_micros, "currency": "USD", "display": "USD 0.01"},
        "site": "news1.example",
        "publisher": "News1",
        "crawler": "Bot1",
        "rule": "long reads",
    }
    assert body["data"]["charges"][1]["charge_id"] == second


def test_a_held_charge_is_told_when_it_is_earned_and_a_void_one_never(
    database: Database, books: Books, ledger: Ledger, keys: ServiceKeys
) -> None:
    account = books.crawler(1, limit_pages=10)
    operator, _ = listen(database, keys, "charge.posted")
    first, second = (ledger.submit(Hold(books.order(account))).result() for _ in range(2))
    assert isinstance(first, Held)
    assert isinstance(second, Held)
    fold_charges(database, AT + MINUTE)
    assert bodies(database, operator) == []
    ledger.submit(Void(first, "test")).result()
    ledger.submit(Settle(second)).result()
    fold_charges(database, AT + 2 * MINUTE)
    assert told(database, operator) == [second.charge_id]


def test_each_listener_gets_its_own_cut(database: Database, books: Books, ledger: Ledger, keys: ServiceKeys) -> None:
    first, second = books.crawler(1, limit_pages=10), books.crawler(2, limit_pages=10)
    operator, _ = listen(database, keys, "charge.posted")
    earns, _ = listen(database, keys, "charge.posted", publisher_id=1)
    pays, _ = listen(database, keys, "charge.posted", crawler_id=2)
    other, _ = listen(database, keys, "charge.posted", crawler_id=1)
    of_first, of_second = buy(ledger, books.order(first)), buy(ledger, books.order(second))
    fold_charges(database, AT + MINUTE)
    assert told(database, operator) == told(database, earns) == [of_first, of_second]
    assert (told(database, other), told(database, pays)) == ([of_first], [of_second])
    assert len(bodies(database, operator)) == 1, "the parties' cuts are not the operator's"


def test_a_publisher_never_hears_of_another_ones_charges(
    database: Database, books: Books, ledger: Ledger, keys: ServiceKeys
) -> None:
    account = books.crawler(1, limit_pages=10)
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO publisher (id, name, name_key, email, created_at_micros)"
            " VALUES (2, 'Other', 'other', 'a@other.example', 0)"
        )
    other, _ = listen(database, keys, publisher_id=2)
    buy(ledger, books.order(account))
    fold_charges(database, AT + MINUTE)
    assert bodies(database, other) == []


def test_once_a_minute_is_enough(database: Database, books: Books, ledger: Ledger, keys: ServiceKeys) -> None:
    account = books.crawler(1, limit_pages=10)
    buy(ledger, books.order(account))
    operator, _ = listen(database, keys, "charge.posted")
    charge_id = buy(ledger, books.order(account))
    fold_charges(database, AT + MINUTE - 1)
    assert bodies(database, operator) == []
    fold_charges(database, AT + MINUTE)
    assert told(database, operator) == [charge_id], "what was charged before anybody listened is not told"
    fold_charges(database, AT + 10 * MINUTE)
    assert len(bodies(database, operator)) == 1


def test_very_many_do_not_wait_for_the_minute_and_come_in_parts(
    database: Database, books: Books, ledger: Ledger, keys: ServiceKeys
) -> None:
    limits = FeedLimits(charges=20)
    pages = 25
    account = books.crawler(1, limit_pages=pages + 1)
    buy(ledger, books.order(account))
    operator, _ = listen(database, keys, "charge.posted")
    waiting = [ledger.submit(Post(books.order(account))) for _ in range(pages)]
    ids = [one.result().charge_id for one in waiting]
    fold_charges(database, AT + 1)
    assert bodies(database, operator) == []
    fold_charges(database, AT + 1, limits)
    assert told(database, operator) == ids
    assert [body["data"]["totals"][0]["charges"] for body in bodies(database, operator)] == [20, 5]


def test_a_long_backlog_is_told_in_rounds(database: Database, books: Books, ledger: Ledger, keys: ServiceKeys) -> None:
    limits = FeedLimits(charges=1, entries=4)
    account = books.crawler(1, limit_pages=10)
    operator, _ = listen(database, keys, "charge.posted")
    ids = [buy(ledger, books.order(account)) for _ in range(6)]
    assert fold_charges(database, AT + MINUTE, limits)
    assert not fold_charges(database, AT + MINUTE + SECOND, limits)
    assert told(database, operator) == ids


def test_nobody_listens_and_nothing_is_kept_for_later(
    database: Database, books: Books, ledger: Ledger, keys: ServiceKeys
) -> None:
    account = books.crawler(1, limit_pages=10)
    first, _ = listen(database, keys, "charge.posted")
    buy(ledger, books.order(account))
    with database.write() as connection:
        disable(connection, first.endpoint_id, "for a test")
    fold_charges(database, AT + MINUTE)
    with database.write() as connection:
        enable_endpoint(connection, first.endpoint_id, AT + MINUTE)
    charge_id = buy(ledger, books.order(account))
    fold_charges(database, AT + 2 * MINUTE)
    assert told(database, first) == [charge_id]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("known", [True, False], ids=["a writer that was told of before", "a new writer"])
def test_of_processes_that_fold_at_once_one_tells(
    store_url: str, database: Database, books: Books, ledger: Ledger, keys: ServiceKeys, known: bool
) -> None:
    """All three have read the same charges, and stand before the same lock, when the first may go on."""
    account = books.crawler(1, limit_pages=100)
    if known:
        buy(ledger, books.order(account))
    operator, _ = listen(database, keys, "charge.posted")
    ids = [buy(ledger, books.order(account)) for _ in range(10)]
    others = [Database.open(store_url) for _ in range(3)]
    with ThreadPoolExecutor(len(others)) as threads:
        with database.write() as connection:
            connection.exec_driver_sql("LOCK TABLE webhook_cursor IN EXCLUSIVE MODE")
            folding = [threads.submit(fold_charges, other, AT + MINUTE) for other in others]
            while stand_before_a_lock(database) < len(others):
                assert not any(one.done() for one in folding)
        for one in folding:
            one.result()
    for other in others:
        other.close()
    assert told(database, operator) == ids


def stand_before_a_lock(database: Database) -> int:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with database.read() as connection:
        count: int = connection.exec_driver_sql(waiting).scalar_one()
        return count
