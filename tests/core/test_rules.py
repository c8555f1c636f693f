"""A rule that exists is valid; a form hears which field is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rates import Rate
from edge.core.rules import (
    Action,
    InvalidRule,
    LedgerErrorChoice,
    Rule,
    RuleSet,
    Who,
    Window,
    everything_else,
)

CENT = Money(10_000, "USD")
LONG_READS = Rule("long reads", Who(kind=CrawlerKind.TRAINING), "/articles/*", Action.CHARGE, CENT)


def test_a_rule_takes_everything_it_can_say() -> None:
    rule = Rule(
        "blocked at night",
        Who("GPTBot", "OpenAI", CrawlerKind.TRAINING, Rung.SIGNED),
        "/:section/(\\d+)/*",
        Action.BLOCK,
        None,
        "ai-train",
        False,
        Window((0, 6), 22 * 60, 6 * 60),
        "page=1&print",
        LedgerErrorChoice.SERVE_UNBILLED,
        402,
        "Write to sales@example.com",
    )
    assert replace(rule, enabled=True).who.least is Rung.SIGNED


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": " padded"}),
        ("name", {"name": "two\nlines"}),
        ("name", {"name": "x" * 101}),
        ("where", {"where": "articles"}),
        ("where", {"where": "/a//b"}),
        ("where", {"where": "/a?b"}),
        ("where", {"where": "/:"}),
        ("price", {"price": None}),
        ("price", {"action": Action.ALLOW}),
        ("price", {"action": Action.BLOCK}),
        ("licence", {"licence": "two words"}),
        ("licence", {"licence": ""}),
        ("query", {"query": ""}),
        ("query", {"query": "=1"}),
        ("block_status", {"block_status": 404}),
        ("block_text", {"block_text": "a\r\nSet-Cookie: x"}),
        ("block_text", {"block_text": " "}),
        ("free_pages", {"free_pages": -1}),
        ("free_pages", {"free_pages": 10**9 + 1}),
        ("free_pages", {"action": Action.ALLOW, "price": None, "free_pages": 1}),
        ("free_pages", {"action": Action.MONITOR, "free_pages": 1}),
        ("recrawl_hours", {"recrawl_hours": 0}),
        ("recrawl_hours", {"recrawl_hours": 24 * 366 + 1}),
        ("recrawl_hours", {"action": Action.ALLOW, "price": None, "recrawl_hours": 1}),
        ("recrawl_unchanged", {"action": Action.ALLOW, "price": None, "recrawl_unchanged": True}),
        ("rate", {"action": Action.BLOCK, "price": None, "rate": Rate(1, "second")}),
        ("block_text", {"block_text": "x" * 501}),
    ],
)
def test_a_mistake_names_its_field(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRule) as caught:
        replace(LONG_READS, **changes)
    assert caught.value.field == field
    assert caught.value.message
    assert str(caught.value) == f"{field}: {caught.value.message}"


@pytest.mark.parametrize(("crawler", "operator"), [("", None), (None, "x" * 101), ("a\x00b", None), (" a", "b")])
def test_a_crawler_or_operator_is_named_in_words(crawler: str | None, operator: str | None) -> None:
    with pytest.raises(InvalidRule, match="who"):
        Who(crawler, operator)


def test_a_set_has_one_rule_of_a_name_and_one_currency() -> None:
    default = everything_else(Action.ALLOW)
    with pytest.raises(InvalidRule, match="two rules are named"):
        RuleSet((LONG_READS, replace(LONG_READS, name="Long Reads")), default)
    with pytest.raises(InvalidRule, match="two rules are named"):
        RuleSet((replace(LONG_READS, name="everything else"),), default)
    with pytest.raises(InvalidRule, match="one currency"):
        RuleSet((LONG_READS,), everything_else(Action.CHARGE, Money(1, "EUR")))


def test_everything_else_asks_for_nothing() -> None:
    with pytest.raises(InvalidRule, match="default"):
        RuleSet((), replace(LONG_READS, who=Who()))
    with pytest.raises(InvalidRule, match="default"):
        RuleSet((), replace(everything_else(Action.ALLOW), enabled=False))
    assert RuleSet((), everything_else(Action.CHARGE, CENT)).default.price == CENT


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        (Window((4,), 480, 1080), "2026-11-20T08:00:00", True),  # a Friday
        (Window((4,), 480, 1080), "2026-11-20T07:59:59", False),
        (Window((4,), 480, 1080), "2026-11-20T17:59:59.9", True),
        (Window((4,), 480, 1080), "2026-11-20T18:00:00", False),
        (Window((3,), 480, 1080), "2026-11-20T08:00:00", False),
        (Window((4,), 0, 1440), "2026-11-20T23:59:59", True),
        (Window((4,), 1320, 360), "2026-11-20T22:00:00", True),
        (Window((4,), 1320, 360), "2026-11-21T05:59:59", True),  # the night belongs to the day it starts on
        (Window((4,), 1320, 360), "2026-11-20T05:00:00", False),
        (Window((6,), 1320, 360), "2026-11-23T01:00:00", True),
        (Window((0,), 60, 60), "2026-11-24T00:30:00", True),  # once around the clock
        (Window((3,), 0, 1), "1970-01-01T00:00:30", True),
    ],
)
def test_a_window_is_read_in_utc(window: Window, moment: str, inside: bool) -> None:
    assert window.contains(_at(moment)) is inside


@pytest.mark.parametrize(
    "parts",
    [((), 0, 60), ((0, 0), 0, 60), ((7,), 0, 60), ((0,), -1, 60), ((0,), 1440, 60), ((0,), 0, 1441), ((0,), 0, 0)],
)
def test_a_window_that_cannot_be_is_refused(parts: tuple[tuple[int, ...], int, int]) -> None:
    with pytest.raises(InvalidRule, match="when"):
        Window(*parts)
