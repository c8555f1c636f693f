"""Rules as text and as the stored document: nothing is lost, nothing unknown is let through."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rates import REQUESTS_MAX, Rate
from edge.core.rule_file import InvalidRuleFile, from_document, parse_rules, to_document, to_toml
from edge.core.rules import (
    ENGINE_PATTERNS_MAX,
    FREE_PAGES_MAX,
    RECRAWL_HOURS_MAX,
    RULES_MAX,
    Action,
    InvalidRule,
    LedgerErrorChoice,
    Rule,
    RuleSet,
    Who,
    Window,
    everything_else,
)

EXAMPLE = """
[[rule]]
name = "long reads"
who = { kind = "training" }            # or crawler = "GPTBot"
where = "/articles/*"
action = "charge"
price = "USD 0.005"
licence = "ai-train"
free_pages = 100
free_period = "day"
recrawl_hours = 24
recrawl_unchanged = true
rate = "60/minute"

[[rule]]
name = "signed only"
enabled = false
who = { crawler = "GPTBot", operator = "OpenAI", least = "address", most = "signed" }
where = "/:section/(\\\\d+)"
query = "print&page=*"
when = { days = ["sat", "sun"], from = "22:00", to = "06:30" }
action = "block"
block_status = 402
block_text = "write to \\"us\\""
on_ledger_error = "serve_unbilled"

[default]
action = "monitor"
price = "USD 1"
"""

EXPECTED = RuleSet(
    (
        Rule(
            "long reads",
            Who(kind=CrawlerKind.TRAINING),
            "/articles/*",
            Action.CHARGE,
            Money(5_000, "USD"),
            "ai-train",
            free_pages=100,
            free_period=FreePeriod.DAY,
            recrawl_hours=24,
            recrawl_unchanged=True,
            rate=Rate(60, "minute"),
        ),
        Rule(
            "signed only",
            Who("GPTBot", "OpenAI", None, Rung.ADDRESS, Rung.SIGNED),
            "/:section/(\\d+)",
            Action.BLOCK,
            enabled=False,
            when=Window((5, 6), 22 * 60, 6 * 60 + 30),
            query="print&page=*",
            on_ledger_error=LedgerErrorChoice.SERVE_UNBILLED,
            block_status=402,
            block_text='write to "us"',
        ),
    ),
    everything_else(Action.MONITOR, Money(1_000_000, "USD")),
)

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
PRICES = st.integers(0, 10**12).map(lambda micros: Money(micros, "EUR"))
WINDOWS = st.builds(
    Window, st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple), st.integers(0, 1439), st.integers(1, 1440)
)
RATES = st.builds(Rate, st.integers(1, REQUESTS_MAX), st.sampled_from(["second", "minute", "hour", "day"]))
WHOS = st.builds(
    Who,
    st.none() | TEXTS,
    st.none() | TEXTS,
    st.none() | st.sampled_from(CrawlerKind),
    st.none() | st.sampled_from(Rung),
)


@st.composite
def _rule(draw: st.DrawFn) -> Rule:
    action = draw(st.sampled_from(Action))
    priced = {Action.CHARGE: PRICES, Action.MONITOR: st.none() | PRICES}
    sells, blocks = action is Action.CHARGE, action is Action.BLOCK
    return Rule(
        draw(TEXTS),
        draw(WHOS),
        draw(st.sampled_from(["*", "/", "/a/*", "/caf\u00e9/:x", "/C\\+\\+", "/(\\d+)"])),
        action,
        draw(priced.get(action, st.none())),
        draw(st.none() | st.just("https://example.com/licence")),
        draw(st.booleans()),
        draw(st.none() | WINDOWS),
        draw(st.none() | st.just('a="b"')),
        draw(st.sampled_from(LedgerErrorChoice)),
        draw(st.sampled_from([403, 402])),
        draw(st.none() | TEXTS),
        draw(st.integers(0, FREE_PAGES_MAX)) if sells else 0,
        draw(st.sampled_from(FreePeriod)),
        draw(st.none() | st.integers(1, RECRAWL_HOURS_MAX)) if sells else None,
        draw(st.booleans()) if sells else False,
        None if blocks else draw(st.none() | RATES),
    )


RULE_SETS = st.builds(
    RuleSet,
    st.lists(_rule(), max_size=5, unique_by=lambda rule: rule.name.casefold()).map(tuple),
    st.builds(everything_else, st.just(Action.CHARGE), PRICES, st.just("all the rest of it")),
)


def test_the_example_reads_as_it_says() -> None:
    assert parse_rules(EXAMPLE, "toml", "USD") == EXPECTED


def test_json_says_the_same() -> None:
    rules = [
        {"name": "a", "where": "/a", "action": "charge", "price": "USD 0.01", "who": {"least": "reverse-dns"}},
    ]
    text = json.dumps({"rule": rules, "default": {"action": "allow"}})
    rule = Rule("a", Who(least=Rung.REVERSE_DNS), "/a", Action.CHARGE, Money(10_000, "USD"))
    assert parse_rules(text, "json", "USD") == RuleSet((rule,), everything_else(Action.ALLOW))


@given(RULE_SETS)
@settings(max_examples=40)
def test_a_file_reads_back_to_the_rules_it_was_written_from(rule_set: RuleSet) -> None:
    assert parse_rules(to_toml(rule_set), "toml", "EUR") == rule_set


@given(RULE_SETS)
@settings(max_examples=40)
def test_a_stored_document_reads_back_to_the_same_rules(rule_set: RuleSet) -> None:
    assert from_document(json.loads(json.dumps(to_document(rule_set)))) == rule_set


def test_a_document_states_amounts_in_micros() -> None:
    document = to_document(EXPECTED)
    assert document["rules"][0]["price"] == {"amount_micros": 5_000, "currency": "USD"}
    assert "price" not in document["rules"][1]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (EXAMPLE.replace("price =", "prise ="), "rule 1 \\('long reads'\\).*unknown key prise"),
        (EXAMPLE.replace('kind = "training"', 'kin = "training"'), "rule 1 \\('long reads'\\), who: unknown key kin"),
        (EXAMPLE.replace('"training"', '"learning"'), "rule 1 .*kind: 'learning' is not one of training, search"),
        (EXAMPLE.replace('"charge"', '"sell"'), "rule 1 .*action: 'sell' is not one of allow, charge"),
        (EXAMPLE.replace("USD 0.005", "0.005"), "rule 1 .*price: '0.005' is not a price"),
        (EXAMPLE.replace("USD 0.005", "EUR 0.005"), "rule 1 .*price: this site's prices are in USD"),
        (EXAMPLE.replace('"USD 0.005"', "0.005"), "rule 1 .*price: write text in quotes"),
        (EXAMPLE.replace('name = "long reads"\n', ""), "rule 1, name: give the rule a name"),
        (EXAMPLE.replace('"/articles/*"', '"articles"'), "rule 1 .*where: 'articles' does not start with a slash"),
        (EXAMPLE.replace('most = "signed"', 'most = "impostor"'), "rule 2 .*nobody is both"),
        (EXAMPLE.replace('least = "address"', 'least = "sure"'), "rule 2 .*least: 'sure' is not one of"),
        (EXAMPLE.replace("enabled = false", 'enabled = "no"'), "rule 2 .*enabled: write true or false"),
        (EXAMPLE.replace('"sat"', '"saturday"'), "rule 2 .*when: write days as a list"),
        (EXAMPLE.replace('"22:00"', '"10pm"'), "rule 2 .*when: write a time of day"),
        (EXAMPLE.replace('"22:00"', '"25:00"'), "rule 2 .*when: write a time of day from 00:00"),
        (EXAMPLE.replace("= 402", "= 404"), "rule 2 .*block_status: choose 403 or 402"),
        (EXAMPLE.replace("= 402", "= true"), "rule 2 .*block_status: choose 403 or 402"),
        (EXAMPLE.replace("serve_unbilled", "free"), "rule 2 .*on_ledger_error: 'free' is not one of"),
        (EXAMPLE.replace("signed only", "Long Reads"), "two rules are named 'Long Reads'"),
        (EXAMPLE.replace("[default]", "[defalt]"), "unknown section defalt"),
        (EXAMPLE.partition("[default]")[0], "add \\[default\\]"),
        (EXAMPLE + "where = '/a'\n", "\\[default\\].*unknown key where"),
        ("[rule]\nname = 'a'\n[default]\naction = 'allow'", "two brackets"),
        ("[[rule]", "this is not TOML"),
        ("rule = [1]\n[default]\naction = 'allow'", "rule 1 is not a table"),
    ],
)
def test_a_mistake_names_the_rule_and_the_key(broken: str, message: str) -> None:
    with pytest.raises(InvalidRuleFile, match=message):
        parse_rules(broken, "toml", "USD")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_what_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRuleFile, match=r"this is not JSON|must be an object"):
        parse_rules(text, "json", "USD")


@pytest.mark.parametrize(
    "damage",
    [{"format": 2}, {"rules": None}, {"rules": [{}]}, {"default": {}}, {"default": {"name": "x", "action": "?"}}],
)
def test_a_damaged_document_is_not_guessed_at(damage: dict[str, Any]) -> None:
    with pytest.raises(InvalidRuleFile, match="document"):
        from_document(to_document(EXPECTED) | damage)


@pytest.mark.parametrize("key", ["format", "rules", "default"])
def test_a_document_that_lacks_a_part_is_not_guessed_at(key: str) -> None:
    with pytest.raises(InvalidRuleFile, match="document"):
        from_document({name: value for name, value in to_document(EXPECTED).items() if name != key})


def numbered(where: str, number: int) -> str:
    rules = [{"name": f"rule {at}", "where": where.format(at), "action": "allow"} for at in range(number)]
    return json.dumps({"rule": rules, "default": {"action": "allow"}})


def test_a_long_list_of_addresses_for_the_engine_is_refused_before_it_is_read_to_its_end() -> None:
    """A thousand take most of a second to read, and as many again would do nothing but cost memory at the edge."""
    with pytest.raises(InvalidRuleFile, match=r"rule 1001 \('rule 1000'\), where: at most 1000 rules") as refused:
        parse_rules(numbered("/s{}/(\\d+)/*", ENGINE_PATTERNS_MAX + 5), "json", "USD")
    assert "write the others with * and whole names" in str(refused.value)
    one = Rule("r", where="/a/:x-:y", action=Action.ALLOW)
    many = tuple(replace(one, name=f"r{number}") for number in range(ENGINE_PATTERNS_MAX + 1))
    assert len(RuleSet(many[1:], everything_else(Action.ALLOW)).rules) == ENGINE_PATTERNS_MAX
    with pytest.raises(InvalidRule, match="at most 1000 rules"):
        RuleSet(many, everything_else(Action.ALLOW))


def test_names_and_stars_have_no_such_limit_but_that_of_all_rules() -> None:
    assert len(parse_rules(numbered("/s{}/:id/*", ENGINE_PATTERNS_MAX + 1), "json", "USD").rules) == 1001
    with pytest.raises(InvalidRuleFile, match="a site has at most 20000"):
        parse_rules(numbered("/s{}", RULES_MAX + 1), "json", "USD")
