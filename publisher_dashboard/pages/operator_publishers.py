"""The operator's publishers: what each earns and is owed, its sites, and the operator's share; and how the edge is."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from edge.core.fees import InvalidShare, format_share, parse_share
from edge.store.accounts import AccountView, publisher_balances
from edge.store.audit import accounts_owned, change_noted
from edge.store.earnings import first_page_at
from edge.store.health import read_health
from edge.store.month_reading import Part
from edge.store.problems import InvalidValue, StoreProblem
from edge.store.publishers import Publisher, list_publishers, publisher_by_id, set_share
from edge.store.registrations import count_waiting
from edge.store.sites import Site, list_sites
from edge.store.unmatched import list_unmatched
from publisher_dashboard.acts import REASON, Act, Field, read_reason, refuse, show_act
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.statement_pages import month_lines
from publisher_dashboard.visit import Visit

LIST = "/operator/publishers"
NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PublisherLine:
    """One publisher of the list."""

    publisher: Publisher
    sites: tuple[Site, ...]
    balances: tuple[AccountView, ...]


def show(visit: Visit) -> Response:
    """Every publisher, with its sites and what it is owed."""
    with visit.desk.database.read() as connection:
        sites, owed = list_sites(connection), publisher_balances(connection)
        lines = [
            PublisherLine(
                one,
                tuple(each for each in sites if each.publisher_id == one.publisher_id),
                tuple(each for each in owed if each.owner_id == one.publisher_id),
            )
            for one in list_publishers(connection)
        ]
    return visit.render("operator_publishers.html", lines=lines, share=format_share)


def show_one(visit: Visit) -> Response:
    """One publisher: balances, sites, months, and the operator's share."""
    known = _wanted(visit)
    part = Part(publisher_id=known.publisher_id)
    with visit.desk.database.read() as connection:
        sites = list_sites(connection, known.publisher_id, with_removed=True)
        balances = publisher_balances(connection, known.publisher_id)
        months = month_lines(connection, part, first_page_at(connection, known.publisher_id), visit.now_micros)
    return visit.render(
        "operator_publisher.html",
        publisher=known,
        sites=sites,
        balances=balances,
        months=months[:13],
        share=format_share(known.share_ppm),
    )


def ask_share(visit: Visit) -> Response:
    """The form for the operator's share."""
    known = _wanted(visit)
    return show_act(visit, _share_act(known), {"share": format_share(known.share_ppm)})


def change_share(visit: Visit) -> Response:
    """Set the operator's share of every month that is not closed yet."""
    known = _wanted(visit)
    act, database = _share_act(known), visit.desk.database
    try:
        try:
            ppm = parse_share(visit.form.get("share", ""))
        except InvalidShare as wrong:
            raise InvalidValue(str(wrong), "share") from wrong
        reason = read_reason(visit.form)
        with database.read() as connection:
            accounts = accounts_owned(connection, "publisher", known.publisher_id)
        change_noted(
            database,
            accounts,
            {"share": format_share(ppm), "before": format_share(known.share_ppm)},
            lambda connection: set_share(connection, known.name, ppm),
            author=visit.person.email,
            reason=reason,
        )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(act.back, "share")


def health(visit: Visit) -> Response:
    """How the edge is: processes, policy, alarms, what waits, how old things are."""
    with visit.desk.database.read() as connection:
        found = read_health(connection)
        payments, registrations = len(list_unmatched(connection)), count_waiting(connection)
    return visit.render(
        "operator_health.html",
        health=found,
        payments=payments,
        registrations=registrations,
        clock_apart_seconds=abs(found.clock_micros - visit.now_micros) // 1_000_000,
    )


def _wanted(visit: Visit) -> Publisher:
    number = min(int(visit.request.path_params["number"]), NUMBER_MAX)
    with visit.desk.database.read() as connection:
        found = publisher_by_id(connection, number)
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, LIST)
    return found


def _share_act(known: Publisher) -> Act:
    return Act(
        f"Your share of {known.name}",
        "It is taken when a month is closed, of what the publisher earned in it. Closed months stay as they are.",
        "Set the share",
        f"{LIST}/{known.publisher_id}",
        known.name,
        (Field("share", "Share", "Such as 12.5%, with up to four decimals; 0% for none.", length_max=12), REASON),
    )
