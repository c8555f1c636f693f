"""Crawlers of a site over two weeks, and what its parts were asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from edge.core.site_tree import is_part
from edge.store.earnings import DAY_MICROS
from edge.store.earnings import Period as Micros
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Model, Nothing, Period, amount, time_of
from publisher_dashboard.rendering import at
from publisher_dashboard.views.content import ContentLine, list_content
from publisher_dashboard.views.crawlers import CrawlerLine, list_lines, period_of, tell_crawler


class CrawlerShown(Model):
    """One crawler. ``asked`` were asked to pay, paid or not; ``acceptance`` is the part of them that paid."""

    name: str
    operator: str
    kind: str
    registered: bool
    best_proof: str | None
    requests: int
    by_day: tuple[int, ...]
    by_outcome: dict[str, int]
    by_proof: dict[str, int]
    asked: int
    paid: int
    turned_away: int
    impostors: int
    acceptance: float | None
    earned: Amount


class CrawlerList(Model):
    """Everyone who came, the most frequent first; ``by_day`` counts from ``period.since`` on."""

    period: Period
    data: tuple[CrawlerShown, ...]


class PathCount(Model):
    """A path and how many of the latest requests were for it."""

    path: str
    requests: int


class AddressList(Model):
    """A list of addresses that the operator publishes; ``read_at`` is null for the copy that came with farebox.

    ``accuses`` is whether it is recent enough to say who is an impostor.
    """

    url: str
    ranges: int
    read_at: datetime | None
    shipped_of: str
    accuses: bool
    failure: str | None


class RangeMatched(Model):
    """Requests from an address, or the network that is kept of it, and the range of a list that bore the name out."""

    address: str
    range: str
    url: str
    requests: int


class CrawlerTold(Model):
    """One crawler; ``paths`` and ``ranges_matched`` are of its ``looked_at`` latest requests that were kept."""

    period: Period
    crawler: CrawlerShown
    agent_url: str | None
    paths: tuple[PathCount, ...]
    looked_at: int
    address_lists: tuple[AddressList, ...]
    ranges_matched: tuple[RangeMatched, ...]


class CrawlerQuestion(Model):
    """Which one."""

    name: str


class ContentQuestion(Model):
    """Which level, over how many days, and in which order."""

    under: Annotated[str, Field(description="A part of the site, with a slash at its end.")] = "/"
    days: Annotated[int, Field(ge=1, le=90)] = 30
    sort: Literal["requests", "earned", "paid", "asked", "name"] = "requests"


class ContentShown(Model):
    """One part (it ends with a slash) or page; ``stands_for`` how many of them a line for the others is."""

    step: str
    requests: int
    asked: int
    paid: int
    acceptance: float | None
    earned: Amount
    stands_for: int


class ContentLevel(Model):
    """One level. Requests are of those that were kept, earned is the ledger's."""

    period: Period
    under: str
    data: tuple[ContentShown, ...]
    others: ContentShown | None
    total: ContentShown


def list_crawlers_of_site(call: Call, asked: Nothing) -> CrawlerList:
    """Who came in the last 14 days, how well each proved its name, what it was asked and what it paid."""
    with call.desk.database.read() as connection:
        lines = list_lines(connection, call.place, call.now_micros, call.desk.classify)
    return CrawlerList(period=_period(period_of(call.now_micros)), data=tuple(_shown(line) for line in lines))


def get_crawler(call: Call, asked: CrawlerQuestion) -> CrawlerTold:
    """One crawler's two weeks, with the pages it asked for last."""
    with call.desk.database.read() as connection:
        story = tell_crawler(connection, call.place, asked.name, call.now_micros, call.desk.classify)
    if story is None:
        raise Problem(Code.NOT_FOUND)
    return CrawlerTold(
        period=_period(period_of(call.now_micros)),
        crawler=_shown(story.line),
        agent_url=story.party.agent_url if story.party else None,
        paths=tuple(PathCount(path=path, requests=requests) for path, requests in story.paths),
        looked_at=story.looked_at,
        address_lists=tuple(
            AddressList(
                url=one.url,
                ranges=one.ranges,
                read_at=time_of(one.read_micros),
                shipped_of=one.shipped_of,
                accuses=one.accuses,
                failure=one.failure,
            )
            for one in story.published.lists
        ),
        ranges_matched=tuple(
            RangeMatched(address=one.address, range=one.range, url=one.url, requests=one.requests)
            for one in story.published.matches
        ),
    )


def list_content_of_site(call: Call, asked: ContentQuestion) -> ContentLevel:
    """One level of the site as a tree: what each part was asked for, sold and earned."""
    if not is_part(asked.under):
        raise Problem(Code.INVALID, fields={"under": "Name a part of the site, such as /articles/."})
    end = call.now_micros - call.now_micros % DAY_MICROS + DAY_MICROS
    period = Micros(end - asked.days * DAY_MICROS, end)
    with call.desk.database.read() as connection:
        tree = list_content(connection, call.place, asked.under, period, asked.sort)
    code = call.place.currency
    return ContentLevel(
        period=_period(period),
        under=asked.under,
        data=tuple(_part(line, code) for line in tree.lines),
        others=_part(tree.others, code) if tree.others else None,
        total=_part(tree.total, code),
    )


def _period(period: Micros) -> Period:
    return Period(since=at(period.since_micros), until=at(period.until_micros))


def _shown(line: CrawlerLine) -> CrawlerShown:
    return CrawlerShown(
        name=line.name,
        operator=line.operator,
        kind=line.kind.value,
        registered=line.registered,
        best_proof=line.best_rung.label if line.best_rung is not None else None,
        requests=line.requests,
        by_day=line.days,
        by_outcome=dict(line.outcomes),
        by_proof=dict(line.rungs),
        asked=line.asked,
        paid=line.sold,
        turned_away=line.turned_away,
        impostors=line.impostors,
        acceptance=line.acceptance,
        earned=amount(line.earned.amount_micros, line.earned.currency),
    )


def _part(line: ContentLine, currency: str) -> ContentShown:
    return ContentShown(
        step=line.step,
        requests=line.requests,
        asked=line.asked + line.sold,
        paid=line.sold,
        acceptance=line.acceptance,
        earned=amount(line.earned_micros, currency),
        stands_for=line.stands_for,
    )
