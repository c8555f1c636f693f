"""Activity: single requests of crawlers with their why, and one of them with all that decided it.

Rules of this file: what is listed, counted and written to the file is the same filter over the same rows; where rows
are a sample, the number of requests is the sum of what each stands for, and the screen says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.outcomes import OutcomeGroup, group_of
from edge.core.rule_index import Match, Skipped, compile_rules
from edge.core.target import Target, read_target
from edge.store.activity import Activity, ActivityFilter, find_activity, stream_activity
from edge.store.activity_pages import count_rows, kept_part, page_of_activity
from edge.store.activity_sums import ActivityCount, known_values
from edge.store.connection import Connection
from edge.store.rulesets import version_at
from edge.store.sites import Site
from publisher_dashboard.outcome_words import GROUP_SHAPES, GROUP_WORDS, why, would_take

_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One request of the list; ``place`` names it in addresses, ``shape`` is its mark's, ``why`` a short sentence."""

    place: str
    row: Activity
    group: OutcomeGroup
    word: str
    shape: str
    why: str


@dataclass(frozen=True, slots=True)
class ActivityList:
    """A page of the list. ``count`` is of all that fit, None where it was not counted; the rest as ``ActivityPage``."""

    lines: tuple[ActivityLine, ...]
    count: ActivityCount | None
    following: str | None
    looked_back_to: int | None


@dataclass(frozen=True, slots=True)
class ActivityChoices:
    """What the rows that are kept hold, to choose from."""

    crawlers: tuple[str, ...]
    rules: tuple[str, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActivityStory:
    """One request in full. ``chain`` is what the rules of ``version`` say of it; None where none was in force."""

    line: ActivityLine
    operator: str
    would_take: str | None
    version: int | None
    skipped: tuple[Skipped, ...]
    match: Match | None
    is_default: bool


def list_requests(connection: Connection, site: Site, wanted: ActivityFilter) -> ActivityList:
    """The newest requests that fit, after the filter's cursor, and how many there are in all."""
    page = page_of_activity(connection, site.site_id, wanted)
    lines = tuple(line_of(row, site.currency) for row in page.rows)
    following = None if page.following is None else "-".join(map(str, page.following))
    return ActivityList(lines, count_rows(connection, site.site_id, wanted), following, page.looked_back_to)


def choices(connection: Connection, site: Site) -> ActivityChoices:
    """Which crawlers, rules and outcomes a list can be narrowed to."""
    return ActivityChoices(
        *(tuple(known_values(connection, site.site_id, name, 0)) for name in ("crawler", "rule", "outcome"))
    )


def stream_requests(connection: Connection, site: Site, wanted: ActivityFilter) -> Iterator[Activity]:
    """All requests that fit, oldest first; the connection is busy until the end."""
    kept = kept_part(connection, site.site_id, wanted)
    if kept is not None:
        yield from stream_activity(connection, site.site_id, kept)


def line_of(row: Activity, currency: str) -> ActivityLine:
    """A row as the list shows it."""
    group = group_of(row.outcome)
    return ActivityLine(
        f"{row.at_micros}-{row.number}", row, group, GROUP_WORDS[group], GROUP_SHAPES[group], why(row, currency)
    )


def read_place(text: str) -> tuple[int, int] | None:
    """The place of a row as addresses spell it; None for anything else."""
    found = _PLACE.fullmatch(text)
    if found is None or int(found[2]) >= 2**63:
        return None
    return int(found[1]), int(found[2])


def tell(
    connection: Connection, site: Site, place: str, classify: Callable[[str], ClaimedCrawler | None]
) -> ActivityStory | None:
    """One request with the rules that were in force then; None where there is none of that place."""
    named = read_place(place)
    row = None if named is None else find_activity(connection, site.site_id, *named)
    if row is None:
        return None
    claimed = classify(row.user_agent) if row.user_agent else None
    operator = claimed.operator if claimed is not None and claimed.name == row.crawler else ""
    line = line_of(row, site.currency)
    version = version_at(connection, site.site_id, row.at_micros)
    resource = read_target(row.target)
    if version is None or not isinstance(resource, Target):
        return ActivityStory(line, operator, would_take(row, site.currency), None, (), None, False)
    who = ClaimedCrawler(row.crawler, operator, CrawlerKind(row.kind), rung=Rung.from_label(row.rung))
    index = compile_rules(version.rules, case_sensitive=site.case_sensitive_paths)
    skipped, match = index.explain(resource.path, resource.query, who, row.at_micros / 1_000_000)
    is_default = match.position == len(version.rules.rules)
    return ActivityStory(line, operator, would_take(row, site.currency), version.version, skipped, match, is_default)
