"""Deliveries: one process has one at a time, each end is written once, and old ones go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from edge.core.webhook_tries import Next, Reply
from edge.store import outbox
from edge.store.database import Database
from edge.store.problems import UnknownName
from edge.store.service_keys import ServiceKeys, load_service_keys
from edge.store.tables import webhook_delivery
from edge.store.webhook_deliveries import (
    Delivery,
    Task,
    disable,
    endpoints_due,
    list_deliveries,
    note_try,
    replay,
    sweep,
    take_due,
    waiting,
)
from edge.store.webhook_endpoints import enable_endpoint, find_endpoint, remove_endpoint
from tests.support.webhooks import AT, DAY, SECOND, URL, listen

LEASE = 45.0
DISABLE_SECONDS = 5 * 86_400.0
OK, OOPS, GONE = Reply(200), Reply(500), Reply(410)
RETRY = Next("retry", 5.0)


@pytest.fixture
def keys(tmp_path: Path) -> ServiceKeys:
    return load_service_keys(tmp_path / "data")


@pytest.fixture
def endpoint(database: Database, keys: ServiceKeys) -> int:
    return listen(database, keys)[0].endpoint_id


def alarm(database: Database, at_micros: int = AT) -> str:
    with database.write() as connection:
        event_id = outbox.add(connection, "ledger.alarm", "ledger", {}, at_micros=at_micros)
    assert event_id
    return event_id


def due(database: Database, at_micros: int) -> list[int]:
    with database.read() as connection:
        return [endpoint.endpoint_id for endpoint in endpoints_due(connection, at_micros)]


def take(database: Database, endpoint: int, at_micros: int, limit: int = 10) -> list[Task]:
    with database.write() as connection:
        return take_due(connection, endpoint, limit, at_micros, LEASE)


def note(database: Database, task: Task, reply: Reply, then: Next, at_micros: int) -> None:
    with database.write() as connection:
        note_try(connection, task, reply, then, at_micros, DISABLE_SECONDS)


def listed(database: Database, endpoint: int) -> list[Delivery]:
    with database.read() as connection:
        return list_deliveries(connection, endpoint)


def state(database: Database, endpoint: int) -> str:
    with database.read() as connection:
        return find_endpoint(connection, endpoint).state


def test_the_longest_due_come_first_and_not_before_their_time(database: Database, endpoint: int) -> None:
    second, first = alarm(database, AT + 2), alarm(database, AT + 1)
    assert due(database, AT) == []
    assert take(database, endpoint, AT) == []
    assert due(database, AT + 2) == [endpoint]
    assert [task.event_id for task in take(database, endpoint, AT + 2, limit=1)] == [first]
    assert [task.event_id for task in take(database, endpoint, AT + 2)] == [second]


def test_what_is_taken_is_nobody_elses_until_its_lease_ends(database: Database, endpoint: int) -> None:
    event_id = alarm(database)
    (task,) = take(database, endpoint, AT)
    assert (task.event_id, task.url, task.attempts) == (event_id, URL, 1)
    until = AT + int(LEASE * SECOND)
    assert due(database, until - 1) == []
    assert take(database, endpoint, until - 1) == []
    (again,) = take(database, endpoint, until)
    assert (again.event_id, again.attempts) == (event_id, 2)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_of_many_that_look_at_once_each_delivery_goes_to_one(store_url: str, database: Database, endpoint: int) -> None:
    wanted = sorted(alarm(database) for _ in range(12))
    others = [Database.open(store_url) for _ in range(3)]
    together = Barrier(len(others))

    def take_many(mine: Database) -> list[str]:
        together.wait()
        return [task.event_id for task in take(mine, endpoint, AT, limit=12)]

    with ThreadPoolExecutor(len(others)) as threads:
        taken = [event_id for ids in threads.map(take_many, others) for event_id in ids]
    for other in others:
        other.close()
    assert sorted(taken) == wanted


def test_a_success_ends_it_and_makes_the_endpoint_active_again(database: Database, endpoint: int) -> None:
    alarm(database)
    (task,) = take(database, endpoint, AT)
    note(database, task, OOPS, RETRY, AT + 1)
    assert state(database, endpoint) == "failing"
    (found,) = listed(database, endpoint)
    assert (found.state, found.status, found.trouble) == ("pending", 500, "it answered 500")
    assert found.due_at_micros == AT + 1 + 5 * SECOND
    (again,) = take(database, endpoint, found.due_at_micros)
    note(database, again, OK, Next("delivered"), found.due_at_micros + 1)
    (found,) = listed(database, endpoint)
    assert (found.state, found.status, found.trouble, found.attempts) == ("delivered", 200, None, 2)
    assert state(database, endpoint) == "active"
    assert due(database, AT + 100 * DAY) == []


def test_who_comes_late_changes_nothing_but_with_a_success(database: Database, endpoint: int) -> None:
    alarm(database)
    (late,) = take(database, endpoint, AT)
    (task,) = take(database, endpoint, late.lease_micros)
    note(database, late, OOPS, Next("failed"), AT + 1)
    (found,) = listed(database, endpoint)
    assert (found.state, found.due_at_micros) == ("pending", task.lease_micros)
    note(database, late, OK, Next("delivered"), AT + 2)
    note(database, task, OOPS, RETRY, AT + 3)
    assert [found.state for found in listed(database, endpoint)] == ["delivered"]


def test_410_disables_and_gives_up_what_waits(database: Database, endpoint: int) -> None:
    alarm(database)
    alarm(database, AT + 1)
    (task,) = take(database, endpoint, AT)
    note(database, task, GONE, Next("gone"), AT + 2)
    assert state(database, endpoint) == "disabled"
    assert {found.state for found in listed(database, endpoint)} == {"failed"}
    with database.write() as connection:
        assert outbox.add(connection, "ledger.alarm", "ledger", {}, at_micros=AT + 3) is None


def test_days_of_failures_disable_and_one_success_starts_them_anew(database: Database, endpoint: int) -> None:
    alarm(database)
    for day in (0, 4, 6, 10, 11):
        at_micros = AT + day * DAY
        if day == 6:
            alarm(database, at_micros)
            task = take(database, endpoint, at_micros)[-1]
            note(database, task, OK, Next("delivered"), at_micros)
        task = take(database, endpoint, at_micros + 3600 * SECOND)[0]
        assert state(database, endpoint) != "disabled"
        note(database, task, OOPS, RETRY, at_micros)
    assert state(database, endpoint) == "disabled"
    with database.read() as connection:
        assert (
            find_endpoint(connection, endpoint).trouble == "it took nothing for 5 days; the last time it answered 500"
        )


def test_what_was_given_up_is_sent_again_when_it_is_asked_for(database: Database, endpoint: int) -> None:
    old, new = alarm(database), alarm(database, AT + DAY)
    tasks = take(database, endpoint, AT + DAY)
    note(database, tasks[0], OK, Next("delivered"), AT + DAY)
    note(database, tasks[1], OOPS, Next("failed"), AT + DAY)
    later = AT + 2 * DAY
    with database.write() as connection:
        assert replay(connection, endpoint, later, event_ids=[old], only_failed=True) == 0
        assert replay(connection, endpoint, later, only_failed=True) == 1
        assert replay(connection, endpoint, later, event_ids=[old]) == 1
        assert replay(connection, endpoint, later, since_micros=AT) == 0, "both wait already"
        with pytest.raises(UnknownName, match="evt_no"):
            replay(connection, endpoint, later, event_ids=["evt_no"])
    again = take(database, endpoint, later)
    assert {(task.event_id, task.attempts) for task in again} == {(old, 1), (new, 1)}


def test_replay_since_a_time_leaves_the_older_ones(database: Database, endpoint: int) -> None:
    alarm(database)
    new = alarm(database, AT + DAY)
    for task in take(database, endpoint, AT + DAY):
        note(database, task, OK, Next("delivered"), AT + DAY)
    with database.write() as connection:
        assert replay(connection, endpoint, AT + DAY, since_micros=AT + 1) == 1
    assert [task.event_id for task in take(database, endpoint, AT + DAY)] == [new]


def test_what_is_being_tried_is_not_replayed(database: Database, endpoint: int) -> None:
    event_id = alarm(database)
    take(database, endpoint, AT)
    with database.write() as connection:
        assert replay(connection, endpoint, AT, event_ids=[event_id]) == 0


def test_what_ended_is_kept_for_a_while_and_what_waits_for_longer(database: Database, endpoint: int) -> None:
    for at_micros in (AT, AT + 1, AT + DAY):
        alarm(database, at_micros)
    first, waits, recent = take(database, endpoint, AT + DAY)
    note(database, first, OK, Next("delivered"), AT + DAY)
    note(database, recent, OK, Next("delivered"), AT + DAY)
    with database.write() as connection:
        assert sweep(connection, AT) == 0
        assert sweep(connection, AT + 2) == 2, "a delivery and its event"
        assert sweep(connection, AT + 2) == 0
    assert {found.event_id for found in listed(database, endpoint)} == {waits.event_id, recent.event_id}


def test_what_waits_for_nobody_is_swept(database: Database, endpoint: int, keys: ServiceKeys) -> None:
    """An event that was written while its endpoint was being removed, or disabled."""
    gone, off = listen(database, keys)[0].endpoint_id, listen(database, keys)[0].endpoint_id
    with database.write() as connection:
        disable(connection, off, "for a test")
    event_id = alarm(database)
    with database.write() as connection:
        remove_endpoint(connection, gone)
        for number in (gone, off):
            connection.execute(
                webhook_delivery.insert().values(
                    endpoint_id=number, event_id=event_id, state="pending", attempts=0, due_at_micros=AT
                )
            )
        assert waiting(connection) == 3
        assert sweep(connection, AT) == 1
        assert waiting(connection) == 1
    assert [found.state for found in listed(database, off)] == ["failed"]


def test_an_enabled_endpoint_starts_well(database: Database, endpoint: int) -> None:
    alarm(database)
    (task,) = take(database, endpoint, AT)
    note(database, task, GONE, Next("gone"), AT)
    with database.write() as connection:
        again = enable_endpoint(connection, endpoint, AT + 1)
    assert (again.state, again.trouble, again.failing_since_micros) == ("active", None, None)
    alarm(database, AT + 2)
    assert due(database, AT + 2) == [endpoint]
