"""The link that lets somebody into a crawler's team: with a new account, or with the one that they have."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.crawler_people import Invitation, accept_as, accept_as_new, find_invitation
from edge.store.once import take
from edge.store.people import EmailTaken, LastOwner
from edge.store.problems import InvalidValue
from edge.store.sample_site import real_sites
from publisher_dashboard.auth import NOT_HERE, Turned, begin_session, give_cookie
from publisher_dashboard.forms import sentence
from publisher_dashboard.joining import has_account, invitation_link, joining_page
from publisher_dashboard.key_checks import KeysAnswer, look_key
from publisher_dashboard.pages.set_up import new_password_faults
from publisher_dashboard.visit import Visit

AGENT_LENGTH_MAX = 2048


def home(visit: Visit) -> Response:
    """To the portal of the first crawler whose team one is in."""
    return visit.go(f"/portal/{visit.teams[0].crawler_id}" if visit.teams else "/")


def register(visit: Visit) -> Response:
    """How an agent is registered, and a look at its keys before it asks."""
    return _register_page(visit, None, {}, {})


def look_at_agent(visit: Visit) -> Response:
    """Look at an agent's keys now, as the edge would when it asks to be registered; nothing is kept."""
    agent, checks = visit.form.get("agent", "").strip(), visit.desk.key_checks
    if not agent or len(agent) > AGENT_LENGTH_MAX:
        return _register_page(
            visit, None, visit.form, {"agent": "Write the agent's address, such as https://bot.example."}
        )
    with visit.desk.database.write() as connection:
        free = take(connection, look_key(visit.person.person_id, visit.now_micros), visit.now_micros)
    if not free:
        return _register_page(visit, None, visit.form, {"agent": "One look in 20 seconds; wait a moment."})
    return _register_page(visit, checks.look(agent) if checks else None, visit.form, {})


def _register_page(
    visit: Visit, answer: KeysAnswer | None, form: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    with visit.desk.database.read() as connection:
        hosts = [one.host for one in real_sites(connection)]
    return visit.render(
        "portal_register.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        answer=answer,
        form=form,
        errors=errors,
        can_look=visit.desk.key_checks is not None,
        host=hosts[0] if hosts else "SITE",
    )


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
            made = accept_as_new(connection, invitation_link(visit), password_hash, visit.now_micros)
            if made is None:
                return _page(visit, {})
            token = begin_session(connection, visit, made.person_id, made.email)
    except EmailTaken as taken:
        return _page(visit, {"password": sentence(str(taken))})
    response = visit.go(f"/portal/{found.crawler_id}", "welcome")
    give_cookie(response, visit.desk.address, token)
    return response


def join(visit: Visit) -> Response:
    """Join as the one who is signed in."""
    try:
        with visit.desk.database.write() as connection:
            joined = accept_as(
                connection, invitation_link(visit), visit.person.person_id, visit.person.email, visit.now_micros
            )
    except InvalidValue as wrong:
        raise Turned(HTTPStatus.FORBIDDEN, NOT_HERE) from wrong
    except LastOwner as last:
        why = "You are the last owner of this team; make somebody else an owner first."
        raise Turned(HTTPStatus.CONFLICT, why) from last
    return visit.go(f"/portal/{joined.crawler_id}" if joined else "/", "joined-team" if joined else None)


def _look(visit: Visit) -> Invitation | None:
    with visit.desk.database.read() as connection:
        return find_invitation(connection, invitation_link(visit), visit.now_micros)


def _page(visit: Visit, errors: Mapping[str, str]) -> Response:
    return joining_page(visit, "portal_join.html", _look(visit), errors)
