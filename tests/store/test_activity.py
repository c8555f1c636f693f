"""Single requests are written once, read newest first by site, and gone after their time, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, insert, select

from edge.store.activity import (
    AGENTS_REMEMBERED,
    DAY_MICROS,
    USER_AGENT_CHARACTERS,
    Activity,
    ActivityFilter,
    UserAgents,
    list_activity,
    sweep_activity,
    write_activity,
)
from edge.store.database import Database
from edge.store.deletion import ROWS_AT_ONCE
from edge.store.tables import activity, publisher, site, user_agent

NOW = 1_795_000_000_000_000
ROW = Activity(
    site_id=1,
    at_micros=NOW,
    number=1,
    crawler="GPTBot",
    rung="claimed",
    kind="training",
    rule="long reads",
    outcome="payment_required",
    price_micros=5000,
    offer="max USD 0.01",
    method="GET",
    target="/articles/1?page=2",
    status=402,
    user_agent="GPTBot/1.3",
    address="203.0.113.0/24",
    requests=1,
)


def rows(count: int, **changes: object) -> list[Activity]:
    return [replace(ROW, number=number, **changes) for number in range(count)]  # type: ignore[arg-type]


def write(database: Database, written: Sequence[Activity], agents: UserAgents | None = None, now: int = NOW) -> None:
    with database.write() as connection:
        write_activity(connection, agents or UserAgents(), written, now)


def read(database: Database, limit: int = 50, sites: Sequence[int] = (1, 2), **wanted: object) -> list[Activity]:
    with database.read() as connection:
        return list_activity(connection, sites, ActivityFilter(**wanted), limit)  # type: ignore[arg-type]


def agents_stored(database: Database) -> int:
    with database.read() as connection:
        found: int = connection.execute(select(func.count()).select_from(user_agent)).scalar_one()
        return found


@pytest.fixture
def sites(database: Database) -> None:
    with database.write() as connection:
        who = {"name": "News", "name_key": "news", "email": "a@news.example", "created_at_micros": NOW}
        connection.execute(insert(publisher).values(id=1, **who))
        switches = dict.fromkeys(("strict", "in_band_pricing", "error_detail", "case_sensitive_paths"), False)
        for number in (1, 2):
            where = {"id": number, "publisher_id": 1, "host": f"news{number}.example", "origin": "http://127.0.0.1"}
            connection.execute(
                insert(site).values(currency="USD", active=True, created_at_micros=NOW, **where, **switches)
            )


def test_what_is_written_is_read(database: Database) -> None:
    bare = replace(ROW, number=2, price_micros=None, offer=None, user_agent="", address="", requests=7)
    write(database, [ROW, bare])
    assert read(database) == [bare, ROW]


def test_nothing_is_written_for_nothing(database: Database) -> None:
    write(database, [])
    assert read(database) == []


def test_a_batch_that_comes_again_is_written_once(database: Database) -> None:
    """The answer to a commit can be lost: the batch waits, and is written again."""
    write(database, [ROW])
    write(database, [ROW, replace(ROW, number=2)])
    assert len(read(database)) == 2


def test_the_newest_come_first_over_all_sites_and_pages_follow_each_other(database: Database) -> None:
    written = [replace(ROW, site_id=1 + n % 2, at_micros=NOW + n // 3, number=n) for n in range(20)]
    write(database, written)
    paged: list[Activity] = []
    while page := read(database, 6, before=(paged[-1].at_micros, paged[-1].number) if paged else None):
        paged.extend(page)
    assert paged == list(reversed(written))
    assert read(database, sites=[2]) == [row for row in reversed(written) if row.site_id == 2]


def test_rows_are_found_by_crawler_outcome_and_time(database: Database) -> None:
    other = replace(ROW, number=2, crawler="OtherBot", outcome="charged", at_micros=NOW + 10)
    write(database, [ROW, other])
    assert read(database, crawler="GPTBot") == read(database, outcome="payment_required") == [ROW]
    assert read(database, since_micros=NOW + 10) == [other]
    assert read(database, until_micros=NOW + 10) == [ROW]


def test_what_a_crawler_says_it_is_is_stored_once_and_cut_off(database: Database) -> None:
    long = "x" * (USER_AGENT_CHARACTERS + 5)
    write(database, [*rows(3), replace(ROW, number=8, user_agent=long), replace(ROW, number=9, user_agent="a\0b")])
    write(database, rows(3, at_micros=NOW + 1))
    assert agents_stored(database) == 3
    assert {row.user_agent for row in read(database)} == {"GPTBot/1.3", long[:USER_AGENT_CHARACTERS], "ab"}


def test_processes_that_meet_the_same_agents_at_once_store_each_once(database: Database) -> None:
    texts = [f"bot {number}" for number in range(20)]

    def process(turn: int) -> None:
        order = texts if turn % 2 else texts[::-1]
        write(database, [replace(ROW, number=turn * 100 + n, user_agent=text) for n, text in enumerate(order)])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(process, range(8)))
    assert agents_stored(database) == len(texts)
    assert len(read(database, 1000)) == 160


def test_made_up_agents_do_not_fill_the_memory(database: Database) -> None:
    agents = UserAgents()
    write(database, [replace(ROW, number=n, user_agent=f"bot {n}") for n in range(AGENTS_REMEMBERED + 10)], agents)
    assert len(agents._known) == AGENTS_REMEMBERED


def test_an_agent_whose_storing_failed_is_stored_the_next_time(database: Database) -> None:
    agents = UserAgents()

    def fail() -> None:
        with database.write() as connection:
            write_activity(connection, agents, [ROW], NOW)
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        fail()
    agents.forget()
    write(database, [ROW], agents)
    assert read(database) == [ROW]


@pytest.mark.usefixtures("sites")
def test_what_is_older_goes_a_little_at_a_time_on_every_site(database: Database) -> None:
    write(database, rows(ROWS_AT_ONCE + 3))
    write(database, rows(2, site_id=2))
    write(database, rows(2, at_micros=NOW + 1, site_id=2))
    gone: list[int] = []
    while not gone or gone[-1]:
        with database.write() as connection:
            gone.append(sweep_activity(connection, NOW + 1))
    assert gone == [ROWS_AT_ONCE, 3, 2, 0]
    assert {row.at_micros for row in read(database)} == {NOW + 1}


@pytest.mark.usefixtures("sites")
def test_an_agent_stays_as_long_as_rows_share_it(database: Database) -> None:
    agents = UserAgents()
    write(database, [ROW], agents)
    later = NOW + 20 * DAY_MICROS
    write(database, [replace(ROW, at_micros=later, number=2)], agents, later)
    for before, rows_left, agents_left in (
        (NOW, 2, 1),
        (NOW + 10 * DAY_MICROS, 1, 1),
        (later, 1, 1),
        (later + 2 * DAY_MICROS, 0, 0),
    ):
        with database.write() as connection:
            while sweep_activity(connection, before):
                pass
        assert (len(read(database)), agents_stored(database)) == (rows_left, agents_left)
    with database.read() as connection:
        assert connection.execute(select(activity)).first() is None
