"""Decide one request: who pays, how much, or why not. Pure, and the same for the gate, "test a URL" and a backtest.

The order of the steps is part of the wire contract (docs/protocol.md, "Deciding one request"): it says which of
several mistakes a crawler hears about first. Every outcome is a value. Nothing here looks at balances: whether
there are funds is decided by the ledger, in the transaction that takes them.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from edge.core.budgets import BudgetExceeded
from edge.core.grants import FreePages, Grant, Recrawl, SubscriptionPages
from edge.core.identity import (
    STRANGER,
    ClaimedCrawler,
    Crawler,
    Identity,
    Payer,
    SignedCrawler,
    TokenCrawler,
    TokenRefused,
    Visitor,
)
from edge.core.ladder import identify
from edge.core.money import Money
from edge.core.policy import Account, Knowledge, Policy, SitePolicy
from edge.core.rates import RateExceeded
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rule_index import Match
from edge.core.rules import Action, Rule
from edge.core.target import Target
from edge.core.terms import Offer, OfferKind, OfferMistake, read_offer
from edge.core.values import per_request
from edge.core.web_bot_auth import Invalid, Unverified, Verified, charge_freshness, covers_target

ALWAYS_FREE_PATHS = frozenset(
    {
        *("/robots.txt", "/sitemap.xml", "/security.txt", "/.well-known/security.txt", "/crawlers.json"),
        *("/license.xml", "/.well-known/tdmrep.json", "/.well-known/crawl-prices.json"),
    }
)
"""Never priced, whatever the rules say; matched exactly, because a pattern here would be a way round."""

OWN_PREFIXES = ("/.well-known/farebox/", "/.well-known/receipts/")
"""Where the edge answers by itself on every site: its keys, receipts and explanations."""

_ABOUT_THE_OFFER = frozenset(
    {
        RefusalCode.CONFLICTING_PRICES,
        RefusalCode.INVALID_PRICE,
        RefusalCode.PAYMENT_REQUIRED,
        RefusalCode.PRICE_NOT_SIGNED,
        RefusalCode.MAX_PRICE_TOO_LOW,
        RefusalCode.EXACT_PRICE_DIFFERS,
    }
)
"""What a page that is free needs no answer to: it is asked first whether the page is free."""

PRICED_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""What a bot may send to a priced page; only GET is ever charged."""


_REGISTER = "register this agent with the operator of this site"


class AdmitReason(StrEnum):
    """Why a request passes without a charge; recorded with the traffic."""

    OWN_DOCUMENT = "own_document"
    FREE_PATH = "free_path"
    VISITOR = "visitor"
    ALLOWED = "allowed"
    MONITORED = "monitored"
    PRICE_ZERO = "price_zero"
    METHOD_NOT_CHARGED = "method_not_charged"


@per_request
class Admit:
    """Pass the request on, for nothing. ``would_ask`` is the price that a monitoring rule would have asked."""

    site: SitePolicy
    reason: AdmitReason
    identity: Identity | None = None
    match: Match | None = None
    would_ask: Money | None = None


@per_request
class Refuse:
    """Say no: one code of the closed list, the one reason, and when to come back if time will help.

    ``rate`` is the one that the crawler has exceeded, where that is why.
    """

    code: RefusalCode
    detail: str
    site: SitePolicy | None = None
    identity: Identity | None = None
    match: Match | None = None
    retry_after_seconds: int | None = None
    status: int | None = None
    rate: RateExceeded | None = None


@per_request
class DemandPayment:
    """Say no with a price: a 402 that carries ``crawler-price``.

    ``budget`` is the crawler's own budget that the price does not fit into; only the ledger finds that.
    """

    code: RefusalCode
    price: Money
    site: SitePolicy
    identity: Identity
    match: Match
    budget: BudgetExceeded | None = None


@per_request
class Charge:
    """Sell the page: fetch it, and let the ledger take ``price`` before a byte leaves.

    With ``otherwise`` set this request may only collect what it has paid for before (its signature has aged, or
    the price has changed since): the ledger is asked for a charge of the same key, and if there is none the
    answer is ``otherwise``.

    With ``grants`` the page may be free: the ledger tries them in order before it takes the price, and with
    ``otherwise`` instead of taking it (there is no offer, or not a sufficient one).
    """

    price: Money
    offer: Offer | None
    account: Account
    identity: Payer
    site: SitePolicy
    match: Match
    otherwise: Refuse | DemandPayment | None = None
    grants: tuple[Grant, ...] = ()


@per_request
class AskOrigin:
    """The origin names the price (in-band pricing): fetch its answer, then decide again with that price."""

    site: SitePolicy
    identity: Identity
    match: Match


Decision = Admit | Charge | DemandPayment | Refuse | AskOrigin


def decide(
    request: CrawlRequest, policy: Policy, knowledge: Knowledge, now: float, content_price: Money | None = None
) -> Decision:
    """Decide ``request`` at ``now`` (seconds since the epoch) under one policy snapshot.

    ``content_price`` is the origin's own price, given on the second call after ``AskOrigin``.
    """
    site = policy.sites.get(request.host)
    if site is None:
        return Refuse(RefusalCode.UNKNOWN_SITE, f"no site named {request.host!r} is served here")
    resource = request.resource
    if not isinstance(resource, Target):
        return Refuse(resource.code, resource.detail, site)
    if resource.path in ALWAYS_FREE_PATHS:
        # What the site publishes of its rules is answered by the edge; the rest is the origin's own.
        return Admit(site, AdmitReason.OWN_DOCUMENT if resource.path in site.published else AdmitReason.FREE_PATH)
    if resource.path.startswith(OWN_PREFIXES):
        return Admit(site, AdmitReason.OWN_DOCUMENT)
    identity = identify(request, policy, knowledge, now)
    if isinstance(identity, Visitor):
        return Admit(site, AdmitReason.VISITOR, identity)
    return decide_crawler(request, resource, identity, site, policy, now, content_price)


def decide_crawler(
    request: CrawlRequest,
    resource: Target,
    identity: Crawler,
    site: SitePolicy,
    policy: Policy,
    now: float,
    content_price: Money | None = None,
) -> Decision:
    """Decide for a crawler that is known already: what a recorded request can be put to again."""
    if resource.ambiguity is not None:
        return _ambiguous(site, identity, resource)
    match = site.rules.match(resource.path, resource.query, identity, now)
    rule = match.rule
    match rule.action:
        case Action.ALLOW:
            return Admit(site, AdmitReason.ALLOWED, identity, match)
        case Action.MONITOR:
            return Admit(site, AdmitReason.MONITORED, identity, match, would_ask=rule.price)
        case Action.BLOCK:
            return _blocked(site, identity, match)
        case Action.CHARGE:
            decision = _priced(request, resource, site, identity, match, policy, now, content_price)
            if isinstance(identity, ClaimedCrawler):
                return decision  # a name alone earns nothing
            if isinstance(decision, Charge) and not (rule.has_terms or decision.account.subscriptions):
                return decision  # what most sales are
            return _or_free(decision, request, resource, site, identity, match, policy, now, content_price)


def _ambiguous(site: SitePolicy, identity: Identity, resource: Target, match: Match | None = None) -> Refuse:
    reason = resource.ambiguity or "this is not the canonical spelling of the address"
    hint = resource.canonical_hint
    detail = f"{reason}; ask for {hint} instead" if hint is not None else f"{reason}; ask for a plain spelling"
    return Refuse(RefusalCode.AMBIGUOUS_TARGET, detail, site, identity, match)


def _blocked(site: SitePolicy, identity: Identity, match: Match) -> Refuse:
    rule = match.rule
    detail = rule.block_text or "the publisher's rules block this crawler here"
    return Refuse(RefusalCode.CRAWLER_BLOCKED, detail, site, identity, match, status=rule.block_status)


def _priced(
    request: CrawlRequest,
    resource: Target,
    site: SitePolicy,
    identity: Crawler,
    match: Match,
    policy: Policy,
    now: float,
    content_price: Money | None,
) -> Decision:
    """A page that has a price: is there an offer to pay it, and does it come from somebody who has a proved name?"""
    if request.method not in PRICED_METHODS or request.has_body:
        return _not_for_sale(request, site, identity, match)
    offer = read_offer(request.fields, site.currency)
    if isinstance(offer, OfferMistake):
        return Refuse(offer.code, offer.detail, site, identity, match)
    if site.in_band_pricing and content_price is None:
        return AskOrigin(site, identity, match)
    price = match.rule.price if content_price is None else content_price
    if price is None:
        raise AssertionError(f"charge rule {match.rule.name!r} has no price")
    if price.amount_micros == 0:
        return Admit(site, AdmitReason.PRICE_ZERO, identity, match)
    if offer is None:
        return DemandPayment(RefusalCode.PAYMENT_REQUIRED, price, site, identity, match)
    if isinstance(identity, ClaimedCrawler):
        return _unproved(site, identity, match, policy)
    if not resource.exact:
        return _ambiguous(site, identity, resource, match)
    return _offered(request, offer, price, site, identity, match, policy, now)


def _offered(
    request: CrawlRequest,
    offer: Offer,
    price: Money,
    site: SitePolicy,
    identity: Payer,
    match: Match,
    policy: Policy,
    now: float,
) -> Admit | Charge | DemandPayment | Refuse:
    """A registered crawler offers to pay: does it mean that, now, is it enough, and is there an account?

    A signature says itself what it covers and when it was made. A token says neither: whoever holds it means what it
    sends, and what it has bought before is told by the name of the purchase.
    """
    if identity.crawler.crawler_id == STRANGER:
        return Refuse(RefusalCode.CRAWLER_UNREGISTERED, _REGISTER, site, identity, match)
    otherwise: Refuse | DemandPayment | None = None
    if not isinstance(identity, TokenCrawler):
        unsigned = _not_covered(offer, identity.proof, site)
        if unsigned is not None:
            return Refuse(*unsigned, site, identity, match)
        otherwise = _stale(site, identity, match, now)
    otherwise = otherwise or _not_enough(offer, price, site, identity, match)
    crawler = identity.crawler
    account = policy.accounts.get((crawler.crawler_id, site.currency))
    if account is None or account.suspended or crawler.suspended:
        return otherwise or _no_account(account, site, identity, match)
    if request.method != "GET":
        return otherwise or Admit(site, AdmitReason.METHOD_NOT_CHARGED, identity, match)
    return Charge(price, offer, account, identity, site, match, otherwise)


def _or_free(
    decision: Decision,
    request: CrawlRequest,
    resource: Target,
    site: SitePolicy,
    identity: Payer,
    match: Match,
    policy: Policy,
    now: float,
    content_price: Money | None,
) -> Decision:
    """The same, unless the page may be free for who asks: then the ledger is asked for that first.

    Free is a page for a registered crawler that has just signed for it, or sent its token, offer or none.
    """
    rule = match.rule
    account = policy.accounts.get((identity.crawler.crawler_id, site.currency))
    if account is None or not (rule.has_terms or account.subscriptions):
        return decision
    if account.suspended or identity.crawler.suspended or request.method != "GET" or not resource.exact:
        return decision
    if isinstance(identity, SignedCrawler) and not _is_meant(identity, site, match, now):
        return decision
    grants = _grants(rule, account, site)
    price = rule.price if content_price is None else content_price
    if not grants or price is None or price.amount_micros == 0 or (site.in_band_pricing and content_price is None):
        return decision
    match decision:
        case Charge(otherwise=None):
            return replace(decision, grants=grants)
        case Charge(otherwise=Refuse(code=code) | DemandPayment(code=code)) if code in _ABOUT_THE_OFFER:
            return replace(decision, grants=grants)
        case Refuse(code=code) | DemandPayment(code=code) if code in _ABOUT_THE_OFFER:
            return Charge(price, None, account, identity, site, match, decision, grants)
        case _:
            return decision


def _is_meant(identity: SignedCrawler, site: SitePolicy, match: Match, now: float) -> bool:
    """Whether a signature is fresh and, where the site asks for that, made for this very address."""
    return _stale(site, identity, match, now) is None and (not site.strict or covers_target(identity.proof))


def _grants(rule: Rule, account: Account, site: SitePolicy) -> tuple[Grant, ...]:
    """What may make the page free, in the order in which it is tried."""
    found: list[Grant] = []
    if rule.recrawl_hours is not None or rule.recrawl_unchanged:
        found.append(Recrawl(rule.recrawl_hours, rule.recrawl_unchanged))
    for one in account.subscriptions:
        if one.covers(site.publisher_id, site.site_id, rule.licence):
            found.append(SubscriptionPages(one.subscription_id))
    if rule.free_pages:
        found.append(FreePages(rule.free_pages, rule.free_period))
    return tuple(found)


def _not_for_sale(request: CrawlRequest, site: SitePolicy, identity: Identity, match: Match) -> Refuse:
    if request.method not in PRICED_METHODS:
        detail = f"{request.method} is not sold; use GET"
        return Refuse(RefusalCode.METHOD_NOT_ALLOWED, detail, site, identity, match)
    return Refuse(RefusalCode.BODY_NOT_ALLOWED, "send the request without content", site, identity, match)


def _unproved(site: SitePolicy, identity: ClaimedCrawler, match: Match, policy: Policy) -> Refuse:
    """An offer to pay from somebody who has not proved who they are, and why what they sent proves nothing."""
    failure = identity.failure
    match failure:
        case None:
            detail = "sign the request as accept-signature says"
            return Refuse(RefusalCode.SIGNATURE_REQUIRED, detail, site, identity, match)
        case Invalid():
            detail = f"{failure.fault.sentence} ({failure.detail})" if failure.detail else failure.fault.sentence
            return Refuse(RefusalCode.SIGNATURE_INVALID, detail, site, identity, match)
        case Unverified() if failure.agent_url is not None and failure.agent_url not in policy.crawlers:
            # Nobody's keys are fetched for it, so nothing is proved; but what would help is known.
            return Refuse(RefusalCode.CRAWLER_UNREGISTERED, _REGISTER, site, identity, match)
        case TokenRefused():
            return Refuse(RefusalCode.TOKEN_REFUSED, failure.detail, site, identity, match)
        case Unverified():
            detail, later = failure.fault.sentence, failure.retry_after_seconds
            return Refuse(RefusalCode.KEY_UNAVAILABLE, detail, site, identity, match, later)


def _not_covered(offer: Offer, proof: Verified, site: SitePolicy) -> tuple[RefusalCode, str] | None:
    if offer.kind.value not in proof.covered:
        return RefusalCode.PRICE_NOT_SIGNED, f'cover "{offer.kind.value}" with the signature'
    if site.strict and not covers_target(proof):
        return RefusalCode.TARGET_NOT_SIGNED, 'cover "@target-uri", or "@path" with "@query"'
    return None


def _stale(site: SitePolicy, identity: SignedCrawler, match: Match, now: float) -> Refuse | None:
    fault = identity.expired.fault if identity.expired else charge_freshness(identity.proof, now)
    return Refuse(RefusalCode.SIGNATURE_STALE, fault.sentence, site, identity, match) if fault else None


def _not_enough(offer: Offer, price: Money, site: SitePolicy, identity: Payer, match: Match) -> DemandPayment | None:
    if offer.accepts(price):
        return None
    code = RefusalCode.EXACT_PRICE_DIFFERS if offer.kind is OfferKind.EXACT else RefusalCode.MAX_PRICE_TOO_LOW
    return DemandPayment(code, price, site, identity, match)


def _no_account(account: Account | None, site: SitePolicy, identity: Payer, match: Match) -> Refuse:
    name = identity.crawler.name
    if account is None:
        return Refuse(RefusalCode.ACCOUNT_MISSING, f"{name} has no {site.currency} account", site, identity, match)
    return Refuse(RefusalCode.ACCOUNT_SUSPENDED, f"the account of {name} is suspended", site, identity, match)
