"""A rule that a publisher publishes changes the next seconds' answers of every running edge, without a restart."""

from __future__ import annotations

import pytest

from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, everything_else
from tests.support.market import PRICE, rules
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system

DEARER = Money(9_000, "USD")


def start_edges(stage: Stage) -> list[int]:
    """One process on SQLite, two on PostgreSQL; their ports."""
    return [stage.edge().port for _ in range(1 if stage.market.database.is_sqlite else 2)]


def test_a_published_price_is_asked_and_charged_by_every_running_edge(stage: Stage) -> None:
    ports = start_edges(stage)
    lives = [edge.pid for edge in stage.edges]
    assert {stage.offer_at(port) for port in ports} == {(402, str(PRICE))}
    stage.market.publish(rules(DEARER))
    stage.wait_until(lambda: {stage.offer_at(port) for port in ports} == {(402, str(DEARER))})
    purchases = [stage.market.purchase("/small/1") for _ in ports]
    assert {attempt.charged for attempt in stage.buy_at_once(purchases)} == {str(DEARER)}
    assert [charges.amounts for charges in stage.charges(*purchases)] == [[DEARER]] * len(ports)
    assert [edge.pid for edge in stage.edges] == lives


def test_a_published_block_and_a_published_gift_are_obeyed_by_every_running_edge(stage: Stage) -> None:
    ports = start_edges(stage)
    stage.market.publish(RuleSet((), everything_else(Action.BLOCK)))
    stage.wait_until(lambda: {stage.offer_at(port) for port in ports} == {(403, None)})
    free = Rule("free", where="/small/*", action=Action.ALLOW)
    stage.market.publish(RuleSet((free,), everything_else(Action.BLOCK)))
    stage.wait_until(lambda: {stage.offer_at(port) for port in ports} == {(200, None)})
    assert stage.market.balance_micros() == stage.market.credit.amount_micros
