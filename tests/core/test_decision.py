"""The decision table of docs/protocol.md: what is decided, and which of several mistakes is heard first."""

# long: the decision table of one module, read from top to bottom

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any, assert_never

import pytest

from edge.core.decision import ALWAYS_FREE_PATHS, Admit, AdmitReason, AskOrigin, Charge, Decision, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, SignedCrawler, Visitor
from edge.core.money import Money
from edge.core.policy import Account
from edge.core.rules import Action, Rule, Who, everything_else
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import DirectoryDown, KeyUnknown
from tests.support.scene import ACCOUNT, BROWSER, COVERED, CRAWLER, EXACT, MAX, PRICE, SOLD, Scene, Signature

BUYING = Scene()
ASKING = Scene(user_agent="GPTBot/1.1", offers=(), signature=Signature.NONE)
LOOKING = Scene(user_agent=BROWSER, offers=(), signature=Signature.NONE)
ZERO = Money(0, "USD")
DEARER = everything_else(Action.CHARGE, Money(20_000, "USD"))


def heard(decision: Decision) -> str:
    """What the crawler hears when it has no earlier charge to collect."""
    match decision:
        case Refuse(code=code) | DemandPayment(code=code):
            return code.value
        case Admit(reason=reason):
            return reason.value
        case Charge(otherwise=otherwise):
            return "charge" if otherwise is None else otherwise.code.value
        case AskOrigin():
            return "ask_origin"
        case _:
            assert_never(decision)


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

BLOCKED = everything_else(Action.BLOCK)
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


# Steps 12 to 14: the proof


def test_an_offer_without_a_signature_is_told_to_sign() -> None:
    decision = BUYING.but(signature=Signature.NONE, user_agent="GPTBot/1.1").decide()
    assert isinstance(decision, Refuse)
    assert (decision.code, decision.retry_after_seconds) == ("signature_required", None)
    assert isinstance(decision.identity, ClaimedCrawler)
    assert decision.identity.name == "GPTBot"


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (Signature.HALF, "Only one of Signature and Signature-Input was sent; send both."),
        (Signature.OTHER_HALF, "Only one of Signature and Signature-Input was sent; send both."),
        (Signature.CORRUPT, "The signature does not match the message as received"),
        (Signature.UNREADABLE, "is not a valid structured field"),
    ],
)
@pytest.mark.parametrize("user_agent", ["ExampleBot/1.0", "GPTBot/1.1", BROWSER])
def test_a_signature_that_fails_is_refused_with_the_reason(signature: Signature, words: str, user_agent: str) -> None:
    decision = BUYING.but(signature=signature, user_agent=user_agent).decide()
    assert isinstance(decision, Refuse)
    assert decision.code == "signature_invalid"
    assert words in decision.detail


def test_a_directory_that_is_down_says_when_to_come_back() -> None:
    decision = BUYING.but(key=DirectoryDown(42)).decide()
    assert isinstance(decision, Refuse)
    assert (decision.code, decision.retry_after_seconds) == ("key_unavailable", 42)


def test_an_agent_that_nobody_registered_is_told_to_register() -> None:
    decision = BUYING.but(crawler=None).decide()
    assert isinstance(decision, Refuse)
    assert (decision.code, decision.retry_after_seconds) == ("crawler_unregistered", None)
    assert "register" in decision.detail


def test_a_payer_spells_the_target_canonically_and_one_who_asks_need_not() -> None:
    refused = BUYING.but(target="/%61rticles/1").decide()
    assert isinstance(refused, Refuse)
    assert refused.code == "ambiguous_target"
    assert refused.detail == "this is not the canonical spelling of the address; ask for /articles/1 instead"
    assert refused.match is not None
    assert heard(ASKING.but(target="/%61rticles/1").decide()) == "payment_required"


@pytest.mark.parametrize("header", [MAX, EXACT])
def test_the_price_header_that_is_sent_must_be_signed(header: str) -> None:
    other = EXACT if header == MAX else MAX
    decision = BUYING.but(offers=((header, "USD 0.01"),), covers=COVERED).decide()
    assert isinstance(decision, Refuse)
    assert (decision.code, decision.detail) == ("price_not_signed", f'cover "{header}" with the signature')
    assert other not in decision.detail


@pytest.mark.parametrize(
    ("covers", "code"),
    [
        (("@authority", MAX), "target_not_signed"),
        (("@authority", "@path", MAX), "target_not_signed"),
        (("@authority", "@query", MAX), "target_not_signed"),
        (("@authority", "@path", "@query", MAX), "charge"),
        (("@target-uri", MAX), "charge"),
    ],
)
def test_a_strict_site_asks_that_the_target_is_signed(covers: tuple[str, ...], code: str) -> None:
    assert heard(BUYING.but(covers=covers, strict=True).decide()) == code
    assert heard(BUYING.but(covers=covers).decide()) == "charge"


# What may still collect an earlier charge


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"age_seconds": 301}, "signature_stale"),
        ({"age_seconds": 301, "default": DEARER}, "signature_stale"),
        ({"age_seconds": 100, "lifetime_seconds": 60}, "signature_stale"),
        ({"default": DEARER}, "max_price_too_low"),
        ({"default": DEARER, "offers": ((EXACT, "USD 0.01"),)}, "exact_price_differs"),
        ({"in_band_pricing": True, "content_price": Money(20_000, "USD")}, "max_price_too_low"),
    ],
)
def test_an_aged_signature_or_a_raised_price_may_only_collect(change: dict[str, Any], code: str) -> None:
    decision = BUYING.but(**change).decide()
    assert isinstance(decision, Charge)
    assert decision.otherwise is not None
    assert decision.otherwise.code == code
    if isinstance(decision.otherwise, DemandPayment):
        assert decision.otherwise.price == decision.price


@pytest.mark.parametrize(("age_seconds", "code"), [(-60, "charge"), (300, "charge"), (301, "signature_stale")])
def test_a_signature_pays_for_300_seconds(age_seconds: int, code: str) -> None:
    assert heard(BUYING.but(age_seconds=age_seconds).decide()) == code


def test_a_signature_from_the_future_is_invalid() -> None:
    assert heard(BUYING.but(age_seconds=-61).decide()) == "signature_invalid"


def test_an_expired_signature_still_names_its_crawler_to_the_rules() -> None:
    ours = Rule("ours", Who(crawler=CRAWLER.name, operator=CRAWLER.operator))
    scene = BUYING.but(rules=(ours,), default=BLOCKED, age_seconds=100, lifetime_seconds=60)
    assert heard(scene.decide()) == "allowed"


def test_an_expired_signature_must_cover_the_price_as_well() -> None:
    scene = BUYING.but(age_seconds=100, lifetime_seconds=60, covers=COVERED)
    assert heard(scene.decide()) == "price_not_signed"


# Steps 16 to 18: the account


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account": None}, "account_missing"),
        ({"account": Account(12, "EUR", suspended=False)}, "account_missing"),
        ({"account": replace(ACCOUNT, suspended=True)}, "account_suspended"),
        ({"crawler": replace(CRAWLER, suspended=True)}, "account_suspended"),
    ],
)
def test_a_payer_needs_an_account_that_is_open(change: dict[str, Any], code: str) -> None:
    decision = BUYING.but(**change).decide()
    assert isinstance(decision, Refuse)
    assert decision.code == code
    assert CRAWLER.name in decision.detail


@pytest.mark.parametrize("change", [{"age_seconds": 301}, {"default": DEARER}])
def test_without_an_open_account_nothing_is_collected_either(change: dict[str, Any]) -> None:
    for account in (None, replace(ACCOUNT, suspended=True)):
        assert isinstance(BUYING.but(account=account, **change).decide(), Refuse | DemandPayment)


def test_the_account_is_the_one_in_the_sites_currency() -> None:
    euro = Account(12, "EUR", suspended=False)
    scene = BUYING.but(currency="EUR", account=euro, default=everything_else(Action.CHARGE, Money(10_000, "EUR")))
    decision = scene.offering("EUR 0.01").decide()
    assert isinstance(decision, Charge)
    assert decision.account == euro


def test_each_refusal_says_who_was_refused_and_by_which_rule() -> None:
    for code, change in ENDINGS:
        decision = BUYING.but(**change).decide()
        if isinstance(decision, Refuse) and code not in ("unknown_site", "malformed_request", "target_too_long"):
            assert decision.site is not None
            assert decision.identity is not None
            assert (decision.match is None) == (change.get("target") == "/a//b"), code
