"""What a site publishes of its prices, over real sockets: what the documents say is what the gate asks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge.core.identity import CrawlerKind
from edge.core.keys import public_half
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.core.signals.price_list import Listed, PriceBook, PriceList, verify_price_list
from edge.core.signals.published import PATHS, Signal
from edge.core.signals.robots import parse_robots
from edge.proxy.signal_routes import ADDRESS_BURST
from tests.support.edge_under_test import NOW, RICH, EdgeUnderTest
from tests.support.scripted_origin import Then, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Received

CENT, MILLE = Money(10_000, "USD"), Money(1_000, "USD")
EVERYTHING = frozenset(Signal)
PRICES, RSL, ROBOTS = PATHS[Signal.PRICES], PATHS[Signal.RSL], PATHS[Signal.ROBOTS]
RULES = RuleSet(
    (
        Rule("ours alone", Who(crawler="bot1"), "/archive/*", Action.CHARGE, MILLE),
        Rule("gpt", Who(crawler="GPTBot"), "/gpt/*", Action.BLOCK),
        Rule("search", Who(kind=CrawlerKind.SEARCH), action=Action.ALLOW),
        Rule("free", where="/free/*", action=Action.ALLOW),
    ),
    everything_else(Action.CHARGE, CENT),
)
OWN = b"User-agent: *\nDisallow: /private/\n"

MakeEdge = Callable[..., EdgeUnderTest]


@pytest.fixture
def edge(make_edge: MakeEdge) -> EdgeUnderTest:
    return make_edge(rules=RULES, signals=EVERYTHING)


def price_list(edge: EdgeUnderTest, answer: Received) -> PriceList:
    assert answer.status == 200
    keys = {public_half(edge.key).thumbprint: public_half(edge.key)}
    found = verify_price_list(json.loads(answer.body)["jws"], keys)
    assert isinstance(found, PriceList)
    return found


def test_a_listed_price_is_the_asked_price(edge: EdgeUnderTest) -> None:
    own = PriceBook(price_list(edge, edge.ask(RICH.signed(PRICES))))
    assert own.prices.reader is not None
    assert (own.prices.reader.name, own.prices.reader.rung) == ("bot1", "signed")
    for target in ("/archive/1", "/free/1", "/gpt/1", "/x?page=2", "/robots.txt"):
        listed = own.look_up(target, NOW)
        answer = edge.ask(RICH.signed(target))
        assert isinstance(listed, Listed)
        assert str(listed.price or "") == answer.fields.get("crawler-price", ""), target


def test_nobody_reads_anothers_terms(edge: EdgeUnderTest) -> None:
    mine, anybodys = edge.ask(RICH.signed(PRICES)), edge.ask(claimed(PRICES))
    assert (mine.fields["cache-control"], anybodys.fields["cache-control"]) == (
        "private, max-age=300", "public, max-age=300",
    )  # fmt: skip
    assert "Signature" in anybodys.fields["vary"]
    assert b"bot1" not in anybodys.body
    assert b"GPTBot" in anybodys.body  # widely known: that it is blocked can be found out by asking
    assert b"GPTBot" not in mine.body
    assert price_list(edge, anybodys).reader is None


@pytest.mark.parametrize(
    "signed",
    [
        lambda: RICH.signed(PRICES, covered=("@authority", "signature-agent")),
        lambda: RICH.signed(PRICES, created=NOW - 400),
        lambda: RICH.signed(PRICES, created=NOW - 100).replace(b"signature: sig1=:", b"signature: sig1=:AAAA"),
    ],
    ids=["for any page", "long ago", "forged"],
)
def test_a_signature_that_does_not_mean_this_question_opens_no_terms(
    edge: EdgeUnderTest, signed: Callable[[], bytes]
) -> None:
    answer = edge.ask(signed())
    assert answer.fields["cache-control"] == "public, max-age=300"
    assert price_list(edge, answer).reader is None


def test_the_documents_need_no_money_and_no_origin(edge: EdgeUnderTest) -> None:
    for signal, path in PATHS.items():
        answer = edge.ask(claimed(path))
        assert answer.status == 200, signal
        assert answer.fields["x-content-type-options"] == "nosniff"
        assert edge.ask(claimed(path, f"If-None-Match: {answer.fields['etag']}")).status == 304
        assert edge.ask(claimed(path, method="HEAD"), "HEAD").status == 200
        assert edge.ask(claimed(path, method="POST")).status == 405
    assert [target for _, target in edge.authorised] == ["/robots.txt"]
    assert edge.ledger.entries == []
    assert edge.reports == []


def test_each_has_its_media_type(edge: EdgeUnderTest) -> None:
    kinds = {signal: edge.ask(browsed(path)).fields["content-type"] for signal, path in PATHS.items()}
    assert kinds == {
        Signal.PRICES: "application/json",
        Signal.RSL: "application/rsl+xml",
        Signal.TDMREP: "application/json",
        Signal.ROBOTS: "text/plain; charset=utf-8",
    }


def test_the_policy_of_the_reservation_says_whom_to_pay(edge: EdgeUnderTest, make_edge: MakeEdge) -> None:
    [row] = [row for row in json.loads(edge.ask(claimed(PATHS[Signal.TDMREP])).body) if row["location"] == "/"]
    where = row["tdm-policy"].removeprefix("http://news.example")
    answer = edge.ask(claimed(where))
    policy = json.loads(answer.body)
    assert answer.fields["content-type"] == "application/ld+json"
    assert (policy["@type"], policy["profile"]) == ("Offer", "http://www.w3.org/ns/tdmrep")
    assert policy["permission"] == [{"action": "tdm:mine", "duty": [{"action": "compensate"}]}]
    assert policy["assigner"]["vcard:hasURL"] == "http://news.example/.well-known/farebox/prices"
    assert make_edge(rules=RULES).ask(claimed(where)).status == 404


def test_what_is_switched_off_is_the_origins_own(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=RULES)
    for path in PATHS.values():
        assert edge.ask(claimed(path)).body == f"page {path}".encode()
    assert len(edge.authorised) == len(PATHS)


def test_new_rules_make_new_documents(edge: EdgeUnderTest) -> None:
    before = edge.ask(claimed(RSL))
    edge.publish(RuleSet((), everything_else(Action.BLOCK)))
    edge.wait_until(lambda: edge.ask(claimed(RSL)).fields["etag"] != before.fields["etag"])
    assert b"<prohibits" in edge.ask(claimed(RSL)).body
    assert price_list(edge, edge.ask(claimed(PRICES))).version == 2


def test_a_list_is_signed_anew_before_it_expires(edge: EdgeUnderTest) -> None:
    first = price_list(edge, edge.ask(claimed(PRICES)))
    edge.now += 1799
    assert price_list(edge, edge.ask(claimed(PRICES))) == first
    edge.now += 1
    assert price_list(edge, edge.ask(claimed(PRICES))).issued_at == first.issued_at + 1800


# robots.txt


def test_robots_txt_is_the_origins_with_ours_around_it(edge: EdgeUnderTest) -> None:
    edge.origin.script["/robots.txt"] = [page(OWN, "Content-Type: text/plain")]
    text = edge.ask(claimed(ROBOTS)).body.decode()
    assert OWN.decode() in text
    robots = parse_robots(text)
    assert robots.says("license") == ("http://news.example/license.xml",)
    assert not robots.allows("GPTBot", "/gpt/1")
    assert not robots.allows("GPTBot", "/private/1")
    assert robots.allows("GPTBot", "/x")


def test_it_is_asked_for_once_in_a_while(edge: EdgeUnderTest) -> None:
    for _ in range(3):
        assert edge.ask(claimed(ROBOTS)).status == 200
    assert len(edge.origin.seen) == 1
    assert edge.origin.seen[0].fields["host"] == "news.example"
    assert "signature" not in edge.origin.seen[0].fields
    edge.now += 301
    edge.ask(claimed(ROBOTS))
    assert len(edge.origin.seen) == 2


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone"])
def test_where_there_is_none_ours_stands_alone(edge: EdgeUnderTest, status: str) -> None:
    edge.origin.script["/robots.txt"] = [page(b"Disallow: /", status=status)]
    answer = edge.ask(claimed(ROBOTS))
    assert (answer.status, answer.body[:28]) == (200, b"# Added by farebox: the lice")


@pytest.mark.parametrize(
    ("play", "status", "body"),
    [
        ([page(b"", "Location: /r2", status="301 Moved Permanently")], 301, b""),
        ([page(b"<html>", "Content-Type: text/html")], 200, b"<html>"),
        ([page(b"busy", status="503 Service Unavailable")], 503, b"busy"),
        ([page(b"\x1f\x8b", "Content-Encoding: gzip", "Content-Type: text/plain")], 200, b"\x1f\x8b"),
        ([Then.CLOSE], 502, b""),
    ],
    ids=["redirect", "html", "fault", "compressed", "no answer"],
)
def test_what_cannot_be_merged_is_passed_on(edge: EdgeUnderTest, play: list[object], status: int, body: bytes) -> None:
    edge.origin.script["/robots.txt"] = play  # type: ignore[assignment]
    answer = edge.ask(claimed(ROBOTS))
    assert (answer.status, answer.body) == (status, body)


def test_while_the_origin_is_down_its_last_word_counts_for_a_day(edge: EdgeUnderTest) -> None:
    edge.origin.script["/robots.txt"] = [page(OWN, "Content-Type: text/plain")]
    edge.ask(claimed(ROBOTS))
    edge.origin.script["/robots.txt"] = [page(b"", status="503 Service Unavailable")]
    edge.now += 301
    assert OWN in edge.ask(claimed(ROBOTS)).body
    edge.now += 86_401
    assert edge.ask(claimed(ROBOTS)).status == 503


def test_who_asks_too_often_waits(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        statuses = {wire.ask(claimed(RSL)).status for _ in range(ADDRESS_BURST)}
        assert statuses == {200}
        refused = wire.ask(claimed(RSL))
    assert (refused.status, refused.fields["retry-after"]) == (429, "1")


def test_a_refusal_names_what_is_published(edge: EdgeUnderTest, make_edge: MakeEdge) -> None:
    asked = edge.ask(claimed("/x"))
    links = json.loads(asked.body)["links"]
    assert (links["prices"], links["price_list"]) == ("/.well-known/farebox/prices", PRICES)
    assert (links["licence"], links["guide"]) == (RSL, "/.well-known/farebox/help")
    assert f'<{RSL}>; rel="license"; type="application/rsl+xml"' in asked.fields["link"]
    silent = make_edge(rules=RULES).ask(claimed("/x"))
    assert not {"prices", "price_list", "licence"} & json.loads(silent.body)["links"].keys()
    assert "license" not in silent.fields["link"]


# Fields with every page

SOLD = RuleSet((Rule("free", where="/free/*", action=Action.ALLOW),), everything_else(Action.CHARGE, CENT))
CLOSED = RuleSet((), everything_else(Action.CHARGE, CENT))
LICENCE_LINK = '<https://news.example/license.xml>; rel="license"; type="application/rsl+xml"'


def test_pages_carry_the_licence_and_the_preference_that_is_true_of_all(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=CLOSED, signals=frozenset({Signal.HEADERS, Signal.RSL}))
    for sent in (browsed("/x"), RICH.paying("/x")):
        fields = edge.ask(sent).fields
        assert (fields["link"], fields["content-usage"]) == (LICENCE_LINK, "search=n, train-ai=n")


def test_a_preference_that_differs_from_page_to_page_is_not_said_of_all(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=SOLD, signals=frozenset({Signal.HEADERS}))
    fields = edge.ask(browsed("/free/x")).fields
    assert not {"link", "content-usage"} & fields.keys()


def test_what_the_origin_says_itself_stands(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=CLOSED, signals=frozenset({Signal.HEADERS, Signal.RSL}))
    edge.origin.script["/x"] = [page(b"page", "Content-Usage: train-ai=y", 'Link: </next>; rel="next"')]
    fields = edge.ask(browsed("/x")).fields
    assert (fields["content-usage"], fields["link"]) == ("train-ai=y", f'</next>; rel="next", {LICENCE_LINK}')


def test_without_the_switch_pages_are_the_origins(make_edge: MakeEdge) -> None:
    edge = make_edge(rules=CLOSED, signals=frozenset({Signal.RSL}))
    assert not {"link", "content-usage"} & edge.ask(browsed("/x")).fields.keys()
