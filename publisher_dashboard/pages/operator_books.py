"""The operator's charges and adjustments: any charge, refunds, and payments that no account took.

Rules of this file
- A payment is credited under its own reference, so assigning it twice credits it once.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import Response

from edge.core.ledger import EntryKind
from edge.store.accounts import Opening
from edge.store.audit import newest_audit_rows
from edge.store.crawlers import list_crawlers
from edge.store.entries import charge_by_id
from edge.store.health import read_health
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.unmatched import UnmatchedView, assign, close_unmatched, find_unmatched, list_unmatched
from publisher_dashboard.acts import (
    Act,
    Field,
    Question,
    ask_sure,
    is_sure,
    read_choice,
    read_reason,
    refuse,
    show_act,
)
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.charge_pages import Reach, download_list, show_charge, show_list
from publisher_dashboard.refunds import give_back, show_refund
from publisher_dashboard.views.whole_audit import way_of
from publisher_dashboard.visit import Visit

ADJUSTMENTS = "/operator/adjustments"
ALL = Reach("/operator/charges", may_refund=True)
NUMBER_MAX = 2**31 - 1
LINES = 50
_CORRECTIONS = (EntryKind.REVERSE, EntryKind.ADJUST)


# Charges


def charges(visit: Visit) -> Response:
    """Everybody's charges."""
    return show_list(visit, ALL)


def charges_file(visit: Visit) -> Response:
    """Exactly the charges of this filter as CSV."""
    return download_list(visit, ALL)


def charge(visit: Visit) -> Response:
    """Any charge."""
    return show_charge(visit, ALL)


def ask_refund(visit: Visit) -> Response:
    """The form that gives any charge back."""
    return show_refund(visit, ALL)


def refund(visit: Visit) -> Response:
    """Give any charge back."""
    return give_back(visit, ALL)


# Adjustments


def adjustments(visit: Visit) -> Response:
    """A charge to look for, payments that wait for somebody, and the latest corrections."""
    wanted = visit.query("charge")
    with visit.desk.database.read() as connection:
        found = charge_by_id(connection, wanted) if wanted else None
        payments = list_unmatched(connection)
        latest = newest_audit_rows(connection, LINES, kinds=_CORRECTIONS)
        health = read_health(connection)
    if found is not None:
        return visit.go(f"{ALL.path}/{found.charge_id}")
    return visit.render(
        "operator_adjustments.html",
        HTTPStatus.NOT_FOUND if wanted else HTTPStatus.OK,
        form={"charge": wanted},
        errors={"charge": "There is no charge of that id; it looks like ch_ and 32 digits."} if wanted else {},
        payments=payments,
        latest=[(one, way_of(one)) for one in latest.rows],
        suspended=health.suspended,
    )


def show_assign(visit: Visit) -> Response:
    """The form that credits a payment to a crawler."""
    found = _payment(visit)
    known = found.crawler if found.crawler in {value for value, _ in _crawler_options(visit)} else ""
    return show_act(visit, _assign_act(visit, found), {"crawler": known})


def assign_payment(visit: Visit) -> Response:
    """Ask, then credit the payment under its own reference."""
    found = _payment(visit)
    act = _assign_act(visit, found)
    try:
        name = read_choice(visit.form, "crawler", act.fields[0].options)
        if not name:
            raise InvalidValue("choose a crawler", "crawler")
        if not is_sure(visit):
            question = Question(
                f"Credit {found.stated} to {name}?",
                "An entry in the books cannot be taken out again.",
                (("Payment", found.payment), ("From", found.source), ("To", name)),
            )
            return ask_sure(visit, act, question)
        done = assign(
            visit.desk.database, found.number, name, author=visit.person.email, opening=Opening.KNOWN_CURRENCY
        )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(ADJUSTMENTS, "credited" if done.fresh else "credited-before")


def show_close(visit: Visit) -> Response:
    """The form that says that a payment was settled by other means."""
    return show_act(visit, _close_act(_payment(visit)))


def close_payment(visit: Visit) -> Response:
    """Close it: it is never credited by itself afterwards."""
    found = _payment(visit)
    act = _close_act(found)
    try:
        reason = read_reason(visit.form)
        with visit.desk.database.write() as connection:
            close_unmatched(
                connection, found.number, author=visit.person.email, reason=reason, now_micros=visit.now_micros
            )
    except StoreProblem as wrong:
        return refuse(visit, act, wrong)
    return visit.go(ADJUSTMENTS, "payment-closed")


def _payment(visit: Visit) -> UnmatchedView:
    number = min(int(visit.request.path_params["number"]), NUMBER_MAX)
    try:
        with visit.desk.database.read() as connection:
            return find_unmatched(connection, number)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, ADJUSTMENTS) from unknown


def _crawler_options(visit: Visit) -> tuple[tuple[str, str], ...]:
    with visit.desk.database.read() as connection:
        return tuple((one.name, one.name) for one in list_crawlers(connection))


def _assign_act(visit: Visit, found: UnmatchedView) -> Act:
    return Act(
        f"Assign {found.stated}",
        f"Payment {found.payment} of {found.source}: {found.reason}. It is credited under its own reference, once.",
        "Credit it",
        ADJUSTMENTS,
        "Adjustments",
        (Field("crawler", "To the account of", options=(("", "Choose a crawler"), *_crawler_options(visit))),),
    )


def _close_act(found: UnmatchedView) -> Act:
    return Act(
        f"Close {found.stated}",
        f"Payment {found.payment} of {found.source} was settled by other means, and is never credited by itself.",
        "Close it",
        ADJUSTMENTS,
        "Adjustments",
        (Field("reason", "How it was settled", "Kept beside it.", length_max=500),),
    )
