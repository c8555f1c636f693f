"""``farebox traffic`` and ``farebox activity``: what came and what became of it, as sums and one by one."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from edge.cli.terminal import Column, JsonFlag, exact_time_text, note, show_rows, time_text
from edge.cli.times import read_time
from edge.cli.workplace import reading
from edge.core.money import Money
from edge.store.activity import Activity, ActivityFilter, list_activity
from edge.store.database import now_micros
from edge.store.sites import Site, find_site, list_sites
from edge.store.traffic import Span, TrafficSum, start_of, traffic_by

_SUMS = (
    Column("FROM", "from"),
    Column("SITE", "site"),
    Column("CRAWLER", "crawler"),
    Column("PROVED", "rung"),
    Column("RULE", "rule"),
    Column("OUTCOME", "outcome"),
    Column("REQUESTS", "requests", numeric=True),
)
_ROWS = (
    Column("TIME", "at"),
    Column("SITE", "site"),
    Column("CRAWLER", "crawler"),
    Column("PROVED", "rung"),
    Column("TARGET", "target"),
    Column("RULE", "rule"),
    Column("OUTCOME", "outcome"),
    Column("STATUS", "status", numeric=True),
    Column("PRICE", "price", numeric=True),
    Column("FOR", "requests", numeric=True),
)

SiteOption = Annotated[str | None, typer.Option(help="Only of this site.")]
CrawlerOption = Annotated[str | None, typer.Option(help="Only of this crawler, as it is listed.")]


def traffic(
    site: SiteOption = None,
    crawler: CrawlerOption = None,
    per: Annotated[Span, typer.Option(help="Sums of each minute, hour or day.")] = Span.HOUR,
    since: Annotated[str, typer.Option(help="From then on: 2026-11-01, 2026-11-01T10:00Z or 7d.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count requests by site, crawler, rule and what became of them, oldest first. People have no name there."""
    now = now_micros()
    begin, end = read_time(since, now, "--since"), read_time(until, now, "--until")
    with reading() as connection:
        sites = _sites(connection)
        where = None if site is None else find_site(connection, site).site_id
        # The period that a time lies in counts whole: sums know nothing finer.
        found = traffic_by(
            connection, per, start_of(per, begin or 0), now + 1 if end is None else end, site_id=where, crawler=crawler
        )
        rows = [_sum_row(one, sites) for one in found]
    show_rows(rows, _SUMS, as_json, "nothing came in that time")


def activity(
    site: SiteOption = None,
    crawler: CrawlerOption = None,
    outcome: Annotated[str | None, typer.Option(help="Only what ended so, such as payment_required.")] = None,
    since: Annotated[str | None, typer.Option(help="From then on: 2026-11-01, 2026-11-01T10:00Z or 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="Before then.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many are shown.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List single requests of crawlers, the newest first; of many a sample, and FOR says how many each stands for."""
    now = now_micros()
    with reading() as connection:
        sites = _sites(connection)
        where = sites if site is None else [find_site(connection, site).site_id]
        wanted = ActivityFilter(
            crawler=crawler,
            outcome=outcome,
            since_micros=read_time(since, now, "--since"),
            until_micros=read_time(until, now, "--until"),
        )
        found = list_activity(connection, where, wanted, limit + 1)
    rows = [_activity_row(one, sites, as_json) for one in found[:limit]]
    show_rows(rows, _ROWS, as_json, "no crawler asked for anything that was noted")
    if len(found) > limit:
        note(f"the newest {limit} of more; --limit shows more")


def _sites(connection: Connection) -> dict[int, Site]:
    return {known.site_id: known for known in list_sites(connection, with_removed=True)}


def _sum_row(one: TrafficSum, sites: dict[int, Site]) -> dict[str, Any]:
    key = one.key
    return {
        "from": time_text(key.start_micros),
        "site": sites[key.site_id].host if key.site_id in sites else None,
        "crawler": key.crawler,
        "rung": key.rung,
        "rule": key.rule,
        "outcome": key.outcome,
        "requests": one.requests,
    }


def _activity_row(one: Activity, sites: dict[int, Site], as_json: bool) -> dict[str, Any]:
    where = sites.get(one.site_id)
    price = Money(one.price_micros, where.currency) if where and one.price_micros is not None else None
    return {
        "at": exact_time_text(one.at_micros) if as_json else time_text(one.at_micros),
        "site": where.host if where else None,
        "crawler": one.crawler,
        "rung": one.rung,
        "kind": one.kind,
        "method": one.method,
        "target": one.target,
        "rule": one.rule,
        "outcome": one.outcome,
        "status": one.status,
        "price": str(price) if price else None,
        "offer": one.offer,
        "user_agent": one.user_agent,
        "address": one.address,
        "requests": one.requests,
    }
