"""The month so far, for one publisher; and the list of its sites."""

from __future__ import annotations

from starlette.responses import Response

from edge.core.month import Month
from edge.store.earnings import (
    DAY_MICROS,
    Earned,
    Period,
    earned_by_crawler,
    earned_by_currency,
    earned_by_day,
    earned_by_page,
)
from edge.store.entries import ChargeFilter, list_charges
from edge.store.rulesets import Version, find_draft, live_version
from edge.store.sites import list_sites
from edge.store.traffic import HOUR_MICROS, read_traffic
from publisher_dashboard.charge_pages import STATES
from publisher_dashboard.chart import draw
from publisher_dashboard.rendering import month_name
from publisher_dashboard.traffic_story import Prices, failed, refused, watched, watching_prices, would_earn
from publisher_dashboard.visit import Need, Visit

TOP = 5
LATEST = 7
WATCHED = 8


def home(visit: Visit) -> Response:
    """Go to the first publisher, or say that there is none."""
    if not visit.memberships and visit.teams:
        return visit.go(f"/portal/{visit.teams[0].crawler_id}")
    if not visit.memberships and visit.operates:
        return visit.go("/operator/crawlers")
    if not visit.memberships:
        return visit.render("nothing_yours.html")
    said = visit.query("said")
    path = f"/publishers/{visit.memberships[0].publisher_id}"
    return visit.go(f"{path}?said=welcome" if said == "welcome" else path)


def show(visit: Visit) -> Response:
    """This month's figures, the days, the latest charges, the best crawlers and pages."""
    month = Month.of(visit.now_micros)
    so_far = Period(month.start_micros, visit.now_micros + 1)
    publisher_id = visit.publisher.publisher_id
    with visit.desk.database.read() as connection:
        sums = earned_by_currency(connection, publisher_id, so_far)
        sites = list_sites(connection, publisher_id)
        drafts = [one for one in sites if find_draft(connection, one.site_id) is not None]
        currency = _currency(visit.query("currency"), sums, [one.currency for one in sites])
        before = earned_by_currency(connection, publisher_id, _same_days_before(month, visit.now_micros))
        days = earned_by_day(connection, publisher_id, currency, so_far)
        crawlers = earned_by_crawler(connection, publisher_id, currency, so_far, TOP)
        pages = earned_by_page(connection, publisher_id, currency, so_far, TOP)
        latest = list_charges(connection, ChargeFilter(frozenset({publisher_id})), limit=LATEST).charges
        hour = visit.now_micros - visit.now_micros % HOUR_MICROS + HOUR_MICROS
        traffic = read_traffic(connection, month.start_micros, hour, frozenset(one.site_id for one in sites))
        lives = [live_version(connection, one.site_id) for one in sites]
    seen = watched(traffic, _watching_prices(lives))
    length = (month.end_micros - month.start_micros) // DAY_MICROS
    today = (visit.now_micros - month.start_micros) // DAY_MICROS
    earned = sums.get(currency, Earned(currency, 0, 0, 0))
    kept = max(earned.pages - earned.reversed_pages, 1)
    return visit.render(
        "overview.html",
        month=month,
        month_name=month_name(month),
        currency=currency,
        currencies=sorted(sums),
        earned=earned,
        average=earned.amount_micros // kept,
        per_thousand=1000 * earned.amount_micros // kept,
        before=before.get(currency),
        chart=draw(days, currency, length, today),
        today=today + 1,
        crawlers=crawlers,
        pages=pages,
        latest=latest,
        refused=refused(traffic),
        failed=failed(traffic),
        watched=seen[:WATCHED],
        watched_more=len(seen[WATCHED:]),
        watched_requests=sum(one.requests for one in seen),
        would_earn=would_earn(seen),
        hosts={one.site_id: one.host for one in sites},
        sites=sites,
        drafts=drafts,
        states=STATES,
    )


def sites(visit: Visit) -> Response:
    """Every site of the publisher, with what is live and what waits."""
    with visit.desk.database.read() as connection:
        every = list_sites(connection, visit.publisher.publisher_id, with_removed=True)
        found = [one for one in every if one.active]
        drafts = {one.site_id for one in found if find_draft(connection, one.site_id) is not None}
    return visit.render(
        "sites.html",
        sites=found,
        paused=[one for one in every if not one.active],
        drafts=drafts,
        may_manage=visit.may(Need.MANAGE),
    )


def _watching_prices(lives: list[Version | None]) -> Prices:
    return {key: price for live in lives if live for key, price in watching_prices(live.rules, live.site_id).items()}


def _currency(wanted: str, sums: dict[str, Earned], of_sites: list[str]) -> str:
    """The currency to show: the one asked for, else the one with most pages, else the first site's."""
    if wanted in sums:
        return wanted
    if sums:
        return max(sums.values(), key=lambda one: one.pages).currency
    return of_sites[0] if of_sites else "USD"


def _same_days_before(month: Month, now_micros: int) -> Period:
    """The same length of the month before, so that like is compared with like."""
    before = Month.of(month.start_micros - 1)
    elapsed = min(now_micros - month.start_micros, before.end_micros - before.start_micros)
    return Period(before.start_micros, before.start_micros + elapsed)
