"""The robots.txt of sites that crawlers came to is read again; what cannot be read leaves what was known in force."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from edge.core.policy import SitePolicy
from edge.proxy.robots_rounds import RobotsRounds
from edge.store import schema
from edge.store.database import Database
from edge.store.robots import RobotsJudge
from edge.store.tables import robots_file
from tests.store.test_activity import NOW, ROW
from tests.support.edge_under_test import HOST, Setting, policy_for

POLICY = policy_for(Setting(), "http://127.0.0.1:1")
ROW_HERE = replace(ROW, site_id=POLICY.sites[HOST].site_id)


@dataclass
class Origin:
    """Says what it is told to, and keeps who asked."""

    text: str | None = "User-agent: *\nDisallow: /x\n"
    fault: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def __call__(self, site: SitePolicy) -> str | None:
        self.asked.append(site.host)
        if self.fault is not None:
            raise self.fault
        return self.text


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database.open(f"sqlite:///{tmp_path / 'farebox.db'}")
    schema.upgrade(database)
    return database


def go(database: Database, origin: Origin, *, seen: bool = True) -> list[str]:
    judge, reports = RobotsJudge(), list[str]()
    if seen:
        with database.write() as connection:
            judge.add(connection, [ROW_HERE])
    rounds = RobotsRounds(
        database, judge, lambda: POLICY, origin, lambda: NOW, lambda what, error: reports.append(f"{what}: {error}")
    )
    asyncio.run(rounds.go_round())
    return reports


def kept(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(robots_file.c.text)).scalars())


def test_a_site_that_a_crawler_came_to_is_asked(database: Database) -> None:
    origin = Origin()
    assert go(database, origin) == []
    assert origin.asked == [HOST]
    assert kept(database) == [origin.text]


def test_a_site_that_nobody_came_to_is_not_asked(database: Database) -> None:
    origin = Origin()
    go(database, origin, seen=False)
    assert origin.asked == []


def test_no_plain_answer_and_a_fault_leave_what_was_known(database: Database) -> None:
    go(database, Origin())
    assert go(database, Origin(text=None)) == []
    assert go(database, Origin(fault=OSError("away"))) == ["robots.txt: away"]
    assert len(kept(database)) == 1
