"""What the API says when it says no: a code, one sentence, and what is wrong with which field (RFC 9457).

Rules of this file
- Codes are stable words; a program goes by them. Sentences are for people and may change.
- Nothing of a failure inside, and nothing of another publisher, is in an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

PROBLEM_TYPE = "application/problem+json"


class Code(StrEnum):
    """Every reason to say no."""

    TOKEN_MISSING = "token_missing"  # noqa: S105 -- a word of the API
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 -- a word of the API
    SCOPE_MISSING = "scope_missing"
    TOKEN_OF_SITES = "token_limited_to_sites"  # noqa: S105 -- a word of the API
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    INVALID = "invalid"
    NOT_POSSIBLE = "not_possible"
    PRECONDITION_MISSING = "precondition_missing"
    MOVED_ON = "moved_on"
    KEY_MISSING = "idempotency_key_missing"
    TOO_MANY = "too_many_requests"
    WRONG_NAME = "wrong_name"
    BUSY = "busy"
    BROKEN = "broken"


REASONS: Mapping[Code, tuple[HTTPStatus, str]] = {
    Code.TOKEN_MISSING: (HTTPStatus.UNAUTHORIZED, "Send a token of your publisher: Authorization: Bearer fbp_…"),
    Code.TOKEN_UNKNOWN: (HTTPStatus.UNAUTHORIZED, "This token opens nothing: it is unknown, expired or revoked."),
    Code.SCOPE_MISSING: (HTTPStatus.FORBIDDEN, "This token may not do that."),
    Code.TOKEN_OF_SITES: (HTTPStatus.FORBIDDEN, "This token is limited to sites, and this is about all of them."),
    Code.NOT_FOUND: (HTTPStatus.NOT_FOUND, "There is no such thing, or it is not yours to see."),
    Code.METHOD_NOT_ALLOWED: (HTTPStatus.METHOD_NOT_ALLOWED, "This address does not take that method."),
    Code.UNREADABLE: (HTTPStatus.BAD_REQUEST, "This request cannot be read."),
    Code.TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This body is too large."),
    Code.NOT_JSON: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json."),
    Code.INVALID: (HTTPStatus.UNPROCESSABLE_ENTITY, "Some of what was sent makes no sense; see fields."),
    Code.NOT_POSSIBLE: (HTTPStatus.CONFLICT, "This is not possible as things stand."),
    Code.PRECONDITION_MISSING: (
        HTTPStatus.PRECONDITION_REQUIRED,
        "Say which edition you looked at: If-Match with the ETag that you were given.",
    ),
    Code.MOVED_ON: (
        HTTPStatus.PRECONDITION_FAILED,
        "Somebody else was faster. Nothing was changed; look at what is there now and decide again.",
    ),
    Code.KEY_MISSING: (
        HTTPStatus.BAD_REQUEST,
        "Send an Idempotency-Key, so that a request that is sent twice is done once.",
    ),
    Code.TOO_MANY: (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests; wait as long as Retry-After says."),
    Code.WRONG_NAME: (HTTPStatus.MISDIRECTED_REQUEST, "This dashboard does not answer to that name."),
    Code.BUSY: (HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer now; nothing was changed. Try again."),
    Code.BROKEN: (HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; it was written down."),
}
"""The status and the usual sentence of each."""


class Problem(Exception):
    """A request that is refused. ``fields`` are sentences by the name of what they are about."""

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or code.value)
        self.code = code
        self.detail = detail or REASONS[code][1]
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def answer(self) -> Response:
        """The answer in JSON."""
        status = REASONS[self.code][0]
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "code": self.code.value,
            "detail": self.detail,
        }
        if self.fields:
            body["fields"] = [{"name": name, "message": message} for name, message in self.fields.items()]
        return Response(orjson.dumps(body | self.more), status, self.headers, media_type=PROBLEM_TYPE)


def unknown_operation(request: Request) -> Response:
    """For an address of the API that is none, or a method that it does not take (RFC 9110 section 15.5.6)."""
    fitting = (one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE)
    methods = sorted({method for one in fitting for method in one.methods})
    if not methods:
        return Problem(Code.NOT_FOUND).answer()
    return Problem(Code.METHOD_NOT_ALLOWED, headers={"allow": ", ".join(methods)}).answer()


def is_of_api(path: str) -> bool:
    """Whether an address is one of the API."""
    return path == "/api" or path.startswith("/api/")
