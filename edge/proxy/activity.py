"""Note single requests of crawlers: a comparison on the request's path, everything else behind it.

Rules of this file
- People are never noted. Neither is what never became a crawler's request to one of our sites: that is counted only.
- Once a second what was kept is written, 200 rows in a transaction, so that the ledger waits for no more. How many rows
  that may be is saved up, ``rows_per_second`` for ``SAVED_SECONDS`` at most. So a burst is whole; a flood becomes an
  even sample, whose rows say how many requests they stand for.
- Addresses become what may be kept of them before anything else is done with them (``kept_address``).
- The queue is bounded: while the database is away the newest rows wait, and what has no room is counted as dropped.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from edge.core.decision import Admit, Charge, DemandPayment, Refuse
from edge.core.identity import ClaimedCrawler, Crawler, Visitor
from edge.core.money import Money
from edge.core.recorded import agent_of, facts_of, operator_of
from edge.core.request import CrawlRequest
from edge.core.sampling import Sample, stands_for
from edge.core.target import Target
from edge.core.values import per_request
from edge.proxy.traffic import counted_as
from edge.store.activity import Activity
from edge.store.deletion import ROWS_AT_ONCE

FLUSH_SECONDS = 1.0
SAVED_SECONDS = 100
QUEUE_ROWS_MAX = 20_000
OFFER_CHARACTERS = 80

Noted = Admit | Charge | DemandPayment | Refuse
Write = Callable[[Sequence[Activity]], None]


@per_request
class _Seen:
    """A request that was kept, as it was: what is written of it is made behind the request."""

    at_micros: int
    request: CrawlRequest
    decision: Noted
    outcome: str
    status: int


@dataclass(frozen=True, slots=True)
class ActivityParts:
    """What a recorder works with. ``clock`` gives seconds since the epoch; ``kept`` what may be kept of an address."""

    write: Write
    clock: Callable[[], float]
    kept: Callable[[str, int], str]
    report: Callable[[str, BaseException], None]
    draw: Callable[[], float] = random.random


class ActivityRecorder:
    """One process's. ``totals`` counts rows since the start: ``written``, ``dropped``."""

    def __init__(self, parts: ActivityParts, rows_per_second: int) -> None:
        self.totals: Counter[str] = Counter()
        self._parts = parts
        self._rate = rows_per_second
        self._saved = float(rows_per_second * SAVED_SECONDS)
        self._saved_at = parts.clock()
        self._waiting: deque[Activity] = deque(maxlen=QUEUE_ROWS_MAX)
        self._writing = threading.Lock()
        self._number = secrets.randbits(62)
        self._sample = self._new_sample()

    def note(self, request: CrawlRequest, decision: Noted, outcome: str, status: int) -> None:
        """Note an answer, if it is a crawler's and among those that are kept."""
        identity = decision.identity
        if identity is None or type(identity) is Visitor or not self._sample.wants_next():
            return
        self._sample.keep(_Seen(int(self._parts.clock() * 1_000_000), request, decision, outcome, status))

    async def run(self) -> None:
        """Flush every second until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was kept since the last flush; what cannot be written now waits for the next."""
        sample = self._sample
        self._save_up(len(sample.kept))
        self._sample = self._new_sample()
        if not sample.kept and not self._waiting:
            return
        try:
            await asyncio.to_thread(self._write, sample)
        except Exception as error:  # the store is down: activity is not money
            self._parts.report("activity", error)

    def _write(self, sample: Sample[_Seen]) -> None:
        with self._writing:  # the last flush may meet one that was under way when its task was cancelled
            for seen, requests in zip(sample.kept, stands_for(sample.passed, len(sample.kept)), strict=True):
                self.totals["dropped"] += len(self._waiting) == QUEUE_ROWS_MAX
                self._waiting.append(self._row(seen, requests))
            while self._waiting:
                rows = tuple(islice(self._waiting, ROWS_AT_ONCE))
                self._parts.write(rows)
                for _ in rows:
                    self._waiting.popleft()
                self.totals["written"] += len(rows)

    def _row(self, seen: _Seen, requests: int) -> Activity:
        request, decision = seen.request, seen.decision
        identity = decision.identity
        if identity is None or isinstance(identity, Visitor):
            raise AssertionError("people are not noted")
        name, rung = counted_as(identity)
        price = _price(decision)
        self._number = (self._number + 1) % 2**62
        return Activity(
            site_id=decision.site.site_id if decision.site else 0,
            at_micros=seen.at_micros,
            number=self._number,
            crawler=name,
            rung=rung,
            kind=_kind(identity),
            rule=decision.match.rule.name if decision.match else "",
            outcome=seen.outcome,
            price_micros=price.amount_micros if price else None,
            offer=_offer(request),
            method=request.method[:16],
            target=request.resource.text if isinstance(request.resource, Target) else "",
            status=seen.status,
            user_agent=request.fields.get("user-agent", ""),
            address=self._parts.kept(request.peer, seen.at_micros),
            requests=requests,
            operator=operator_of(identity),
            agent=agent_of(identity),
            facts=int(facts_of(request, identity, seen.at_micros / 1_000_000)),
        )

    def _save_up(self, spent: int) -> None:
        now = self._parts.clock()
        more = max(0.0, now - self._saved_at) * self._rate
        self._saved_at = now
        self._saved = min(self._saved - spent + more, float(self._rate * SAVED_SECONDS))

    def _new_sample(self) -> Sample[_Seen]:
        return Sample(max(0, int(self._saved)), self._parts.draw)


def _kind(identity: Crawler) -> str:
    return (identity.kind if isinstance(identity, ClaimedCrawler) else identity.crawler.kind).value


def _price(decision: Noted) -> Money | None:
    match decision:
        case Charge(price=price) | DemandPayment(price=price):
            return price
        case Admit(would_ask=would_ask):
            return would_ask
        case Refuse(match=match):
            return match.rule.price if match else None


def _offer(request: CrawlRequest) -> str | None:
    for name, word in (("crawler-exact-price", "exact"), ("crawler-max-price", "max")):
        if name in request.fields:
            return f"{word} {request.fields[name]}"[:OFFER_CHARACTERS]
    return None
