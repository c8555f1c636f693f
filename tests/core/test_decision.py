"""The decision table of docs/protocol.md up to the price, and which of several mistakes is heard first."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from edge.core.decision import ALWAYS_FREE_PATHS, Admit, AdmitReason, AskOrigin, Charge, DemandPayment, Refuse
from edge.core.identity import SignedCrawler, Visitor
from edge.core.money import Money
from edge.core.rules import Action, Rule, everything_else
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import KeyUnknown
from tests.support.decided import ASKING, BLOCKED, BUYING, DEARER, LOOKING, ZERO, heard
from tests.support.scene import ACCOUNT, BROWSER, COVERED, CRAWLER, EXACT, MAX, PRICE, SOLD, Scene, Signature


def test_a_purchase_in_order_is_charged_at_the_rules_price() -> None:
    decision = BUYING.decide()
    assert isinstance(decision, Charge)
    assert decision.price == PRICE
    assert decision.offer == Offer(OfferKind.MAX, PRICE)
    assert decision.account == ACCOUNT
    assert decision.identity.crawler == CRAWLER
    assert decision.match.rule == SOLD
    assert decision.otherwise is None


# The order. Each row is one thing that ends the matter, as a change to a purchase in order, with what is heard. Two
# rows that change the same part are not put together; where a row names a part without changing it, that is why.

ENDINGS: list[tuple[str, dict[str, Any]]] = [
    ("unknown_site", {"host": "elsewhere.example"}),
    ("malformed_request", {"target": "/a/../b"}),
    ("target_too_long", {"target": "/" + "a" * 8192}),
    ("own_document", {"target": "/.well-known/farebox/jwks.json"}),
    ("free_path", {"target": "/robots.txt"}),
    ("visitor", {"user_agent": BROWSER, "signature": Signature.NONE, "offers": ()}),
    ("ambiguous_target", {"target": "/a//b"}),
    ("allowed", {"default": everything_else(Action.ALLOW)}),
    ("monitored", {"default": everything_else(Action.MONITOR, PRICE)}),
    ("crawler_blocked", {"default": BLOCKED}),
    ("method_not_allowed", {"method": "POST"}),
    ("body_not_allowed", {"has_body": True}),
    ("conflicting_prices", {"offers": ((MAX, "USD 0.01"), (EXACT, "USD 0.01"))}),
    ("invalid_price", {"offers": ((MAX, "0.01"),)}),
    ("ask_origin", {"in_band_pricing": True}),
    ("price_zero", {"default": everything_else(Action.CHARGE, ZERO)}),
    ("payment_required", {"offers": ()}),
    ("signature_invalid", {"signature": Signature.CORRUPT, "key": None}),
    ("signature_invalid", {"signature": Signature.HALF}),
    ("signature_required", {"signature": Signature.NONE}),
    ("key_unavailable", {"key": KeyUnknown()}),
    ("ambiguous_target", {"target": "/%61rticles/1"}),
    ("price_not_signed", {"covers": (*COVERED, "user-agent")}),
    ("target_not_signed", {"covers": ("@authority", MAX), "strict": True, "offers": BUYING.offers}),
    ("signature_stale", {"age_seconds": 301}),
    ("signature_stale", {"age_seconds": 200, "lifetime_seconds": 199, "key": None}),
    ("max_price_too_low", {"offers": ((MAX, "USD 0.009"),)}),
    ("exact_price_differs", {"offers": ((EXACT, "USD 0.011"),), "covers": (*COVERED, EXACT)}),
    ("account_missing", {"account": None}),
    ("account_suspended", {"account": replace(ACCOUNT, suspended=True)}),
    ("account_suspended", {"crawler": replace(CRAWLER, suspended=True)}),
    ("method_not_charged", {"method": "HEAD"}),
]
PAIRS = [
    pytest.param(first, second, id=f"{first[0]}-before-{second[0]}")
    for first, second in combinations(ENDINGS, 2)
    if first[1].keys().isdisjoint(second[1])
]


@pytest.mark.parametrize(("code", "change"), ENDINGS, ids=[code for code, _ in ENDINGS])
def test_one_thing_that_is_wrong_is_heard(code: str, change: dict[str, Any]) -> None:
    assert heard(BUYING.but(**change).decide()) == code


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_things_that_are_wrong_the_earlier_in_the_table_is_heard(
    first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    assert heard(BUYING.but(**first[1], **second[1]).decide()) == first[0]


def test_each_refusal_says_who_was_refused_and_by_which_rule() -> None:
    for code, change in ENDINGS:
        decision = BUYING.but(**change).decide()
        if isinstance(decision, Refuse) and code not in ("unknown_site", "malformed_request", "target_too_long"):
            assert decision.site is not None
            assert decision.identity is not None
            assert (decision.match is None) == (change.get("target") == "/a//b"), code


# Steps 1 to 3: before anybody is asked to pay


def test_an_unknown_site_is_refused_without_a_site() -> None:
    decision = BUYING.but(host="elsewhere.example").decide()
    assert isinstance(decision, Refuse)
    assert decision.site is None
    assert "elsewhere.example" in decision.detail


@pytest.mark.parametrize("path", sorted(ALWAYS_FREE_PATHS))
@pytest.mark.parametrize("scene", [ASKING, BUYING, LOOKING, ASKING.but(method="POST", has_body=True)])
def test_the_always_free_paths_are_free_whatever_the_rules_say(scene: Scene, path: str) -> None:
    decision = scene.but(target=path, default=BLOCKED).decide()
    assert decision == Admit(decision.site, AdmitReason.FREE_PATH)  # type: ignore[arg-type]
    assert heard(scene.but(target=f"{path}?v=2", default=BLOCKED).decide()) == "free_path"


@pytest.mark.parametrize("target", ["/.well-known/farebox/jwks.json", "/.well-known/receipts/ch_1?v=2"])
@pytest.mark.parametrize("scene", [ASKING, BUYING, LOOKING])
def test_our_own_documents_are_ours_to_give_whatever_the_rules_say(scene: Scene, target: str) -> None:
    assert heard(scene.but(target=target, default=BLOCKED).decide()) == "own_document"


@pytest.mark.parametrize("target", ["/.well-known/farebox", "/.well-known/receipts", "/.well-known/fareboxes/1"])
def test_what_is_only_near_our_own_documents_is_not_ours(target: str) -> None:
    assert heard(ASKING.but(target=target).decide()) == "payment_required"


@pytest.mark.parametrize(
    "target",
    ["/robots.txt/", "/Robots.txt", "/robots.txta", "/a/robots.txt", "/robots.txt/a", "/.well-known/", "/crawlers.jso"],
)
def test_a_path_that_only_looks_free_is_not(target: str) -> None:
    assert heard(ASKING.but(target=target).decide()) == "payment_required"


@pytest.mark.parametrize("target", ["//robots.txt", "/robots.txt;a", "/robots.txt.", "/robots.txt%20"])
def test_a_spelling_that_some_servers_read_as_a_free_path_is_not_free(target: str) -> None:
    assert heard(ASKING.but(target=target).decide()) == "ambiguous_target"


@pytest.mark.parametrize("default", [SOLD, BLOCKED, everything_else(Action.MONITOR, PRICE)])
def test_a_visitor_passes_whatever_the_rules_say(default: Rule) -> None:
    decision = LOOKING.but(default=default).decide()
    assert isinstance(decision, Admit)
    assert (decision.reason, decision.identity, decision.match) == ("visitor", Visitor(), None)


def test_a_visitor_may_send_any_method_and_a_body_and_sloppy_spelling() -> None:
    for change in ({"method": "POST", "has_body": True}, {"target": "/a//b;c"}, {"target": "/%61"}):
        assert heard(LOOKING.but(**change).decide()) == "visitor"


def test_nobody_gets_an_answer_for_a_malformed_target() -> None:
    assert heard(LOOKING.but(target="/a/%2e%2e/b").decide()) == "malformed_request"


@pytest.mark.parametrize("header", [MAX, EXACT])
def test_a_browser_that_offers_to_pay_is_no_visitor(header: str) -> None:
    assert heard(LOOKING.offering("USD 0.01", header).decide()) == "signature_required"


# Steps 4 to 6: the rule


def test_the_rule_that_matches_first_decides_and_is_named() -> None:
    rules = (Rule("open", where="/open/*"), Rule("dear", where="/articles/*", action=Action.CHARGE, price=PRICE))
    scene = ASKING.but(rules=rules, default=BLOCKED)
    found = [(heard(decision), decision.match) for decision in (scene.but(target="/open/1").decide(), scene.decide())]
    assert [(code, match.rule.name, match.position) for code, match in found if match] == [
        ("allowed", "open", 0),
        ("payment_required", "dear", 1),
    ]


def test_monitoring_admits_and_keeps_what_would_have_been_asked() -> None:
    decision = ASKING.but(default=everything_else(Action.MONITOR, PRICE)).decide()
    assert isinstance(decision, Admit)
    assert decision.would_ask == PRICE
    allowed = ASKING.but(default=everything_else(Action.ALLOW)).decide()
    assert isinstance(allowed, Admit)
    assert allowed.would_ask is None


def test_allow_and_monitor_take_any_method_and_body() -> None:
    for default in (everything_else(Action.ALLOW), everything_else(Action.MONITOR, PRICE)):
        decision = ASKING.but(default=default, method="POST", has_body=True).decide()
        assert isinstance(decision, Admit)


@pytest.mark.parametrize(("status", "text"), [(403, None), (402, "Write to licensing@news.example")])
def test_a_block_answers_with_the_rules_status_and_text(status: int, text: str | None) -> None:
    rule = Rule("no", action=Action.BLOCK, block_status=status, block_text=text)
    decision = BUYING.but(rules=(rule,)).decide()
    assert isinstance(decision, Refuse)
    assert (decision.code, decision.status) == ("crawler_blocked", status)
    assert decision.detail == (text or "the publisher's rules block this crawler here")


def test_an_ambiguous_target_is_refused_with_the_plain_spelling() -> None:
    decision = ASKING.but(target="/a//b;x?q=1").decide()
    assert isinstance(decision, Refuse)
    assert decision.detail.endswith("ask for /a/b?q=1 instead")
    assert decision.match is None


def test_an_ambiguous_target_without_a_plain_spelling_is_refused_in_words() -> None:
    decision = ASKING.but(target="/a%2F..%2Fb").decide()
    assert isinstance(decision, Refuse)
    assert decision.detail.endswith("ask for a plain spelling")


# Steps 9 to 11: the offer and the price


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get", "PROPFIND"])
def test_other_methods_are_not_sold(method: str) -> None:
    assert heard(BUYING.but(method=method).decide()) == "method_not_allowed"
    assert heard(ASKING.but(method=method).decide()) == "method_not_allowed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_without_an_offer_the_price_is_said(method: str) -> None:
    decision = ASKING.but(method=method).decide()
    assert isinstance(decision, DemandPayment)
    assert (decision.code, decision.price) == ("payment_required", PRICE)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options_are_quoted_and_never_charged(method: str) -> None:
    scene = BUYING.but(method=method)
    admitted = scene.decide()
    assert isinstance(admitted, Admit)
    assert (admitted.reason, type(admitted.identity)) == ("method_not_charged", SignedCrawler)
    for change in ({"default": DEARER}, {"age_seconds": 301}):
        assert isinstance(scene.but(**change).decide(), DemandPayment | Refuse)


@pytest.mark.parametrize(
    "text", ["", "0.01", "USD", "usd 0.01", "USD 1e-2", "USD -1", "USD 0.01, USD 0.02", "EUR 0.01"]
)
@pytest.mark.parametrize("header", [MAX, EXACT])
def test_an_offer_that_is_no_price_of_the_site_is_invalid(text: str, header: str) -> None:
    assert heard(BUYING.offering(text, header).decide()) == "invalid_price"


@pytest.mark.parametrize("text", ["", "nonsense"])
def test_two_price_headers_conflict_even_if_one_says_nothing(text: str) -> None:
    assert heard(BUYING.but(offers=((EXACT, text), (MAX, "USD 0.01"))).decide()) == "conflicting_prices"


@pytest.mark.parametrize(
    ("header", "text", "code"),
    [
        (MAX, "USD 0.01", "charge"),
        (MAX, "USD 0.010", "charge"),
        (MAX, "USD 5", "charge"),
        (MAX, "USD 0.009999", "max_price_too_low"),
        (MAX, "USD 0", "max_price_too_low"),
        (EXACT, "USD 0.01", "charge"),
        (EXACT, "USD 0.010", "charge"),
        (EXACT, " USD 0.010000 ", "charge"),
        (EXACT, "USD 0.010001", "exact_price_differs"),
        (EXACT, "USD 0.009999", "exact_price_differs"),
        (EXACT, "USD 5", "exact_price_differs"),
    ],
)
def test_an_exact_offer_pays_exactly_and_a_maximum_at_least_the_price(header: str, text: str, code: str) -> None:
    decision = BUYING.offering(text, header).decide()
    assert heard(decision) == code
    if isinstance(decision, Charge):
        assert decision.price == PRICE


def test_a_page_for_nothing_needs_no_offer_and_no_signature() -> None:
    free = everything_else(Action.CHARGE, ZERO)
    for scene in (ASKING, BUYING, BUYING.but(signature=Signature.CORRUPT)):
        decision = scene.but(default=free).decide()
        assert isinstance(decision, Admit)
        assert decision.reason == "price_zero"


# In-band pricing


@pytest.mark.parametrize("scene", [ASKING, BUYING, BUYING.but(signature=Signature.CORRUPT), ASKING.but(method="HEAD")])
def test_with_in_band_pricing_the_origin_is_asked_before_a_price_is_said(scene: Scene) -> None:
    decision = scene.but(in_band_pricing=True).decide()
    assert isinstance(decision, AskOrigin)
    assert decision.match.rule == SOLD


@pytest.mark.parametrize("change", [{"default": everything_else(Action.ALLOW)}, {"default": BLOCKED}])
def test_with_in_band_pricing_only_priced_pages_ask_the_origin(change: dict[str, Any]) -> None:
    assert heard(ASKING.but(in_band_pricing=True, **change).decide()) in ("allowed", "crawler_blocked")


@pytest.mark.parametrize(
    ("scene", "stated", "code"),
    [
        (ASKING, Money(30_000, "USD"), "payment_required"),
        (BUYING, Money(30_000, "USD"), "max_price_too_low"),
        (BUYING, Money(2_000, "USD"), "charge"),
        (BUYING, ZERO, "price_zero"),
        (ASKING, ZERO, "price_zero"),
        (ASKING, PRICE, "payment_required"),
    ],
)
def test_the_origins_price_replaces_the_rules(scene: Scene, stated: Money, code: str) -> None:
    decision = scene.but(in_band_pricing=True, content_price=stated).decide()
    assert heard(decision) == code
    if isinstance(decision, Charge | DemandPayment):
        assert decision.price == stated
