"""Say in words what a rehearsal found: one word with a shape, one sentence, and who was taken for whom. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from edge.core.decision import Admit, AdmitReason, AskOrigin, Charge, Decision, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, Identity, Rung, SignedCrawler, TokenCrawler, Visitor
from edge.core.money import Money
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.rehearsal import Rehearsal

_ADMITTED = {
    AdmitReason.OWN_DOCUMENT: "The edge answers this by itself, for nothing: its keys, receipts and explanations.",
    AdmitReason.FREE_PATH: "This address is always free, whatever the rules say.",
    AdmitReason.VISITOR: "A person in a browser is never asked; the rules are for bots.",
    AdmitReason.ALLOWED: "The page is served for nothing.",
    AdmitReason.MONITORED: "The page is served for nothing, and what it would have cost is counted.",
    AdmitReason.PRICE_ZERO: "The price is nothing, so the page is served for nothing.",
    AdmitReason.METHOD_NOT_CHARGED: "Only GET is charged; this passes for nothing.",
}

_BORNE_OUT = {
    Rung.IMPOSTOR: "but its address is not one of that crawler’s: an impostor",
    Rung.CLAIMED: "by what it claims alone",
    Rung.REVERSE_DNS: "as reverse DNS confirms",
    Rung.ADDRESS: "which comes from its published addresses",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer of "test a URL": ``shape`` is the action whose shape and colour it takes."""

    title: str
    rehearsal: Rehearsal
    shape: str
    word: str
    sentence: str
    price: Money | None
    identity: str
    is_default: bool


def verdict(title: str, rehearsal: Rehearsal) -> Verdict:
    """Put a rehearsal into words."""
    shape, word, sentence, price = _decided(rehearsal.decision)
    match, site = rehearsal.match, rehearsal.decision.site
    is_default = match is not None and site is not None and match.position == len(site.rules.rule_set.rules)
    return Verdict(title, rehearsal, shape, word, sentence, price, _identified(rehearsal.identity), is_default)


def _decided(decision: Decision) -> tuple[str, str, str, Money | None]:
    match decision:
        case Admit(reason=AdmitReason.MONITORED as reason, would_ask=price):
            return "monitor", "Watched", _ADMITTED[reason], price
        case Admit(reason=reason):
            return "allow", "Served free", _ADMITTED[reason], None
        case Charge(price=price):
            sentence = (
                "The page is sold, if the account’s funds and budgets allow it and the origin answers with a page."
            )
            return "charge", "Sold", sentence, price
        case DemandPayment(code=code, price=price):
            return "charge", "Asked to pay", _told(code), price
        case Refuse(code=code, detail=detail):
            sentence = _told(code) + (f" ({detail})" if detail else "")
            return "block", "Refused", sentence, None
        case AskOrigin():
            return "charge", "Origin’s price", "The origin names the price of this page in its own answer.", None
        case _ as never:
            assert_never(never)


def _told(code: RefusalCode) -> str:
    """A refusal's words are meant for the crawler's team; say so to the publisher."""
    return f"The crawler is told: {REFUSALS[code].title}. {REFUSALS[code].detail}"


def _identified(identity: Identity | None) -> str:
    match identity:
        case SignedCrawler(crawler=crawler):
            return f"Taken for {crawler.name}, a {crawler.kind.value} crawler, proved by its signature."
        case TokenCrawler(crawler=crawler):
            return f"Taken for {crawler.name}, a {crawler.kind.value} crawler, proved by a token of ours."
        case ClaimedCrawler(name="", kind=kind):
            return f"Taken for a nameless bot ({kind.value})."
        case ClaimedCrawler(name=name, kind=kind, rung=rung):
            return f"Taken for {name} ({kind.value}), {_BORNE_OUT[rung]}."
        case Visitor():
            return "Taken for a person."
        case None:
            return "Nobody looked at who asked."
        case _ as never:
            assert_never(never)
