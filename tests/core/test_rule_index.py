"""The index answers as a walk down the list would: the first rule that matches, whatever its form."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.identity import (
    ClaimedCrawler,
    CrawlerKind,
    Identity,
    RegisteredCrawler,
    Rung,
    SignedCrawler,
    TokenCrawler,
    Visitor,
)
from edge.core.money import Money
from edge.core.path_table import covers_path, path_key
from edge.core.query_terms import QueryTest, parse_query_terms
from edge.core.rule_index import Match, compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.web_bot_auth import Verified
from edge.core.where import parse_where

PRICE = Money(5_000, "USD")
DEFAULT = everything_else(Action.ALLOW)
PROOF = Verified("https://bot.example/", "t", "sig1", frozenset(), 1, 2, None, b"s" * 64)


def claimed(
    name: str, operator: str = "", kind: CrawlerKind = CrawlerKind.OTHER, rung: Rung = Rung.CLAIMED
) -> ClaimedCrawler:
    return ClaimedCrawler(name, operator, kind, None, rung)


def signed(name: str, operator: str = "", kind: CrawlerKind = CrawlerKind.OTHER) -> SignedCrawler:
    return SignedCrawler(RegisteredCrawler(1, name, operator, kind, "https://bot.example/"), PROOF)


def rule_for(where: str, name: str = "rule", **parts: object) -> Rule:
    return replace(Rule(name, where=where, action=Action.CHARGE, price=PRICE), **parts)  # type: ignore[arg-type]


def position_of(rules: list[Rule], path: str, identity: Identity, query: str | None = None, now: float = 0.0) -> int:
    return compile_rules(RuleSet(tuple(rules), DEFAULT)).match(path, query, identity, now).position


def holding(name: str, operator: str = "", kind: CrawlerKind = CrawlerKind.OTHER) -> TokenCrawler:
    return TokenCrawler(RegisteredCrawler(1, name, operator, kind, "https://bot.example/"), 7, b"purchase")


PAYING = {SignedCrawler: Rung.SIGNED, TokenCrawler: Rung.TOKEN}
GPTBOT = claimed("GPTBot", "OpenAI", CrawlerKind.TRAINING)


def test_the_first_rule_that_matches_decides() -> None:
    rules = [rule_for("/a/b", "one"), rule_for("/a/*", "two"), rule_for("*", "three")]
    assert [position_of(rules, path, GPTBOT) for path in ("/a/b", "/a/c", "/x")] == [0, 1, 2]
    assert [position_of(rules[::-1], path, GPTBOT) for path in ("/a/b", "/a/c", "/x")] == [0, 0, 0]


def test_everything_else_comes_after_the_last_rule() -> None:
    index = compile_rules(RuleSet((rule_for("/a"),), DEFAULT))
    assert index.match("/b", None, GPTBOT, 0.0) == Match(1, DEFAULT)


@pytest.mark.parametrize(
    ("who", "identity", "matches"),
    [
        (Who(), claimed(""), True),
        (Who(), Visitor(), False),
        (Who(crawler="gptbot"), GPTBOT, True),
        (Who(crawler="GPTBot"), claimed("CCBot"), False),
        (Who(crawler="GPTBot"), signed("gptBOT"), True),
        (Who(operator="OPENAI"), GPTBOT, True),
        (Who(operator="OpenAI"), claimed("GPTBot"), False),
        (Who(kind=CrawlerKind.TRAINING), GPTBOT, True),
        (Who(kind=CrawlerKind.SEARCH), GPTBOT, False),
        (Who(least=Rung.CLAIMED), GPTBOT, True),
        (Who(least=Rung.REVERSE_DNS), GPTBOT, False),
        (Who(least=Rung.SIGNED), GPTBOT, False),
        (Who(least=Rung.SIGNED), signed("x"), True),
        (Who("GPTBot", "OpenAI", CrawlerKind.TRAINING, Rung.SIGNED), signed("GPTBot", "OpenAI"), False),
        (Who(least=Rung.ADDRESS), claimed("x", rung=Rung.ADDRESS), True),
        (Who(least=Rung.ADDRESS), claimed("x", rung=Rung.REVERSE_DNS), False),
        (Who(least=Rung.REVERSE_DNS), claimed("x", rung=Rung.ADDRESS), True),
        (Who("x"), claimed("x", rung=Rung.IMPOSTOR), True),
        (Who(most=Rung.IMPOSTOR), claimed("x", rung=Rung.IMPOSTOR), True),
        (Who(most=Rung.IMPOSTOR), claimed("x"), False),
        (Who(least=Rung.CLAIMED), claimed("x", rung=Rung.IMPOSTOR), False),
        (Who(most=Rung.CLAIMED), claimed("x"), True),
        (Who(most=Rung.ADDRESS), signed("x"), False),
        (Who(most=Rung.SIGNED), signed("x"), True),
        (Who(least=Rung.TOKEN), holding("x"), True),
        (Who(least=Rung.SIGNED), holding("x"), False),
        (Who("X", least=Rung.ADDRESS), holding("x"), True),
        (Who(most=Rung.TOKEN), signed("x"), False),
    ],
)
def test_a_rule_is_for_the_crawlers_it_names(who: Who, identity: Identity, matches: bool) -> None:
    assert position_of([rule_for("/a", who=who)], "/a", identity) == (0 if matches else 1)


@pytest.mark.parametrize("who", [Who("GPTBot"), Who(operator="OpenAI"), Who(kind=CrawlerKind.TRAINING)])
@pytest.mark.parametrize("action", Action)
def test_a_rule_that_allows_somebody_by_name_does_not_allow_an_impostor(who: Who, action: Action) -> None:
    price = PRICE if action in (Action.CHARGE, Action.MONITOR) else None
    rule = rule_for("/a", who=who, action=action, price=price)
    impostor = claimed("GPTBot", "OpenAI", CrawlerKind.TRAINING, Rung.IMPOSTOR)
    assert position_of([rule], "/a", GPTBOT) == 0
    assert position_of([rule], "/a", impostor) == (1 if action is Action.ALLOW else 0)
    assert position_of([replace(rule, who=replace(who, least=Rung.IMPOSTOR))], "/a", impostor) == 0
    skipped, _ = compile_rules(RuleSet((rule,), DEFAULT)).explain("/a", None, impostor, 0.0)
    assert [passed.reason for passed in skipped] == (
        ["asks for a name proved by claimed or better, this one is impostor"] if action is Action.ALLOW else []
    )


def test_what_is_allowed_to_any_bot_is_allowed_to_an_impostor() -> None:
    impostor = claimed("GPTBot", rung=Rung.IMPOSTOR)
    assert position_of([rule_for("/a", action=Action.ALLOW, price=None)], "/a", impostor) == 0


@pytest.mark.parametrize(
    ("where", "path", "matches"),
    [
        ("/a", "/a/", True),
        ("/a/", "/a", True),
        ("/a/*", "/a", True),
        ("/a/*", "/ab", False),
        ("/a*", "/ab/c", True),
        ("/", "/", True),
        ("/", "/a", False),
        ("/*", "/", True),
        ("*", "/", True),
        ("/a/:id", "/a/5/", True),
        ("/a/:id", "/a/5/6", False),
        ("/:id/", "/a", True),
        ("*.pdf", "/a/b.PDF", True),
        ("*.pdf", "/a/b.pdf/", True),
        ("*/print", "/a/print", True),
        ("/A/B", "/a/b", True),
    ],
)
def test_a_slash_at_the_end_and_letter_case_change_no_price(where: str, path: str, matches: bool) -> None:
    assert position_of([rule_for(where)], path, GPTBOT) == (0 if matches else 1)


def test_a_case_sensitive_site_tells_letters_apart() -> None:
    index = compile_rules(RuleSet((rule_for("/A/*"),), DEFAULT), case_sensitive=True)
    assert index.match("/A/b", None, GPTBOT, 0.0).position == 0
    assert index.match("/a/b", None, GPTBOT, 0.0).position == 1


def test_explain_says_why_each_earlier_rule_did_not_decide() -> None:
    rules = (
        rule_for("*", "off", enabled=False),
        rule_for("*", "people", who=Who(crawler="CCBot")),
        rule_for("*", "company", who=Who(operator="Google")),
        rule_for("*", "searchers", who=Who(kind=CrawlerKind.SEARCH)),
        rule_for("*", "proved", who=Who(least=Rung.ADDRESS)),
        rule_for("/b/*", "elsewhere"),
        rule_for("*", "printed", query="print"),
        rule_for("*", "mondays", when=Window((0,), 0, 60)),
        rule_for("/a", "here"),
    )
    skipped, match = compile_rules(RuleSet(rules, DEFAULT)).explain("/a", None, GPTBOT, 0.0)
    assert match == Match(8, rules[8])
    assert [(each.position, each.reason) for each in skipped] == [
        (0, "is disabled"),
        (1, "is for CCBot"),
        (2, "is for crawlers of Google"),
        (3, "is for search crawlers"),
        (4, "asks for a name proved by address or better, this one is claimed"),
        (5, "does not cover this address, only /b/*"),
        (6, "asks for the parameters print"),
        (7, "does not apply at this time"),
    ]


def test_explain_says_that_rules_are_not_for_people() -> None:
    skipped, match = compile_rules(RuleSet((rule_for("*"),), DEFAULT)).explain("/a", None, Visitor(), 0.0)
    assert [each.reason for each in skipped] == ["is for crawlers, not for people"]
    assert match == Match(1, DEFAULT)


def test_ten_thousand_rules_answer_like_ten() -> None:
    rules = tuple(rule_for(f"/s{number}/*", f"rule {number}") for number in range(10_000))
    index = compile_rules(RuleSet(rules, DEFAULT))
    assert [index.match(f"/s{number}/x", None, GPTBOT, 0.0).position for number in (0, 4_999, 9_999, 10_000)] == [
        0, 4_999, 9_999, 10_000,
    ]  # fmt: skip


NAMES = ["GPTBot", "gptbot", "CCBot", "Unheard"]
OPERATORS = ["OpenAI", "openai", ""]
WHOS = st.builds(
    Who,
    st.sampled_from([None, None, "GPTBot", "ccbot"]),
    st.sampled_from([None, None, "OpenAI"]),
    st.sampled_from([None, None, CrawlerKind.TRAINING, CrawlerKind.SEARCH]),
    st.sampled_from([None, None, Rung.CLAIMED, Rung.SIGNED]),
    st.sampled_from([None, None, Rung.SIGNED]),
) | st.sampled_from([Who(most=Rung.IMPOSTOR), Who("GPTBot", most=Rung.ADDRESS), Who(most=Rung.CLAIMED)])
WHERES = st.sampled_from([
    "*", "/*", "/", "/a", "/A/", "/a/b", "/a/*", "/a/b/*", "/a/b*", "/ab*", "/:x", "/a/:x", "/:x/b", "/:x/*/c", "*.pdf",
    "/a/*.pdf", "/*/b", "/(\\d+)/*", "/a/:x?", "{/a}?/b", "/a/*?", "/caf\u00e9/*", "/a-:x", "*b*", "/a/:x-:y",
])  # fmt: skip
RULES = st.lists(
    st.tuples(
        WHOS,
        WHERES,
        st.booleans() | st.just(True),
        st.sampled_from([None, None, None, Window((0, 3), 0, 720), Window((2,), 1200, 300)]),
        st.sampled_from([None, None, None, "page=1", "print"]),
    ),
    max_size=12,
)
PATHS = st.lists(
    st.sampled_from(["a", "b", "A", "ab", "c", "1", "x.pdf", "caf%C3%A9", "caf%C3%89", "a-b"]), max_size=4
).map(lambda segments: "/" + "/".join(segments))
IDENTITIES = st.one_of(
    st.builds(
        claimed,
        st.sampled_from(NAMES),
        st.sampled_from(OPERATORS),
        st.sampled_from(CrawlerKind),
        st.sampled_from([Rung.IMPOSTOR, Rung.CLAIMED, Rung.REVERSE_DNS, Rung.ADDRESS]),
    ),
    st.builds(signed, st.sampled_from(NAMES), st.sampled_from(OPERATORS), st.sampled_from(CrawlerKind)),
    st.builds(holding, st.sampled_from(NAMES), st.sampled_from(OPERATORS), st.sampled_from(CrawlerKind)),
)
REQUESTS = st.lists(
    st.tuples(
        st.tuples(PATHS, st.sampled_from(["", "/"])).map(lambda parts: "".join(parts).replace("//", "/")),
        st.sampled_from([None, "", "page=1", "x&print=2", "page=10"]),
        IDENTITIES,
        st.integers(0, 14 * 24).map(lambda hours: hours * 3600.0),
    ),
    min_size=1,
    max_size=8,
)


def walk(rules: tuple[Rule, ...], path: str, query: str | None, identity: Identity, now: float, sensitive: bool) -> int:
    """The definition: the first rule in the list that says yes to everything, else the place after the last."""
    for position, rule in enumerate(rules):
        if (
            rule.enabled
            and _is_for(rule.who, identity)
            and covers_path(parse_where(rule.where), path_key(path, case_sensitive=sensitive), case_sensitive=sensitive)
            and (
                rule.query is None or QueryTest(parse_query_terms(rule.query), case_sensitive=sensitive).matches(query)
            )
            and (rule.when is None or rule.when.contains(now))
        ):
            return position
    return len(rules)


def _is_for(who: Who, identity: Identity) -> bool:
    assert not isinstance(identity, Visitor)
    crawler = identity if isinstance(identity, ClaimedCrawler) else identity.crawler
    rung = identity.rung if isinstance(identity, ClaimedCrawler) else PAYING[type(identity)]
    return (
        (who.crawler is None or who.crawler.casefold() == crawler.name.casefold())
        and (who.operator is None or who.operator.casefold() == crawler.operator.casefold())
        and (who.kind is None or who.kind == crawler.kind)
        and (who.least is None or who.least <= rung)
        and (who.most is None or who.most >= rung)
    )


@given(RULES, REQUESTS, st.booleans())
@settings(max_examples=80)
def test_the_index_and_a_walk_down_the_list_agree(
    drawn: list[tuple[Who, str, bool, Window | None, str | None]],
    requests: list[tuple[str, str | None, Identity, float]],
    case_sensitive: bool,
) -> None:
    rules = tuple(
        rule_for(where, f"rule {number}", who=who, enabled=enabled, when=when, query=query)
        for number, (who, where, enabled, when, query) in enumerate(drawn)
    )
    index = compile_rules(RuleSet(rules, DEFAULT), case_sensitive=case_sensitive)
    for path, query, identity, now in requests:
        expected = walk(rules, path, query, identity, now, case_sensitive)
        assert index.match(path, query, identity, now).position == expected
        skipped, match = index.explain(path, query, identity, now)
        assert match.position == len(skipped) == expected


@given(
    RULES, st.lists(st.tuples(PATHS, st.sampled_from([None, "page=1", "print=2"])), min_size=2, max_size=12), IDENTITIES
)
@settings(max_examples=80)
def test_addresses_with_one_cover_have_one_match(
    drawn: list[tuple[Who, str, bool, Window | None, str | None]],
    addresses: list[tuple[str, str | None]],
    identity: Identity,
) -> None:
    rules = tuple(
        rule_for(where, f"rule {number}", who=who, enabled=enabled, when=when, query=query)
        for number, (who, where, enabled, when, query) in enumerate(drawn)
    )
    index = compile_rules(RuleSet(rules, DEFAULT))
    for now in (0.0, 40 * 3600.0, 100 * 3600.0):
        found: dict[tuple[int, ...], int] = {}
        for path, query in addresses:
            position = index.match(path, query, identity, now).position
            assert found.setdefault(index.cover(path_key(path, case_sensitive=False), query), position) == position


def test_a_cover_says_no_more_than_the_rules_ask_for() -> None:
    index = compile_rules(
        RuleSet((rule_for("/a/*", "one"), rule_for("/b/:x/*", "two"), rule_for("*.pdf", "three")), DEFAULT)
    )
    covers = {
        path: index.cover(path, None) for path in ("/a/1", "/a/2", "/b/1/2", "/b/3/4", "/b", "/c", "/d", "/d.pdf")
    }
    assert covers["/a/1"] == covers["/a/2"]
    assert covers["/b/1/2"] == covers["/b/3/4"] != covers["/b"]
    assert covers["/c"] == covers["/d"] != covers["/d.pdf"]
