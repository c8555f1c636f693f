"""A crawler's people: the last owner stays, invitations work once, all of it is in the log; on both databases."""

from __future__ import annotations

from threading import Thread
from time import sleep

import pytest

from edge.store.audit_events import AuditFilter, crawler_events
from edge.store.crawler_people import (
    TeamRole,
    accept_as,
    accept_as_new,
    invite,
    join_team,
    people_ever,
    remove_from_team,
    team_of,
)
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.people import LastOwner, add_person
from edge.store.problems import UnknownName

NOW = 1_800_000_000_000_000
OWNER, SECOND = "owner@bot.example", "second@bot.example"


@pytest.fixture
def bot(database: Database) -> int:
    """A crawler with one owner."""
    with database.write() as connection:
        made = add_crawler(connection, NewCrawler("ExampleBot", "https://bot.example"), NOW).crawler_id
        join_team(connection, add_person(connection, OWNER, "hash", NOW).person_id, made, TeamRole.OWNER)
    return made


def take_out(database: Database, bot: int, email: str, author: str, *, even_last_owner: bool = False) -> None:
    with database.write() as connection:
        remove_from_team(connection, bot, email, author=author, now_micros=NOW, even_last_owner=even_last_owner)


def log(database: Database, bot: int) -> list[tuple[str, str, str]]:
    with database.read() as connection:
        found = crawler_events(connection, bot, AuditFilter(), 50)
    return [(one.action, one.author, one.subject) for one in found]


def people(database: Database, bot: int) -> dict[str, TeamRole]:
    with database.read() as connection:
        return {one.email: one.role for one in team_of(connection, bot)}


def test_what_happens_to_a_team_is_in_its_log(database: Database, bot: int) -> None:
    with database.write() as connection:
        link = invite(connection, bot, SECOND.upper(), TeamRole.VIEWER, author=OWNER, now_micros=NOW)
        made = accept_as_new(connection, link, "hash", NOW)
        assert made is not None
        again = invite(connection, bot, SECOND, TeamRole.OWNER, author=OWNER, now_micros=NOW)
        assert accept_as(connection, again, made.person_id, SECOND, NOW) is not None
        invite(connection, bot, "third@bot.example", TeamRole.VIEWER, author=SECOND, now_micros=NOW)
    take_out(database, bot, "third@bot.example", SECOND)
    take_out(database, bot, OWNER, SECOND)
    take_out(database, bot, SECOND, SECOND, even_last_owner=True)
    with pytest.raises(UnknownName):
        take_out(database, bot, SECOND, SECOND)
    assert log(database, bot) == [
        ("team.left", SECOND, SECOND),
        ("team.removed", SECOND, OWNER),
        ("team.invitation-revoked", SECOND, "third@bot.example"),
        ("team.invited", SECOND, "third@bot.example"),
        ("team.role-changed", SECOND, SECOND),
        ("team.invited", OWNER, SECOND),
        ("team.joined", SECOND, SECOND),
        ("team.invited", OWNER, SECOND),
    ]
    with database.read() as connection:
        assert people_ever(connection, bot) == {SECOND}


def test_the_last_owner_neither_leaves_nor_becomes_a_viewer(database: Database, bot: int) -> None:
    with pytest.raises(LastOwner):
        take_out(database, bot, OWNER, OWNER)
    with database.write() as connection:
        link = invite(connection, bot, OWNER, TeamRole.VIEWER, author=OWNER, now_micros=NOW)
        [owner] = team_of(connection, bot)
    with pytest.raises(LastOwner), database.write() as connection:
        accept_as(connection, link, owner.person_id, OWNER, NOW)
    assert people(database, bot) == {OWNER: TeamRole.OWNER}
    take_out(database, bot, OWNER, "operator", even_last_owner=True)
    assert people(database, bot) == {}


def test_two_owners_who_take_each_other_out_at_once_leave_one(database: Database, bot: int) -> None:
    with database.write() as connection:
        join_team(connection, add_person(connection, SECOND, "hash", NOW).person_id, bot, TeamRole.OWNER)
    refused = []

    def take() -> None:
        try:
            take_out(database, bot, OWNER, SECOND)
        except LastOwner as problem:
            refused.append(problem)

    other = Thread(target=take)
    with database.write() as connection:
        remove_from_team(connection, bot, SECOND, author=OWNER, now_micros=NOW)
        other.start()
        while other.is_alive() and not waits(database):
            sleep(0.01)
    other.join()
    assert people(database, bot) == {OWNER: TeamRole.OWNER}
    assert len(refused) == 1


def waits(database: Database) -> bool:
    """Whether somebody waits for a lock; SQLite lets nobody else begin to write."""
    with database.read() as connection:
        if connection.dialect.name == "sqlite":
            return True
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar())


@pytest.mark.parametrize("becomes_viewer", [False, True])
def test_with_an_owner_go_the_links_that_they_made(database: Database, bot: int, becomes_viewer: bool) -> None:
    with database.write() as connection:
        second = add_person(connection, SECOND, "hash", NOW).person_id
        join_team(connection, second, bot, TeamRole.OWNER)
        kept = invite(connection, bot, "me@else.example", TeamRole.OWNER, author=SECOND, now_micros=NOW)
        others = invite(connection, bot, "new@bot.example", TeamRole.OWNER, author=OWNER, now_micros=NOW)
        if becomes_viewer:
            less = invite(connection, bot, SECOND, TeamRole.VIEWER, author=OWNER, now_micros=NOW)
            accept_as(connection, less, second, SECOND, NOW)
        else:
            remove_from_team(connection, bot, SECOND, author=OWNER, now_micros=NOW)
        assert accept_as_new(connection, kept, "hash", NOW) is None
        assert accept_as_new(connection, others, "hash", NOW) is not None
    author = SECOND if becomes_viewer else OWNER
    assert ("team.invitation-revoked", author, "me@else.example") in log(database, bot)
