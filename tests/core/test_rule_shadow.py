"""A rule said to be unreachable never decides; the plain cases are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.identity import ClaimedCrawler, CrawlerKind, RegisteredCrawler, Rung, SignedCrawler
from edge.core.money import Money
from edge.core.rule_index import compile_rules
from edge.core.rule_shadow import Shadow, shadowed
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.web_bot_auth import Verified

DEFAULT = everything_else(Action.ALLOW)


def rule(where: str, **parts: object) -> Rule:
    return replace(Rule("rule", where=where, action=Action.CHARGE, price=Money(1, "USD")), **parts)  # type: ignore[arg-type]


def rule_set(*rules: Rule) -> RuleSet:
    return RuleSet(tuple(replace(each, name=f"rule {number}") for number, each in enumerate(rules)), DEFAULT)


@pytest.mark.parametrize(
    ("earlier", "later", "hidden"),
    [
        (rule("*"), rule("/a/:id"), True),
        (rule("/*"), rule("*"), True),
        (rule("/a/*"), rule("/a/b"), True),
        (rule("/a/*"), rule("/a"), True),
        (rule("/a/*"), rule("/a/b/*"), True),
        (rule("/a/*"), rule("/a*"), False),
        (rule("/a/*"), rule("/a/:id?"), False),
        (rule("/a"), rule("/A/"), True),
        (rule("/:x/b"), rule("/:x/b"), True),
        (rule("/:x"), rule("/a"), False),
        (rule("*", enabled=False), rule("/a"), False),
        (rule("*"), rule("/a", enabled=False), False),
        (rule("*", when=Window((0,), 0, 60)), rule("/a"), False),
        (rule("*"), rule("/a", when=Window((0,), 0, 60)), True),
        (rule("*", query="print"), rule("/a"), False),
        (rule("*", query="print"), rule("/a", query="print"), True),
        (rule("*"), rule("/a", query="print"), True),
        (rule("*", who=Who(crawler="GPTBot")), rule("/a"), False),
        (rule("*", who=Who(crawler="GPTBot")), rule("/a", who=Who(crawler="gptbot", kind=CrawlerKind.SEARCH)), True),
        (rule("*", who=Who(kind=CrawlerKind.SEARCH)), rule("*", who=Who(kind=CrawlerKind.TRAINING)), False),
        (rule("*", who=Who(least=Rung.SIGNED)), rule("*"), False),
        (rule("*", who=Who(least=Rung.CLAIMED)), rule("*", who=Who(least=Rung.SIGNED)), True),
        (rule("*", who=Who(most=Rung.CLAIMED)), rule("*"), False),
        (rule("*", who=Who(most=Rung.CLAIMED)), rule("*", who=Who(most=Rung.IMPOSTOR)), True),
        (rule("*", who=Who(most=Rung.IMPOSTOR)), rule("*", who=Who(most=Rung.CLAIMED)), False),
        (rule("*", who=Who("A"), action=Action.ALLOW, price=None), rule("*", who=Who("A")), False),
        (
            rule("*", who=Who("A"), action=Action.ALLOW, price=None),
            rule("*", who=Who("A", least=Rung.CLAIMED)),
            True,
        ),
    ],
)
def test_an_earlier_rule_hides_a_later_one_only_when_it_takes_everything(
    earlier: Rule, later: Rule, hidden: bool
) -> None:
    assert shadowed(rule_set(earlier, later)) == ((Shadow(1, 0),) if hidden else ())


def test_the_first_rule_that_hides_is_named() -> None:
    assert shadowed(rule_set(rule("/b"), rule("/a/*"), rule("*"), rule("/a/b"))) == (Shadow(3, 1),)


def test_case_tells_rules_apart_where_it_matters() -> None:
    assert shadowed(rule_set(rule("/a"), rule("/A")), case_sensitive=True) == ()


WHOS = st.builds(
    Who,
    st.sampled_from([None, "GPTBot", "CCBot"]),
    st.just(None),
    st.sampled_from([None, CrawlerKind.TRAINING]),
    st.sampled_from([None, Rung.CLAIMED, Rung.SIGNED]),
    st.sampled_from([None, Rung.SIGNED]),
)
WHERES = st.sampled_from(
    ["*", "/*", "/", "/a", "/A/", "/a/*", "/a/b", "/a/b*", "/:x", "/a/:x", "/a/:x?", "*.pdf", "/a*"]
)
PATHS = ["/", "/a", "/a/", "/a/b", "/A/bc", "/a/b/c", "/x.pdf", "/ab", "/z"]
IDENTITIES = [
    maker
    for name in ("GPTBot", "CCBot", "Other")
    for kind in (CrawlerKind.TRAINING, CrawlerKind.OTHER)
    for maker in (
        ClaimedCrawler(name, "", kind),
        ClaimedCrawler(name, "", kind, None, Rung.IMPOSTOR),
        ClaimedCrawler(name, "", kind, None, Rung.ADDRESS),
        SignedCrawler(
            RegisteredCrawler(1, name, "", kind, "https://bot.example/"),
            Verified("https://bot.example/", "t", "sig1", frozenset(), 1, 2, None, b""),
        ),
    )
]


@given(st.lists(st.builds(lambda who, where: rule(where, who=who), WHOS, WHERES), min_size=2, max_size=8))
@settings(max_examples=100)
def test_a_hidden_rule_never_decides(rules: list[Rule]) -> None:
    rules_in_order = rule_set(*rules)
    hidden = {shadow.position for shadow in shadowed(rules_in_order)}
    index = compile_rules(rules_in_order)
    decided = {index.match(path, None, identity, 0.0).position for path in PATHS for identity in IDENTITIES}
    assert not hidden & decided
