"""Behind the requests: outages are told once they can be, charges are folded, old deliveries go."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from edge.core.ledger import InvariantBroken, LedgerUnavailable
from edge.proxy.webhook_sources import SWEEP_EVERY_SECONDS, LedgerAlarms, WebhookSources
from edge.store.database import Database
from edge.store.tables import metadata, webhook_event
from edge.store.webhook_deliveries import disable
from tests.support.webhook_post import Post
from tests.support.webhooks import DAY, SECOND, bodies

KEEP_SECONDS = 30 * 86_400.0


def sources(post: Post, alarms: LedgerAlarms | None = None, database: Database | None = None) -> WebhookSources:
    told = alarms or LedgerAlarms("edge-1", post.clock)
    return WebhookSources(database or post.database, told, KEEP_SECONDS, post.clock, post.reports)


def test_an_outage_is_told_with_its_own_time(post: Post) -> None:
    endpoint, _ = post.listen("https://hooks.example/")
    alarms = LedgerAlarms("edge-1", post.clock)
    alarms.note(LedgerUnavailable("the ledger cannot be written"))
    noticed = post.clock.now
    post.clock.now += 60 * SECOND
    sources(post, alarms).go_round()
    sources(post, alarms).go_round()
    (body,) = bodies(post.database, endpoint)
    assert (body["data"]["node"], body["data"]["selling_ended"]) == ("edge-1", False)
    assert body["timestamp"].endswith(f"{noticed % SECOND:06d}Z")


def test_what_ends_selling_is_told_elsewhere(post: Post) -> None:
    """By the checkpoints' rounds, which look at what ended it; twice would be one too many."""
    endpoint, _ = post.listen("https://hooks.example/")
    alarms = LedgerAlarms("edge-1", post.clock)
    alarms.note(InvariantBroken("the books"))
    assert alarms.tell(post.database) == 0
    assert bodies(post.database, endpoint) == []


def test_an_outage_waits_until_the_database_takes_it(post: Post, tmp_path: Path) -> None:
    endpoint, _ = post.listen("https://hooks.example/")
    alarms = LedgerAlarms("edge-1", post.clock)
    alarms.note(LedgerUnavailable("first"))
    post.clock.now += 1
    alarms.note(LedgerUnavailable("second"))
    away = Database.open(f"sqlite:///{tmp_path / 'empty.db'}")  # without a single table: nothing can be written
    rounds = sources(post, alarms, away)
    rounds.go_round()
    assert post.reports.errors
    post.reports.errors.clear()
    away.close()
    sources(post, alarms).go_round()
    assert [body["data"]["reason"] for body in bodies(post.database, endpoint)] == ["first", "second"]


def test_old_events_go_about_once_an_hour(post: Post) -> None:
    endpoint, _ = post.listen("https://hooks.example/")
    post.happen()
    rounds = sources(post)
    rounds.go_round()
    with post.database.write() as connection:
        disable(connection, endpoint.endpoint_id, "for a test")

    def kept() -> int:
        with post.database.read() as connection:
            return len(connection.execute(select(webhook_event)).all())

    post.clock.now += 31 * DAY
    rounds.go_round()
    assert kept() == 0
    with post.database.write() as connection:
        connection.execute(
            metadata.tables["webhook_event"]
            .insert()
            .values(id="evt_old", event="ledger.alarm", subject="", body="{}", at_micros=0)
        )
    rounds.go_round()
    assert kept() == 1, "it has swept a moment ago"
    post.clock.now += int(SWEEP_EVERY_SECONDS) * SECOND
    rounds.go_round()
    assert kept() == 0


@pytest.mark.parametrize("rounds", [1, 3])
def test_nothing_to_do_is_nothing_written(post: Post, rounds: int) -> None:
    post.listen("https://hooks.example/")
    for _ in range(rounds):
        sources(post).go_round()
    with post.database.read() as connection:
        assert connection.execute(select(webhook_event)).first() is None
