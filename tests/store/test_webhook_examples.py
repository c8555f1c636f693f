"""Every event has an example in docs/webhooks.md, and the example has the shape of what is really sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.core.errors import EdgeError
from edge.core.ledger_operations import Post
from edge.core.rules import Action, RuleSet, everything_else
from edge.core.webhooks import HEARS, Audience, WebhookEvent
from edge.store.alerts import set_alert
from edge.store.charge_feed import fold_charges
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database
from edge.store.ledger_alarms import tell_alarm
from edge.store.rulesets import publish_rules
from edge.store.service_keys import load_service_keys
from edge.store.sightings import Sighting, note_sightings
from tests.support.budget_counter import DAY, Counter, pages
from tests.support.source_tree import ROOT
from tests.support.webhooks import AT, bodies, listen

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
WRITTEN = {
    example["type"]: example for example in map(json.loads, re.findall(r"```json\n(.*?)\n```", PAGE, flags=re.DOTALL))
}
NOT_YET_SENT = {WebhookEvent.STATEMENT_CLOSED}
"""Named in the table; nothing sends them yet, so there is no shape to compare with."""


def charge(counter: Counter, folder: Path) -> None:
    counter.sell()
    fold_charges(counter.database, AT + 3600_000_000)


def threshold(counter: Counter, folder: Path) -> None:
    counter.limit(DAY, 10)
    counter.sell(5)


def low(counter: Counter, folder: Path) -> None:
    set_alert(counter.database, 1, pages(99), author="operator")
    counter.sell(2)


def rules(counter: Counter, folder: Path) -> None:
    with counter.database.write() as connection:
        publish_rules(connection, 1, RuleSet((), everything_else(Action.ALLOW)), 0, "spring", "editor", AT)


def sighting(counter: Counter, folder: Path) -> None:
    with counter.database.write() as connection:
        note_sightings(connection, [Sighting(1, "Bot1")], AT)


def alarm(counter: Counter, folder: Path) -> None:
    tell_alarm(counter.database, "edge-1", EdgeError("broken"), AT)


def checkpoint(counter: Counter, folder: Path) -> None:
    counter.write(Post(counter.books.order(counter.crawler)))
    CheckpointKeeper(counter.database, folder / "data", "example", folder / "kept.jws").keep()


HAPPEN: dict[WebhookEvent, Callable[[Counter, Path], None]] = {
    WebhookEvent.CHARGE_POSTED: charge,
    WebhookEvent.BUDGET_THRESHOLD: threshold,
    WebhookEvent.ACCOUNT_LOW: low,
    WebhookEvent.RULES_PUBLISHED: rules,
    WebhookEvent.CRAWLER_FIRST_SEEN: sighting,
    WebhookEvent.LEDGER_ALARM: alarm,
    WebhookEvent.LEDGER_CHECKPOINT: checkpoint,
}


def shape(value: Any) -> Any:
    """The names and types of a document; a list by its first item, a null by nothing that it could be instead."""
    match value:
        case dict():
            return {name: shape(item) for name, item in value.items()}
        case [first, *_]:
            return [shape(first)]
        case _:
            return type(value).__name__


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("event", list(HAPPEN), ids=str)
def test_an_example_is_what_is_sent(database: Database, tmp_path: Path, event: WebhookEvent) -> None:
    counter = Counter(database)
    endpoint, _ = listen(database, load_service_keys(tmp_path / "data"), event)
    HAPPEN[event](counter, tmp_path)
    assert shape(bodies(database, endpoint)[0]) == shape(WRITTEN[event])


def test_every_event_that_is_sent_has_an_example() -> None:
    assert set(WRITTEN) == set(HAPPEN) == set(WebhookEvent) - NOT_YET_SENT


@pytest.mark.parametrize("event", list(WebhookEvent), ids=str)
def test_the_table_says_who_hears_of_an_event(event: WebhookEvent) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{event}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")][2:]
    heard = {audience for audience, cell in zip(Audience, cells, strict=True) if cell}
    assert heard == {audience for audience in Audience if event in HEARS[audience]}
