"""What comes after the decision is read off the record: pages that were none, empty accounts, terms and rates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.backtest_result import state_of
from edge.core.grants import Subscription
from edge.core.identity import CrawlerKind, RegisteredCrawler
from edge.core.money import Money
from edge.core.policy import Account, Policy, SitePolicy
from edge.core.rates import parse_rate
from edge.core.recorded import Asker
from edge.core.replay import Answer, Band, Fate, answer_to, stated_price
from edge.core.rule_index import compile_rules
from edge.core.rules import Action, Rule, RuleSet, everything_else

AGENT = "https://bot.example/"
BOT = RegisteredCrawler(1, "ExampleBot", "Example AI", CrawlerKind.TRAINING, AGENT)
PRICE = Money(5_000, "USD")
SIGNED = Asker("ExampleBot", "signed", "training", "Example AI", AGENT, 0, "GET", "max USD 0.01", "allowed", None, 200)
CLAIMED = Asker("GPTBot", "claimed", "training", "OpenAI", "", 0, "GET", "", "payment_required", 5_000, 402)


def site(rule: Rule, **parts: object) -> SitePolicy:
    rules = compile_rules(RuleSet((rule,), everything_else(Action.ALLOW)))
    plain = SitePolicy(7, 1, 20, "news.example", "http://o", "USD", None, False, False, True, None, rules, 1)
    return replace(plain, **parts)  # type: ignore[arg-type]


def charge(price: Money = PRICE, **parts: object) -> Rule:
    return replace(Rule("paid", action=Action.CHARGE, price=price), **parts)  # type: ignore[arg-type]


def answer(asker: Asker, rule: Rule | None = None, *subscriptions: Subscription, **parts: object) -> Answer:
    policy = Policy(1, {}, {AGENT: BOT}, {(1, "USD"): Account(11, "USD", False, subscriptions)}, {})
    return answer_to(asker, "/a", 1_800_000_000.0, site(rule or charge(), **parts), policy)


def test_what_was_no_page_is_not_sold() -> None:
    sold = answer(SIGNED)
    assert (sold.outcome, sold.band, sold.price) == ("charged", Band.OFFERED, PRICE)
    for gone in (replace(SIGNED, status=404), replace(SIGNED, status=304), replace(SIGNED, outcome="not_billable")):
        assert (answer(gone).outcome, answer(gone).band, answer(gone).fate) == ("not_billable", None, Fate.FREE)


def test_a_refusal_says_nothing_of_the_page_behind_it() -> None:
    assert answer(replace(SIGNED, outcome="crawler_blocked", status=403)).outcome == "charged"


def test_an_empty_account_stays_empty_for_the_same_price_or_a_higher_one() -> None:
    empty = replace(SIGNED, outcome="insufficient_credits", price_micros=5_000, status=402)
    assert (answer(empty).outcome, answer(empty).band) == ("insufficient_credits", Band.ABLE)
    assert answer(replace(empty, outcome="budget_exceeded")).outcome == "budget_exceeded"
    lower = answer(empty, charge(Money(4_000, "USD")))
    assert (lower.outcome, lower.band) == ("charged", Band.ABLE), "nobody knows whether it can pay that"


def test_what_was_paid_before_is_had_again_for_nothing() -> None:
    again = answer(replace(SIGNED, outcome="collected"))
    assert (again.outcome, again.band, again.fate) == ("collected", None, Fate.FREE)


def test_a_page_whose_delivery_broke_off_was_not_sold_and_is_not_sold_at_another_price() -> None:
    broken = replace(SIGNED, outcome="broken_off")
    live, dearer = answer(broken), answer(broken, charge(price=Money(6_000, "USD")))
    assert [(one.outcome, one.fate, one.band) for one in (live, dearer)] == [("broken_off", Fate.BROKEN_OFF, None)] * 2
    assert state_of(live) == state_of(dearer)
    assert answer(broken, Rule("r")).fate is Fate.FREE


def test_what_a_term_gave_away_it_gives_again_and_what_it_may_give_is_said() -> None:
    terms = charge(free_pages=10)
    granted = replace(SIGNED, outcome="granted", price_micros=5_000)
    assert (answer(granted, terms).outcome, answer(granted, terms).band) == ("granted", None)
    assert (answer(granted).outcome, answer(granted).may_be_free) == ("charged", False)
    assert (answer(SIGNED, terms).outcome, answer(SIGNED, terms).may_be_free) == ("charged", True)


def test_a_subscriber_without_an_offer_is_told_that_it_has_ended() -> None:
    ours = Subscription(3, 1, None, None, 10, 0, None)
    assert answer(replace(SIGNED, offer=""), None, ours).outcome == "subscription_expired"
    assert answer(replace(SIGNED, offer=""), None, ours).band is Band.ABLE


def test_a_rate_that_was_exceeded_is_exceeded_wherever_there_is_one() -> None:
    often = replace(SIGNED, outcome="rate_exceeded", status=429)
    assert answer(often).outcome == "charged"
    rated = answer(often, charge(rate=parse_rate("2/minute")))
    assert (rated.outcome, rated.band, rated.rated) == ("rate_exceeded", None, True)


def test_who_cannot_pay_is_told_from_who_only_did_not() -> None:
    assert (answer(CLAIMED).outcome, answer(CLAIMED).band) == ("payment_required", Band.UNABLE)
    assert answer(replace(CLAIMED, offer="max USD 1")).outcome == "signature_required"
    assert answer(replace(SIGNED, offer="")).band is Band.ABLE
    assert answer(replace(SIGNED, offer="max USD 0.001")).fate is Fate.TOO_DEAR
    stranger = replace(SIGNED, agent="https://else.example/", offer="")
    assert answer(stranger).band is Band.UNABLE
    assert answer(replace(SIGNED, method="HEAD", offer="")).band is None


@pytest.mark.parametrize(
    ("rule", "fate"),
    [
        (Rule("r"), Fate.FREE),
        (Rule("r", action=Action.MONITOR, price=PRICE), Fate.WATCHED),
        (Rule("r", action=Action.BLOCK), Fate.BLOCKED),
        (charge(), Fate.UNPAID),
    ],
)
def test_a_request_has_one_fate(rule: Rule, fate: Fate) -> None:
    assert answer(CLAIMED, rule).fate is fate


def test_a_price_that_the_origin_stated_holds_under_the_draft_too() -> None:
    stated = replace(SIGNED, outcome="charged", price_micros=9_000)
    live = answer(stated, in_band_pricing=True)
    assert live.price == PRICE
    assert stated_price(stated, live) == Money(9_000, "USD")
    assert stated_price(replace(stated, price_micros=5_000), live) is None
