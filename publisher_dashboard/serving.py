"""From a request to an answer: read the form, let in or turn away, run the page, and survive what breaks.

Rules of this file
- Pages are plain functions that may wait for the database: they run on threads, the event loop only reads and writes.
- What breaks is logged and answered with a page that asks the database nothing; nothing of the error reaches the
  browser but when it was, so that whoever runs the edge finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlencode

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from edge.store.crawler_people import crawler_memberships
from edge.store.passwords import Busy
from edge.store.people import does_operate, memberships
from publisher_dashboard.api.problems import is_of_api, unknown_operation
from publisher_dashboard.auth import SignInFirst, Turned, admit, cookie_name, find_current, find_own_site
from publisher_dashboard.browser_safety import page_before
from publisher_dashboard.views.find import find, words_of
from publisher_dashboard.visit import Desk, Need, Visit

FORM_BYTES_MAX = 64 * 1024
FORM_BYTES_DRAINED = 16 * FORM_BYTES_MAX
"""How much of a form that is too large is still read away: a browser that is cut off while it sends shows no page."""
FORM_FIELDS_MAX = 200

MEANT_MAX = 5
_OF_ANOTHER = "It may have been renamed or taken out, or it belongs to another {}."
_HELP: Mapping[HTTPStatus, str] = {
    HTTPStatus.NOT_FOUND: _OF_ANOTHER.format("publisher"),
    HTTPStatus.BAD_REQUEST: "Nothing was changed. Go back, put it right, and send it again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Nothing was changed. Go back, write less, and send it again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing was changed. Wait a few seconds, then try again.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Nothing was changed.",
}
"""What to do about it, where there is something."""

Page = Callable[[Visit], Response]


def endpoint(desk: Desk, need: Need, page: Page) -> Callable[[Request], Awaitable[Response]]:
    """What the framework calls for one route."""

    async def answer(request: Request) -> Response:
        if not desk.address.answers_to(request.headers.get("host", "")):
            return wrong_name()
        body = await _read_body(request)
        if body is None:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return await run_in_threadpool(_turned_away, desk, request, status, "This form is too large.")
        return await run_in_threadpool(_serve, desk, need, page, request, body)

    return answer


def wrong_name() -> Response:
    """For whoever reached this server by a name that is not the dashboard's."""
    return PlainTextResponse("This dashboard does not answer to that name.\n", HTTPStatus.MISDIRECTED_REQUEST)


def unknown_page(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What the framework calls when no route fits."""

    async def answer(request: Request, error: Exception) -> Response:
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        if is_of_api(request.url.path):
            return unknown_operation(request)
        if status is HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
            # Somebody loads the address of a form again, from the history or a bookmark: show the page it stands on.
            return RedirectResponse(page_of_form(request.url.path), HTTPStatus.SEE_OTHER)
        why = "There is no such page." if status is HTTPStatus.NOT_FOUND else f"{status.phrase}."
        return await run_in_threadpool(_turned_away, desk, request, status, why)

    return answer


def _serve(desk: Desk, need: Need, page: Page, request: Request, body: bytes) -> Response:
    return guarded(
        desk, request, page, lambda: page(admit(desk, request, need, _read_form(request, body), now_of(desk)))
    )


def guarded(desk: Desk, request: Request, page: Page, work: Callable[[], Response]) -> Response:
    """The answer of some work for a page, or what is said when somebody is turned away or something breaks."""
    try:
        return work()
    except SignInFirst:
        return _to_sign_in(desk, request)
    except Turned as turned:
        return _turned_away(desk, request, turned.status, turned.why, turned.back)
    except Busy as busy:
        answer = _turned_away(desk, request, HTTPStatus.SERVICE_UNAVAILABLE, str(busy))
        answer.headers["retry-after"] = "5"
        return answer
    except Exception:
        # The page, not its address: that can hold a set-up link's token, or what somebody searched for.
        where = f"{page.__module__}.{page.__qualname__}"
        structlog.get_logger("farebox.dashboard").exception("a page broke", page=where)
        return _broken(desk, request)


def _broken(desk: Desk, request: Request) -> Response:
    """What is said when a page broke. It is shown without a frame: what that takes may be what is broken."""
    what = HTTPStatus.INTERNAL_SERVER_ERROR
    why = "Something broke here; it was written down."
    visit = Visit(desk, request, now_of(desk))
    return visit.render("turned_away.html", what, what=what, why=why, back=None, help="", words="", found=())


def _turned_away(desk: Desk, request: Request, status: HTTPStatus, why: str, back: str | None = None) -> Response:
    """A page that says no: in the frame for somebody who is signed in, else on its own. ``back`` is a page of ours."""
    now_micros = now_of(desk)
    visit = Visit(desk, request, now_micros)
    session = find_current(desk, request, now_micros)
    if session is not None:
        with desk.database.read() as connection:
            own = memberships(connection, session.person_id)
            operates = does_operate(connection, session.person_id)
            teams = crawler_memberships(connection, session.person_id)
        membership, site = find_own_site(desk, own, request)
        visit = replace(
            visit, session=session, memberships=own, membership=membership, site=site, operates=operates, teams=teams
        )
    words = words_of(request.url.path) if status is HTTPStatus.NOT_FOUND and session is not None else ""
    with desk.database.read() as connection:
        found = find(connection, words, visit.memberships, visit.links())[:MEANT_MAX]
    return visit.render(
        "turned_away.html",
        status,
        what=status,
        why=why,
        back=back,
        help=_help(visit, status),
        words=words,
        found=found,
    )


def _help(visit: Visit, status: HTTPStatus) -> str:
    """What to do about it, in the words of the door that one came in by: publishers are not the crawlers' matter."""
    only_crawlers = bool(visit.teams) and not visit.memberships
    in_portal = visit.request.url.path.startswith("/portal") or only_crawlers
    if status is HTTPStatus.NOT_FOUND and in_portal:
        return _OF_ANOTHER.format("crawler\u2019s team")
    return _HELP.get(status, "")


def _to_sign_in(desk: Desk, request: Request) -> Response:
    """After signing in one comes back here; from a form, to the page it stood on: what was typed in it is gone."""
    is_form = request.method == "POST"
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if is_form:
        wanted = page_before(request.headers) or page_of_form(request.url.path)
    asked = {"next": wanted} if wanted != "/" else {}
    if cookie_name(desk.address) in request.cookies:
        asked["why"] = "ended-form" if is_form else "ended"
    return RedirectResponse(f"/sign-in?{urlencode(asked, safe='/')}" if asked else "/sign-in", HTTPStatus.SEE_OTHER)


def page_of_form(path: str) -> str:
    """The page that holds the form which is sent to ``path``."""
    parts = path.strip("/").split("/")
    match parts:
        case ["sites", host, "rules", "move" | "switch"]:
            return f"/sites/{host}/rules"
        case ["sites", host, "publish"] | ["sites", host, "plan", "cancel"]:
            return f"/sites/{host}/review"
        case ["sites", host, "roll-back"]:
            return f"/sites/{host}/history"
        case ["sites", _, *_]:
            return path
        case ["operator", "registrations", number, _]:
            return f"/operator/registrations/{number}"
        case ["operator", "crawlers", number, _, "remove" | "revoke" | "end"]:
            return f"/operator/crawlers/{number}"
        case ["publishers", _, "webhooks", number] if number.isdecimal() or number == "new":
            return path
        case ["publishers", publisher, "webhooks", number, _]:
            return f"/publishers/{publisher}/webhooks/{number}"
        case ["publishers", number, "tokens" | "team" | "settings" | "sites" as page, *_]:
            return f"/publishers/{number}/{page}"
        case ["invitations", link, "join"]:
            return f"/invitations/{link}"
        case ["portal", "join", *_]:
            return path
        case ["portal", number, "budget", _]:
            return f"/portal/{number}/budgets"
        case ["portal", number, "token", _]:
            return f"/portal/{number}/tokens"
        case ["portal", number, "team", _]:
            return f"/portal/{number}/team"
        case ["publishers", number, "months", month, "verify"]:
            return f"/publishers/{number}/months/{month}"
        case ["operator", "months", month, _]:
            return f"/operator/months/{month}"
        case ["operator", "webhooks"] | ["publishers", _, "webhooks"]:
            return path
        case ["publishers", number, "first-steps" | "sample", *_]:
            return f"/publishers/{number}"
        case ["publishers", number, "sites", "check" | "withdraw"]:
            return f"/publishers/{number}/sites/waiting"
        case ["operator", "sites", _]:
            return "/operator/sites"
        case ["account", "security", *_]:
            return "/account/security"
        case ["sign-in", *_]:
            return "/sign-in"
        case ["account", *_]:
            return "/account"
        case _:
            return "/"


async def _read_body(request: Request) -> bytes | None:
    """The body of a form, or None when it is too large; nothing is read where none belongs."""
    if request.method != "POST":
        return b""
    body, size = b"", 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > FORM_BYTES_DRAINED:
            return None
        body = body + chunk if size <= FORM_BYTES_MAX else b""
    return body if size <= FORM_BYTES_MAX else None


def _read_form(request: Request, body: bytes) -> dict[str, list[str]]:
    """The fields of a form. NUL is no text: PostgreSQL cannot keep it and nobody types it."""
    try:
        form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        raise Turned(HTTPStatus.BAD_REQUEST, "This form cannot be read.") from None
    refuse_nul(request, form)
    return form


def refuse_nul(request: Request, form: Mapping[str, list[str]]) -> None:
    """Raise ``Turned`` where an address or a field holds NUL."""
    sent = [unquote(str(request.url)), *form, *(value for values in form.values() for value in values)]
    if any("\0" in text for text in sent):
        raise Turned(HTTPStatus.BAD_REQUEST, "This contains a character that is no text.")


def now_of(desk: Desk) -> int:
    """The time of a request."""
    return int(desk.clock() * 1_000_000)
