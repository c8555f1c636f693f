"""An edge signs checkpoints by itself, and does not sell from books that are not what was signed (D6)."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.checkpoint_file import read_tokens
from edge.store.checkpoints import last_row
from edge.store.tables import entry
from tests.support.edge_process import EdgeProcess, ReservedPort
from tests.support.market import PRICE
from tests.support.system_stage import Stage
from tests.support.tampering import tampering

pytestmark = pytest.mark.system


@pytest.fixture
def admin() -> Iterator[ReservedPort]:
    port = ReservedPort()
    yield port
    port.close()


def ready(port: int) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def last_number(stage: Stage) -> int:
    with stage.market.database.read() as connection:
        row = last_row(connection)
    return 0 if row is None else row.number


def sell(stage: Stage, edge: EdgeProcess) -> None:
    attempt, _ = stage.buy("/small/1")
    assert attempt.status == 200, edge.log()


def test_checkpoints_are_made_while_serving_and_at_the_end(stage: Stage) -> None:
    edge = stage.edge(checkpoint_seconds="1")
    sell(stage, edge)
    stage.wait_until(lambda: last_number(stage) > 0)
    served = last_number(stage)
    sell(stage, edge)
    assert edge.stop() == 0
    assert last_number(stage) > served
    kept = list(read_tokens(edge.folder.parent / "data" / "checkpoints.jws"))
    assert len(kept) == last_number(stage)
    assert stage.faults() == []


def test_books_that_were_changed_are_not_sold_from(stage: Stage, admin: ReservedPort) -> None:
    free = Rule("free", where="/medium/*", action=Action.ALLOW)
    stage.market.publish(RuleSet((free,), everything_else(Action.CHARGE, PRICE)))
    edge = stage.edge(admin_bind=f"127.0.0.1:{admin.number}")
    sell(stage, edge)
    assert ready(admin.number) == (200, "ok\n")
    edge.kill()
    with tampering(stage.market.database) as connection:
        connection.execute(update(entry).where(entry.c.kind == "post").values(target="/another"))
    edge.start()
    refused, _ = stage.buy("/small/1")
    assert (refused.status, refused.fields["retry-after"]) == (503, "5")
    assert stage.offer_at(edge.port, "/medium/1") == (200, None)
    status, sentence = ready(admin.number)
    assert status == 503
    assert "does not match batch" in sentence
    assert "farebox verify" in sentence
    assert "does not match batch" in edge.log()
    assert edge.stop() == 0
