"""What is over its time goes, what is not stays, in small transactions and by one process, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, insert, select

from edge.core.month import Month
from edge.store.database import Database
from edge.store.deletion import ROWS_AT_ONCE, delete_some
from edge.store.housekeeping import (
    DAY_MICROS,
    ROUND_EVERY_MICROS,
    Chore,
    Retention,
    chores,
    months_before,
    note_round,
    take_turn,
)
from edge.store.people import add_person, create_setup_link, record_attempt
from edge.store.sessions import IDLE_MICROS, open_session
from edge.store.tables import housekeeping, session, setup_link, sign_in_attempt, traffic
from edge.store.traffic import TrafficKey, flush_traffic, hour_of

NOW = Month(2026, 11).start_micros + 20 * DAY_MICROS
KEPT = Retention(traffic_months=25, traffic_minute_days=7, activity_days=30, webhook_days=30)


def all_chores() -> Mapping[str, Chore]:
    return chores(KEPT)


def finish(database: Database, name: str, now: int = NOW) -> list[int]:
    """Call a chore until it has nothing left to do; how many rows went each time."""
    gone: list[int] = []
    while not gone or gone[-1]:
        with database.write() as connection:
            gone.append(all_chores()[name](connection, now))
    return gone[:-1]


def count(database: Database, table: object) -> int:
    with database.read() as connection:
        found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
        return found


def test_so_many_whole_months_of_traffic_stay(database: Database) -> None:
    first_kept = Month(2024, 10).start_micros
    times = (first_kept - 1, first_kept, NOW)
    with database.write() as connection:
        flush_traffic(connection, {TrafficKey(hour_of(at), 1, "bot", "claimed", "r", "allowed"): 1 for at in times})
    assert finish(database, "traffic by the hour") == [1]
    with database.read() as connection:
        hours = connection.execute(select(traffic.c.hour_micros).order_by(traffic.c.hour_micros)).scalars().all()
    assert hours == [first_kept, NOW]


@pytest.mark.parametrize(
    ("months", "label"), [(1, "2026-10"), (10, "2026-01"), (11, "2025-12"), (25, "2024-10"), (12_000, "1970-11")]
)
def test_months_are_counted_from_the_start_of_this_one(months: int, label: str) -> None:
    assert months_before(NOW, months) == Month.parse(label).start_micros


def test_a_chore_deletes_a_little_at_a_time_until_nothing_is_left(database: Database) -> None:
    old = hour_of(NOW - 1000 * DAY_MICROS)
    with database.write() as connection:
        keys = [TrafficKey(old, site, "bot", "claimed", "r", "allowed") for site in range(2 * ROWS_AT_ONCE + 3)]
        flush_traffic(connection, dict.fromkeys(keys, 1))
    assert finish(database, "traffic by the hour") == [ROWS_AT_ONCE, ROWS_AT_ONCE, 3]
    assert count(database, traffic) == 0


def test_sessions_links_and_tries_go_when_nobody_can_use_them(database: Database) -> None:
    with database.write() as connection:
        person = add_person(connection, "owner@news.example", "hash", NOW).person_id
        open_session(connection, person, "Firefox", NOW)
        create_setup_link(connection, NOW)
        record_attempt(connection, "owner@news.example", "203.0.113.1", NOW, b"key")
    for name in all_chores():
        assert finish(database, name) == [], name
    assert finish(database, "sessions", NOW + IDLE_MICROS - 1) == []
    assert finish(database, "sessions", NOW + IDLE_MICROS) == [1]
    assert finish(database, "set-up links", NOW + DAY_MICROS - 1) == []
    assert finish(database, "set-up links", NOW + DAY_MICROS) == [1]
    assert finish(database, "sign-in tries", NOW + DAY_MICROS) == [3]
    assert [count(database, table) for table in (session, setup_link, sign_in_attempt)] == [0, 0, 0]


def test_what_is_deleted_is_what_fits(database: Database) -> None:
    rows = [{"subject_hash": bytes([number]), "attempted_at_micros": number} for number in range(10)]
    with database.write() as connection:
        connection.execute(insert(sign_in_attempt), rows)
        assert delete_some(connection, sign_in_attempt, sign_in_attempt.c.attempted_at_micros < 7, 4) == 4
        assert delete_some(connection, sign_in_attempt, sign_in_attempt.c.attempted_at_micros < 7, 4) == 3
        assert delete_some(connection, sign_in_attempt, sign_in_attempt.c.attempted_at_micros < 7, 4) == 0
        left = connection.execute(select(sign_in_attempt.c.attempted_at_micros)).scalars().all()
    assert sorted(left) == [7, 8, 9]


def test_a_round_is_one_process_s_and_comes_again_in_an_hour(database: Database) -> None:
    def mine(now: int) -> bool:
        with database.write() as connection:
            return take_turn(connection, now)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: mine(NOW), range(16))) == 1
    assert not mine(NOW + ROUND_EVERY_MICROS - 1)
    assert mine(NOW + ROUND_EVERY_MICROS)


def test_the_end_of_a_round_is_written_down(database: Database) -> None:
    with database.write() as connection:
        take_turn(connection, NOW)
        note_round(connection, NOW + 5, 7)
        row = connection.execute(select(housekeeping)).one()
    assert (row.ended_at_micros, row.rows_gone) == (NOW + 5, 7)
