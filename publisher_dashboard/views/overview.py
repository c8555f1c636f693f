"""Overview: what some days earned, what became of every crawl, who came, which pages sold, and what needs somebody.

Rules of this file
- Money and paid pages are the ledger's; requests are the traffic's sums by the day. No single row is counted.
- People are in neither: what passed without an identity is not a crawl.
- A paused site's crawls stay beside the money that it earned. A sample's, which are made up, are in no number but where
  there is nothing else to show.
- One currency is shown at a time, and a crawl counts where its site's prices are in it: else an average or a part would
  mix the crawls of one currency with the money of another.
- Acceptance is the part that paid of what was asked to pay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edge.core.identity import Rung
from edge.core.outcomes import OutcomeGroup, group_of
from edge.store.connection import Connection
from edge.store.crawlers import list_crawlers
from edge.store.earnings import DAY_MICROS, Earned, PageEarned, earned_by_currency, earned_by_day_and_crawler
from edge.store.earnings import earned_by_page as pages_by_earned
from edge.store.rulesets import live_version
from edge.store.sites import Site
from edge.store.traffic import TrafficSum
from edge.store.traffic_days import daily_traffic, watched_traffic
from publisher_dashboard.ranges import Range
from publisher_dashboard.sample import is_sample
from publisher_dashboard.spark import spark_points
from publisher_dashboard.stacked_chart import StackedChart, stack
from publisher_dashboard.traffic_story import Tally, Watched, failed, refused, watched, watching_prices

TOP = 6
_CAN_PAY = frozenset({Rung.TOKEN.label, Rung.SIGNED.label})
SERIES: tuple[tuple[str, str, OutcomeGroup], ...] = (
    ("paid", "paid", OutcomeGroup.SOLD),
    ("free", "free", OutcomeGroup.FREE),
    ("watched", "watched", OutcomeGroup.WATCHED),
    ("unpaid", "asked, not paid", OutcomeGroup.ASKED),
    ("blocked", "refused", OutcomeGroup.REFUSED),
    ("failed", "failed", OutcomeGroup.FAILED),
)
"""The parts of a bar from its foot up: the class of the part, its word, and the group that it counts."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day: when it begins, its crawls for each of the series shown, and what it earned."""

    start_micros: int
    counts: tuple[int, ...]
    earned: Earned


@dataclass(frozen=True, slots=True)
class CrawlerLine:
    """One crawler: its crawls by day as the points of a line, how often it was asked to pay and paid, what it paid."""

    name: str
    operator: str
    rung: str
    requests: int
    points: str
    asked: int
    sold: int
    earned: Earned

    @property
    def acceptance(self) -> float | None:
        """Which part of what it was asked for it paid, from 0 to 1; None where it was not asked."""
        return self.sold / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of the screen but what needs attention. ``series`` are those that any day has, as (class, word).

    ``currencies`` are all that were earned or that a site has; counts are of sites whose prices are in ``currency``.
    ``asked`` counts crawls that were asked to pay, paid or not; ``signed_*`` those that proved their name for paying.
    """

    currency: str
    currencies: tuple[str, ...]
    earned: Earned
    before: Earned | None
    crawls: int
    asked: int
    sold: int
    signed_asked: int
    signed_sold: int
    series: tuple[tuple[str, str], ...]
    days: tuple[Day, ...]
    chart: StackedChart
    best: Day | None
    crawlers: tuple[CrawlerLine, ...]
    all_crawlers: int
    pages: tuple[PageEarned, ...]
    refused: Tally
    failed: Tally
    watched: tuple[Watched, ...]

    @property
    def acceptance(self) -> float | None:
        """Which part of what was asked was paid, from 0 to 1; None where nothing was asked."""
        return self.sold / self.asked if self.asked else None

    @property
    def signed_acceptance(self) -> float | None:
        """The same, of crawlers that can pay."""
        return self.signed_sold / self.signed_asked if self.signed_asked else None

    @property
    def kept(self) -> int:
        """How many pages the sum is of."""
        return max(self.earned.pages - self.earned.reversed_pages, 0)

    @property
    def change(self) -> float | None:
        """How much more was earned than before, as a part of it; None where nothing was earned before."""
        if self.before is None or self.before.amount_micros <= 0:
            return None
        return (self.earned.amount_micros - self.before.amount_micros) / self.before.amount_micros


@dataclass(slots=True)
class _Seen:
    """What is added up for one crawler."""

    days: list[int]
    groups: Counter[OutcomeGroup] = field(default_factory=Counter)
    rungs: set[str] = field(default_factory=set)


def counted_sites(every: Sequence[Site], *, sample_alone: bool = False) -> list[Site]:
    """Those of a publisher's sites, paused ones included, that are in its numbers: served ones first.

    With ``sample_alone`` a sample is, too, where there is no other site.
    """
    real = sorted((one for one in every if not is_sample(one)), key=lambda one: not one.active)
    return real if real or not sample_alone else [one for one in every if one.active]


def tell_overview(
    connection: Connection, publisher_id: int, sites: Sequence[Site], days: Range, wanted_currency: str
) -> Overview:
    """Read one publisher's days at the ``counted_sites``; ``wanted_currency`` counts where it is one of theirs."""
    period = days.period
    sums = earned_by_day_and_crawler(connection, publisher_id, period)
    codes = {key[0] for key in sums}
    totals = {code: _add(code, (one for key, one in sums.items() if key[0] == code)) for code in codes}
    currency = _currency(wanted_currency, totals, [one.currency for one in sites])
    priced = [one for one in sites if one.currency == currency]
    site_ids = frozenset(one.site_id for one in priced)
    came = daily_traffic(connection, period.since_micros, period.until_micros, site_ids)
    traffic = [one for one in came if _is_crawl(one)]
    groups = _by_day(traffic, days)
    shown = [one for one in SERIES if any(day[one[2]] for day in groups)]
    per_day = tuple(
        Day(
            days.day(number),
            tuple(groups[number][group] for _, _, group in shown),
            _add(currency, (one for key, one in sums.items() if key[:2] == (currency, number))),
        )
        for number in range(days.days)
    )
    paid = [day for day in per_day if day.earned.amount_micros > 0]
    lines = _crawlers(connection, traffic, sums, currency, days)
    asked, sold = _asked(traffic)
    signed_asked, signed_sold = _asked(one for one in traffic if one.key.rung in _CAN_PAY)
    return Overview(
        currency=currency,
        currencies=tuple(sorted({*totals, *(one.currency for one in sites)})),
        earned=totals.get(currency, Earned(currency, 0, 0, 0)),
        before=earned_by_currency(connection, publisher_id, days.before).get(currency),
        crawls=sum(one.requests for one in traffic),
        asked=asked,
        sold=sold,
        signed_asked=signed_asked,
        signed_sold=signed_sold,
        series=tuple((name, word) for name, word, _ in shown),
        days=per_day if days.under_way is None else per_day[: days.under_way + 1],
        chart=stack([day.counts for day in per_day], [name for name, _, _ in shown]),
        best=max(paid, key=lambda day: day.earned.amount_micros, default=None),
        crawlers=lines[:TOP],
        all_crawlers=len(lines),
        pages=tuple(pages_by_earned(connection, publisher_id, currency, period, TOP)),
        refused=refused(traffic),
        failed=failed(traffic),
        watched=_watched(connection, priced, days),
    )


def _is_crawl(one: TrafficSum) -> bool:
    """Not a person, nor a page that anybody gets before it is asked who comes."""
    return one.key.rung != "" or group_of(one.key.outcome) is not OutcomeGroup.FREE


def _by_day(traffic: Iterable[TrafficSum], days: Range) -> list[Counter[OutcomeGroup]]:
    counts: list[Counter[OutcomeGroup]] = [Counter() for _ in range(days.days)]
    for one in traffic:
        number = (one.key.start_micros - days.period.since_micros) // DAY_MICROS
        counts[number][group_of(one.key.outcome)] += one.requests
    return counts


def _crawlers(
    connection: Connection,
    traffic: Iterable[TrafficSum],
    sums: Mapping[tuple[str, int, int], Earned],
    currency: str,
    days: Range,
) -> tuple[CrawlerLine, ...]:
    """Everyone who has a name or paid: first who paid most, then who came most."""
    until = days.days if days.under_way is None else days.under_way + 1
    seen: dict[str, _Seen] = {}
    for one in traffic:
        if one.key.crawler:
            its = seen.setdefault(one.key.crawler, _Seen([0] * until))
            its.days[min((one.key.start_micros - days.period.since_micros) // DAY_MICROS, until - 1)] += one.requests
            its.groups[group_of(one.key.outcome)] += one.requests
            its.rungs.add(one.key.rung)
    parties = {one.crawler_id: one for one in list_crawlers(connection)}
    paid: dict[str, list[Earned]] = {}
    for (code, _, crawler_id), earned in sums.items():
        if code == currency and crawler_id in parties:
            paid.setdefault(parties[crawler_id].name, []).append(earned)
    operators = {one.name: one.operator for one in parties.values()}
    lines = [
        _line(name, operators.get(name, ""), seen.get(name, _Seen([0] * until)), _add(currency, paid.get(name, ())))
        for name in {*seen, *paid}
    ]
    return tuple(sorted(lines, key=lambda one: (-one.earned.amount_micros, -one.requests, one.name)))


def _line(name: str, operator: str, seen: _Seen, earned: Earned) -> CrawlerLine:
    sold = seen.groups[OutcomeGroup.SOLD]
    best = max((Rung.from_label(label) for label in seen.rungs if label), default=None)
    return CrawlerLine(
        name,
        operator,
        best.label if best is not None else "",
        sum(seen.days),
        spark_points(seen.days),
        sold + seen.groups[OutcomeGroup.ASKED],
        sold,
        earned,
    )


def _asked(traffic: Iterable[TrafficSum]) -> tuple[int, int]:
    """How many crawls were asked to pay, and how many of them did."""
    groups = Counter[OutcomeGroup]()
    for one in traffic:
        groups[group_of(one.key.outcome)] += one.requests
    return groups[OutcomeGroup.SOLD] + groups[OutcomeGroup.ASKED], groups[OutcomeGroup.SOLD]


def _watched(connection: Connection, sites: Sequence[Site], days: Range) -> tuple[Watched, ...]:
    site_ids = frozenset(one.site_id for one in sites)
    seen = watched_traffic(connection, days.period.since_micros, days.period.until_micros, site_ids)
    lives = [live_version(connection, one.site_id) for one in sites] if seen else []
    prices = {key: price for live in lives if live for key, price in watching_prices(live.rules, live.site_id).items()}
    return watched(seen, prices)


def _add(currency: str, sums: Iterable[Earned]) -> Earned:
    pages, reversed_pages, amount = 0, 0, 0
    for one in sums:
        pages, reversed_pages = pages + one.pages, reversed_pages + one.reversed_pages
        amount += one.amount_micros
    return Earned(currency, pages, reversed_pages, amount)


def _currency(wanted: str, totals: Mapping[str, Earned], of_sites: Sequence[str]) -> str:
    """The currency to show: the one asked for, else the one with most pages, else the first site's."""
    if wanted in totals or wanted in of_sites:
        return wanted
    if totals:
        return max(totals.values(), key=lambda one: one.pages).currency
    return of_sites[0] if of_sites else "USD"
