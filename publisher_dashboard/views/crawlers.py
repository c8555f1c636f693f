"""Crawlers: who came to a site in two weeks, how well each proved its name, what it was asked and what it paid.

Rules of this file: requests come from the traffic's sums, money from the ledger; people are in neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.outcomes import OutcomeGroup, group_of
from edge.store.activity import ActivityFilter
from edge.store.activity_pages import page_of_activity
from edge.store.connection import Connection
from edge.store.crawlers import Crawler, list_crawlers
from edge.store.directories import StoredDirectory, find_directory
from edge.store.earnings import Earned, Period, earned_by_crawler_on_site
from edge.store.robots import Obedience, read_obedience
from edge.store.sites import Site
from edge.store.traffic import DAY_MICROS, Span, start_of, traffic_by
from publisher_dashboard.views.published_lists import Published, tell_published

DAYS = 14
LATEST = 500
TOP_PATHS = 10
Classify = Callable[[str], ClaimedCrawler | None]


NOT_JUDGED = Obedience(0, 0)


@dataclass(frozen=True, slots=True)
class CrawlerLine:
    """One crawler's two weeks. ``days`` are its requests by day, the oldest first; ``name`` is empty for the nameless.

    ``obedience`` is what robots.txt says of its requests; ``rungs`` are requests by how well the name was proved.
    """

    name: str
    operator: str
    kind: CrawlerKind
    registered: bool
    days: tuple[int, ...]
    groups: Mapping[OutcomeGroup, int]
    outcomes: Mapping[str, int]
    rungs: Mapping[str, int]
    earned: Earned
    obedience: Obedience = NOT_JUDGED

    @property
    def requests(self) -> int:
        """How many there were."""
        return sum(self.days)

    @property
    def sold(self) -> int:
        """How many pages it paid."""
        return self.groups.get(OutcomeGroup.SOLD, 0)

    @property
    def asked(self) -> int:
        """How often it was asked to pay, paid or not."""
        return self.sold + self.groups.get(OutcomeGroup.ASKED, 0)

    @property
    def turned_away(self) -> int:
        """How many requests got no page: not paid, or not welcome."""
        return self.groups.get(OutcomeGroup.ASKED, 0) + self.groups.get(OutcomeGroup.REFUSED, 0)

    @property
    def acceptance(self) -> float | None:
        """Which part of what it was asked for it paid, from 0 to 1; None where it was not asked."""
        return self.sold / self.asked if self.asked else None

    @property
    def refusal_rate(self) -> float | None:
        """Which part of its requests got no page, from 0 to 1."""
        return self.turned_away / self.requests if self.requests else None

    @property
    def best_rung(self) -> Rung | None:
        """The best proof of its name that was seen."""
        return max((Rung.from_label(label) for label in self.rungs), default=None)

    @property
    def impostors(self) -> int:
        """How many requests wore its name and came from elsewhere."""
        return self.rungs.get(Rung.IMPOSTOR.label, 0)


@dataclass(frozen=True, slots=True)
class CrawlerStory:
    """One crawler in full. ``paths`` are of the newest requests that were kept, ``looked_at`` how many those are."""

    line: CrawlerLine
    starts: tuple[int, ...]
    party: Crawler | None
    directory: StoredDirectory | None
    paths: tuple[tuple[str, int], ...]
    looked_at: int
    published: Published


@dataclass(slots=True)
class _Sums:
    """What is added up for one crawler."""

    days: list[int]
    outcomes: Counter[str] = field(default_factory=Counter)
    groups: Counter[OutcomeGroup] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)


def period_of(now_micros: int) -> Period:
    """The two weeks that are shown: whole days, with the one that is under way."""
    end = start_of(Span.DAY, now_micros) + DAY_MICROS
    return Period(end - DAYS * DAY_MICROS, end)


def list_lines(connection: Connection, site: Site, now_micros: int, classify: Classify) -> list[CrawlerLine]:
    """Everyone who came, the most frequent first."""
    return _lines(connection, site, now_micros, classify, None)


def tell_crawler(
    connection: Connection, site: Site, name: str, now_micros: int, classify: Classify
) -> CrawlerStory | None:
    """One crawler's two weeks; None for somebody who neither came nor is registered."""
    line = next(iter(_lines(connection, site, now_micros, classify, name)), None)
    party = next((one for one in list_crawlers(connection) if one.name == name), None)
    period = period_of(now_micros)
    if line is None:
        if party is None:
            return None
        line = _line(name, party, classify, _Sums([0] * DAYS), None, site)
    latest = page_of_activity(connection, site.site_id, ActivityFilter(crawler=name), LATEST).rows
    paths = Counter[str]()
    for row in latest:
        paths[row.target.partition("?")[0]] += row.requests
    return CrawlerStory(
        line,
        tuple(period.since_micros + day * DAY_MICROS for day in range(DAYS)),
        party,
        None if party is None else find_directory(connection, party.agent_url),
        tuple(paths.most_common(TOP_PATHS)),
        sum(row.requests for row in latest),
        tell_published(connection, name, latest, now_micros),
    )


def _lines(
    connection: Connection, site: Site, now_micros: int, classify: Classify, only: str | None
) -> list[CrawlerLine]:
    period = period_of(now_micros)
    parties = {one.name: one for one in list_crawlers(connection)}
    earned = earned_by_crawler_on_site(connection, site.site_id, site.currency, period)
    sums: dict[str, _Sums] = {}
    traffic = traffic_by(
        connection, Span.DAY, period.since_micros, period.until_micros, site_id=site.site_id, crawler=only
    )
    for one in traffic:
        key = one.key
        if not key.rung:
            continue  # people, and what never became anybody's request
        its = sums.setdefault(key.crawler, _Sums([0] * DAYS))
        its.days[(key.start_micros - period.since_micros) // DAY_MICROS] += one.requests
        its.outcomes[key.outcome] += one.requests
        its.groups[group_of(key.outcome)] += one.requests
        its.rungs[key.rung] += one.requests
    for name in earned:
        if only in (None, name):
            sums.setdefault(name, _Sums([0] * DAYS))
    lines = [_line(name, parties.get(name), classify, its, earned.get(name), site) for name, its in sums.items()]
    obeyed = read_obedience(connection, site.site_id, period.since_micros, period.until_micros)
    lines = [replace(line, obedience=obeyed.get(line.name, NOT_JUDGED)) for line in lines]
    return sorted(lines, key=lambda line: (-line.requests, line.name.casefold()))


def _line(
    name: str, party: Crawler | None, classify: Classify, sums: _Sums, earned: Earned | None, site: Site
) -> CrawlerLine:
    claimed = classify(name) if name and party is None else None
    known = claimed if claimed is not None and claimed.name == name else None
    operator, kind = (party.operator, party.kind) if party else (known.operator, known.kind) if known else ("", None)
    return CrawlerLine(
        name,
        operator,
        kind or CrawlerKind.OTHER,
        party is not None,
        tuple(sums.days),
        sums.groups,
        sums.outcomes,
        sums.rungs,
        earned or Earned(site.currency, 0, 0, 0),
    )
