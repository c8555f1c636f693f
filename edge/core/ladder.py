"""Climb the identity ladder: from what a request carries to who is asking (docs/protocol.md, "Who asks").

Rules of this file: only a verified signature or a token of a registered crawler gives a name that can pay. A
signature that fails, or whose key cannot be had, leaves no more than the next rung; the failure is kept, so that a
crawler that offers to pay hears what was wrong. Tokens and addresses are looked up where no signature counts, so a
signed request pays nothing for them. An address that one crawler alone publishes as its own says who asks, also of
somebody who gives a browser's name or none (docs/decisions/0042).
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.core.api_token import TokenFault, is_in_the_clear, purchase_name, read_token, token_digest
from edge.core.identity import (
    ClaimedCrawler,
    CrawlerKind,
    Identity,
    Rung,
    SignedCrawler,
    TokenCrawler,
    TokenRefused,
    Visitor,
    stranger,
)
from edge.core.policy import Knowledge, Policy
from edge.core.request import CrawlRequest
from edge.core.web_bot_auth import Invalid, Unsigned, Unverified, Verified, examine

_AUTOMATION_HEADERS = ("signature-agent", "crawler-exact-price", "crawler-max-price")


def identify(request: CrawlRequest, policy: Policy, knowledge: Knowledge, now: float) -> Identity:
    """Say who asks, on the best evidence this request carries."""
    fields = request.fields
    if "signature" not in fields and "signature-input" not in fields:
        if "authorization" in fields and (holder := _holder(request, policy, knowledge, now)) is not None:
            return holder
        claimed = knowledge.classify(fields.get("user-agent", ""))
        if claimed is not None and claimed.name:
            return _weighed(claimed, request, knowledge)
        return knowledge.owner(request.peer) or claimed or _person_unless_automated(fields)
    identity = _signed_or_claimed(request, policy, knowledge, now)
    if isinstance(identity, ClaimedCrawler) and "authorization" in fields:
        holder = _holder(request, policy, knowledge, now)
        if isinstance(holder, TokenCrawler):
            return holder  # the signature does not count, the token does: the next rung
    return identity


def _signed_or_claimed(request: CrawlRequest, policy: Policy, knowledge: Knowledge, now: float) -> Identity:
    """What a signature proves, or what it leaves."""
    outcome = examine(request, knowledge.find_key, now, allow_loopback_http=knowledge.allow_loopback_http)
    match outcome:
        case Verified():
            # Keys of agents that nobody registered are had where strangers' directories are read (discover mode): the
            # name is proved, and there is no one to bill.
            return SignedCrawler(policy.crawlers.get(outcome.agent_url) or stranger(outcome.agent_url), outcome)
        case Invalid(verified=proof):
            known = policy.crawlers.get(proof.agent_url) if proof else None
            if known is not None and proof is not None:
                # Only time failed: the name is proved, but nothing new can be bought.
                return SignedCrawler(known, proof, expired=outcome)
            return _claim(request, knowledge, outcome)
        case Unverified():
            return _claim(request, knowledge, outcome)
        case Unsigned():
            raise AssertionError("a request with a signature field is not unsigned")


def _holder(
    request: CrawlRequest, policy: Policy, knowledge: Knowledge, now: float
) -> TokenCrawler | ClaimedCrawler | None:
    """Whose token was sent; the claim that is left when it does not count; None when it is no token of ours."""
    text = read_token(request.fields["authorization"])
    if text is None:
        return None
    if is_in_the_clear(request.scheme, request.peer):
        return _claim(request, knowledge, TokenRefused(TokenFault.PLAIN_HTTP.sentence))
    token = policy.tokens.get(token_digest(text))
    fault = TokenFault.UNKNOWN if token is None else token.fault_at(request.host, now)
    if token is None or fault is not None:
        return _claim(request, knowledge, TokenRefused((fault or TokenFault.UNKNOWN).sentence))
    return TokenCrawler(token.crawler, token.token_id, purchase_name(request.fields, request.request_id))


def _claim(request: CrawlRequest, knowledge: Knowledge, failure: Invalid | Unverified | TokenRefused) -> ClaimedCrawler:
    """What is left when a signature or a token does not count: the name that the User-Agent says, if any."""
    claimed = knowledge.classify(request.fields.get("user-agent", ""))
    if claimed is None or not claimed.name:
        claimed = knowledge.owner(request.peer) or ClaimedCrawler("", "", CrawlerKind.OTHER)
        return ClaimedCrawler(claimed.name, claimed.operator, claimed.kind, failure, claimed.rung)
    rung = _weighed(claimed, request, knowledge).rung
    return ClaimedCrawler(claimed.name, claimed.operator, claimed.kind, failure, rung)


def _weighed(claimed: ClaimedCrawler, request: CrawlRequest, knowledge: Knowledge) -> ClaimedCrawler:
    """A claim with what the address says of it."""
    rung = knowledge.prove(claimed.name, request.peer)
    if rung is Rung.CLAIMED:
        return claimed
    return ClaimedCrawler(claimed.name, claimed.operator, claimed.kind, claimed.failure, rung)


def _person_unless_automated(fields: Mapping[str, str]) -> ClaimedCrawler | Visitor:
    """A browser's User-Agent with crawler headers is a crawler, whatever it calls itself."""
    if any(name in fields for name in _AUTOMATION_HEADERS):
        return ClaimedCrawler("", "", CrawlerKind.OTHER)
    return Visitor()
