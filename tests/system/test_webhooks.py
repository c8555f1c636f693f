"""From a purchase at running edges to a verified message at a receiver, over sockets all the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge.core.webhooks import WebhookEvent
from edge.store.charge_feed import FOLD_EVERY_SECONDS
from edge.store.database import now_micros
from edge.store.service_keys import load_service_keys
from tests.support.market import HOST
from tests.support.system_stage import Stage
from tests.support.webhook_receiver import WebhookReceiver
from tests.support.webhooks import listen

pytestmark = pytest.mark.system


def test_a_purchase_is_told_to_whoever_listens(stage: Stage, tmp_path: Path) -> None:
    """Two edges on PostgreSQL share the work: each message comes once from either."""
    with WebhookReceiver() as receiver:
        keys = load_service_keys(tmp_path / "data")
        events = (WebhookEvent.CHARGE_POSTED, WebhookEvent.CRAWLER_FIRST_SEEN, WebhookEvent.RULES_PUBLISHED)
        # Added a minute ago, so that the first charges need not wait for one to pass.
        added = now_micros() - FOLD_EVERY_SECONDS * 1_000_000
        _, secret = listen(stage.market.database, keys, *events, url=receiver.url(), at_micros=added)
        receiver.learn(secret)
        for _ in range(1 if stage.market.database.is_sqlite else 2):
            stage.edge(dev="true")
        purchases = [stage.market.purchase(f"/small/{number}") for number in range(4)]
        charged = {attempt.receipt for attempt in stage.buy_at_once(purchases)}
        stage.wait_until(lambda: {"charge.posted", "crawler.first_seen"} <= {one["type"] for one in told(receiver)})
        # The rest may come in the next minute's message.
        assert charges(receiver) <= charged
        (first,) = [one for one in told(receiver) if one["type"] == "crawler.first_seen"]
        assert first["data"]["site"] == HOST
        assert [message["problem"] for message in receiver.received() if message["problem"]] == []
        ids = [message["id"] for message in receiver.received()]
        assert len(ids) == len(set(ids))


def told(receiver: WebhookReceiver) -> list[dict[str, Any]]:
    return [message["document"] for message in receiver.received()]


def charges(receiver: WebhookReceiver) -> set[str | None]:
    batches = [one["data"]["charges"] for one in told(receiver) if one["type"] == "charge.posted"]
    return {charge["charge_id"] for batch in batches for charge in batch}
