"""How one signs in: an authenticator app with recovery codes, and passkeys.

Rules of this file
- Whatever opens the account in another way is added or taken away with the current password, counted like a sign-in.
- Recovery codes and an app's secret are on the page that made them and nowhere afterwards.
- Turning the second step on ends every other session: whoever had one without it signs in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import segno
from markupsafe import Markup
from starlette.responses import Response

from edge.core.one_time_codes import app_address, secret_text
from edge.store.connection import Connection
from edge.store.passkeys import add_passkey, list_passkeys, remove_passkey
from edge.store.people import Person, find_person
from edge.store.problems import StoreProblem, UnknownName
from edge.store.second_factors import (
    begin_app,
    confirm_app,
    new_recovery_codes,
    pending_secret,
    second_factor,
    turn_off,
)
from edge.store.service_keys import ServiceKeys
from edge.store.sessions import end_others
from edge.store.sign_in_steps import begin_step, end_step, try_step
from publisher_dashboard.auth import NOT_HERE, Turned, password_problem
from publisher_dashboard.forms import sentence
from publisher_dashboard.passkeys import ask_for_new_key, party, read_new_key
from publisher_dashboard.visit import Visit

HOME = "/account/security"


def show(visit: Visit) -> Response:
    """What one signs in with."""
    return _page(visit, {})


def begin(visit: Visit) -> Response:
    """Make an app's secret and show it, as a picture and as text."""
    keys = _keys(visit)
    problem = password_problem(visit)
    if problem:
        return _page(visit, {"app": problem})
    with visit.desk.database.write() as connection:
        secret = begin_app(connection, visit.person.person_id, keys)
    return visit.go(HOME, "same") if secret is None else _app_page(visit, secret, {})


def confirm(visit: Visit) -> Response:
    """Turn the second step on, if the app shows the right code."""
    keys = _keys(visit)
    with visit.desk.database.write() as connection:
        codes = confirm_app(connection, _oneself(connection, visit), keys, visit.form.get("code", ""), visit.now_micros)
        if codes is not None:
            end_others(connection, visit.person.person_id, visit.person.token_hash)
        secret = pending_secret(connection, visit.person.person_id, keys) if codes is None else None
    if codes is not None:
        return _codes_page(visit, codes, is_new=True)
    if secret is None:
        return visit.go(HOME)
    why = "This is not the code that the app shows now. Look whether the clock of the phone is right, and try the next."
    return _app_page(visit, secret, {"code": why})


def off(visit: Visit) -> Response:
    """Take the app and its recovery codes away."""
    problem = password_problem(visit)
    if problem:
        return _page(visit, {"off": problem})
    with visit.desk.database.write() as connection:
        who = _oneself(connection, visit)
        done = turn_off(connection, who, author=who.email, now_micros=visit.now_micros)
    return visit.go(HOME, "second-step-off" if done else "same")


def renew_codes(visit: Visit) -> Response:
    """Make new recovery codes in place of all before."""
    problem = password_problem(visit)
    if problem:
        return _page(visit, {"recovery": problem})
    with visit.desk.database.write() as connection:
        if not second_factor(connection, visit.person.person_id).has_app:
            return visit.go(HOME, "same")
        codes = new_recovery_codes(connection, _oneself(connection, visit), visit.now_micros)
    return _codes_page(visit, codes, is_new=False)


def begin_passkey(visit: Visit) -> Response:
    """Ask this browser's device to make a key."""
    us = party(visit.request, visit.desk.address)
    if us is None:
        return visit.go(HOME)
    problem = password_problem(visit)
    if problem:
        return _page(visit, {"passkey": problem})
    with visit.desk.database.write() as connection:
        who = _oneself(connection, visit)
        asked = ask_for_new_key(us, who, list_passkeys(connection, who.person_id))
        step = begin_step(connection, visit.now_micros, person_id=who.person_id, challenge=asked.challenge)
    return visit.render("passkey_new.html", options=asked.options, step=step)


def add_key(visit: Visit) -> Response:
    """Keep the key that the device made, if it is what was asked for."""
    us = party(visit.request, visit.desk.address)
    with visit.desk.database.write() as connection:
        key = visit.desk.address_key(visit.now_micros)
        step = try_step(connection, visit.form.get("step", ""), visit.now_micros, key)
    mine = step is not None and step.who is not None and step.who.person_id == visit.person.person_id
    if us is None or step is None or not mine or step.challenge is None:
        return _page(visit, {"passkey": "That took too long. Begin again."})
    made = read_new_key(us, step.challenge, visit.form.get("credential", ""))
    if made is None:
        return _page(visit, {"passkey": "The device's answer could not be used. Begin again."})
    name = visit.form.get("name", "").strip() or "Passkey"
    try:
        with visit.desk.database.write() as connection:
            end_step(connection, step)
            who = _oneself(connection, visit)
            add_passkey(connection, who, name, made.credential_id, made.public_key, made.sign_count, visit.now_micros)
    except StoreProblem as wrong:
        return _page(visit, {"passkey": sentence(str(wrong))})
    return visit.go(HOME, "passkey-added")


def remove_key(visit: Visit) -> Response:
    """Forget one of one's own passkeys."""
    number = int(visit.request.path_params["passkey_id"])
    problem = password_problem(visit)
    if problem:
        return _page(visit, {f"remove-{number}": problem})
    try:
        with visit.desk.database.write() as connection:
            remove_passkey(connection, _oneself(connection, visit), number, visit.now_micros)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, HOME) from unknown
    return visit.go(HOME, "passkey-removed")


def _keys(visit: Visit) -> ServiceKeys:
    keys = visit.desk.service_keys()
    if keys is None:
        raise Turned(HTTPStatus.CONFLICT, "This dashboard runs without its keys, so it cannot make codes.", HOME)
    return keys


def _oneself(connection: Connection, visit: Visit) -> Person:
    found = find_person(connection, visit.person.email)
    assert found is not None, "who is signed in has an account"
    return found


def _app_page(visit: Visit, secret: bytes, errors: Mapping[str, str]) -> Response:
    address = app_address(secret, visit.person.email, f"farebox {visit.desk.operator}")
    # Made here of letters and digits alone; the picture holds no text.
    picture = Markup(segno.make(address, error="m").svg_inline(scale=5, border=3, light="#fff", dark="#000"))  # noqa: S704
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return visit.render("code_app.html", status, picture=picture, secret=secret_text(secret), errors=errors)


def _codes_page(visit: Visit, codes: tuple[str, ...], *, is_new: bool) -> Response:
    return visit.render("recovery_codes.html", HTTPStatus.CREATED, codes=codes, is_new=is_new)


def _page(visit: Visit, errors: Mapping[str, str]) -> Response:
    with visit.desk.database.read() as connection:
        factor = second_factor(connection, visit.person.person_id)
        keys = list_passkeys(connection, visit.person.person_id)
    return visit.render(
        "security.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        factor=factor,
        passkeys=keys,
        may_have_passkeys=party(visit.request, visit.desk.address) is not None,
        errors=errors,
    )
