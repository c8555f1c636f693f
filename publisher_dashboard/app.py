"""The dashboard, and every route of it on one page: method, address, what it needs, and the page that answers.

Rules of this file
- ``create_app`` takes plain values and builds everything; importing builds nothing.
- A route that is not in ``ROUTES`` does not exist. What each needs is stated beside it, so that the whole of who may
  do what can be read here; tests walk this table.
- Pages are plain functions that may wait for the database: they run on threads, the event loop only reads and writes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qs, quote

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from edge.core.identity import ClaimedCrawler
from edge.store.database import Database
from edge.store.passwords import Busy, Passwords
from edge.store.people import memberships
from publisher_dashboard.auth import SignInFirst, Turned, admit, find_current
from publisher_dashboard.browser_safety import Address, SecurityHeaders
from publisher_dashboard.pages import (
    account,
    charges,
    history,
    months,
    overview,
    review,
    rule_editing,
    rules,
    set_up,
    sign_in,
    static,
    try_url,
)
from publisher_dashboard.rendering import Rendering
from publisher_dashboard.visit import Desk, Need, Visit

FORM_BYTES_MAX = 64 * 1024
FORM_FIELDS_MAX = 200

Page = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One way in."""

    method: str
    path: str
    need: Need
    page: Page


_PUBLISHER = "/publishers/{publisher_id:int}"
_SITE = "/sites/{host}"

ROUTES: tuple[Route, ...] = (
    # Before anyone is known
    Route("GET", "/static/{name}", Need.ANYONE, static.show),
    Route("GET", "/set-up/{link}", Need.ANYONE, set_up.show),
    Route("POST", "/set-up/{link}", Need.ANYONE, set_up.create),
    Route("GET", "/sign-in", Need.ANYONE, sign_in.show),
    Route("POST", "/sign-in", Need.ANYONE, sign_in.enter),
    # One's own
    Route("GET", "/", Need.SIGNED_IN, overview.home),
    Route("POST", "/sign-out", Need.SIGNED_IN, sign_in.leave),
    Route("GET", "/account", Need.SIGNED_IN, account.show),
    Route("POST", "/account/password", Need.SIGNED_IN, account.change_password),
    Route("POST", "/account/sessions/end", Need.SIGNED_IN, account.end_session),
    Route("POST", "/account/sessions/end-others", Need.SIGNED_IN, account.end_others),
    # A publisher's money
    Route("GET", _PUBLISHER, Need.SEE, overview.show),
    Route("GET", f"{_PUBLISHER}/sites", Need.SEE, overview.sites),
    Route("GET", f"{_PUBLISHER}/charges", Need.SEE, charges.show),
    Route("GET", f"{_PUBLISHER}/charges.csv", Need.EXPORT, charges.download),
    Route("GET", f"{_PUBLISHER}/charges/{{charge_id}}", Need.SEE, charges.show_one),
    Route("GET", f"{_PUBLISHER}/months", Need.SEE, months.show),
    Route("GET", f"{_PUBLISHER}/months/{{month}}", Need.SEE, months.show_one),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.csv", Need.EXPORT, months.download_csv),
    Route("GET", f"{_PUBLISHER}/months/{{month}}/report.jsonl", Need.EXPORT, months.download_json_lines),
    # A site's prices
    Route("GET", f"{_SITE}/rules", Need.SEE, rules.show),
    Route("GET", f"{_SITE}/rules/new", Need.EDIT, rule_editing.show_new),
    Route("POST", f"{_SITE}/rules/new", Need.EDIT, rule_editing.add),
    Route("GET", f"{_SITE}/rules/edit", Need.EDIT, rule_editing.show),
    Route("POST", f"{_SITE}/rules/edit", Need.EDIT, rule_editing.change),
    Route("GET", f"{_SITE}/rules/everything-else", Need.EDIT, rule_editing.show_default),
    Route("POST", f"{_SITE}/rules/everything-else", Need.EDIT, rule_editing.change_default),
    Route("POST", f"{_SITE}/rules/move", Need.EDIT, rules.move),
    Route("POST", f"{_SITE}/rules/switch", Need.EDIT, rules.switch),
    Route("POST", f"{_SITE}/rules/delete", Need.EDIT, rules.remove),
    Route("GET", f"{_SITE}/presets", Need.EDIT, rules.show_presets),
    Route("POST", f"{_SITE}/presets", Need.EDIT, rules.take_preset),
    Route("GET", f"{_SITE}/review", Need.SEE, review.show),
    Route("POST", f"{_SITE}/publish", Need.EDIT, review.publish),
    Route("POST", f"{_SITE}/discard", Need.EDIT, review.discard),
    Route("GET", f"{_SITE}/history", Need.SEE, history.show),
    Route("GET", f"{_SITE}/history/{{version:int}}", Need.SEE, history.show_one),
    Route("POST", f"{_SITE}/roll-back", Need.EDIT, history.roll_back),
    Route("GET", f"{_SITE}/test", Need.SEE, try_url.show),
)


def create_app(
    database: Database,
    classify: Callable[[str], ClaimedCrawler | None],
    *,
    public_url: str | None = None,
    operator: str = "local",
    clock: Callable[[], float] = time.time,
    passwords: Passwords | None = None,
) -> FastAPI:
    """Build the dashboard.

    ``classify`` says what a User-Agent claims (the catalogue's); ``public_url`` is the address as people type it, and
    without one the dashboard answers on loopback names only; ``clock`` gives seconds since the epoch.
    """
    desk = Desk(
        database=database,
        clock=clock,
        classify=classify,
        address=Address(public_url),
        passwords=passwords or Passwords(),
        operator=operator,
        rendering=Rendering(),
    )
    app = FastAPI(title="farebox dashboard", docs_url=None, redoc_url=None, openapi_url=None)
    for route in ROUTES:
        app.add_route(route.path, _endpoint(desk, route), methods=[route.method], include_in_schema=False)
    app.add_exception_handler(HTTPException, _unknown_page(desk))
    app.add_middleware(SecurityHeaders, secure=desk.address.secure)
    return app


def _endpoint(desk: Desk, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if not desk.address.answers_to(request.headers.get("host", "")):
            return PlainTextResponse("This dashboard does not answer to that name.\n", HTTPStatus.MISDIRECTED_REQUEST)
        body = await _read_body(request)
        if body is None:
            return PlainTextResponse("This form is too large.\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await run_in_threadpool(_serve, desk, route, request, body)

    return answer


def _serve(desk: Desk, route: Route, request: Request, body: bytes) -> Response:
    now_micros = int(desk.clock() * 1_000_000)
    try:
        visit = admit(desk, request, route.need, _read_form(body), now_micros)
        return route.page(visit)
    except SignInFirst:
        return _to_sign_in(request)
    except Turned as turned:
        return turned_away(desk, request, turned.status, turned.why, now_micros)
    except Busy as busy:
        answer = turned_away(desk, request, HTTPStatus.SERVICE_UNAVAILABLE, str(busy), now_micros)
        answer.headers["retry-after"] = "5"
        return answer


def turned_away(desk: Desk, request: Request, status: HTTPStatus, why: str, now_micros: int) -> Response:
    """A page that says no: in the frame for somebody who is signed in, else on its own."""
    visit = Visit(desk, request, now_micros)
    session = find_current(desk, request, now_micros)
    if session is not None:
        with desk.database.read() as connection:
            visit = replace(visit, session=session, memberships=memberships(connection, session.person_id))
    return visit.render("turned_away.html", status, what=status, why=why)


def _to_sign_in(request: Request) -> Response:
    """After signing in one comes back here, unless it was a form: what was typed in it is gone either way."""
    if request.method != "GET":
        return RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='/')}"
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def _unknown_page(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        why = "There is no such page." if status is HTTPStatus.NOT_FOUND else f"{status.phrase}."
        now_micros = int(desk.clock() * 1_000_000)
        return await run_in_threadpool(turned_away, desk, request, status, why, now_micros)

    return answer


async def _read_body(request: Request) -> bytes | None:
    """The body of a form, or None when it is too large; nothing is read where none belongs."""
    if request.method != "POST":
        return b""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            return None
    return body


def _read_form(body: bytes) -> dict[str, list[str]]:
    try:
        text = body.decode("utf-8")
        return parse_qs(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise Turned(HTTPStatus.BAD_REQUEST, "This form cannot be read.") from None
