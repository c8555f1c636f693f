"""Who is at the door, and may they come in here?

Rules of this file
- Everything is refused unless it is allowed: a route says what it needs, and ``admit`` looks it up. The publisher
  comes from the address and the person's memberships, never from a form; what is not theirs is 404, as if it did not
  exist, and what their role does not cover is 403.
- A form counts only when it was sent from our own page and carries the session's token.
- The cookie is ``__Host-`` bound when people come over https; over loopback http browsers refuse that name.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from edge.store.audit_events import Action, record
from edge.store.connection import Connection
from edge.store.crawler_people import CrawlerMembership, crawler_memberships
from edge.store.people import (
    Membership,
    does_operate,
    find_person,
    forgive,
    is_over_limit,
    memberships,
    record_attempt,
    set_password,
)
from edge.store.problems import StoreProblem
from edge.store.second_factors import second_factor
from edge.store.sessions import ABSOLUTE_MICROS, Session, find_session, open_session, touch
from edge.store.sign_in_steps import begin_step
from edge.store.sites import Site, find_site
from publisher_dashboard.browser_names import browser_name
from publisher_dashboard.browser_safety import Address, page_before, sent_from_here
from publisher_dashboard.visit import GRANTS, TEAM_GRANTS, Desk, Need, Visit

TOKEN_FIELD = "token"  # noqa: S105 -- the name of a form field
PASSWORD_CHARACTERS_READ_MAX = 1000
_NUMBER_MAX = 2**31 - 1
"""No number of an address is larger: what databases call things by ends there."""


class Turned(Exception):
    """Not let in: the status to answer, a sentence that says why, and the page of ours to go back to, if any."""

    def __init__(self, status: HTTPStatus, why: str, back: str | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.back = back


class SignInFirst(Exception):
    """Nobody is signed in, and the page needs somebody."""


NOT_HERE = "There is no such page, or it is not yours to see."
_ASK_OWNER = "An owner can give you another one, on the Team page."


def admit(desk: Desk, request: Request, need: Need, form: Mapping[str, list[str]], now_micros: int) -> Visit:
    """Let a request in to a route with this need, or raise ``Turned`` or ``SignInFirst``."""
    first = {name: values[0] for name, values in form.items()}
    is_form = request.method == "POST"
    if is_form and not sent_from_here(request.headers):
        raise Turned(HTTPStatus.FORBIDDEN, "This form was not sent from a page of this dashboard.")
    if need is Need.ANYONE:
        return Visit(desk, request, now_micros, form=first, lists=form)
    session = find_current(desk, request, now_micros)
    if session is None:
        raise SignInFirst
    if is_form and not hmac.compare_digest(first.get(TOKEN_FIELD, "").encode(), session.csrf_token.encode()):
        why = "This form was opened in another session, before you signed in again. Load its page again, then send it."
        raise Turned(HTTPStatus.FORBIDDEN, why, page_before(request.headers))
    return _place(desk, request, need, session, now_micros, first, form)


def _place(
    desk: Desk,
    request: Request,
    need: Need,
    session: Session,
    now_micros: int,
    first: Mapping[str, str],
    form: Mapping[str, list[str]],
) -> Visit:
    """Find the publisher and site of the address among what the person may see."""
    if any(isinstance(one, int) and one > _NUMBER_MAX for one in request.path_params.values()):
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    with desk.database.read() as connection:
        own = memberships(connection, session.person_id)
        operates = does_operate(connection, session.person_id)
        teams = crawler_memberships(connection, session.person_id)
    team = _team(teams, request)
    membership, site = find_own_site(desk, own, request)
    if need is Need.OPERATE and not operates:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    if need in (Need.TEAM_SEE, Need.TEAM_CHANGE):
        if team is None:
            raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
        if need not in TEAM_GRANTS[team.role]:
            why = f"Your role for {team.crawler_name} is {team.role.value}, which does not cover this. {_ASK_OWNER}"
            raise Turned(HTTPStatus.FORBIDDEN, why)
    elif need not in (Need.SIGNED_IN, Need.OPERATE):
        if membership is None:
            raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
        if need not in GRANTS[membership.role]:
            role, name = membership.role.value, membership.publisher_name
            why = f"Your role for {name} is {role}, which does not cover this. {_ASK_OWNER}"
            raise Turned(HTTPStatus.FORBIDDEN, why)
    return Visit(
        desk, request, now_micros, session, own, membership, site, operates, first, form, teams=teams, team=team
    )


def find_own_site(desk: Desk, own: tuple[Membership, ...], request: Request) -> tuple[Membership | None, Site | None]:
    """The publisher and site of the address, if they are among a person's own; what is not is as if it were not."""
    host = request.path_params.get("host")
    if host is None:
        return _membership(own, request.path_params.get("publisher_id")), None
    try:
        with desk.database.read() as connection:
            site = find_site(connection, host)
    except StoreProblem:
        return None, None
    membership = _membership(own, site.publisher_id)
    return (membership, site) if membership else (None, None)


def _team(teams: tuple[CrawlerMembership, ...], request: Request) -> CrawlerMembership | None:
    """The crawler of an address in the portal, if the person is in its team."""
    if not request.url.path.startswith("/portal/"):
        return None
    return next((one for one in teams if one.crawler_id == request.path_params.get("crawler_id")), None)


def _membership(own: tuple[Membership, ...], publisher_id: int | None) -> Membership | None:
    return next((one for one in own if one.publisher_id == publisher_id), None)


# Cookies


def cookie_name(address: Address) -> str:
    """The cookie's name: bound to this very host over https (RFC 6265bis section 4.1.3.2), plain on loopback."""
    return "__Host-farebox" if address.secure else "farebox_session"


def find_current(desk: Desk, request: Request, now_micros: int) -> Session | None:
    """The living session of this browser; its use is written down once a minute."""
    token = request.cookies.get(cookie_name(desk.address))
    if not token:
        return None
    with desk.database.read() as connection:
        found = find_session(connection, token, now_micros)
    if found is not None and found.is_due(now_micros):
        with desk.database.write() as connection:
            touch(connection, found, now_micros)
    return found


def give_cookie(response: Response, address: Address, token: str) -> None:
    """Hand a new session to the browser."""
    response.set_cookie(
        cookie_name(address),
        token,
        max_age=ABSOLUTE_MICROS // 1_000_000,
        path="/",
        secure=address.secure,
        httponly=True,
        samesite="lax",
    )


def take_cookie(response: Response, address: Address) -> None:
    """Take the session's cookie back."""
    response.delete_cookie(cookie_name(address), path="/", secure=address.secure, httponly=True, samesite="lax")


# Signing in


@dataclass(frozen=True, slots=True)
class TooMany:
    """Too many tries; the password was not even looked at."""


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The password was right, and a code is asked for; the form carries ``token``."""

    token: str


def password_problem(visit: Visit) -> str | None:
    """What is wrong with the current password that somebody who is signed in typed; counted before it is looked at."""
    desk, now_micros, email = visit.desk, visit.now_micros, visit.person.email
    address = visit.request.client.host if visit.request.client else ""
    with desk.database.write() as connection:
        attempt = record_attempt(connection, email, address, now_micros, desk.address_key(now_micros))
    with desk.database.read() as connection:
        if is_over_limit(connection, attempt):
            return "Too many tries. Wait a quarter of an hour, then try again."
        known = find_person(connection, email)
    given = visit.form.get("current", "")[:PASSWORD_CHARACTERS_READ_MAX]
    if not desk.passwords.verify(known.password_hash if known else None, given):
        return "This is not your current password."
    with desk.database.write() as connection:
        forgive(connection, attempt)
    return None


def sign_in(visit: Visit, email: str, password: str) -> str | SecondStep | TooMany | None:
    """Try to sign in; a new session's token, or None, which does not say whether the person exists.

    With a second step it is that step's token. The tries are not forgiven before that one is through, so that who knows
    the password cannot go on trying codes.

    Raises ``Busy`` when too many passwords are being checked.
    """
    desk, now_micros = visit.desk, visit.now_micros
    address = visit.request.client.host if visit.request.client else ""
    key = desk.address_key(now_micros)
    with desk.database.write() as connection:
        attempt = record_attempt(connection, email, address, now_micros, key)
    with desk.database.read() as connection:
        if is_over_limit(connection, attempt):
            return TooMany()
        person = find_person(connection, email)
    given = password[:PASSWORD_CHARACTERS_READ_MAX]
    if not desk.passwords.verify(person.password_hash if person else None, given) or person is None:
        return None
    renewed = desk.passwords.hash(given) if desk.passwords.is_outdated(person.password_hash) else None
    with desk.database.write() as connection:
        if renewed is not None:
            set_password(connection, person.person_id, renewed)
        if second_factor(connection, person.person_id).has_app:
            return SecondStep(begin_step(connection, now_micros, person_id=person.person_id))
        forgive(connection, attempt)
        return begin_session(connection, visit, person.person_id, person.email)


def begin_session(connection: Connection, visit: Visit, person_id: int, email: str) -> str:
    """Open a session for this browser, write it down in the person's own log, and return its token."""
    agent = visit.request.headers.get("user-agent", "")
    details = {"browser": browser_name(agent)}
    record(connection, Action.SIGNED_IN, author=email, now_micros=visit.now_micros, subject=email, details=details)
    return open_session(connection, person_id, agent, visit.now_micros)
