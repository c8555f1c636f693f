"""Rounds go on behind the requests, by one process, whatever one chore runs into, and end with the process."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from edge.proxy.housekeeper import Housekeeper
from edge.store.database import Database
from edge.store.housekeeping import ROUND_EVERY_MICROS, Chore
from edge.store.tables import housekeeping
from tests.support.webhook_post import Post
from tests.support.webhooks import AT


@dataclass
class Rounds:
    """Housekeepers of one database, their clock, and what they reported."""

    database: Database
    now: int = AT
    reports: list[tuple[str, str]] = field(default_factory=list)
    tidied: list[int] = field(default_factory=list)

    def keeper(self, **chores: Chore) -> Housekeeper:
        return Housekeeper(
            self.database,
            chores,
            clock=lambda: self.now,
            report=lambda what, error: self.reports.append((what, str(error))),
            tidy=self.tidied.append,
        )


def of_rows(*numbers: int) -> tuple[Chore, list[int]]:
    """A chore that finds so many rows each time, and how often it was called."""
    left, calls = list(numbers), list[int]()

    def chore(connection: Connection, now: int) -> int:
        calls.append(now)
        return left.pop(0) if left else 0

    return chore, calls


def failing(connection: Connection, now: int) -> int:
    raise OSError("the disk")


def test_a_round_calls_each_chore_until_nothing_is_left(post: Post) -> None:
    first, first_calls = of_rows(500, 500, 3)
    second, second_calls = of_rows()
    gone = Rounds(post.database).keeper(first=first, second=second).go_round()
    assert gone == {"first": 1003, "second": 0}
    assert (len(first_calls), len(second_calls)) == (4, 1)


def test_a_chore_that_fails_is_reported_and_keeps_nobody_from_theirs(post: Post) -> None:
    rounds = Rounds(post.database)
    good, _ = of_rows(2)
    assert rounds.keeper(bad=failing, good=good).go_round()["good"] == 2
    assert rounds.reports == [("housekeeping: bad", "the disk")]


def test_two_processes_share_the_rounds(post: Post) -> None:
    rounds = Rounds(post.database)
    chore, calls = of_rows()
    one, other = rounds.keeper(chore=chore), rounds.keeper(chore=chore)
    for keeper in (one, other, one):
        keeper.look()
    assert len(calls) == 1
    assert len(rounds.tidied) == 3, "files are each machine's own"
    rounds.now += ROUND_EVERY_MICROS
    for keeper in (other, one):
        keeper.look()
    assert len(calls) == 2
    with post.database.read() as connection:
        assert connection.execute(select(housekeeping.c.ended_at_micros)).scalar_one() == rounds.now


def test_a_database_that_is_away_is_reported_and_asked_again(post: Post) -> None:
    rounds = Rounds(post.database)
    with post.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE housekeeping RENAME TO away")
    rounds.keeper().look()
    assert [what for what, _ in rounds.reports] == ["housekeeping"]
    with post.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO housekeeping")
    chore, calls = of_rows()
    rounds.keeper(chore=chore).look()
    assert len(calls) == 1


def test_a_round_under_way_ends_with_its_transaction_when_the_process_stops(post: Post) -> None:
    began = threading.Event()

    def endless(connection: Connection, now: int) -> int:
        began.set()
        return 1

    keeper = Rounds(post.database).keeper(endless=endless)

    async def life() -> bool:
        task = asyncio.create_task(keeper.run())
        await asyncio.to_thread(began.wait)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(life()), "the round ended, or this would never return"
