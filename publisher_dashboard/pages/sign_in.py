"""Sign in and out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.sessions import end
from publisher_dashboard.auth import SecondStep, TooMany, find_current, give_cookie, sign_in, take_cookie
from publisher_dashboard.browser_safety import safe_path
from publisher_dashboard.pages.second_step import ask_code, show_form
from publisher_dashboard.visit import Visit

WHYS: Mapping[str, str] = {
    "ended": "Your session ended; sign in again.",
    "ended-form": "Your session ended before the form arrived; sign in again. What you had typed was not saved.",
    "signed-out": "You are signed out.",
}
"""What the form may say above itself, by the word in its address."""

_WRONG = "Email or password is wrong."
_TOO_MANY = "Too many tries. Wait a quarter of an hour, then try again."


def show(visit: Visit) -> Response:
    """The form; somebody who is signed in goes on."""
    if find_current(visit.desk, visit.request, visit.now_micros) is not None:
        return visit.go(safe_path(visit.query("next")))
    form = {"next": visit.query("next"), "why": visit.query("why")}
    return show_form(visit, form, why=WHYS.get(form["why"]))


def enter(visit: Visit) -> Response:
    """Check email and password; the answer for an unknown person is that for a wrong password."""
    email, password = visit.form.get("email", ""), visit.form.get("password", "")
    outcome = sign_in(visit, email, password)
    if isinstance(outcome, str):
        response = visit.go(safe_path(visit.form.get("next", "")))
        give_cookie(response, visit.desk.address, outcome)
        return response
    if isinstance(outcome, SecondStep):
        return ask_code(visit, outcome.token)
    status, message = HTTPStatus.FORBIDDEN, _WRONG
    if isinstance(outcome, TooMany):
        status, message = HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY
    kept = {"email": email, "next": visit.form.get("next", "")}
    return show_form(visit, kept, status, message)


def leave(visit: Visit) -> Response:
    """End the session, here and in the browser."""
    with visit.desk.database.write() as connection:
        end(connection, visit.person)
    response = visit.go("/sign-in?why=signed-out")
    take_cookie(response, visit.desk.address)
    return response
