"""Count what came and what became of it: one dictionary on the request's path, flushed to the store behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from edge.core.decision import Admit, Charge, DemandPayment, Refuse
from edge.core.identity import STRANGER, Identity, SignedCrawler, Visitor, name_of, rung_of
from edge.core.policy import SitePolicy
from edge.core.refusals import RefusalCode
from edge.core.rule_index import Match
from edge.store.traffic import Span, TrafficKey, start_of

FLUSH_SECONDS = 1.0
KEYS_MAX = 20_000
OTHER_CRAWLERS = "(other)"
UNREGISTERED = "(unregistered)"
"""Whoever signs and is not registered: their names are strangers' words, so they are counted together."""

Flush = Callable[[Mapping[TrafficKey, int]], None]


class TrafficRecorder:
    """Counts per minute, site, crawler, rung, rule and outcome; ``totals`` keeps outcomes since the start for metrics.

    Crawler names come from the catalogue and the register, so their number is bounded; the bound is kept anyway.
    """

    def __init__(self, flush: Flush, clock: Callable[[], float], report: Callable[[str, BaseException], None]) -> None:
        self.totals: dict[str, int] = {}
        self._flush = flush
        self._clock = clock
        self._report = report
        self._counts: dict[tuple[int, str, str, str, str], int] = {}

    def count(self, decision: Admit | DemandPayment | Refuse) -> None:
        """Count a request that its decision answered."""
        outcome = decision.reason.value if isinstance(decision, Admit) else decision.code.value
        self._count(decision.site, decision.identity, decision.match, outcome)

    def count_sale(self, charge: Charge, outcome: str) -> None:
        """Count a sale that was answered, by how it ended."""
        self._count(charge.site, charge.identity, charge.match, outcome)

    def count_bad(self, code: RefusalCode) -> None:
        """Count something that never became a request."""
        self._add((0, "", "", "", code.value), code.value)

    def _count(self, site: SitePolicy | None, identity: Identity | None, match: Match | None, outcome: str) -> None:
        name, rung = counted_as(identity)
        rule = match.rule.name if match else ""
        self._add((site.site_id if site else 0, name, rung, rule, outcome), outcome)

    def _add(self, key: tuple[int, str, str, str, str], outcome: str) -> None:
        counts = self._counts
        if key not in counts and len(counts) >= KEYS_MAX:
            key = (key[0], OTHER_CRAWLERS, key[2], key[3], key[4])
        counts[key] = counts.get(key, 0) + 1
        self.totals[outcome] = self.totals.get(outcome, 0) + 1

    async def run(self) -> None:
        """Flush every second until cancelled; what cannot be flushed now is kept and tried again."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted since the last flush."""
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        minute = start_of(Span.MINUTE, int(self._clock()) * 1_000_000)
        batch = {TrafficKey(minute, *key): number for key, number in counts.items()}
        try:
            await asyncio.to_thread(self._flush, batch)
        except Exception as error:  # the store is down: traffic is not money, so keep counting and try again
            self._report("traffic", error)
            for key, number in counts.items():
                self._counts[key] = self._counts.get(key, 0) + number


def counted_as(identity: Identity | None) -> tuple[str, str]:
    """The name and the rung that a request counts under; empty for people."""
    if identity is None or isinstance(identity, Visitor):
        return "", ""
    is_stranger = isinstance(identity, SignedCrawler) and identity.crawler.crawler_id == STRANGER
    return UNREGISTERED if is_stranger else name_of(identity), rung_of(identity).label
