"""A crawler's request as it is recorded, and the same request made anew, so that it can be decided again.

Rules of this file
- What ``decide_crawler`` asks of a request is kept or can be had from the register: nothing is guessed. ``facts`` holds
  what a row has no column for, each of them rare, so that 0 is the usual request.
- The register is today's: a crawler that was registered since, or whose account was suspended, is judged as it stands
  now. So is its kind; of names that are only claimed, the recorded ones count.
- A signature is not kept. One is made up that covers what the recorded one covered and is as fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from edge.core.identity import (
    ClaimedCrawler,
    Crawler,
    CrawlerKind,
    Rung,
    SignedCrawler,
    TokenCrawler,
    TokenRefused,
    stranger,
)
from edge.core.policy import Policy
from edge.core.request import CrawlRequest
from edge.core.signature_faults import SignatureFault
from edge.core.target import Target, read_target
from edge.core.terms import OfferKind
from edge.core.web_bot_auth import Invalid, Unverified, Verified, charge_freshness, covers_target

AGENT_CHARACTERS = 300
_OFFER_HEADERS = {"exact": OfferKind.EXACT.value, "max": OfferKind.MAX.value}


class Fact(IntFlag):
    """What was unusual about a request."""

    NONE = 0
    INEXACT = 1
    """It was spelled in another way than the canonical one, which is recorded."""
    AMBIGUOUS = 2
    CONTENT = 4
    """It had a body."""
    TWO_OFFERS = 8
    OFFER_UNSIGNED = 16
    """Its signature does not cover the offer."""
    TARGET_UNSIGNED = 32
    STALE = 64
    """Its signature proves the name, and is too old to buy with."""
    INVALID = 128
    UNVERIFIED = 256
    TOKEN_REFUSED = 512


@dataclass(frozen=True, slots=True)
class Asker:
    """All of a recorded request but its address and its time; equal ones are decided alike for one address.

    ``offer`` is as it was written, ``price_micros`` what was asked for, ``status`` that of the answer, ``agent`` the
    identity URL of who signed or said so.
    """

    crawler: str
    rung: str
    kind: str
    operator: str
    agent: str
    facts: int
    method: str
    offer: str
    outcome: str
    price_micros: int | None
    status: int


def facts_of(request: CrawlRequest, identity: Crawler, now: float) -> Fact:
    """What is unusual about a request of this crawler at ``now``."""
    found = Fact.CONTENT if request.has_body else Fact.NONE
    resource = request.resource
    if isinstance(resource, Target):
        found |= Fact.NONE if resource.exact else Fact.INEXACT
        found |= Fact.NONE if resource.ambiguity is None else Fact.AMBIGUOUS
    offered = [name for name in _OFFER_HEADERS.values() if name in request.fields]
    if len(offered) > 1:
        found |= Fact.TWO_OFFERS
    if isinstance(identity, SignedCrawler):
        return found | _of_proof(identity, offered, now)
    return found | _of_failure(identity) if isinstance(identity, ClaimedCrawler) else found


def agent_of(identity: Crawler) -> str | None:
    """The identity URL that a request was signed for, whether that was proved or not."""
    match identity:
        case SignedCrawler(crawler=crawler):
            return crawler.agent_url[:AGENT_CHARACTERS]
        case ClaimedCrawler(failure=Unverified(agent_url=str() as agent_url)):
            return agent_url[:AGENT_CHARACTERS]
        case _:
            return None


def operator_of(identity: Crawler) -> str:
    """Who runs the crawler, as far as its name is known."""
    return identity.operator if isinstance(identity, ClaimedCrawler) else identity.crawler.operator


def _of_proof(identity: SignedCrawler, offered: list[str], now: float) -> Fact:
    found, proof = Fact.NONE, identity.proof
    if any(name not in proof.covered for name in offered):
        found |= Fact.OFFER_UNSIGNED
    if not covers_target(proof):
        found |= Fact.TARGET_UNSIGNED
    return found | Fact.STALE if identity.expired or charge_freshness(proof, now) else found


def _of_failure(identity: ClaimedCrawler) -> Fact:
    match identity.failure:
        case Invalid():
            return Fact.INVALID
        case Unverified():
            return Fact.UNVERIFIED
        case TokenRefused():
            return Fact.TOKEN_REFUSED
        case None:
            return Fact.NONE


# Made anew


def request_again(asker: Asker, target: str, host: str) -> CrawlRequest:
    """The recorded request, as far as deciding looks at it. ``target`` is the canonical one that was recorded."""
    resource = read_target(target)
    if isinstance(resource, Target):
        ambiguity = "it was ambiguous" if asker.facts & Fact.AMBIGUOUS else None
        resource = resource._replace(exact=not asker.facts & Fact.INEXACT, ambiguity=ambiguity)
    path, mark, query = target.partition("?")
    return CrawlRequest(
        method=asker.method,
        scheme="https",
        authority=host,
        host=host,
        target=target,
        path=path,
        query=query if mark else None,
        fields=_offer_fields(asker),
        repeated={},
        resource=resource,
        has_body=bool(asker.facts & Fact.CONTENT),
        peer="",
        request_id="",
    )


def identity_again(asker: Asker, policy: Policy, now: float) -> Crawler:
    """Who asked, as the ladder found it then, with what today's register knows of it."""
    if asker.rung == Rung.SIGNED.label:
        crawler = policy.crawlers.get(asker.agent) or stranger(asker.agent)
        return SignedCrawler(crawler, _proof_again(asker, now))
    if asker.rung == Rung.TOKEN.label:
        for known in policy.crawlers.values():
            if known.name == asker.crawler:
                return TokenCrawler(known, 0, b"")
    kind = CrawlerKind(asker.kind)
    rung = Rung.from_label(asker.rung) if asker.rung != Rung.TOKEN.label else Rung.CLAIMED
    return ClaimedCrawler(asker.crawler, asker.operator, kind, _failure_again(asker), rung)


def _offer_fields(asker: Asker) -> dict[str, str]:
    word, _, price = asker.offer.partition(" ")
    fields = {_OFFER_HEADERS[word]: price} if word in _OFFER_HEADERS else {}
    return dict.fromkeys(_OFFER_HEADERS.values(), price) if asker.facts & Fact.TWO_OFFERS else fields


def _proof_again(asker: Asker, now: float) -> Verified:
    covered = {"@authority"}
    if not asker.facts & Fact.OFFER_UNSIGNED:
        covered |= set(_OFFER_HEADERS.values())
    if not asker.facts & Fact.TARGET_UNSIGNED:
        covered.add("@target-uri")
    created = 0 if asker.facts & Fact.STALE else int(now)
    return Verified(asker.agent, "", "", frozenset(covered), created, int(now) + 1, None, b"")


def _failure_again(asker: Asker) -> Invalid | Unverified | TokenRefused | None:
    if asker.facts & Fact.INVALID:
        return Invalid(SignatureFault.STALE, "")
    if asker.facts & Fact.UNVERIFIED:
        return Unverified(asker.agent or None, None, SignatureFault.KEY_UNKNOWN)
    if asker.facts & Fact.TOKEN_REFUSED or asker.rung == Rung.TOKEN.label:
        return TokenRefused("")
    return None
