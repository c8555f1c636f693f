"""The decision table of docs/protocol.md from the proof on: the signature, the key, what it covers, the account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.core.decision import Charge, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler
from edge.core.money import Money
from edge.core.policy import Account
from edge.core.rules import Action, Rule, Who, everything_else
from edge.core.web_bot_auth import DirectoryDown
from tests.support.decided import ASKING, BLOCKED, BUYING, DEARER, heard
from tests.support.scene import ACCOUNT, BROWSER, COVERED, CRAWLER, EXACT, MAX, Signature

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
