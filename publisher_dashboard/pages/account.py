"""One's own account: the password, and where one is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.audit_events import Action, record
from edge.store.connection import Connection
from edge.store.people import Role, set_password
from edge.store.sessions import end, sessions_of
from edge.store.sessions import end_others as end_other_sessions
from publisher_dashboard.auth import begin_session, give_cookie, password_problem
from publisher_dashboard.browser_safety import page_before
from publisher_dashboard.pages.set_up import new_password_faults
from publisher_dashboard.taste import (
    KEYS_COOKIE,
    THEME_COOKIE,
    UTC_ZONE,
    ZONE_COOKIE,
    Theme,
    keep,
    read_theme,
    read_zone,
    zones,
)
from publisher_dashboard.views.audit import own_log
from publisher_dashboard.visit import Visit

EVENTS_SHOWN = 20

_COVERS = {
    Role.OWNER: "see, change prices, download, give back, manage people and settings",
    Role.EDITOR: "see, change prices, download",
    Role.BILLING: "see, download, give back",
    Role.VIEWER: "see",
}


def show(visit: Visit) -> Response:
    """The account page."""
    return _page(visit, {})


def change_password(visit: Visit) -> Response:
    """Change the password; every other session ends, and this one gets a new token."""
    person, form = visit.person, visit.form
    problem = password_problem(visit)
    if problem is not None:
        return _page(visit, {"current": problem})
    errors = new_password_faults(form, person.email)
    if errors:
        return _page(visit, errors)
    password_hash = visit.desk.passwords.hash(form["password"])
    with visit.desk.database.write() as connection:
        set_password(connection, person.person_id, password_hash)
        end_other_sessions(connection, person.person_id, None)
        _note(connection, visit, Action.PASSWORD_CHANGED)
        token = begin_session(connection, visit, person.person_id, person.email)
    response = visit.go("/account", "password")
    give_cookie(response, visit.desk.address, token)
    return response


def choose_theme(visit: Visit) -> Response:
    """Light, dark, or as the device has it; back to the page it was chosen on."""
    theme = read_theme(visit.form.get("theme", ""))
    response = visit.go(page_before(visit.request.headers) or "/account")
    keep(response, visit.desk.address, THEME_COOKIE, None if theme is Theme.SYSTEM else theme.value)
    return response


def choose_keys(visit: Visit) -> Response:
    """Whether single keys go somewhere (WCAG 2.2, 2.1.4: they can be turned off)."""
    response = visit.go("/account", "keys")
    keep(response, visit.desk.address, KEYS_COOKIE, None if visit.form.get("keys") == "on" else "off")
    return response


def choose_zone(visit: Visit) -> Response:
    """In which zone the clock beside the menu is; times in lists stay UTC, so that two people mean the same."""
    zone = read_zone(visit.form.get("zone", ""))
    response = visit.go("/account", "zone")
    keep(response, visit.desk.address, ZONE_COOKIE, None if zone == UTC_ZONE else zone)
    return response


def end_session(visit: Visit) -> Response:
    """End one of one's own sessions."""
    with visit.desk.database.write() as connection:
        for one in sessions_of(connection, visit.person.person_id, visit.now_micros):
            if one.handle == visit.form.get("session"):
                end(connection, one)
                _note(connection, visit, Action.SESSIONS_ENDED, sessions=1)
    return visit.go("/account", "session-ended")


def end_others(visit: Visit) -> Response:
    """End all of one's own sessions but this one."""
    with visit.desk.database.write() as connection:
        ended = end_other_sessions(connection, visit.person.person_id, visit.person.token_hash)
        _note(connection, visit, Action.SESSIONS_ENDED, sessions=ended)
    return visit.go("/account", "sessions-ended")


def _note(connection: Connection, visit: Visit, action: Action, **details: object) -> None:
    """Write down in one's own log what one did."""
    email = visit.person.email
    record(connection, action, author=email, now_micros=visit.now_micros, subject=email, details=details)


def _page(visit: Visit, errors: Mapping[str, str]) -> Response:
    with visit.desk.database.read() as connection:
        sessions = sessions_of(connection, visit.person.person_id, visit.now_micros)
        events = own_log(connection, visit.person.email, EVENTS_SHOWN)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return visit.render(
        "account.html", status, sessions=sessions, events=events, errors=errors, covers=_COVERS, zones=zones()
    )
