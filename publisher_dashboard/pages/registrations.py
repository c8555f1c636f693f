"""The operator's page for crawlers that asked to be registered: who waits, what is proved, and the decision.

Rules of this file
- What the operator saw is what is decided: name, operator and kind go with the form, because whoever asks may change
  its wish until then.
- An account that is opened here is prepaid and empty. Credit is given on the crawler's page, with author and reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.core.identity import CrawlerKind
from edge.core.registration import advice
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.registrations import Approval, Registration, find_registration, list_registrations
from edge.store.registrations import approve as approve_registration
from edge.store.registrations import reject as reject_registration
from edge.store.sites import list_sites
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import Visit

DECIDED_SHOWN = 50
LIST = "/operator/registrations"
NUMBER_MAX = 2**31 - 1


def show(visit: Visit) -> Response:
    """Who waits, the oldest first, and what was decided last."""
    with visit.desk.database.read() as connection:
        found = list_registrations(connection, decided_too=True)
    decided = sorted((one for one in found if one.state != "pending"), key=lambda one: -(one.decided_at_micros or 0))
    return visit.render(
        "operator_registrations.html",
        waiting=[one for one in found if one.state == "pending"],
        decided=decided[:DECIDED_SHOWN],
    )


def show_one(visit: Visit) -> Response:
    """One registration, with what to look at before it is approved."""
    return _page(visit, _wanted(visit), {}, {})


def approve(visit: Visit) -> Response:
    """Register the crawler as the form says, and open an empty prepaid account."""
    asked, form = _wanted(visit), visit.form
    try:
        approval = _approval(form, _currencies(visit))
        with visit.desk.database.write() as connection:
            done = approve_registration(
                connection,
                asked.number,
                approval,
                author=visit.person.email,
                reason=form.get("note", "").strip() or None,
                now_micros=visit.now_micros,
            )
    except StoreProblem as wrong:
        return _refused(visit, asked, wrong)
    return visit.go(f"{LIST}/{done.number}", "registered")


def reject(visit: Visit) -> Response:
    """Say no, with a reason that the crawler's team may read."""
    asked = _wanted(visit)
    try:
        with visit.desk.database.write() as connection:
            reject_registration(
                connection,
                asked.number,
                author=visit.person.email,
                reason=visit.form.get("reason", ""),
                now_micros=visit.now_micros,
            )
    except StoreProblem as wrong:
        return _refused(visit, asked, wrong)
    return visit.go(LIST, "rejected")


def _approval(form: Mapping[str, str], currencies: list[str]) -> Approval:
    """What the form says; raises ``InvalidValue``. Without a name the store would take the one wished for by then."""
    name, kind = form.get("name", "").strip(), form.get("kind", "")
    if not name:
        raise InvalidValue("write a name", "name")
    if kind not in set(CrawlerKind):
        raise InvalidValue("choose one of these", "kind")
    if form.get("currency") not in currencies:
        raise InvalidValue("choose a currency in which a site sells", "currency")
    return Approval(name, form.get("operator", "").strip(), CrawlerKind(kind), form["currency"])


def _wanted(visit: Visit) -> Registration:
    number = int(visit.request.path_params["number"])
    try:
        with visit.desk.database.read() as connection:
            return find_registration(connection, min(number, NUMBER_MAX))
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, LIST) from unknown


def _currencies(visit: Visit) -> list[str]:
    """What an account may be in: the currencies in which sites sell."""
    with visit.desk.database.read() as connection:
        return sorted({one.currency for one in list_sites(connection)}) or ["USD"]


def _refused(visit: Visit, asked: Registration, wrong: StoreProblem) -> Response:
    """The page again with what is wrong; when somebody else was faster, as it stands now."""
    if wrong.field == "id":
        return _page(visit, _wanted(visit), {}, {"id": sentence(str(wrong))}, HTTPStatus.CONFLICT)
    errors = {wrong.field or "name": sentence(str(wrong))}
    return _page(visit, asked, visit.form, errors, HTTPStatus.UNPROCESSABLE_ENTITY)


def _page(
    visit: Visit,
    asked: Registration,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    currencies = _currencies(visit)
    likely = "USD" if "USD" in currencies else currencies[0]
    wished = {"name": asked.name, "operator": asked.operator, "kind": asked.kind.value, "currency": likely}
    return visit.render(
        "operator_registration.html",
        status,
        asked=asked,
        advice=sentence(advice(asked.agent_url, asked.name, visit.desk.classify(asked.name))),
        form=wished | dict(typed),
        errors=errors,
        kinds=[(kind.value, kind.value.capitalize()) for kind in CrawlerKind],
        currencies=[(one, one) for one in currencies],
    )
