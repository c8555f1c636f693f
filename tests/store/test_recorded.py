"""Recorded requests are read for a backtest whole, in order, a page at a time, on both databases."""

from __future__ import annotations

from dataclasses import replace

from edge.core.recorded import Asker
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.database import Database
from edge.store.recorded import first_recorded, place_of, read_asker, read_recorded
from tests.store.test_activity import NOW, ROW


def write(database: Database, rows: list[Activity]) -> None:
    with database.write() as connection:
        write_activity(connection, UserAgents(), rows, NOW)


def test_a_row_says_all_that_deciding_it_again_needs(database: Database) -> None:
    write(database, [replace(ROW, operator="OpenAI", agent="https://bot.example/", facts=48, requests=3)])
    with database.read() as connection:
        [row] = read_recorded(connection, 1, (0, -1), NOW + 1)
    assert row[1:] == (NOW, "/articles/1?page=2", 3, 1)
    assert read_asker(row[0]) == Asker(
        "GPTBot", "claimed", "training", "OpenAI", "https://bot.example/", 48, "GET", "max USD 0.01",
        "payment_required", 5000, 402,
    )  # fmt: skip


def test_what_is_missing_is_empty(database: Database) -> None:
    write(database, [replace(ROW, crawler="", offer=None, price_micros=None)])
    with database.read() as connection:
        [row] = read_recorded(connection, 1, (0, -1), NOW + 1)
    asker = read_asker(row[0])
    assert (asker.crawler, asker.offer, asker.price_micros, asker.agent, asker.facts) == ("", "", None, "", 0)


def test_every_row_is_read_once_whatever_the_pages(database: Database) -> None:
    write(database, [replace(ROW, at_micros=NOW + number // 4, number=-number) for number in range(10)])
    write(database, [replace(ROW, site_id=2, number=77), replace(ROW, at_micros=NOW + 9, number=1)])
    place, seen = (NOW - 1, -1), []
    while True:
        with database.read() as connection:
            rows = read_recorded(connection, 1, place, NOW + 9, 3)
        seen += [place_of(row) for row in rows]
        if len(rows) < 3:
            break
        place = seen[-1]
    assert seen == sorted((NOW + number // 4, -number) for number in range(10))


def test_the_first_row_of_a_site_says_since_when_there_are_any(database: Database) -> None:
    write(database, [ROW, replace(ROW, at_micros=NOW + 5, number=2), replace(ROW, site_id=2, at_micros=NOW - 9)])
    with database.read() as connection:
        assert first_recorded(connection, 1) == NOW
        assert first_recorded(connection, 3) is None
