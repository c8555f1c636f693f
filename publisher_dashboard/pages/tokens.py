"""API tokens of a publisher: make one, see it once, replace it, take it back.

Rules of this file
- The text of a token is on the page that made it and nowhere afterwards: that page is an answer to the form itself,
  never an address that could be asked again.
- A token is looked for among the publisher's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from edge.store.problems import InvalidValue, UnknownName
from edge.store.publisher_tokens import (
    NewPublisherToken,
    PublisherToken,
    Scope,
    add_publisher_token,
    revoke_publisher_token,
    rotate_publisher_token,
)
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.views.tokens import LIVES, OVERLAPS, SCOPE_WORDS, TokenLine, token_line, token_list
from publisher_dashboard.visit import Need, Visit

_DAY_MICROS = 86_400 * 1_000_000


def show(visit: Visit) -> Response:
    """The list, and the form for a new one."""
    return _page(visit, {"expires": "90"}, {})


def show_one(visit: Visit) -> Response:
    """One token: what it may do, and how to replace or revoke it."""
    return visit.render(
        "token.html", line=_find(visit), words=SCOPE_WORDS, may_manage=visit.may(Need.MANAGE), errors={}
    )


def make(visit: Visit) -> Response:
    """Make a token and show it, once."""
    scopes = [scope for scope in Scope if scope.value in visit.lists.get("scopes", [])]
    days = LIVES.get(visit.form.get("expires", ""), 90)
    ends = None if days is None else visit.now_micros + days * _DAY_MICROS
    new = NewPublisherToken(visit.form.get("name", ""), scopes, visit.lists.get("hosts", []), ends)
    try:
        with visit.desk.database.write() as connection:
            made, text = add_publisher_token(
                connection, visit.publisher.publisher_id, new, author=visit.person.email, now_micros=visit.now_micros
            )
    except InvalidValue as wrong:
        return _page(visit, visit.form, {wrong.field or "name": sentence(str(wrong))})
    return _shown_once(visit, made, text, None)


def rotate(visit: Visit) -> Response:
    """Make one that takes over from this one, and show it, once."""
    old = _find(visit).token
    overlap = OVERLAPS.get(visit.form.get("overlap", ""), 86_400)
    try:
        with visit.desk.database.write() as connection:
            made, text = rotate_publisher_token(
                connection,
                visit.publisher.publisher_id,
                old.token_id,
                overlap * 1_000_000,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except InvalidValue as wrong:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(wrong)), visit.publisher_path("tokens")) from wrong
    return _shown_once(visit, made, text, visit.now_micros + overlap * 1_000_000)


def revoke(visit: Visit) -> Response:
    """Take a token back."""
    known = _find(visit).token
    with visit.desk.database.write() as connection:
        revoke_publisher_token(
            connection,
            visit.publisher.publisher_id,
            known.token_id,
            author=visit.person.email,
            now_micros=visit.now_micros,
        )
    return visit.go(visit.publisher_path("tokens"), "token-revoked")


def _find(visit: Visit) -> TokenLine:
    number = int(visit.request.path_params["token_id"])
    try:
        with visit.desk.database.read() as connection:
            return token_line(connection, visit.publisher.publisher_id, number, visit.now_micros)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, visit.publisher_path("tokens")) from unknown


def _shown_once(visit: Visit, made: PublisherToken, text: str, old_ends_at_micros: int | None) -> Response:
    return visit.render(
        "token_made.html", HTTPStatus.CREATED, token=made, text=text, old_ends_at_micros=old_ends_at_micros
    )


def _page(visit: Visit, form: Mapping[str, str], errors: Mapping[str, str]) -> Response:
    with visit.desk.database.read() as connection:
        shown = token_list(connection, visit.publisher.publisher_id, visit.now_micros)
    return visit.render(
        "tokens.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        shown=shown,
        words=SCOPE_WORDS,
        form=form,
        chosen=visit.lists,
        errors=errors,
        may_manage=visit.may(Need.MANAGE),
    )
