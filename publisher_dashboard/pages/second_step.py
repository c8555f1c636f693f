"""The second step of signing in: a code after the password, or a passkey instead of both.

Rules of this file
- A try is counted, and the count committed, before the code is looked at.
- Who asks for a passkey is counted by address before anything is written for them.
- What the form carries is good for five minutes; when it is over one begins again with the password.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.passkeys import find_credential, note_use
from edge.store.people import Person, attempt_of, forgive, has_people
from edge.store.second_factors import take_code, take_recovery_code
from edge.store.sign_in_steps import Step, begin_challenge, count_challenge, end_step, forgive_codes, try_step
from publisher_dashboard.auth import begin_session, give_cookie
from publisher_dashboard.browser_safety import safe_path
from publisher_dashboard.passkeys import ask_for_a_signature, named_credential, party, read_signature
from publisher_dashboard.visit import Visit

_OVER = "That took too long, or there were too many codes. Sign in again."
_WRONG = "This code is wrong, or was used already. An app shows a new one every half minute."
_NO_KEY = "That passkey is not known here, or did not sign what was asked. Sign in with your password."
_TOO_MANY = "Too many tries. Wait a quarter of an hour, then try again."
_NO_NAME = "Browsers have passkeys for names only: open this page by its name, such as http://localhost:8403."


def show_form(
    visit: Visit,
    form: Mapping[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    wrong: str | None = None,
    why: str | None = None,
) -> Response:
    """The form for email and password, with what was wrong."""
    with visit.desk.database.read() as connection:
        nobody_yet = not has_people(connection)
    errors = {"form": wrong} if wrong else {}
    return visit.render("sign_in.html", status, form=form, errors=errors, why=why, nobody_yet=nobody_yet)


def ask_code(visit: Visit, step: str, wrong: str | None = None) -> Response:
    """The form for a code."""
    status = HTTPStatus.FORBIDDEN if wrong else HTTPStatus.OK
    return visit.render(
        "sign_in_code.html", status, step=step, next=visit.form.get("next", ""), errors={"code": wrong} if wrong else {}
    )


def enter_code(visit: Visit) -> Response:
    """Sign in with a code of the app or a recovery code."""
    token = visit.form.get("step", "")
    step = _try(visit, token)
    if step is None or step.who is None or step.challenge is not None:
        return _again(visit, _OVER)
    session = _with_code(visit, step, step.who, visit.form.get("code", ""))
    return ask_code(visit, token, _WRONG) if session is None else _enter(visit, session)


def begin_passkey(visit: Visit) -> Response:
    """Ask the browser for a passkey."""
    us = party(visit.request, visit.desk.address)
    if us is None:
        return _again(visit, _NO_NAME)
    asked, database = ask_for_a_signature(us), visit.desk.database
    address = visit.request.client.host if visit.request.client else ""
    with database.write() as connection:
        asker = count_challenge(connection, address, visit.now_micros, visit.desk.address_key(visit.now_micros))
    with database.write() as connection:
        step = begin_challenge(connection, asker, visit.now_micros, asked.challenge)
    if step is None:
        return _again(visit, _TOO_MANY, HTTPStatus.TOO_MANY_REQUESTS)
    return visit.render(
        "sign_in_passkey.html", options=asked.options, step=step, next=visit.form.get("next", ""), errors={}
    )


def enter_passkey(visit: Visit) -> Response:
    """Sign in with what a passkey signed."""
    us, step = party(visit.request, visit.desk.address), _try(visit, visit.form.get("step", ""))
    if us is None or step is None or step.challenge is None or step.who is not None:
        return _again(visit, _OVER)
    credential = visit.form.get("credential", "")
    named = named_credential(credential)
    with visit.desk.database.write() as connection:
        found = None if named is None else find_credential(connection, named)
        counted = None if found is None else read_signature(us, step.challenge, credential, found[0])
        if found is None or counted is None or not end_step(connection, step):
            return _again(visit, _NO_KEY)
        key, who = found
        note_use(connection, key, counted, visit.now_micros)
        session = begin_session(connection, visit, who.person_id, who.email)
    return _enter(visit, session)


def _with_code(visit: Visit, step: Step, who: Person, typed: str) -> str | None:
    keys = visit.desk.service_keys()
    with visit.desk.database.write() as connection:
        right = keys is not None and take_code(connection, who.person_id, keys, typed, visit.now_micros)
        if not right and not take_recovery_code(connection, who, typed, visit.now_micros):
            return None
        if not end_step(connection, step):
            return None
        address = visit.request.client.host if visit.request.client else ""
        key = visit.desk.address_key(visit.now_micros)
        forgive(connection, attempt_of(who.email, address, visit.now_micros, key))
        forgive_codes(connection, who, key)
        return begin_session(connection, visit, who.person_id, who.email)


def _try(visit: Visit, token: str) -> Step | None:
    with visit.desk.database.write() as connection:
        return try_step(connection, token, visit.now_micros, visit.desk.address_key(visit.now_micros))


def _enter(visit: Visit, session: str) -> Response:
    response = visit.go(safe_path(visit.form.get("next", "")))
    give_cookie(response, visit.desk.address, session)
    return response


def _again(visit: Visit, why: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> Response:
    return show_form(visit, {"email": "", "next": visit.form.get("next", "")}, status, why)
