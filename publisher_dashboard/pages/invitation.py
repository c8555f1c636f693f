"""The link of an invitation: make an account with it, or join with the one that one has."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.invitations import Invitation, accept_invitation, find_open_invitation
from edge.store.people import EmailTaken
from publisher_dashboard.auth import NOT_HERE, Turned, begin_session, give_cookie
from publisher_dashboard.forms import sentence
from publisher_dashboard.joining import has_account, invitation_link, joining_page
from publisher_dashboard.pages.set_up import new_password_faults
from publisher_dashboard.views.team import ROLE_WORDS
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """The form, the button, or that the link does not work any more."""
    return _page(visit, {})


def create(visit: Visit) -> Response:
    """Make an account by the link, join and sign in, in one transaction."""
    found = _look(visit)
    if found is None or has_account(visit, found):
        return _page(visit, {})
    errors = new_password_faults(visit.form, found.email)
    if errors:
        return _page(visit, errors)
    password_hash = visit.desk.passwords.hash(visit.form["password"])
    try:
        with visit.desk.database.write() as connection:
            person_id = accept_invitation(
                connection, invitation_link(visit), visit.now_micros, password_hash=password_hash
            )
            if person_id is None:
                return _page(visit, {})
            token = begin_session(connection, visit, person_id, found.email)
    except EmailTaken as taken:
        return _page(visit, {"password": sentence(str(taken))})
    response = visit.go(f"/publishers/{found.publisher_id}", "welcome")
    give_cookie(response, visit.desk.address, token)
    return response


def join(visit: Visit) -> Response:
    """Join as the one who is signed in."""
    found = _look(visit)
    if found is None:
        return visit.render("turned_away.html", HTTPStatus.GONE, what=HTTPStatus.GONE, why=_GONE, back=None, help="")
    if found.email != visit.person.email:
        raise Turned(HTTPStatus.FORBIDDEN, NOT_HERE)
    with visit.desk.database.write() as connection:
        joined = accept_invitation(connection, invitation_link(visit), visit.now_micros)
    return visit.go(f"/publishers/{found.publisher_id}" if joined is not None else "/", "joined" if joined else None)


_GONE = "This invitation was used, revoked, or is older than a week. Whoever invited you can make a new link."


def _look(visit: Visit) -> Invitation | None:
    with visit.desk.database.read() as connection:
        return find_open_invitation(connection, invitation_link(visit), visit.now_micros)


def _page(visit: Visit, errors: Mapping[str, str]) -> Response:
    found = _look(visit)
    return joining_page(visit, "invitation.html", found, errors, covers=ROLE_WORDS[found.role] if found else "")
