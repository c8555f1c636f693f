"""Where to begin: watching first, and no mere claim earns a free page."""

from __future__ import annotations

import pytest

from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.money import Money
from edge.core.rule_index import compile_rules
from edge.core.rule_shadow import shadowed
from edge.core.rules import Action
from publisher_dashboard.presets import PRESETS, preset_rules

PRICE = Money(5_000, "USD")
WORDS = [preset.word for preset in PRESETS]


def action(word: str, kind: CrawlerKind) -> Action:
    rules = preset_rules(word, PRICE)
    assert rules is not None
    return compile_rules(rules).match("/a", None, ClaimedCrawler("X", "", kind), 0).rule.action


def test_watching_comes_first_and_refuses_and_charges_nobody() -> None:
    assert WORDS[0] == "watch"
    assert {action("watch", kind) for kind in CrawlerKind} == {Action.MONITOR}


@pytest.mark.parametrize(
    ("word", "training", "search"),
    [
        ("training", Action.CHARGE, Action.ALLOW),
        ("bots", Action.CHARGE, Action.CHARGE),
        ("signed", Action.BLOCK, Action.BLOCK),
    ],
)
def test_a_mere_claim_is_treated_as_the_preset_says(word: str, training: Action, search: Action) -> None:
    assert action(word, CrawlerKind.TRAINING) is training
    assert action(word, CrawlerKind.SEARCH) is search


@pytest.mark.parametrize("word", WORDS)
def test_every_preset_is_whole_and_no_rule_of_it_is_hidden(word: str) -> None:
    rules = preset_rules(word, PRICE)
    assert rules is not None
    assert shadowed(rules) == ()
    assert {rule.price for rule in rules if rule.price} <= {PRICE}


def test_a_word_that_is_no_preset_gives_none() -> None:
    assert preset_rules("everything for free", PRICE) is None
