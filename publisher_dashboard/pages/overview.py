"""Some days of one publisher; and the list of its sites."""

from __future__ import annotations

from starlette.responses import Response

from edge.core.month import Month
from edge.store.entries import ChargeFilter, list_charges
from edge.store.rulesets import find_draft
from edge.store.site_claims import list_claims
from edge.store.sites import list_sites
from publisher_dashboard.charge_pages import STATES
from publisher_dashboard.ranges import CHOICES, read_range
from publisher_dashboard.sample import is_sample
from publisher_dashboard.traffic_story import would_earn
from publisher_dashboard.views.attention import concerns
from publisher_dashboard.views.first_steps import first_steps
from publisher_dashboard.views.overview import counted_sites, tell_overview
from publisher_dashboard.visit import Need, Visit

LATEST = 6
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
    """The figures, the days, what needs somebody, the best crawlers and pages, the latest charges."""
    publisher_id = visit.publisher.publisher_id
    days = read_range(visit.query("range"), visit.now_micros)
    with visit.desk.database.read() as connection:
        every = list_sites(connection, publisher_id, with_removed=True)
        sites, counted = [one for one in every if one.active], counted_sites(every, sample_alone=True)
        seen = tell_overview(connection, publisher_id, counted, days, visit.query("currency"))
        latest = list_charges(connection, ChargeFilter(frozenset({publisher_id})), limit=LATEST).charges
        todo = concerns(connection, publisher_id, sites, visit.now_micros)
        steps = first_steps(connection, publisher_id, every)
    return visit.render(
        "overview.html",
        first_steps=steps,
        has_sample=any(is_sample(one) for one in sites),
        days=days,
        choices=CHOICES,
        seen=seen,
        month=Month.of(days.period.since_micros),
        todo=todo,
        latest=latest,
        watched=seen.watched[:WATCHED],
        watched_more=len(seen.watched[WATCHED:]),
        watched_requests=sum(one.requests for one in seen.watched),
        would_earn=would_earn(seen.watched),
        hosts={one.site_id: one.host for one in counted},
        sites=counted,
        paused=[one for one in counted if not one.active],
        states=STATES,
    )


def sites(visit: Visit) -> Response:
    """Every site of the publisher, with what is live and what waits."""
    with visit.desk.database.read() as connection:
        every = list_sites(connection, visit.publisher.publisher_id, with_removed=True)
        found = [one for one in every if one.active]
        waiting = len(list_claims(connection, visit.publisher.publisher_id))
        drafts = {one.site_id for one in found if find_draft(connection, one.site_id) is not None}
    return visit.render(
        "sites.html",
        sites=found,
        paused=[one for one in every if not one.active and not is_sample(one)],
        drafts=drafts,
        waiting=waiting,
        may_manage=visit.may(Need.MANAGE),
    )
