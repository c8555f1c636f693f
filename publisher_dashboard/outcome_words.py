"""Say in words what became of one request and why, as a publisher asks it: not as the crawler was told. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from edge.core.decision import AdmitReason
from edge.core.outcomes import OutcomeGroup, group_of
from edge.core.refusals import REFUSALS, RefusalCode
from edge.store.activity import Activity
from publisher_dashboard.rendering import money

GROUP_WORDS: Mapping[OutcomeGroup, str] = {
    OutcomeGroup.SOLD: "Sold",
    OutcomeGroup.FREE: "Served free",
    OutcomeGroup.WATCHED: "Watched",
    OutcomeGroup.ASKED: "Asked to pay",
    OutcomeGroup.REFUSED: "Refused",
    OutcomeGroup.FAILED: "Failed",
}
GROUP_SHAPES: Mapping[OutcomeGroup, str] = {
    OutcomeGroup.SOLD: "charge",
    OutcomeGroup.FREE: "allow",
    OutcomeGroup.WATCHED: "monitor",
    OutcomeGroup.ASKED: "asked",
    OutcomeGroup.REFUSED: "block",
    OutcomeGroup.FAILED: "failed",
}
"""The shape and colour of each group, by the class of its mark."""

PROOFS: Mapping[str, str] = {
    "impostor": "an impostor",
    "claimed": "only claims its name",
    "reverse-dns": "reverse DNS agrees",
    "address": "from its published addresses",
    "token": "has a token of ours",
    "signed": "signed",
}
KINDS: Mapping[str, str] = {
    "training": "Training",
    "search": "Search engine",
    "assistant": "Assistant",
    "archiver": "Archiver",
    "seo": "Search optimisation",
    "monitor": "Monitoring",
    "library": "Library or tool",
    "other": "Other",
}

_ENDS: Mapping[str, str] = {
    "charged": "it paid",
    "granted": "free by the rule’s terms or a subscription",
    "collected": "it had paid for this page before",
    "not_billable": "the origin answered with no page to sell",
    "unbilled": "served for nothing while the ledger was down",
    "broken_off": "the connection broke before the page had arrived",
    AdmitReason.OWN_DOCUMENT: "the edge’s own document",
    AdmitReason.FREE_PATH: "this address is always free",
    AdmitReason.VISITOR: "a person",
    AdmitReason.ALLOWED: "it may pass",
    AdmitReason.MONITORED: "watched, not asked",
    AdmitReason.PRICE_ZERO: "the price is nothing",
    AdmitReason.METHOD_NOT_CHARGED: "only GET is charged",
    RefusalCode.PAYMENT_REQUIRED: "it offered nothing",
    RefusalCode.CONFLICTING_PRICES: "it sent two prices",
    RefusalCode.INVALID_PRICE: "its offer could not be read",
    RefusalCode.MAX_PRICE_TOO_LOW: "it offered less",
    RefusalCode.EXACT_PRICE_DIFFERS: "it offered another price",
    RefusalCode.SIGNATURE_REQUIRED: "it did not sign",
    RefusalCode.SIGNATURE_INVALID: "its signature does not verify",
    RefusalCode.KEY_UNAVAILABLE: "the key it signed with is not known",
    RefusalCode.PRICE_NOT_SIGNED: "its offer was not signed",
    RefusalCode.TARGET_NOT_SIGNED: "the address was not signed",
    RefusalCode.SIGNATURE_STALE: "its signature was too old",
    RefusalCode.TOKEN_REFUSED: "its token does not count",
    RefusalCode.IDEMPOTENCY_KEY_SPENT: "that purchase was over",
    RefusalCode.CRAWLER_UNREGISTERED: "it is not registered here",
    RefusalCode.ACCOUNT_MISSING: "it has no account in this currency",
    RefusalCode.ACCOUNT_SUSPENDED: "its account is suspended",
    RefusalCode.INSUFFICIENT_CREDITS: "its funds did not suffice",
    RefusalCode.BUDGET_EXCEEDED: "its own budget was used up",
    RefusalCode.SUBSCRIPTION_EXPIRED: "its subscription is over",
    RefusalCode.CRAWLER_BLOCKED: "a rule blocks it",
    RefusalCode.RATE_EXCEEDED: "it asked too often",
}


def ended(outcome: str) -> str:
    """How a request ended, in a few words that begin small."""
    if outcome in _ENDS:
        return _ENDS[outcome]
    try:
        title = REFUSALS[RefusalCode(outcome)].title
    except ValueError:
        return outcome.replace("_", " ")
    return title[:1].lower() + title[1:]


def why(row: Activity, currency: str) -> str:
    """Why a request ended as it did: the rule, what it asks, what was offered, what came of it."""
    asked = f" asks {money(row.price_micros, currency)}" if row.price_micros else ""
    rule = "Everything else" if row.rule == "everything else" else f"“{row.rule}”" if row.rule else ""
    group = group_of(row.outcome)
    if group is OutcomeGroup.WATCHED and asked:
        asked = asked.replace(" asks", " would ask")
    offered = f", offered {_offer(row.offer)}" if row.offer and group in (OutcomeGroup.SOLD, OutcomeGroup.ASKED) else ""
    end = ended(row.outcome)
    first = f"{rule}{asked}{offered}"
    return f"{first}: {end}" if first else end[:1].upper() + end[1:]


def would_take(row: Activity, currency: str) -> str | None:
    """What it would have taken to get the page; None where it got it, or where nothing would have helped."""
    try:
        code = RefusalCode(row.outcome)
    except ValueError:
        return None
    if code is RefusalCode.CRAWLER_BLOCKED:
        return "A rule above the one that blocks it, which allows it or names a price."
    detail = REFUSALS[code].detail
    if group_of(row.outcome) is OutcomeGroup.ASKED and row.price_micros:
        return f"The price is {money(row.price_micros, currency)}. The crawler was told: {detail}"
    return f"The crawler was told: {detail}"


def _offer(text: str) -> str:
    kind, _, amount = text.partition(" ")
    return f"{'at most' if kind == 'max' else 'exactly'} {amount}"
