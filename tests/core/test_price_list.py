"""The signed price list says what the gate asks, for whom it was written, and nothing that nobody may know."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.grants import FreePeriod
from edge.core.identity import ClaimedCrawler, CrawlerKind, Identity, RegisteredCrawler, Rung, SignedCrawler
from edge.core.jws import JwsFault, sign_compact
from edge.core.keys import new_private_key, public_half
from edge.core.money import Money
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.core.signals.price_list import (
    PRICE_LIST_TYPE,
    Listed,
    PriceBook,
    PriceList,
    Reader,
    Unlisted,
    price_list_claims,
    price_list_document,
    public_rules,
    reader_of,
    rules_for,
    verify_price_list,
)
from edge.core.web_bot_auth import Verified

NOW = 1_800_000_000
CENT, MILLE = Money(10_000, "USD"), Money(1_000, "USD")
KEY = new_private_key()
KEYS = {public_half(KEY).thumbprint: public_half(KEY)}
PROOF = Verified("https://bot.example/", "t", "sig1", frozenset(), 1, 2, None, b"s" * 64)
BOT = SignedCrawler(RegisteredCrawler(1, "NewsBot", "News Inc.", CrawlerKind.TRAINING, "https://bot.example/"), PROOF)
RULES = RuleSet(
    (
        Rule("deal with NewsBot", Who(crawler="NewsBot"), "/archive/*", Action.CHARGE, MILLE),
        Rule("deal with Other Inc.", Who(operator="Other Inc."), "/archive/*", Action.ALLOW),
        Rule("gpt", Who(crawler="GPTBot"), "/gpt/*", Action.BLOCK, block_text="Write to us."),
        Rule("search", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS), "/s/*", Action.ALLOW),
        Rule("off", where="/off/*", action=Action.BLOCK, enabled=False),
        Rule("watched", where="/watched/*", action=Action.MONITOR, price=CENT),
        Rule("nights", where="/n/*", action=Action.ALLOW, when=Window((0, 1, 2, 3, 4, 5, 6), 0, 60)),
        Rule("terms", where="/t/*", action=Action.CHARGE, price=CENT, free_pages=5, recrawl_hours=24, licence="x"),
    ),
    everything_else(Action.CHARGE, CENT),
)


def price_list(rules: RuleSet, reader: Reader | None = None, **parts: object) -> PriceList:
    made = PriceList("op", "news.example", 3, NOW, NOW + 3600, "USD", False, False, reader, rules)
    return replace(made, **parts)  # type: ignore[arg-type]


PUBLIC = price_list(public_rules(RULES, {"GPTBot"}.__contains__))
OWN = price_list(rules_for(RULES, BOT), reader_of(BOT))


def round_trip(prices: PriceList) -> PriceList:
    read = verify_price_list(price_list_document(prices, KEY)["jws"], KEYS)
    assert isinstance(read, PriceList)
    return read


@pytest.mark.parametrize("prices", [PUBLIC, OWN], ids=["public", "own"])
def test_what_was_signed_reads_back(prices: PriceList) -> None:
    assert round_trip(prices) == prices


def test_the_members_for_people_are_those_that_are_signed() -> None:
    document = json.loads(json.dumps(price_list_document(OWN, KEY)))
    document.pop("jws")
    assert document == json.loads(json.dumps(price_list_claims(OWN)))
    assert document["for"] == {"name": "NewsBot", "operator": "News Inc.", "kind": "training", "rung": "signed"}


def test_nothing_is_published_that_nobody_may_know() -> None:
    text = json.dumps(price_list_document(PUBLIC, KEY) | {"jws": ""}) + json.dumps(price_list_claims(OWN))
    for secret in ("deal", "Other Inc.", "Write to us", 'watched"', "nights", "/off/"):
        assert secret not in text, secret
    assert "NewsBot" not in json.dumps(price_list_claims(PUBLIC))


def test_only_the_issuers_signature_counts() -> None:
    jws = price_list_document(OWN, KEY)["jws"]
    other = new_private_key()
    assert verify_price_list(jws, {}) is JwsFault.UNKNOWN_KEY
    assert verify_price_list(jws[:-4] + "AAAA", KEYS) in (JwsFault.BAD_SIGNATURE, JwsFault.UNREADABLE)
    assert verify_price_list(sign_compact("farebox-receipt+jws", {}, KEY), KEYS) is JwsFault.WRONG_TYPE
    forged = price_list_document(OWN, other)["jws"]
    assert verify_price_list(forged, KEYS) is JwsFault.UNKNOWN_KEY


@pytest.mark.parametrize(
    "change",
    [
        {"exp": "soon"}, {"site": None}, {"rules": 1}, {"for": "me"}, {"for": {"name": "x"}}, {"format": 9},
        {"default": {"action": "sell", "name": "x"}}, {"currency": "EUR"},
        {"rules": [{"name": "1", "where": "no", "action": "allow"}]},
    ],
)  # fmt: skip
def test_a_signed_text_that_is_no_list_is_refused(change: dict[str, object]) -> None:
    claims = price_list_claims(OWN) | change
    assert verify_price_list(sign_compact(PRICE_LIST_TYPE, claims, KEY), KEYS) is JwsFault.BAD_CLAIMS


def test_a_list_of_ones_own_knows_every_price() -> None:
    book = PriceBook(round_trip(OWN))
    assert book.look_up("/archive/1?page=2", NOW) == Listed(RULES.rules[0].__class__(
        "1", where="/archive/*", action=Action.CHARGE, price=MILLE), MILLE)  # fmt: skip
    found = book.look_up("/t/1", NOW)
    assert isinstance(found, Listed)
    assert (found.price, found.rule.free_pages, found.rule.free_period) == (CENT, 5, FreePeriod.MONTH)
    assert (found.rule.recrawl_hours, found.rule.licence) == (24, "x")
    assert book.look_up("/watched/1", NOW) == Listed(Rule("2", where="/watched/*"), None)


def test_a_public_list_sends_whoever_may_have_other_terms_to_the_page() -> None:
    book = PriceBook(round_trip(PUBLIC))
    assert book.look_up("/gpt/1", NOW) == Unlisted("a rule for some crawlers covers it")
    assert book.look_up("/s/1", NOW) == Unlisted("a rule for some crawlers covers it")
    found = book.look_up("/archive/1", NOW)
    assert isinstance(found, Listed)
    assert found.price == CENT


@pytest.mark.parametrize("target", ["/robots.txt", "/.well-known/farebox/jwks.json", "/license.xml"])
def test_what_is_always_free_is_free(target: str) -> None:
    found = PriceBook(OWN).look_up(target, NOW)
    assert isinstance(found, Listed)
    assert found.price is None


@pytest.mark.parametrize("target", ["/a//b", "/a/../b", "/a%2Fb", "no"])
def test_an_address_without_a_plain_spelling_is_asked(target: str) -> None:
    assert isinstance(PriceBook(OWN).look_up(target, NOW), Unlisted)


def test_a_list_counts_in_its_time_only() -> None:
    book = PriceBook(OWN)
    assert book.look_up("/x", NOW + 3600) == Unlisted("the price list has expired")
    assert book.look_up("/x", NOW - 61) == Unlisted("the price list is from the future")
    assert isinstance(book.look_up("/x", NOW + 3599), Listed)


def test_windows_are_read_at_the_time_of_the_question() -> None:
    midnight = NOW - NOW % 86_400
    book = PriceBook(replace(OWN, issued_at=midnight, expires_at=midnight + 90_000))
    free, paid = book.look_up("/n/1", midnight + 60), book.look_up("/n/1", midnight + 3600)
    assert isinstance(free, Listed)
    assert isinstance(paid, Listed)
    assert (free.price, paid.price) == (None, CENT)


def test_where_the_origin_names_prices_and_where_the_list_ends_the_page_is_asked() -> None:
    in_band = PriceBook(replace(OWN, in_band_pricing=True))
    assert in_band.look_up("/x", NOW) == Unlisted("the site names the price with the page")
    assert isinstance(in_band.look_up("/watched/1", NOW), Listed)
    partial = PriceBook(replace(OWN, complete=False))
    assert partial.look_up("/x", NOW) == Unlisted("the price list is not complete")
    assert isinstance(partial.look_up("/archive/1", NOW), Listed)


def test_a_long_list_is_cut_and_says_so() -> None:
    many = RuleSet(tuple(Rule(str(at), where=f"/p/{at}") for at in range(5_001)), everything_else(Action.BLOCK))
    read = round_trip(price_list(many))
    assert (len(read.rules.rules), read.complete) == (5_000, False)


def test_a_price_of_nothing_is_no_price() -> None:
    free = price_list(RuleSet((), everything_else(Action.CHARGE, Money(0, "USD"))))
    found = PriceBook(free).look_up("/x", NOW)
    assert isinstance(found, Listed)
    assert found.price is None


WHO = st.sampled_from(
    [
        Who(), Who(crawler="NewsBot"), Who(operator="news inc."), Who(kind=CrawlerKind.TRAINING),
        Who(kind=CrawlerKind.SEARCH), Who(crawler="Other"), Who(least=Rung.SIGNED), Who(most=Rung.CLAIMED),
    ]
)  # fmt: skip
WHERE = st.sampled_from(["*", "/a/*", "/a", "/A/b", "*.pdf", "/a/:id", "/a/b/*"])
READERS: list[Identity] = [
    BOT,
    ClaimedCrawler("NewsBot", "News Inc.", CrawlerKind.TRAINING),
    ClaimedCrawler("", "", CrawlerKind.OTHER),
]


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    rules = []
    for number in range(draw(st.integers(0, 5))):
        action = draw(st.sampled_from(Action))
        price = draw(st.sampled_from([CENT, MILLE])) if action in (Action.CHARGE, Action.MONITOR) else None
        query = draw(st.sampled_from([None, "p=1"]))
        rules.append(Rule(str(number), draw(WHO), draw(WHERE), action, price, query=query))
    return RuleSet(tuple(rules), everything_else(Action.CHARGE, CENT))


@given(rule_sets(), st.sampled_from(["/a", "/a/b", "/A/b/", "/x.pdf", "/a/c.pdf?p=1", "/x?p=1"]), st.booleans())
def test_what_is_listed_is_what_the_gate_asks(rules: RuleSet, target: str, case_sensitive: bool) -> None:
    path, _, query = target.partition("?")
    index = compile_rules(rules, case_sensitive=case_sensitive)
    for who in READERS:
        own = price_list(rules_for(rules, who), Reader("", "", "", ""), case_sensitive=case_sensitive)
        public = price_list(public_rules(rules, lambda name: False), case_sensitive=case_sensitive)
        asked = index.match(path, query or None, who, NOW).rule
        expected = (asked.action is Action.BLOCK, asked.price if asked.action is Action.CHARGE else None)
        found = PriceBook(own).look_up(target, NOW)
        assert isinstance(found, Listed)
        assert (found.is_blocked, found.price) == expected
        anybodys = PriceBook(public).look_up(target, NOW)
        if isinstance(anybodys, Listed) and isinstance(who, ClaimedCrawler) and not who.name:
            assert (anybodys.is_blocked, anybodys.price) == expected
