"""From a request of a program to an answer: the token, the site, the parameters, the body, the work.

Rules of this file
- A token opens the API and nothing else does: a session's cookie is never read here, and no other site's script is told
  that it may ask (no CORS).
- What is not the publisher's is 404, as if it did not exist; what the token's scopes do not cover is 403.
- What breaks is logged and answered with one sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote

import orjson
import structlog
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from edge.core.ledger import LedgerUnavailable
from edge.core.money import InvalidPrice
from edge.store.passwords import Busy
from edge.store.problems import NameTaken, StoreProblem, UnknownName
from edge.store.publisher_tokens import PREFIX, PublisherToken, Scope, check_publisher_token
from edge.store.sites import Site, find_site
from publisher_dashboard.api.openapi import openapi_document
from publisher_dashboard.api.operations import Answer, Call, Operation, refusal_of
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.rates import Limits
from publisher_dashboard.api.values import VERSION, Model
from publisher_dashboard.auth import Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import SCOPE_GRANTS, Desk, Need

BODY_BYTES_MAX = 4 * 1024 * 1024
_CODE_OF = {403: Code.SCOPE_MISSING, 404: Code.NOT_FOUND, 409: Code.NOT_POSSIBLE, 422: Code.INVALID, 503: Code.BUSY}


def api_endpoint(desk: Desk, operation: Operation, limits: Limits) -> Callable[[Request], Awaitable[Response]]:
    """What the framework calls for one operation."""

    async def answer(request: Request) -> Response:
        if not desk.address.answers_to(request.headers.get("host", "")):
            return Problem(Code.WRONG_NAME).answer()
        body = await _read_body(request)
        if body is None:
            return Problem(Code.TOO_LARGE).answer()
        return await run_in_threadpool(_serve, desk, operation, limits, request, body)

    return answer


def description_endpoint(desk: Desk, operations: tuple[Operation, ...]) -> Callable[[Request], Awaitable[Response]]:
    """The description of the API; it holds nothing of anybody, so it takes no token."""
    text = orjson.dumps(openapi_document(operations, VERSION, desk.address.public_url or "/"))

    async def answer(request: Request) -> Response:
        if not desk.address.answers_to(request.headers.get("host", "")):
            return Problem(Code.WRONG_NAME).answer()
        return Response(text, media_type="application/json")

    return answer


def _serve(desk: Desk, operation: Operation, limits: Limits, request: Request, body: bytes) -> Response:
    def work() -> Response:
        call = admit(desk, operation, limits, request)
        asked = read_query(operation, request)
        given = [_read_json(operation.takes, request, body)] if operation.takes is not None else []
        if operation.takes is None and body:
            raise Problem(Code.UNREADABLE, "This operation takes no body.")
        return write(operation.work(call, asked, *given))

    return guarded(operation, work)


def guarded(operation: Operation, work: Callable[[], Response]) -> Response:
    """The answer of some work, or the problem that it met."""
    try:
        return work()
    except Problem as problem:
        return problem.answer()
    except Turned as turned:
        return Problem(_CODE_OF.get(turned.status, Code.UNREADABLE), turned.why).answer()
    except UnknownName as unknown:
        return Problem(Code.NOT_FOUND, sentence(str(unknown))).answer()
    except NameTaken as taken:
        return Problem(Code.NOT_POSSIBLE, sentence(str(taken))).answer()
    except (StoreProblem, InvalidPrice) as wrong:
        return refusal_of(wrong).answer()
    except (LedgerUnavailable, Busy):
        return Problem(Code.BUSY, headers={"retry-after": "5"}).answer()
    except Exception:
        structlog.get_logger("farebox.dashboard").exception("the API broke", operation=operation.name)
        return Problem(Code.BROKEN).answer()


def admit(desk: Desk, operation: Operation, limits: Limits, request: Request) -> Call:
    """Let a request in, or raise ``Problem``."""
    if "\0" in unquote(str(request.url)):
        raise Problem(Code.UNREADABLE, "This contains a character that is no text.")
    now_micros = int(desk.clock() * 1_000_000)
    token = _token(desk, request, now_micros)
    wait = limits.take(token.token_id, now_micros / 1_000_000, costly=operation.costly)
    if wait:
        raise Problem(Code.TOO_MANY, headers={"retry-after": str(wait)})
    site = _site(desk, token, request)
    if not any(operation.need in SCOPE_GRANTS[scope] for scope in token.scopes):
        raise _scope_missing(operation.need)
    if operation.whole and token.hosts:
        raise Problem(Code.TOKEN_OF_SITES)
    return Call(desk, request, now_micros, token, site)


def _token(desk: Desk, request: Request, now_micros: int) -> PublisherToken:
    """The token of the request (RFC 6750 section 2.1)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Problem(Code.TOKEN_MISSING, headers={"www-authenticate": 'Bearer realm="farebox"'})
    text = text.strip()
    found = check_publisher_token(desk.database, text, now_micros) if text.startswith(PREFIX) else None
    if found is None:
        told = 'Bearer realm="farebox", error="invalid_token"'
        raise Problem(Code.TOKEN_UNKNOWN, headers={"www-authenticate": told})
    return found


def _scope_missing(need: Need) -> Problem:
    enough = [scope.value for scope in Scope if need in SCOPE_GRANTS[scope]]
    told = f"This token may not do that; it takes the scope {' or '.join(enough)}."
    header = f'Bearer realm="farebox", error="insufficient_scope", scope="{" ".join(enough)}"'
    return Problem(Code.SCOPE_MISSING, told, headers={"www-authenticate": header}, more={"scopes": enough})


def _site(desk: Desk, token: PublisherToken, request: Request) -> Site | None:
    """The site of the address, if the token is for it."""
    host = request.path_params.get("host")
    if host is None:
        return None
    try:
        with desk.database.read() as connection:
            found = find_site(connection, host)
    except StoreProblem:
        raise Problem(Code.NOT_FOUND) from None
    if found.publisher_id != token.publisher_id or not token.covers(found.host):
        raise Problem(Code.NOT_FOUND)
    return found


def read_query(operation: Operation, request: Request) -> Model:
    """The parameters of a request. Raises ``Problem``."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise Problem(Code.INVALID, fields={name: "Given twice; once is enough."})
        values[name] = value
    try:
        return operation.asks.model_validate(values)
    except ValidationError as wrong:
        raise Problem(Code.INVALID, fields=_fields(wrong, "There is no such parameter.")) from None


def _read_json(model: type[Model], request: Request, body: bytes) -> Model:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(Code.NOT_JSON)
    if b"\\u0000" in body or b"\0" in body:
        raise Problem(Code.UNREADABLE, "This contains a character that is no text.")
    try:
        return model.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as wrong:
        raise Problem(Code.UNREADABLE, f"This is not JSON: {wrong}.") from None
    except ValidationError as wrong:
        raise Problem(Code.INVALID, fields=_fields(wrong, "There is no such field.")) from None


def _fields(wrong: ValidationError, unknown: str) -> dict[str, str]:
    """What is wrong with which field, in sentences; nothing that was sent is repeated."""
    found = {}
    for error in wrong.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(map(str, error["loc"])) or "body"
        found[name] = unknown if error["type"] == "extra_forbidden" else sentence(error["msg"])
    return found


def write(made: Model | Answer | Response) -> Response:
    """What an operation made, as it is sent."""
    if isinstance(made, Response):
        return made
    answer = made if isinstance(made, Answer) else Answer(made)
    text = answer.document.model_dump_json(by_alias=True)
    return Response(text, answer.status, answer.headers, media_type="application/json")


async def _read_body(request: Request) -> bytes | None:
    """The body, or None when it is too large; nothing is read where none belongs."""
    if request.method in ("GET", "HEAD"):
        return b""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return body
