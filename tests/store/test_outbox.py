"""An event is told exactly when its transaction commits, to those whose it is, and not written for nobody."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, insert, select

from edge.store import outbox
from edge.store.database import Database
from edge.store.tables import (
    crawler,
    publisher,
    webhook_delivery,
    webhook_endpoint,
    webhook_event,
    webhook_subscription,
)
from edge.store.webhook_deliveries import sweep
from edge.store.webhook_endpoints import remove_endpoint

AT = 1_790_000_000_000_000


def listen(
    connection: Connection, *events: str, publisher_id: int | None = None, crawler_id: int | None = None, state: str
) -> int:
    about = {"publisher_id": publisher_id, "crawler_id": crawler_id, "state": state}
    row = {"url": "https://hooks.example/", "created_by": "test", "created_at_micros": AT, **about}
    made: int = connection.execute(insert(webhook_endpoint).values(row).returning(webhook_endpoint.c.id)).scalar_one()
    for event in events:
        connection.execute(insert(webhook_subscription).values(event=event, endpoint_id=made))
    return made


@pytest.fixture
def parties(database: Database) -> Database:
    """Two publishers and two crawlers."""
    with database.write() as connection:
        for number in (1, 2):
            names = {"name": f"P{number}", "name_key": f"p{number}", "created_at_micros": AT}
            connection.execute(insert(publisher).values(id=number, email="a@b.example", **names))
            about: dict[str, Any] = {"agent_url": f"https://c{number}.example", "kind": "other", "operator": "C"}
            connection.execute(insert(crawler).values(id=number, suspended=False, **about, **names))
    return database


def heard(database: Database, event_id: str | None) -> set[int]:
    with database.read() as connection:
        found = select(webhook_delivery.c.endpoint_id).where(webhook_delivery.c.event_id == event_id)
        return set(connection.execute(found).scalars())


def test_an_event_that_nobody_wants_to_hear_of_is_not_written(parties: Database) -> None:
    with parties.write() as connection:
        listen(connection, "ledger.alarm", state="active")
        listen(connection, "rules.published", state="disabled")
        assert outbox.add(connection, "rules.published", "site news.example", {}, at_micros=AT) is None
        assert connection.execute(select(webhook_event)).first() is None


def test_each_party_hears_of_its_own_and_the_operator_of_everything(parties: Database) -> None:
    with parties.write() as connection:
        operator = listen(connection, "crawler.first_seen", "rules.published", state="active")
        first = listen(connection, "crawler.first_seen", publisher_id=1, state="failing")
        listen(connection, "crawler.first_seen", publisher_id=2, state="active")
        payer = listen(connection, "crawler.first_seen", crawler_id=2, state="active")
        listen(connection, "crawler.first_seen", crawler_id=1, state="active")

        def add(**whose: Any) -> str | None:
            return outbox.add(connection, "crawler.first_seen", "x", {}, at_micros=AT, **whose)

        both, theirs = add(publisher_id=1, crawler_id=2), add(publisher_id=1, operator=False)
        nobodys, unheard = add(), add(operator=False)
    assert heard(parties, both) == {operator, first, payer}
    assert heard(parties, theirs) == {first}
    assert heard(parties, nobodys) == {operator}
    assert unheard is None


def test_what_is_rolled_back_is_never_told(parties: Database) -> None:
    with parties.write() as connection:
        listen(connection, "ledger.alarm", state="active")
    with parties.ledger_connection() as connection, connection.begin() as transaction:
        assert outbox.add(connection, "ledger.alarm", "ledger", {}, at_micros=AT)
        transaction.rollback()
    with parties.read() as connection:
        assert connection.execute(select(webhook_event)).first() is None
        assert connection.execute(select(webhook_delivery)).first() is None


def test_the_ledgers_own_transaction_can_tell(parties: Database) -> None:
    with parties.write() as connection:
        listen(connection, "budget.threshold", state="active")
    with parties.ledger_connection() as connection, connection.begin():
        event_id = outbox.add(connection, "budget.threshold", "budget 7", {"percent": 80}, crawler_id=1, at_micros=AT)
    with parties.read() as connection:
        row = connection.execute(select(webhook_event)).mappings().one()
    assert (row["id"], row["event"], row["subject"]) == (event_id, "budget.threshold", "budget 7")
    assert (row["publisher_id"], row["crawler_id"], row["at_micros"]) == (None, 1, AT)
    assert orjson.loads(row["body"]) == {
        "type": "budget.threshold",
        "timestamp": "2026-09-21T14:13:20.000000Z",
        "subject": "budget 7",
        "data": {"percent": 80},
    }


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_an_endpoint_that_is_removed_meanwhile_fails_nobodys_transaction(parties: Database) -> None:
    with parties.write() as connection:
        endpoint = listen(connection, "ledger.alarm", state="active")
    with parties.ledger_connection() as ledger, ledger.begin():
        assert outbox.add(ledger, "ledger.alarm", "ledger", {}, at_micros=AT)
        with parties.write() as connection:
            remove_endpoint(connection, endpoint)
    with parties.write() as connection:
        assert connection.execute(select(webhook_delivery)).first() is not None
        sweep(connection, AT)
        assert connection.execute(select(webhook_delivery)).first() is None


def test_a_delivery_is_due_at_once(parties: Database) -> None:
    with parties.write() as connection:
        endpoint = listen(connection, "ledger.alarm", state="active")
        event_id = outbox.add(connection, "ledger.alarm", "ledger", {}, at_micros=AT)
    with parties.read() as connection:
        row = connection.execute(select(webhook_delivery)).one()
    assert (row.endpoint_id, row.event_id, row.state, row.attempts, row.due_at_micros) == (
        *(endpoint, event_id, "pending", 0),
        AT,
    )


def test_an_event_that_does_not_exist_is_a_mistake(parties: Database) -> None:
    with pytest.raises(ValueError, match=r"charge\.lost"), parties.write() as connection:
        outbox.add(connection, "charge.lost", "x", {}, at_micros=AT)


def test_ids_sort_by_time_and_are_never_the_same() -> None:
    ids = [outbox.new_event_id(AT + 1000 * step) for step in range(20)]
    assert ids == sorted(ids)
    assert outbox.new_event_id(AT) != outbox.new_event_id(AT)
    assert all(len(made) <= 40 for made in ids)
