"""Some days of the publisher in numbers: earned, crawls by what became of them, who came, what needs somebody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from edge.store.sites import list_sites
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.values import Amount, Model, Period, amount
from publisher_dashboard.ranges import read_range
from publisher_dashboard.rendering import at
from publisher_dashboard.traffic_story import Tally, Worth, would_earn
from publisher_dashboard.views.attention import concerns
from publisher_dashboard.views.overview import Day, Overview, counted_sites, tell_overview


class OverviewQuestion(Model):
    """Which days; ``currency`` where something was earned in several."""

    range: Literal["month", "last-month", "7d", "30d", "90d"] = "month"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class DayShown(Model):
    """One day."""

    day: datetime
    earned: Amount
    pages: int
    crawls: dict[str, int]


class CrawlerEarned(Model):
    """One crawler of the days."""

    name: str
    operator: str
    best_proof: str
    requests: int
    asked: int
    paid: int
    earned: Amount


class PageShown(Model):
    """One page and what it earned."""

    site: str
    path: str
    earned: Amount


class Reason(Model):
    """A reason, and how many requests met it; an empty title stands for ``reasons`` others."""

    title: str
    requests: int
    reasons: int


class Concern(Model):
    """Something that needs somebody."""

    what: str
    meaning: str


class OverviewShown(Model):
    """Some days. ``asked`` is how many crawls were asked to pay, ``acceptance`` the part of them that paid."""

    period: Period
    earned: Amount
    earned_before: Amount | None
    pages: int
    crawls: int
    asked: int
    paid: int
    acceptance: float | None
    signed_acceptance: float | None
    days: tuple[DayShown, ...]
    crawlers: tuple[CrawlerEarned, ...]
    all_crawlers: int
    pages_by_earned: tuple[PageShown, ...]
    refused: tuple[Reason, ...]
    failed: tuple[Reason, ...]
    watched_would_earn: tuple[Amount, ...]
    attention: tuple[Concern, ...]


def get_overview(call: Call, asked: OverviewQuestion) -> OverviewShown:
    """What some days earned, and what became of every crawl."""
    days = read_range(asked.range, call.now_micros)
    with call.desk.database.read() as connection:
        every = list_sites(connection, call.publisher_id, with_removed=True)
        sites = [one for one in every if one.active]
        seen = tell_overview(connection, call.publisher_id, counted_sites(every), days, asked.currency or "")
        todo = concerns(connection, call.publisher_id, sites, call.now_micros)
    before = seen.before
    return OverviewShown(
        period=Period(since=at(days.period.since_micros), until=at(days.period.until_micros)),
        earned=amount(seen.earned.amount_micros, seen.currency),
        earned_before=None if before is None else amount(before.amount_micros, seen.currency),
        pages=seen.kept,
        crawls=seen.crawls,
        asked=seen.asked,
        paid=seen.sold,
        acceptance=seen.acceptance,
        signed_acceptance=seen.signed_acceptance,
        days=tuple(_day(day, seen) for day in seen.days),
        crawlers=_crawlers(seen),
        all_crawlers=seen.all_crawlers,
        pages_by_earned=tuple(
            PageShown(site=one.host, path=one.path, earned=amount(one.earned.amount_micros, seen.currency))
            for one in seen.pages
        ),
        refused=_reasons(seen.refused),
        failed=_reasons(seen.failed),
        watched_would_earn=tuple(_worth(one) for one in would_earn(seen.watched)),
        attention=tuple(Concern(what=one.what, meaning=one.meaning) for one in todo),
    )


def _day(day: Day, seen: Overview) -> DayShown:
    return DayShown(
        day=at(day.start_micros),
        earned=amount(day.earned.amount_micros, seen.currency),
        pages=day.earned.pages,
        crawls={name: count for (name, _), count in zip(seen.series, day.counts, strict=True)},
    )


def _crawlers(seen: Overview) -> tuple[CrawlerEarned, ...]:
    return tuple(
        CrawlerEarned(
            name=one.name,
            operator=one.operator,
            best_proof=one.rung,
            requests=one.requests,
            asked=one.asked,
            paid=one.sold,
            earned=amount(one.earned.amount_micros, seen.currency),
        )
        for one in seen.crawlers
    )


def _reasons(tally: Tally) -> tuple[Reason, ...]:
    return tuple(Reason(title=one.title, requests=one.requests, reasons=one.reasons) for one in tally.lines)


def _worth(one: Worth) -> Amount:
    return amount(one.amount_micros, one.currency)
