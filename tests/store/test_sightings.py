"""A crawler is new at a site once, for all processes, and only when it proved who it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from edge.store.database import Database
from edge.store.service_keys import ServiceKeys, load_service_keys
from edge.store.sightings import Sighting, note_sightings, signed_sightings
from edge.store.traffic import TrafficKey
from edge.store.webhook_endpoints import Endpoint
from tests.support.webhooks import AT, bodies, introduce, listen


@pytest.fixture
def keys(tmp_path: Path) -> ServiceKeys:
    return load_service_keys(tmp_path / "data")


@pytest.fixture
def parties(database: Database) -> Database:
    with database.write() as connection:
        introduce(connection)
    return database


def note(database: Database, *sightings: Sighting, at_micros: int = AT) -> int:
    with database.write() as connection:
        return note_sightings(connection, sightings, at_micros)


def hear(
    database: Database, keys: ServiceKeys, publisher_id: int | None = None, crawler_id: int | None = None
) -> Endpoint:
    return listen(database, keys, "crawler.first_seen", publisher_id=publisher_id, crawler_id=crawler_id)[0]


def key(site_id: int, name: str, rung: str) -> TrafficKey:
    return TrafficKey(0, site_id, name, rung, "rule", "charged")


def test_a_name_that_is_only_claimed_is_nobody() -> None:
    keys = [key(1, "Bot1", "signed"), key(1, "Bot2", "claimed"), key(0, "Bot1", "signed"), key(2, "", "")]
    assert signed_sightings(keys) == {Sighting(1, "Bot1")}


def test_the_first_time_is_told_to_both_parties_and_to_nobody_else(parties: Database, keys: ServiceKeys) -> None:
    hears = partial(hear, parties, keys)
    heard = [hears(), hears(publisher_id=1), hears(crawler_id=2)]
    deaf = [hears(publisher_id=2), hears(crawler_id=1)]
    assert note(parties, Sighting(1, "Bot2")) == 1
    assert note(parties, Sighting(1, "Bot2"), at_micros=AT + 1) == 0
    for endpoint in heard:
        (body,) = bodies(parties, endpoint)
        assert body["subject"] == "Bot2 at news1.example"
        assert body["data"] == {
            "crawler": "Bot2",
            "agent_url": "https://bot2.example",
            "kind": "training",
            "operator": "Example",
            "site": "news1.example",
            "first_seen_at": "2026-09-21T14:13:20.000000Z",
        }
    assert [bodies(parties, endpoint) for endpoint in deaf] == [[], []]


def test_each_site_has_a_first_time_of_its_own(parties: Database, keys: ServiceKeys) -> None:
    assert note(parties, Sighting(1, "Bot1"), Sighting(2, "Bot1"), Sighting(2, "bot1")) == 2


def test_a_later_listener_does_not_hear_of_old_friends(parties: Database, keys: ServiceKeys) -> None:
    note(parties, Sighting(1, "Bot1"))
    endpoint, _ = listen(parties, keys, "crawler.first_seen")
    assert note(parties, Sighting(1, "Bot1")) == 0
    assert bodies(parties, endpoint) == []


def test_a_name_or_a_site_that_is_gone_is_passed_over(parties: Database) -> None:
    assert note(parties, Sighting(1, "(other)"), Sighting(9, "Bot1")) == 0
