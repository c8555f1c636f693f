"""Content: which parts of a site crawlers ask for, one level at a time, and what each earned.

Rules of this file: requests come from the sums by part, which are of the single requests that were kept (a row of a
sample counts for all it stands for); money from the ledger, to the last page. The two are told apart, not divided.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.site_tree import OTHERS, child_of
from edge.store.connection import Connection
from edge.store.content import ContentSum, read_content
from edge.store.earned_days import OTHER_PAGES
from edge.store.earnings import Period, earned_by_path
from edge.store.sites import Site

SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class ContentLine:
    """One part or page. ``step`` is empty for the others; ``stands_for`` how many steps that line is."""

    step: str
    requests: int
    asked: int
    sold: int
    earned_micros: int
    stands_for: int = 1

    @property
    def is_part(self) -> bool:
        """Whether more lies below it."""
        return self.step.endswith("/") and self.step != "/"

    @property
    def acceptance(self) -> float | None:
        """Which part of what was to be paid was paid; None where nobody was asked."""
        return self.sold / (self.sold + self.asked) if self.sold + self.asked else None


@dataclass(frozen=True, slots=True)
class ContentTree:
    """One level. ``others`` are all that have no line of their own; the lines and others add up to ``total``."""

    lines: tuple[ContentLine, ...]
    others: ContentLine | None
    total: ContentLine


def list_content(
    connection: Connection, site: Site, under: str, period: Period, sort: str, limit: int = SHOWN_MAX
) -> ContentTree:
    """The steps below ``under`` (a part that ends with a slash) in a period of whole days."""
    sums = read_content(connection, site.site_id, under, period.since_micros, period.until_micros)
    counted = {one.step: one for one in sums}
    earned: dict[str, int] = {}
    below = "" if under == "/" else under
    paths = earned_by_path(connection, site.publisher_id, site.site_id, site.currency, period, below)
    for path, its in paths.items():
        # Pages beyond a day's first thousand have no path any more: at the top they are among the others.
        step = (OTHERS if under == "/" else None) if path == OTHER_PAGES else child_of(path, under)
        if step is not None:
            earned[step] = earned.get(step, 0) + its.amount_micros
    lines = [_line(step, counted.get(step), earned.get(step, 0)) for step in {*counted, *earned}]
    lines.sort(key=lambda line: _order(line, sort))
    named = [line for line in lines if line.step != OTHERS]
    rest = named[limit:] + [line for line in lines if line.step == OTHERS]
    return ContentTree(tuple(named[:limit]), _together(rest) if rest else None, _together(lines))


def _line(step: str, counted: ContentSum | None, earned_micros: int) -> ContentLine:
    if counted is None:
        return ContentLine(step, 0, 0, 0, earned_micros)
    return ContentLine(step, counted.requests, counted.asked, counted.sold, earned_micros)


def _together(lines: list[ContentLine]) -> ContentLine:
    return ContentLine(
        OTHERS,
        sum(line.requests for line in lines),
        sum(line.asked for line in lines),
        sum(line.sold for line in lines),
        sum(line.earned_micros for line in lines),
        len(lines),
    )


def _order(line: ContentLine, sort: str) -> tuple[float, str]:
    match sort:
        case "earned":
            return -line.earned_micros, line.step
        case "paid":
            return -line.sold, line.step
        case "asked":
            return -line.asked, line.step
        case "name":
            return 0, line.step
        case _:
            return -line.requests, line.step
