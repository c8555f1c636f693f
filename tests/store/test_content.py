"""What crawlers asked for adds up on every level of the site's tree, and made-up paths find only the room there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import func, select

from edge.store.activity import Activity
from edge.store.content import DAY_MICROS, ContentCounter, ContentSum, read_content
from edge.store.database import Database
from edge.store.tables import content_day
from tests.store.test_activity import ROW

DAY = ROW.at_micros // DAY_MICROS * DAY_MICROS


def asked(target: str, outcome: str = "payment_required", requests: int = 1, at: int = DAY) -> Activity:
    return replace(ROW, target=target, outcome=outcome, requests=requests, at_micros=at)


def add(database: Database, counter: ContentCounter, rows: Sequence[Activity]) -> None:
    with database.write() as connection:
        counter.add(connection, rows)


def read(database: Database, parent: str = "/", since: int = DAY, days: int = 1) -> list[ContentSum]:
    with database.read() as connection:
        return read_content(connection, 1, parent, since, since + days * DAY_MICROS)


def test_a_request_counts_on_every_level_above_its_page(database: Database) -> None:
    rows = [
        asked("/a/b?x=1", requests=3),
        asked("/a/c", "charged"),
        asked("/d", "allowed"),
        asked("/a/b/e", "crawler_blocked"),
    ]
    add(database, ContentCounter(), rows)
    assert read(database) == [ContentSum("a/", 5, 3, 1), ContentSum("d", 1, 0, 0)]
    assert read(database, "/a/") == [ContentSum("b", 3, 3, 0), ContentSum("b/", 1, 0, 0), ContentSum("c", 1, 0, 1)]


def test_batches_and_processes_and_days_add_up(database: Database) -> None:
    add(database, ContentCounter(), [asked("/a"), asked("/b", at=DAY + DAY_MICROS)])
    add(database, ContentCounter(), [asked("/a", requests=2)])
    assert read(database) == [ContentSum("a", 3, 3, 0)]
    assert read(database, days=2) == [ContentSum("a", 3, 3, 0), ContentSum("b", 1, 1, 0)]


def test_paths_without_room_are_counted_together(database: Database) -> None:
    counter = ContentCounter(steps_max=10)
    add(database, counter, [asked(f"/made/up/{number}") for number in range(30)])
    assert read(database) == [ContentSum("made/", 30, 30, 0)]
    assert sum(one.requests for one in read(database, "/made/up/")) == 30
    assert read(database, "/made/up/")[0] == ContentSum("", 27, 27, 0)


def test_made_up_paths_leave_room_for_what_is_served(database: Database) -> None:
    counter = ContentCounter(steps_max=10)
    add(database, counter, [asked(f"/{number}") for number in range(30)])
    add(database, counter, [asked(f"/real-{number}", "allowed") for number in range(4)])
    assert {one.step for one in read(database)} >= {f"real-{number}" for number in range(4)}


def test_a_process_that_begins_anew_has_no_more_room(database: Database) -> None:
    for turn in range(5):
        add(database, ContentCounter(steps_max=10), [asked(f"/{turn}-{number}", "allowed") for number in range(8)])
    with database.read() as connection:
        rows = connection.execute(select(func.count()).select_from(content_day)).scalar_one()
    assert rows == 11
    assert sum(one.requests for one in read(database)) == 40


def test_what_failed_to_be_written_is_found_room_for_again(database: Database) -> None:
    counter = ContentCounter(steps_max=4)
    try:
        with database.write() as connection:
            counter.add(connection, [asked(f"/{number}", "allowed") for number in range(4)])
            raise OSError("the disk")
    except OSError:
        counter.forget()
    add(database, counter, [asked(f"/{number}", "allowed") for number in range(4, 8)])
    assert {one.step for one in read(database)} == {"4", "5", "6", "7"}
