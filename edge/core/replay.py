"""Put a recorded request to a set of rules, and say what would have become of it. Pure.

Rules of this file
- The answer is that of ``decide_crawler``, which the gate goes by. What comes after a decision at the edge (the origin,
  the ledger) is read off what was recorded: an answer that was no page is none again, a page that had been paid for is
  had again, an account that was empty is empty for the same price.
- What cannot be known is said by the backtest, not guessed: an origin that was never asked is taken to have the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from edge.core.billable import is_billable
from edge.core.decision import Admit, AdmitReason, AskOrigin, Charge, Decision, DemandPayment, Refuse, decide_crawler
from edge.core.grants import SubscriptionPages
from edge.core.identity import STRANGER, ClaimedCrawler, Crawler
from edge.core.money import Money
from edge.core.outcomes import BROKEN_OFF, CHARGED
from edge.core.policy import Policy, SitePolicy
from edge.core.recorded import Asker, identity_again, request_again
from edge.core.refusals import RefusalCode
from edge.core.rules import Action, Rule
from edge.core.target import Target

_PASSED = frozenset({*(reason.value for reason in AdmitReason), CHARGED, "granted", "collected", "not_billable"})
_AS_BEFORE = frozenset({"collected", BROKEN_OFF, RefusalCode.IDEMPOTENCY_KEY_SPENT.value})
_NO_FUNDS = frozenset({RefusalCode.INSUFFICIENT_CREDITS.value, RefusalCode.BUDGET_EXCEEDED.value})
_NEVER_EARNS = frozenset(
    {
        RefusalCode.CRAWLER_BLOCKED.value,
        RefusalCode.METHOD_NOT_ALLOWED.value,
        RefusalCode.BODY_NOT_ALLOWED.value,
        RefusalCode.IDEMPOTENCY_KEY_SPENT.value,
    }
)


class Fate(StrEnum):
    """What a request comes to, as publishers think of it."""

    FREE = "free"
    WATCHED = "watched"
    SOLD = "sold"
    TOO_DEAR = "too dear"
    UNPAID = "unpaid"
    REFUSED = "refused"
    BLOCKED = "blocked"
    BROKEN_OFF = "broken off"
    """Its delivery broke: nothing was sold, as the ledger has it."""


class Band(StrEnum):
    """How sure the money of a priced page is."""

    OFFERED = "offered"
    """It offered enough: this is sold."""
    ABLE = "able"
    """It can pay, and did not offer, or not enough, or not rightly."""
    UNABLE = "unable"
    """It cannot pay today: no proved name, or no account."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one request: ``outcome`` as the edge records it, and its price where it has one.

    ``band`` is None where nothing can be earned. ``may_be_free`` says that terms of the rule may give it away, which
    only the ledger knows; ``rated`` that the rule holds it to a rate.
    """

    outcome: str
    rule: Rule | None
    price: Money | None
    fate: Fate
    band: Band | None = None
    may_be_free: bool = False
    rated: bool = False


def answer_to(
    asker: Asker, target: str, now: float, site: SitePolicy, policy: Policy, stated: Money | None = None
) -> Answer:
    """What these rules answer to a recorded request at its time; ``stated`` is the price that the origin stated."""
    request, identity = request_again(asker, target, site.host), identity_again(asker, policy, now)
    resource = request.resource
    if not isinstance(resource, Target):
        return Answer(resource.code.value, None, None, Fate.REFUSED)  # cannot have been recorded
    decision = decide_crawler(request, resource, identity, site, policy, now)
    if isinstance(decision, AskOrigin):
        price = stated or decision.match.rule.price
        decision = decide_crawler(request, resource, identity, site, policy, now, price)
    return _answer(decision, asker, identity, site, policy)


def stated_price(asker: Asker, live: Answer) -> Money | None:
    """The price that the origin stated for a recorded request: what was asked for and is not the rule's."""
    rule = live.rule
    if rule is None or rule.price is None or asker.price_micros in (None, rule.price.amount_micros):
        return None
    return Money(asker.price_micros or 0, rule.price.currency)


def _answer(decision: Decision, asker: Asker, identity: Crawler, site: SitePolicy, policy: Policy) -> Answer:
    outcome, price = _outcome(decision, asker)
    match = decision.match
    rule = match.rule if match is not None else None
    rated = rule is not None and rule.rate is not None and rule.action is not Action.BLOCK
    if rated and asker.outcome == RefusalCode.RATE_EXCEEDED.value:
        outcome = asker.outcome
    fate = _fate(outcome, price)
    may_be_free = outcome == CHARGED and isinstance(decision, Charge) and bool(decision.grants)
    band = _band(outcome, price, asker, identity, rule, site, policy)
    return Answer(outcome, rule, price, fate, band, may_be_free, rated)


def _outcome(decision: Decision, asker: Asker) -> tuple[str, Money | None]:
    """How it ends, and the price that was asked for or taken."""
    match decision:
        case Admit(reason=reason, would_ask=would_ask):
            return reason.value, would_ask
        case DemandPayment(code=code, price=price):
            return code.value, price
        case Refuse(code=code, match=match):
            return code.value, match.rule.price if match is not None else None
        case Charge():
            return _sale(decision, asker), decision.price
        case AskOrigin():
            raise AssertionError("the origin's price was given, and asked for again")
        case _:
            assert_never(decision)


def _sale(charge: Charge, asker: Asker) -> str:
    """How the sale ends, by what was recorded of the origin and of the ledger."""
    recorded = asker.outcome
    if recorded in _AS_BEFORE or (recorded == "granted" and charge.grants):
        return recorded
    if charge.otherwise is not None:
        return _not_sold(charge, charge.otherwise)
    if recorded in _NO_FUNDS and charge.price.amount_micros >= (asker.price_micros or 0):
        return recorded
    if recorded == "not_billable" or (recorded in _PASSED and not is_billable(asker.status)):
        return "not_billable"
    return CHARGED


def _not_sold(charge: Charge, otherwise: Refuse | DemandPayment) -> str:
    """The refusal of who may only have it for nothing; a subscription without pages is why there was no offer."""
    subscribed = any(isinstance(grant, SubscriptionPages) for grant in charge.grants)
    if subscribed and otherwise.code is RefusalCode.PAYMENT_REQUIRED:
        return RefusalCode.SUBSCRIPTION_EXPIRED.value
    return otherwise.code.value


def _fate(outcome: str, price: Money | None) -> Fate:
    if outcome == AdmitReason.MONITORED.value:
        return Fate.WATCHED
    if outcome == CHARGED:
        return Fate.SOLD
    if outcome == BROKEN_OFF:
        return Fate.BROKEN_OFF
    if outcome in _PASSED:
        return Fate.FREE
    if outcome == RefusalCode.CRAWLER_BLOCKED.value:
        return Fate.BLOCKED
    if outcome in (RefusalCode.MAX_PRICE_TOO_LOW.value, RefusalCode.EXACT_PRICE_DIFFERS.value):
        return Fate.TOO_DEAR
    if outcome in (RefusalCode.PAYMENT_REQUIRED.value, RefusalCode.SUBSCRIPTION_EXPIRED.value):
        return Fate.UNPAID
    return Fate.REFUSED


def _band(
    outcome: str,
    price: Money | None,
    asker: Asker,
    identity: Crawler,
    rule: Rule | None,
    site: SitePolicy,
    policy: Policy,
) -> Band | None:
    if rule is None or rule.action is not Action.CHARGE or asker.method != "GET" or price is None:
        return None
    if outcome == CHARGED:
        # Whether an empty account can pay a lower price, only the ledger knows: nothing to count on.
        return Band.ABLE if asker.outcome in _NO_FUNDS else Band.OFFERED
    if outcome in _PASSED or outcome in _NEVER_EARNS or outcome in (BROKEN_OFF, RefusalCode.RATE_EXCEEDED.value):
        return None
    return Band.ABLE if _can_pay(identity, site, policy) else Band.UNABLE


def _can_pay(identity: Crawler, site: SitePolicy, policy: Policy) -> bool:
    """Whether a crawler has a proved name and an account that is in order."""
    if isinstance(identity, ClaimedCrawler) or identity.crawler.crawler_id == STRANGER or identity.crawler.suspended:
        return False
    account = policy.accounts.get((identity.crawler.crawler_id, site.currency))
    return account is not None and not account.suspended
