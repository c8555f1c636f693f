"""Behind the requests: outages are told once they can be, charges are folded."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from edge.core.ledger import InvariantBroken, LedgerUnavailable
from edge.proxy.webhook_sources import LedgerAlarms, WebhookSources
from edge.store.database import Database
from edge.store.tables import webhook_event
from tests.support.webhook_post import Post
from tests.support.webhooks import SECOND, bodies


def sources(post: Post, alarms: LedgerAlarms | None = None, database: Database | None = None) -> WebhookSources:
    told = alarms or LedgerAlarms("edge-1", post.clock)
    return WebhookSources(database or post.database, told, post.clock, post.reports)


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


@pytest.mark.parametrize("rounds", [1, 3])
def test_nothing_to_do_is_nothing_written(post: Post, rounds: int) -> None:
    post.listen("https://hooks.example/")
    for _ in range(rounds):
        sources(post).go_round()
    with post.database.read() as connection:
        assert connection.execute(select(webhook_event)).first() is None
