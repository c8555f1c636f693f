"""The one-time link that makes an account: the owner's at first, later one for a publisher."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.passwords import password_fault
from edge.store.people import EmailTaken, SetupLink, accept_setup_link, find_setup_link
from edge.store.problems import StoreProblem
from edge.store.publishers import Publisher, list_publishers, read_email
from publisher_dashboard.auth import begin_session, give_cookie
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """The form, or that the link does not work any more."""
    link, publishers = _look(visit)
    form = {"email": link.email} if link and link.email else {}
    return _page(visit, link, publishers, form, {})


def create(visit: Visit) -> Response:
    """Make the account and sign in, in one transaction with the use of the link."""
    link, publishers = _look(visit)
    if link is None:
        return _page(visit, None, publishers, {}, {})
    errors = _faults(visit.form, asks_publisher=_asks_publisher(link, publishers))
    if errors:
        return _page(visit, link, publishers, visit.form, errors)
    password_hash = visit.desk.passwords.hash(visit.form["password"])
    try:
        with visit.desk.database.write() as connection:
            made = accept_setup_link(
                connection,
                str(visit.request.path_params["link"]),
                visit.form["email"],
                password_hash,
                visit.form.get("publisher", ""),
                visit.now_micros,
            )
            if made is None:
                return _page(visit, None, publishers, {}, {})
            token = begin_session(connection, visit, made.person_id, made.email)
    except (EmailTaken, StoreProblem) as problem:
        field = getattr(problem, "field", None)
        return _page(
            visit, link, publishers, visit.form, {"publisher" if field == "name" else "email": sentence(str(problem))}
        )
    response = visit.go("/", "welcome")
    give_cookie(response, visit.desk.address, token)
    return response


def _look(visit: Visit) -> tuple[SetupLink | None, list[Publisher]]:
    with visit.desk.database.read() as connection:
        link = find_setup_link(connection, str(visit.request.path_params["link"]), visit.now_micros)
        return link, list_publishers(connection) if link else []


def _asks_publisher(link: SetupLink, publishers: list[Publisher]) -> bool:
    return link.publisher_id is None and not publishers


def _faults(form: Mapping[str, str], *, asks_publisher: bool) -> dict[str, str]:
    errors = {}
    if asks_publisher and not form.get("publisher", "").strip():
        errors["publisher"] = "Give the publisher a name."
    try:
        email = read_email(form.get("email", ""))
    except StoreProblem as problem:
        email, errors["email"] = "", sentence(str(problem))
    return errors | new_password_faults(form, email)


def new_password_faults(form: Mapping[str, str], email: str) -> dict[str, str]:
    """What is wrong with a password that was typed twice, by field."""
    password = form.get("password", "")
    fault = password_fault(password, email)
    if fault is not None:
        return {"password": fault}
    return {} if password == form.get("repeated", "") else {"repeated": "The two passwords differ."}


def _page(
    visit: Visit,
    link: SetupLink | None,
    publishers: list[Publisher],
    form: Mapping[str, str],
    errors: Mapping[str, str],
) -> Response:
    status = HTTPStatus.GONE if link is None else HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    joins = next((one.name for one in publishers if link and one.publisher_id == link.publisher_id), None)
    return visit.render(
        "set_up.html",
        status,
        link=link,
        joins=joins,
        owned=[one.name for one in publishers],
        asks_publisher=link is not None and _asks_publisher(link, publishers),
        form=form,
        errors=errors,
    )
