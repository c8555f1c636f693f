"""Climb the identity ladder: from what a request carries to who is asking (docs/protocol.md, "Who asks").

Rules of this file: only a verified signature of a registered crawler gives a name that can pay. A signature that
fails, or whose key cannot be had, leaves no more than the claim; the failure is kept, so that a crawler that
offers to pay hears what was wrong.
"""

from __future__ import annotations

from edge.core.identity import ClaimedCrawler, CrawlerKind, Identity, SignedCrawler, Visitor
from edge.core.policy import Knowledge, Policy
from edge.core.request import CrawlRequest
from edge.core.web_bot_auth import Invalid, Unsigned, Unverified, Verified, examine

_AUTOMATION_HEADERS = ("signature", "signature-input", "signature-agent", "crawler-exact-price", "crawler-max-price")


def identify(request: CrawlRequest, policy: Policy, knowledge: Knowledge, now: float) -> Identity:
    """Say who asks, on the best evidence this request carries."""
    fields = request.fields
    claimed = knowledge.classify(fields.get("user-agent", ""))
    if "signature" not in fields and "signature-input" not in fields:
        return claimed or _person_unless_automated(request)
    match examine(request, knowledge.find_key, now, allow_loopback_http=knowledge.allow_loopback_http):
        case Verified() as proof:
            return _signed(proof, policy, claimed)
        case Invalid(verified=Verified() as proof) as failure:
            # Only time failed: the name is proved, but nothing new can be bought (decision.py, step 14).
            known = policy.crawlers.get(proof.agent_url)
            return SignedCrawler(known, proof, expired=failure) if known else _claim(claimed, failure)
        case Invalid() | Unverified() as failure:
            return _claim(claimed, failure)
        case Unsigned():
            return claimed or _person_unless_automated(request)


def _signed(proof: Verified, policy: Policy, claimed: ClaimedCrawler | None) -> Identity:
    known = policy.crawlers.get(proof.agent_url)
    if known is not None:
        return SignedCrawler(known, proof)
    # The key is published and the signature good, but nobody registered this agent: there is no one to bill.
    return _claim(claimed, None)


def _claim(claimed: ClaimedCrawler | None, failure: Invalid | Unverified | None) -> ClaimedCrawler:
    if claimed is None:
        return ClaimedCrawler("", "", CrawlerKind.OTHER, failure)
    return ClaimedCrawler(claimed.name, claimed.operator, claimed.kind, failure)


def _person_unless_automated(request: CrawlRequest) -> Identity:
    """A browser's User-Agent with crawler headers is a crawler, whatever it calls itself."""
    if any(name in request.fields for name in _AUTOMATION_HEADERS):
        return ClaimedCrawler("", "", CrawlerKind.OTHER)
    return Visitor()
