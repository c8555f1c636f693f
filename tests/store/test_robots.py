"""Requests are held against the robots.txt that was in force when they came, and nobody is who cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from edge.store.activity import Activity
from edge.store.database import Database
from edge.store.robots import VERSIONS_MAX, Obedience, RobotsJudge, note_robots, read_obedience
from edge.store.tables import robots_file
from tests.store.test_activity import ROW

DAY_MICROS = 86_400_000_000
DAY = ROW.at_micros // DAY_MICROS * DAY_MICROS
CLOSED = "User-agent: GPTBot\nDisallow: /private/\nAllow: /private/but-this\n\nUser-agent: *\nDisallow: /all\n"


def came(target: str, at: int = 100, **changes: Any) -> Activity:
    return replace(ROW, at_micros=DAY + at, target=target, **changes)


def note(database: Database, text: str, at: int, site_id: int = 1) -> bool:
    with database.write() as connection:
        return note_robots(connection, site_id, text, DAY + at)


def judge(database: Database, *rows: Activity, by: RobotsJudge | None = None) -> dict[str, Obedience]:
    with database.write() as connection:
        (by or RobotsJudge()).add(connection, rows)
    with database.read() as connection:
        return read_obedience(connection, 1, DAY, DAY + DAY_MICROS)


def test_a_request_is_judged_by_what_was_in_force_when_it_came(database: Database) -> None:
    one = RobotsJudge()
    note(database, "", 10)
    assert judge(database, came("/private/x", 50), by=one) == {"GPTBot": Obedience(1, 0)}
    note(database, CLOSED, 60)
    rows = [came("/private/x", 59), came("/private/x", 60, requests=3), came("/private/but-this", 70)]
    assert judge(database, *rows, by=one) == {"GPTBot": Obedience(6, 3)}


def test_a_group_for_everybody_counts_for_those_without_one(database: Database) -> None:
    note(database, CLOSED, 10)
    rows = [came("/all/x", crawler="OtherBot"), came("/all/x"), came("/private/x", crawler="OtherBot")]
    assert judge(database, *rows) == {"OtherBot": Obedience(2, 1), "GPTBot": Obedience(1, 0)}


@pytest.mark.parametrize(
    "changes",
    [{"crawler": ""}, {"rung": "impostor"}, {"outcome": "free_path"}, {"outcome": "own_document"}, {"site_id": 2}],
)
def test_who_cannot_be_judged_is_not(database: Database, changes: dict[str, Any]) -> None:
    note(database, CLOSED, 10)
    assert judge(database, came("/private/x", **changes)) == {}


def test_before_a_robots_txt_was_read_nobody_is_judged(database: Database) -> None:
    note(database, CLOSED, 200)
    assert judge(database, came("/private/x", 100)) == {}


def test_the_same_words_are_no_new_version_and_versions_are_bounded(database: Database) -> None:
    assert note(database, CLOSED, 1)
    assert not note(database, CLOSED, 2)
    for number in range(VERSIONS_MAX + 5):
        assert note(database, f"# {number}\udcff\0", 10 + number)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(robots_file)).scalar_one() == VERSIONS_MAX


def test_the_judge_knows_which_sites_crawlers_came_to(database: Database) -> None:
    one = RobotsJudge()
    judge(database, came("/a"), came("/b", site_id=2), by=one)
    assert one.take_seen() == {1, 2}
    assert one.take_seen() == frozenset()
