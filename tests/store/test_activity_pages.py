"""The sums of single requests are those of the rows, on both databases: after every batch, sweep and filter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from edge.store.activity import (
    Activity,
    ActivityFilter,
    UserAgents,
    find_activity,
    stream_activity,
    write_activity,
)
from edge.store.activity_pages import ActivityPage, count_rows, kept_part, page_of_activity
from edge.store.activity_sums import DAY_MICROS, HOUR_MICROS, ActivityCount, known_values, sweep_sums
from edge.store.database import Database

DAY = 1_795_046_400_000_000 // DAY_MICROS * DAY_MICROS
CRAWLERS = (("GPTBot", "training"), ("Googlebot", "search"), ("", "other"))
OUTCOMES = ("charged", "payment_required", "allowed")
PATHS = ("/a", "/a/b?c=1", "/A/b", "/b%2F_", "/c")


def made(seed: int, count: int, days: int = 4, site_id: int = 1) -> list[Activity]:
    """Rows of every sort over some days, from the newest day backwards."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        crawler, kind = chance.choice(CRAWLERS)
        rows.append(
            Activity(
                site_id=site_id,
                at_micros=DAY + DAY_MICROS - 1 - chance.randrange(days * DAY_MICROS),
                number=number,
                crawler=crawler,
                rung=chance.choice(("claimed", "signed")),
                kind=kind,
                rule=chance.choice(("long reads", "")),
                outcome=chance.choice(OUTCOMES),
                price_micros=5000,
                offer=None,
                method="GET",
                target=chance.choice(PATHS),
                status=chance.choice((200, 402)),
                user_agent="GPTBot/1.3",
                address="",
                requests=chance.choice((1, 1, 7)),
            )
        )
    return rows


def write(database: Database, rows: Sequence[Activity]) -> None:
    with database.write() as connection:
        write_activity(connection, UserAgents(), rows, DAY)


def filters(seed: int) -> ActivityFilter:
    chance = random.Random(seed)
    first = DAY - chance.randrange(4) * DAY_MICROS

    def some(*values: object) -> object:
        return chance.choice((None, None, *values))

    return ActivityFilter(
        crawler=some("GPTBot", "", "nobody"),  # type: ignore[arg-type]
        kind=some("training"),  # type: ignore[arg-type]
        rung=some("signed"),  # type: ignore[arg-type]
        rule=some("long reads", ""),  # type: ignore[arg-type]
        outcomes=some(frozenset({"charged", "allowed"}), frozenset()),  # type: ignore[arg-type]
        status=some(402),  # type: ignore[arg-type]
        path=some("/a", "/b%2F_"),  # type: ignore[arg-type]
        since_micros=some(first),  # type: ignore[arg-type]
        until_micros=some(first + DAY_MICROS),  # type: ignore[arg-type]
    )


def counted(database: Database, wanted: ActivityFilter, most: int = 10_000) -> ActivityCount | None:
    with database.read() as connection:
        return count_rows(connection, 1, wanted, most)


def streamed(database: Database, wanted: ActivityFilter) -> list[Activity]:
    with database.read() as connection:
        kept = kept_part(connection, 1, wanted)
        return [] if kept is None else list(stream_activity(connection, 1, kept))


def page(database: Database, wanted: ActivityFilter, limit: int = 50, read_max: int = 10_000) -> ActivityPage:
    with database.read() as connection:
        return page_of_activity(connection, 1, wanted, limit, read_max)


def paged(database: Database, wanted: ActivityFilter, limit: int, read_max: int = 10_000) -> list[Activity]:
    """All pages one after the other."""
    found: list[Activity] = []
    while True:
        one = page(database, wanted, limit, read_max)
        found += one.rows
        if one.following is None:
            return found
        wanted = replace(wanted, before=one.following)


def fits(row: Activity, wanted: ActivityFilter) -> bool:
    plain = all(
        getattr(wanted, name) in (None, getattr(row, name)) for name in ("crawler", "kind", "rung", "rule", "status")
    )
    return (
        plain
        and (wanted.outcomes is None or row.outcome in wanted.outcomes)
        and (wanted.path is None or row.target.startswith(wanted.path))
        and (wanted.since_micros or 0) <= row.at_micros < (wanted.until_micros or 2**62)
    )


def test_count_file_and_pages_of_any_filter_are_the_rows_that_fit(database: Database) -> None:
    rows = made(1, 300)
    write(database, rows)
    for seed in range(60):
        wanted = filters(seed)
        expected = sorted((row for row in rows if fits(row, wanted)), key=lambda row: (row.at_micros, row.number))
        assert streamed(database, wanted) == expected, wanted
        assert paged(database, wanted, 20) == expected[::-1], wanted
        assert counted(database, wanted) == ActivityCount(len(expected), sum(row.requests for row in expected)), wanted


def test_rows_that_are_written_again_are_counted_once(database: Database) -> None:
    rows = made(2, 30)
    write(database, rows[:20])
    write(database, [*rows, rows[0]])
    assert counted(database, ActivityFilter()) == ActivityCount(30, sum(row.requests for row in rows))


def test_another_sites_rows_are_neither_listed_nor_counted(database: Database) -> None:
    write(database, [*made(3, 5), *made(4, 9, site_id=2)])
    assert counted(database, ActivityFilter()) == ActivityCount(5, sum(row.requests for row in made(3, 5)))
    assert {row.site_id for row in streamed(database, ActivityFilter())} == {1}
    with database.read() as connection:
        there = made(4, 1, site_id=2)[0]
        assert find_activity(connection, 1, there.at_micros, there.number) is None
        assert find_activity(connection, 2, there.at_micros, there.number) == there


def test_a_page_reads_so_many_rows_and_says_how_far_back_that_was(database: Database) -> None:
    rows = made(5, 300)
    write(database, rows)
    wanted = ActivityFilter(path="/c")
    first = page(database, wanted, read_max=12)
    assert first.looked_back_to is not None
    assert first.looked_back_to % HOUR_MICROS == 0
    assert first.following == (first.looked_back_to, 0)
    expected = sorted((row for row in rows if fits(row, wanted)), key=lambda row: (row.at_micros, row.number))
    assert paged(database, wanted, 50, read_max=12) == expected[::-1]
    assert counted(database, wanted, most=100) is None


def test_a_day_of_which_something_was_deleted_does_not_count_any_more(database: Database) -> None:
    rows = made(7, 100)
    write(database, rows)
    with database.write() as connection:
        sweep_sums(connection, 1, DAY - DAY_MICROS + 1)
    left = [row for row in rows if row.at_micros >= DAY]
    assert len(streamed(database, ActivityFilter())) == len(paged(database, ActivityFilter(), 20)) == len(left)
    assert counted(database, ActivityFilter()) == ActivityCount(len(left), sum(row.requests for row in left))


def test_nothing_kept_is_nothing_listed(database: Database) -> None:
    assert page(database, ActivityFilter()) == ActivityPage((), None)
    assert counted(database, ActivityFilter()) == ActivityCount(0, 0)
    assert streamed(database, ActivityFilter()) == []


def test_what_can_be_chosen_is_what_the_rows_hold(database: Database) -> None:
    write(database, made(6, 60))
    with database.read() as connection:
        assert known_values(connection, 1, "crawler", 0) == ["GPTBot", "Googlebot"]
        assert known_values(connection, 1, "rule", 0) == ["long reads"]
        assert known_values(connection, 1, "crawler", DAY + DAY_MICROS) == []
