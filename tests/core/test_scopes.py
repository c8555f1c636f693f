"""What the signals say of a path by its longest pattern is what the rules decide by their order."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rule_index import RuleIndex, compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.signals.patterns import matches, patterns_of, sample_of
from edge.core.signals.preferences import (
    content_signals,
    content_usage,
    usage_by_pattern,
    usage_everywhere,
)
from edge.core.signals.rsl import RSL_NAMESPACE, rsl_document
from edge.core.signals.scopes import KIND_OF, Terms, Use, Uses, longest, project, terms_of
from edge.core.signals.tdmrep import tdmrep_document
from edge.core.where import parse_where

CENT, MILLE = Money(10_000, "USD"), Money(1_000, "USD")
BASE = "https://news.example"
TDM = {Action.ALLOW: (0, False), Action.CHARGE: (1, True), Action.BLOCK: (1, False)}
PATHS = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/x", "/x.pdf", "/a/x.pdf", "/a/b/x.pdf/", "/b/x.html"]
WHERE = st.sampled_from(["*", "/a", "/a/*", "/a*", "/a/b/*", "/b/*", "*.pdf", "/*.html", "/a/x.pdf", "/a/b"])
WHO = st.sampled_from([Who(), *(Who(kind=kind) for kind in KIND_OF.values()), Who(kind=CrawlerKind.SEO), Who("X")])


@st.composite
def indexes(draw: st.DrawFn) -> RuleIndex:
    rules = []
    for number in range(draw(st.integers(0, 6))):
        action = draw(st.sampled_from(Action))
        price = draw(st.sampled_from([CENT, MILLE])) if action in (Action.CHARGE, Action.MONITOR) else None
        rules.append(Rule(str(number), draw(WHO), draw(WHERE), action, price))
    default = draw(st.sampled_from([everything_else(Action.ALLOW), everything_else(Action.CHARGE, CENT)]))
    return compile_rules(RuleSet(tuple(rules), default))


def asked(rules: RuleIndex, path: str) -> Uses:
    """What a proved crawler of each kind meets at the gate."""
    readers = [ClaimedCrawler("", "", KIND_OF[use], None, Rung.SIGNED) for use in Use]
    search, ai_input, ai_train = (terms_of(rules.match(path, None, reader, 0.0).rule) for reader in readers)
    return search, ai_input, ai_train


@given(indexes())
def test_every_document_says_what_the_gate_asks(rules: RuleIndex) -> None:
    projection = project(rules)
    scopes = projection.scopes
    licences = read_rsl(rsl_document(BASE, scopes))
    reserved = json.loads(tdmrep_document(BASE, projection))
    usage = usage_by_pattern(projection)
    for path in PATHS:
        terms = asked(rules, path)
        assert longest(scopes, path) == terms, path
        assert narrowest(licences, path) == [said(one) for one in terms]
        first = next(row for row in reserved if matches(row["location"], path))
        assert (first["tdm-reservation"], "tdm-policy" in first) == TDM[terms[2].action]
        assert longest(usage, path) == content_usage(terms)
        for values in (usage_everywhere(scopes) or "", content_signals(scopes) or ""):
            for key, _, value in (part.strip().partition("=") for part in values.split(",") if part):
                use = {"train-ai": Use.AI_TRAIN}.get(key) or Use(key)
                assert (value[0] == "y") == (terms[tuple(Use).index(use)].action is Action.ALLOW)


Licences = dict[str, list[tuple[str, str | None]]]


def said(terms: Terms) -> tuple[str, str | None]:
    return (terms.action.value, str(terms.price) if terms.price else None)


def read_rsl(text: str) -> Licences:
    """For each url what its licences say of each use: a reader of its own, by the specification."""
    names = {"r": RSL_NAMESPACE}
    found: Licences = {}
    for content in ET.fromstring(text).findall("r:content", names):
        uses: dict[str, tuple[str, str | None]] = {}
        for licence in content.findall("r:license", names):
            for prohibits in licence.findall("r:prohibits[@type='usage']", names):
                words = (prohibits.text or "").replace("all", " ".join(Use)).split()
                uses |= dict.fromkeys(words, ("block", None))
            payment, amount = licence.find("r:payment", names), licence.find("r:payment/r:amount", names)
            for permits in licence.findall("r:permits[@type='usage']", names):
                price = None if amount is None else f"{amount.get('currency')} {amount.text}"
                assert payment is not None
                action = {"free": "allow", "crawl": "charge"}[payment.get("type", "")]
                uses |= dict.fromkeys((permits.text or "").split(), (action, price))
        found[content.get("url", "")] = [uses[use.value] for use in Use]
    return found


def narrowest(licences: Licences, path: str) -> list[tuple[str, str | None]]:
    return licences[max((url for url in licences if matches(url, path)), key=len)]


def test_only_elements_that_the_specification_knows_are_written() -> None:
    rules = RuleSet((Rule("a&b", where='/a"<&*', action=Action.BLOCK),), everything_else(Action.CHARGE, MILLE))
    text = rsl_document(BASE, project(compile_rules(rules)).scopes)
    names = {element.tag.removeprefix(f"{{{RSL_NAMESPACE}}}") for element in ET.fromstring(text).iter()}
    known = {"rsl", "content", "license", "permits", "prohibits", "payment", "standard", "amount", "terms"}
    assert names == known
    assert "server=" not in text


def test_no_licence_leaves_free_what_it_does_not_name() -> None:
    """Without permits everything is permitted but what is prohibited: so each licence permits, or prohibits all."""
    rules = (
        Rule("closed", where="/closed/*", action=Action.BLOCK),
        Rule("no training", Who(kind=CrawlerKind.TRAINING), action=Action.BLOCK),
    )
    index = compile_rules(RuleSet(rules, everything_else(Action.CHARGE, CENT)))
    licences = ET.fromstring(rsl_document(BASE, project(index).scopes)).iter(f"{{{RSL_NAMESPACE}}}license")
    said_of = [[(one.tag.rpartition("}")[2], one.text) for one in licence][:2] for licence in licences]
    assert said_of == [
        [("permits", "search ai-input"), ("prohibits", "ai-train")],
        *[[("prohibits", "all")]] * 2,
    ]


def test_a_licence_with_an_address_is_the_standard_one() -> None:
    rule = Rule("a", where="/a/*", action=Action.CHARGE, price=CENT, licence="https://l.example/v1")
    text = rsl_document(BASE, project(compile_rules(RuleSet((rule,), everything_else(Action.ALLOW)))).scopes)
    assert '<standard>https://l.example/v1</standard><amount currency="USD">0.01</amount>' in text


def test_what_patterns_cannot_say_is_left_to_the_price_list_and_told() -> None:
    rules = (
        Rule("nights", action=Action.ALLOW, when=Window((0,), 0, 60)),
        Rule("print", where="/a", query="print=1", action=Action.BLOCK),
        Rule("named", where="/u/:name", action=Action.BLOCK),
        Rule("off", where="/o/:name", action=Action.BLOCK, enabled=False),
    )
    found = project(compile_rules(RuleSet(rules, everything_else(Action.CHARGE, CENT))))
    assert [scope.pattern for scope in found.scopes] == ["/"]
    assert len(found.remarks) == 2
    assert "“nights”, “print”" in found.remarks[0]
    assert "/u/:name" in found.remarks[1]
    assert "/o/" not in "".join(found.remarks)


def test_many_patterns_have_an_end() -> None:
    rules = tuple(Rule(str(at), where=f"/p/{at}/*", action=Action.BLOCK) for at in range(400))
    found = project(compile_rules(RuleSet(rules, everything_else(Action.ALLOW))))
    assert len(found.scopes) == 301
    assert "300 patterns of 800" in found.remarks[0]


def test_overlaps_have_an_end_too() -> None:
    directories = [Rule(f"d{at}", where=f"/d{at}/*", action=Action.BLOCK) for at in range(60)]
    endings = [Rule(f"e{at}", where=f"*.e{at}", action=Action.BLOCK) for at in range(60)]
    found = project(compile_rules(RuleSet((*directories, *endings), everything_else(Action.ALLOW))))
    assert len(found.patterns) <= 300
    assert "120 patterns of endings" in found.remarks[0]
    assert all(not scope.pattern.startswith("/*") for scope in found.scopes)


@pytest.mark.parametrize(
    ("where", "patterns"),
    [
        ("*", ("/",)), ("/*", ("/",)), ("/", ("/$",)), ("/a", ("/a$", "/a/$")), ("/a/", ("/a$", "/a/$")),
        ("/a/*", ("/a/", "/a$")), ("/a*", ("/a",)), ("*.pdf", ("/*.pdf$", "/*.pdf/$")),
        ("/a/*/p", ("/a/*/p$", "/a/*/p/$")), ("/a/*/p/*", ("/a/*/p/",)), ("/a/:id", ()),
        ("/a\\*b", ("/a%2Ab$", "/a%2Ab/$")),
    ],
)  # fmt: skip
def test_patterns_cover_what_a_rule_covers(where: str, patterns: tuple[str, ...]) -> None:
    assert patterns_of(parse_where(where)) == patterns
    for pattern in patterns:
        assert matches(pattern, sample_of(pattern))
