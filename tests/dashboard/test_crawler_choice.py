"""Choosing for one crawler or a kind adds, changes or removes one rule, in its place, and touches no other."""

from __future__ import annotations

import pytest

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from publisher_dashboard.crawler_choice import CHOICES, INHERIT, Choice, choice_of, choose, who_is

GPT, OTHER = who_is(crawler="GPTBot"), who_is(crawler="ClaudeBot")
TRAINING = who_is(kind=CrawlerKind.TRAINING)
PRICE = Money(5000, "USD")
MEMBERS = Rule("Members", where="/members/*", action=Action.BLOCK)
PROVED = Rule("Search", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS))
RULES = RuleSet((MEMBERS, PROVED), everything_else(Action.ALLOW))


def names(rules: RuleSet) -> list[str]:
    return [rule.name for rule in rules.rules]


def priced(word: str) -> Choice:
    return Choice(word, PRICE if word in ("charge", "monitor") else None)


@pytest.mark.parametrize("word", CHOICES)
def test_what_was_chosen_is_what_is_chosen(word: str) -> None:
    for who, title in ((GPT, "GPTBot"), (TRAINING, "Training")):
        chosen = choose(RULES, who, priced(word), title)
        assert choice_of(chosen, who) == priced(word)
        assert [rule for rule in chosen.rules if rule in RULES.rules] == list(RULES.rules)
        assert choose(chosen, who, priced(word), title) == chosen
        assert choose(chosen, who, Choice(INHERIT), title) == RULES


def test_one_crawlers_rule_stands_above_its_kinds_and_both_above_the_rest() -> None:
    chosen = choose(RULES, TRAINING, priced("charge"), "Training")
    chosen = choose(chosen, GPT, priced("block"), "GPTBot")
    chosen = choose(chosen, OTHER, priced("allow"), "ClaudeBot")
    chosen = choose(chosen, who_is(kind=CrawlerKind.SEO), priced("block"), "Search optimisation")
    assert names(chosen) == ["GPTBot", "ClaudeBot", "Training", "Search optimisation", "Members", "Search"]


def test_changing_a_choice_keeps_the_rules_name_and_place() -> None:
    own = Rule("My deal", GPT, action=Action.CHARGE, price=PRICE, free_pages=7)
    rules = RuleSet((MEMBERS, own, PROVED), RULES.default)
    assert names(choose(rules, GPT, Choice("block"), "GPTBot")) == ["Members", "My deal", "Search"]
    dearer = choose(rules, GPT, Choice("charge", Money(9000, "USD")), "GPTBot")
    assert dearer.rules[1].free_pages == 7
    assert choose(rules, GPT, priced("charge"), "GPTBot") == rules


def test_a_rule_that_asks_for_more_is_no_choice() -> None:
    for asked in (Who(crawler="GPTBot", least=Rung.SIGNED), Who(crawler="GPTBot", kind=CrawlerKind.TRAINING)):
        assert choice_of(RuleSet((Rule("x", asked),), RULES.default), GPT).word == INHERIT
    elsewhere = Rule("x", GPT, "/a/*", Action.BLOCK)
    assert choice_of(RuleSet((elsewhere,), RULES.default), GPT).word == INHERIT


def test_a_name_that_is_taken_is_not_taken_twice() -> None:
    taken = RuleSet((Rule("gptbot", where="/x"), Rule("GPTBot 2", where="/y")), RULES.default)
    assert names(choose(taken, GPT, priced("block"), "GPTBot"))[0] == "GPTBot 3"
