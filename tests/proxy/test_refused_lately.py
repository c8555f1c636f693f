"""The origin is not asked again and again for a crawler that cannot pay, and a top-up works within a second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.budgets import Budget, BudgetExceeded, Per
from edge.core.decision import Charge
from edge.core.identity import CrawlerKind, RegisteredCrawler, SignedCrawler
from edge.core.ledger import InsufficientFunds
from edge.core.money import Money
from edge.core.policy import Account, SitePolicy
from edge.core.rule_index import Match, compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import Verified
from edge.proxy.refused_lately import KNOWN_SECONDS, PLACES_MAX, RefusedLately
from tests.support.edge_under_test import POOR, RICH, EdgeUnderTest

RICH_ACCOUNT, POOR_ACCOUNT = 11, 12
PRICE = Money(10_000, "USD")
RULE = Rule("pages", where="/*", action=Action.CHARGE, price=PRICE)
SITE = SitePolicy(
    1, 1, 20, "news.example", "http://origin", "USD", None, True, False, True, None,
    compile_rules(RuleSet((RULE,), everything_else(Action.ALLOW))), 3,
)  # fmt: skip
CRAWLER = RegisteredCrawler(1, "bot", "Bot Inc", CrawlerKind.TRAINING, "https://bot.example/keys")
PROOF = Verified("https://bot.example/keys", "t", "sig1", frozenset(), 1, 2, None, b"s" * 64)
CHARGE = Charge(
    PRICE, Offer(OfferKind.MAX, PRICE), Account(10, "USD", False), SignedCrawler(CRAWLER, PROOF), SITE, Match(0, RULE)
)
USED_UP = BudgetExceeded(Budget(1, 10, 1, Per.DAY, PRICE, 0), 9_000, 86_400_000_000, 3_600)
CHEAPER = replace(CHARGE, price=Money(9_999, "USD"))
DEARER = replace(CHARGE, price=Money(10_001, "USD"))
ELSEWHERE = replace(CHARGE, site=replace(SITE, site_id=2))
ANOTHER = replace(CHARGE, account=Account(11, "USD", False))


@pytest.mark.parametrize("said", [InsufficientFunds(), USED_UP])
def test_what_the_ledger_said_is_known_for_half_a_second(said: InsufficientFunds | BudgetExceeded) -> None:
    lately = RefusedLately()
    lately.note(CHARGE, said, 100.0)
    assert lately.find(CHARGE, 100.0 + KNOWN_SECONDS - 0.01) is said
    assert lately.find(CHARGE, 100.0 + KNOWN_SECONDS) is None
    assert KNOWN_SECONDS < 1.0


def test_only_the_same_account_and_site_and_no_lower_price_are_known() -> None:
    lately = RefusedLately()
    lately.note(CHARGE, USED_UP, 100.0)
    found = [lately.find(each, 100.1) for each in (CHARGE, DEARER, CHEAPER, ELSEWHERE, ANOTHER)]
    assert found == [USED_UP, USED_UP, None, None, None]


def test_however_many_cannot_pay_little_is_remembered() -> None:
    lately = RefusedLately()
    for number in range(PLACES_MAX + 1):
        lately.note(replace(CHARGE, account=Account(number, "USD", False)), USED_UP, 100.0)
    assert lately.find(replace(CHARGE, account=Account(0, "USD", False)), 100.0) is None
    assert lately.find(replace(CHARGE, account=Account(PLACES_MAX, "USD", False)), 100.0) is USED_UP


# Over sockets


def refused(edge: EdgeUnderTest, target: str) -> None:
    answer = edge.ask(POOR.paying(target))
    assert (answer.status, answer.fields["crawler-error"]) == (402, "PaymentFailed")


def test_the_origin_does_not_carry_a_crawler_that_cannot_pay(edge: EdgeUnderTest) -> None:
    for number in range(20):
        refused(edge, f"/a/{number}")
    assert len(edge.origin.seen) == 1
    assert edge.ask(RICH.paying("/a/0")).status == 200


def test_a_top_up_works_as_soon_as_the_half_second_is_over(edge: EdgeUnderTest) -> None:
    refused(edge, "/a")
    edge.ledger.set_balance(POOR_ACCOUNT, PRICE.amount_micros)
    refused(edge, "/a")
    edge.let_pass(KNOWN_SECONDS)
    assert edge.ask(POOR.paying("/a")).status == 200


def test_who_cannot_pay_any_more_still_collects_what_was_paid(edge: EdgeUnderTest) -> None:
    bought = RICH.paying("/bought")
    first = edge.ask(bought)
    edge.ledger.set_balance(RICH_ACCOUNT, 0)
    assert edge.ask(RICH.paying("/another")).status == 402
    again = edge.ask(bought)
    assert (again.status, again.fields["crawler-receipt"]) == (200, first.fields["crawler-receipt"])
