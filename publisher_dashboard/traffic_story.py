"""What the traffic's sums tell a publisher: who was refused and why, what failed, what a watched page would earn.

Rules of this file
- The traffic holds every outcome: admitted pages and people too. Refused is only what bears a refusal code, and of
  those the failures of the origin or of this edge are told apart: nobody's wish turned them away.
- A list that is cut ends in a line for the others, so that its numbers add up to the figure above it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge.core.decision import AdmitReason
from edge.core.money import Money
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.rules import Action, RuleSet
from edge.store.traffic import TrafficSum

LINES_MAX = 7
FAILURES = frozenset(
    {
        RefusalCode.ORIGIN_UNREACHABLE,
        RefusalCode.ORIGIN_TIMEOUT,
        RefusalCode.ORIGIN_MALFORMED,
        RefusalCode.INVALID_CONTENT_PRICE,
        RefusalCode.LOOP_DETECTED,
        RefusalCode.LEDGER_UNAVAILABLE,
        RefusalCode.INTERNAL_ERROR,
    }
)
"""The machinery's own: the origin's answers, the ledger, this edge."""

_CODES = {code.value: code for code in RefusalCode}


@dataclass(frozen=True, slots=True)
class Line:
    """One reason and how many requests met it; ``reasons`` is how many a line for the others stands for."""

    title: str
    requests: int
    reasons: int = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests by reason, the most frequent first; the lines add up to ``requests``."""

    requests: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Worth:
    """What something would have earned: no amount that anybody owes, so it may be larger than a price can be."""

    amount_micros: int
    currency: str


@dataclass(frozen=True, slots=True)
class Watched:
    """What one crawler took from pages under a watching rule. ``would_earn`` is None where that rule has no price now.

    ``crawler`` is empty for bots that say no name.
    """

    site_id: int
    crawler: str
    rule: str
    requests: int
    would_earn: Worth | None


Prices = Mapping[tuple[int, str], Money]
"""The price of each watching rule now, by site and name."""


def refused(traffic: Iterable[TrafficSum]) -> Tally:
    """Who was turned away: by the rules, the offer, the identity, the account or the request itself."""
    return _tally(traffic, frozenset(RefusalCode) - FAILURES)


def failed(traffic: Iterable[TrafficSum]) -> Tally:
    """What could not be answered, whoever asked."""
    return _tally(traffic, FAILURES)


def watched(traffic: Iterable[TrafficSum], prices: Prices) -> tuple[Watched, ...]:
    """The requests that a watching rule let pass, by site, crawler and rule, the most frequent first."""
    requests: dict[tuple[int, str, str], int] = {}
    for one in traffic:
        if one.key.outcome == AdmitReason.MONITORED.value:
            key = (one.key.site_id, one.key.crawler, one.key.rule)
            requests[key] = requests.get(key, 0) + one.requests
    ordered = sorted(requests.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Watched(*key, number, times(prices.get((key[0], key[2])), number)) for key, number in ordered)


def watching_prices(live: RuleSet, site_id: int) -> Prices:
    """The prices of a site's watching rules."""
    watching = (rule for rule in live if rule.action is Action.MONITOR)
    return {(site_id, rule.name): rule.price for rule in watching if rule.price is not None}


def would_earn(watched: Iterable[Watched]) -> tuple[Worth, ...]:
    """What all of it comes to, one amount for each currency, in the order of their names."""
    sums: dict[str, int] = {}
    for one in watched:
        if one.would_earn is not None:
            amount = one.would_earn
            sums[amount.currency] = sums.get(amount.currency, 0) + amount.amount_micros
    return tuple(Worth(amount_micros, currency) for currency, amount_micros in sorted(sums.items()))


def times(price: Money | None, requests: int) -> Worth | None:
    """What so many pages cost."""
    return None if price is None else Worth(price.amount_micros * requests, price.currency)


def _tally(traffic: Iterable[TrafficSum], codes: frozenset[RefusalCode]) -> Tally:
    requests: dict[RefusalCode, int] = {}
    for one in traffic:
        code = _CODES.get(one.key.outcome)
        if code in codes:
            requests[code] = requests.get(code, 0) + one.requests
    ordered = sorted(requests.items(), key=lambda item: (-item[1], item[0]))
    lines = [Line(REFUSALS[code].title, number) for code, number in ordered]
    return Tally(sum(requests.values()), _cut(lines))


def _cut(lines: list[Line]) -> tuple[Line, ...]:
    """At most ``LINES_MAX`` lines; the last one may stand for several others, never for one."""
    if len(lines) <= LINES_MAX:
        return tuple(lines)
    rest = lines[LINES_MAX - 1 :]
    return (*lines[: LINES_MAX - 1], Line("", sum(line.requests for line in rest), len(rest)))
