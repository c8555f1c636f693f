"""Discover mode over real sockets: a stranger that signs is known by its host, and cannot pay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.core.identity import Rung
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from tests.support.edge_under_test import NOW, PRICE, RICH, EdgeUnderTest
from tests.support.fake_fetch import key_set
from tests.support.signing_crawler import SigningCrawler

STRANGER, UNPUBLISHED = SigningCrawler(9, NOW), SigningCrawler(10, NOW)
RULES = RuleSet(
    (
        Rule("by its host", Who("bot9.example", least=Rung.SIGNED), "/known"),
        Rule("who signs", Who(least=Rung.SIGNED), "/signed"),
        Rule("the rest", Who(), "/signed", Action.BLOCK),
    ),
    everything_else(Action.CHARGE, PRICE),
)

MakeEdge = Callable[..., EdgeUnderTest]


def edge_with(make_edge: MakeEdge, *, discover: bool) -> EdgeUnderTest:
    published = {STRANGER.agent_url: replace(key_set([STRANGER.private_key]), url=STRANGER.agent_url)}
    return make_edge(rules=RULES, discover=discover, published=published)


@pytest.mark.parametrize(
    ("discover", "statuses"), [(True, {"/known": 200, "/signed": 200}), (False, {"/known": 402, "/signed": 403})]
)
def test_with_the_first_request_a_stranger_is_known_by_its_host_where_discovery_is_on(
    make_edge: MakeEdge, discover: bool, statuses: dict[str, int]
) -> None:
    edge = edge_with(make_edge, discover=discover)
    assert {path: edge.ask(STRANGER.signed(path)).status for path in statuses} == statuses
    assert edge.ask(RICH.signed("/signed")).status == 200
    assert edge.ask(UNPUBLISHED.signed("/signed")).status == 403


def test_the_origin_hears_the_host_and_the_counts_do_not(make_edge: MakeEdge) -> None:
    edge = edge_with(make_edge, discover=True)
    edge.ask(STRANGER.signed("/known"))
    (seen,) = edge.origin.seen
    assert (seen.fields["farebox-crawler"], seen.fields["farebox-trust"]) == ("bot9.example", "signed")
    edge.do(edge.gate.traffic.flush)
    keys = [key for counts in edge.flushed for key in counts]
    assert {(key.crawler, key.rung) for key in keys} == {("(unregistered)", "signed")}


@pytest.mark.parametrize("discover", [True, False])
def test_a_stranger_cannot_pay_and_hears_where_to_register(make_edge: MakeEdge, discover: bool) -> None:
    edge = edge_with(make_edge, discover=discover)
    asked = edge.ask(STRANGER.signed("/page"))
    assert (asked.status, asked.fields["crawler-price"]) == (402, "USD 0.01")
    refused = edge.ask(STRANGER.paying("/page"))
    assert (refused.status, json.loads(refused.body)["code"]) == (403, "crawler_unregistered")
    assert edge.ledger.entries == []
