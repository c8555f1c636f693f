"""Lists of addresses are fetched once a day by one node; the last good copy outlives every failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.address_book import AddressBook, Feed, Seed
from edge.core.identity import Rung
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.address_feeds import FETCH_EVERY_SECONDS, RETRY_SECONDS, AddressFeeds
from edge.store.address_feeds import list_feeds
from edge.store.database import Database
from tests.support.fake_fetch import DOWN, FakeFetch, served

FEED = Feed("https://one.example/ips.json", "One", ("OneBot",))
SEED = Seed(FEED.url, "2026-01-01", ("7.7.7.0/24",))
DAY = 86_400


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Node:
    """One edge's lists, over a database that it may share."""

    def __init__(self, database: Database, clock: Clock, fetch: FakeFetch | None) -> None:
        self.fetch = fetch
        self.evidence = AddressEvidence(AddressBook(), {}, None)
        self.reports: list[str] = []
        self.feeds = AddressFeeds(
            [FEED], [SEED], self.evidence, database, fetch, self._report, now=clock, random_unit=lambda: 1.0
        )

    def _report(self, what: str, error: BaseException) -> None:
        self.reports.append(f"{what}: {error}")

    def round(self) -> None:
        asyncio.run(self.feeds.round())

    def rung(self, address: str) -> Rung:
        return self.evidence.prove("OneBot", address)


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "store.db"
    path.write_bytes(migrated_file.read_bytes())
    database = Database.open(f"sqlite:///{path}")
    yield database
    database.close()


def listing(*prefixes: str) -> FakeFetch:
    return FakeFetch({FEED.url: served({"prefixes": [{"ipv4Prefix": text} for text in prefixes]})})


def test_without_a_network_the_shipped_copy_proves_and_accuses_nobody(database: Database) -> None:
    node = Node(database, Clock(), FakeFetch({}))
    node.round()
    assert (node.rung("7.7.7.7"), node.rung("9.9.9.9")) == (Rung.ADDRESS, Rung.CLAIMED)


def test_what_is_fetched_takes_the_place_of_what_was_there(database: Database) -> None:
    node = Node(database, Clock(), listing("9.9.9.0/24"))
    node.round()
    assert (node.rung("9.9.9.9"), node.rung("7.7.7.7")) == (Rung.ADDRESS, Rung.IMPOSTOR)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"prefixes":[{"ipv4Prefix":"0.0.0.0/0"}]}'])
def test_a_failure_leaves_the_last_good_copy_in_force_and_is_noted(database: Database, body: bytes) -> None:
    clock, fetch = Clock(), listing("9.9.9.0/24")
    node = Node(database, clock, fetch)
    node.round()
    for answer in (DOWN, served(body)):
        fetch.answers[FEED.url] = answer
        clock.now += FETCH_EVERY_SECONDS + 1
        node.round()
        assert node.rung("9.9.9.9") is Rung.ADDRESS
        with database.read() as connection:
            (kept,) = list_feeds(connection)
        assert kept.failure is not None
    assert len(fetch.asked) == 3


def test_a_copy_that_was_not_renewed_for_a_week_still_proves_and_no_longer_accuses(database: Database) -> None:
    clock, fetch = Clock(), listing("9.9.9.0/24")
    node = Node(database, clock, fetch)
    node.round()
    fetch.answers.clear()
    clock.now += 7 * DAY - 10
    node.round()
    assert node.rung("7.7.7.7") is Rung.IMPOSTOR
    clock.now += 20
    node.round()
    assert (node.rung("9.9.9.9"), node.rung("7.7.7.7")) == (Rung.ADDRESS, Rung.CLAIMED)


def test_a_list_is_fetched_once_a_day_and_sooner_after_a_failure(database: Database) -> None:
    clock, fetch = Clock(), listing("9.9.9.0/24")
    node = Node(database, clock, fetch)
    node.round()
    clock.now += FETCH_EVERY_SECONDS - 10
    node.round()
    assert len(fetch.asked) == 1
    fetch.answers[FEED.url] = DOWN
    clock.now += 20
    node.round()
    clock.now += RETRY_SECONDS - 10
    node.round()
    assert len(fetch.asked) == 2
    clock.now += 20
    node.round()
    assert len(fetch.asked) == 3


def test_of_several_nodes_one_fetches_and_the_others_find_its_copy(database: Database) -> None:
    clock = Clock()
    nodes = [Node(database, clock, listing("9.9.9.0/24")) for _ in range(4)]

    async def all_at_once() -> None:
        await asyncio.gather(*(node.feeds.round() for node in nodes))

    asyncio.run(all_at_once())
    assert sum(len(node.fetch.asked) for node in nodes if node.fetch) == 1
    for node in nodes:
        node.round()
        assert node.rung("9.9.9.9") is Rung.ADDRESS
        assert node.reports == []


def test_an_edge_that_fetches_nothing_takes_what_others_fetched(database: Database) -> None:
    clock = Clock()
    Node(database, clock, listing("9.9.9.0/24")).round()
    quiet = Node(database, clock, None)
    quiet.round()
    assert quiet.rung("9.9.9.9") is Rung.ADDRESS


def test_a_database_that_cannot_be_read_leaves_what_is_in_force(database: Database) -> None:
    node = Node(database, Clock(), listing("9.9.9.0/24"))
    node.round()
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE address_feed")
    node.round()
    assert node.rung("9.9.9.9") is Rung.ADDRESS
    assert node.reports
