"""Hold a decision to the rate of its rule: the one step of deciding that remembers earlier requests.

``decide()`` stays pure, so this comes after it: whoever counts requests (the gate, a replay) asks once for each. A rate
counts every request that its rule decides, whatever is answered, but blocks, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import assert_never

from edge.core.decision import Decision, Refuse
from edge.core.identity import ClaimedCrawler, Identity, SignedCrawler, TokenCrawler, Visitor
from edge.core.rates import RateLimiter
from edge.core.refusals import RefusalCode
from edge.core.rules import Action


def within_rate(decision: Decision, limiter: RateLimiter, now: float) -> Decision:
    """The same decision, or 429 for a crawler that has asked too often; ``now`` in seconds since the epoch."""
    match, site = decision.match, decision.site
    if match is None or match.rule.rate is None or match.rule.action is Action.BLOCK or site is None:
        return decision
    who = (site.site_id, match.rule.name, _named(decision.identity))
    exceeded = limiter.take(who, match.rule.rate, now)
    if exceeded is None:
        return decision
    return Refuse(
        RefusalCode.RATE_EXCEEDED,
        exceeded.sentence,
        site,
        decision.identity,
        match,
        exceeded.retry_after_seconds,
        rate=exceeded,
    )


def _named(identity: Identity | None) -> Hashable:
    """Who is counted: a crawler by its proof; whoever proves less never uses up what its owner may ask."""
    match identity:
        case SignedCrawler(crawler=crawler) | TokenCrawler(crawler=crawler):
            return crawler.crawler_id or crawler.agent_url  # strangers have no number: each is its own address
        case ClaimedCrawler(name=name, rung=rung):
            return name.casefold(), rung
        case Visitor() | None:
            return None
        case _:
            assert_never(identity)
