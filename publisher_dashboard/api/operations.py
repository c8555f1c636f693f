"""One thing that the API does, and what it is given to do it.

Rules of this file
- The publisher comes from the token, never from an address, a query or a body; a site is one of that publisher, and
  one that the token is for. ``publisher_dashboard.api.serving`` has looked both up before the work begins.
- What an operation reads and answers is stated as models, of which its description is made (``api.openapi``).
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from edge.core.money import InvalidPrice
from edge.store.problems import StoreProblem
from edge.store.publisher_tokens import PublisherToken
from edge.store.sites import Site
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Model, Nothing
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import Desk, Need

NUMBER_MAX = 2**31 - 1
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{8,128}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one address.

    ``work`` takes a ``Call``, the parameters (``asks``) and, where there is one, the body (``takes``). ``gives`` is
    None where the answer is a file. ``whole`` operations are about the whole publisher: a token that is limited to
    sites does not open them. ``pages`` are the pages' routes that show or do the same. One that ``takes_log`` is given
    an access log as its body; a ``costly`` one is let in more seldom (``publisher_dashboard.api.rates``).
    """

    method: str
    path: str
    need: Need
    work: Callable[..., Any]
    summary: str
    asks: type[Model] = Nothing
    takes: type[Model] | None = None
    gives: type[Model] | None = None
    whole: bool = False
    pages: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    if_match: bool = False
    idempotent: bool = False
    status: int = 200
    takes_log: bool = False
    costly: bool = False

    @property
    def name(self) -> str:
        """What descriptions call it: the name of its function."""
        return self.work.__name__


@dataclass(frozen=True, slots=True)
class Answer:
    """A document with another status than 200, or with headers of its own."""

    document: Model
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    desk: Desk
    request: Request
    now_micros: int
    token: PublisherToken
    site: Site | None

    @property
    def publisher_id(self) -> int:
        """Whose token it is."""
        return self.token.publisher_id

    @property
    def author(self) -> str:
        """How logs name who did it."""
        return self.token.author

    @property
    def place(self) -> Site:
        """The site of this address; only on operations below one."""
        assert self.site is not None, "the operation is not below a site"
        return self.site

    @property
    def seen(self) -> str:
        """The edition that the caller looked at, out of ``If-Match`` (RFC 9110 section 13.1.1)."""
        given = self.request.headers.get("if-match", "").strip()
        if not given:
            raise Problem(Code.PRECONDITION_MISSING)
        return given.removeprefix('"').removesuffix('"')

    def number(self, name: str) -> int:
        """A number of the address; one that is too large to be anything's does not exist. Raises ``Problem``."""
        number = int(self.request.path_params[name])
        if number > NUMBER_MAX:
            raise Problem(Code.NOT_FOUND)
        return number

    def text(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def once_key(self, *about: object) -> str:
        """A key that this token, this ``Idempotency-Key`` and this request have alone, for ``edge.store.once``.

        The header is that of draft-ietf-httpapi-idempotency-key-header; a quoted string or bare characters.
        """
        given = self.request.headers.get("idempotency-key", "")
        if not given:
            raise Problem(Code.KEY_MISSING)
        if _IDEMPOTENCY_KEY.fullmatch(given) is None:
            raise Problem(Code.UNREADABLE, "An Idempotency-Key is 8 to 128 visible characters, such as a UUID.")
        told = "\n".join(map(str, (self.token.token_id, self.request.url.path, given, *about)))
        return urlsafe_b64encode(hashlib.sha256(told.encode()).digest()).decode()[:22]


def refusal_of(wrong: StoreProblem | InvalidPrice) -> Problem:
    """A stored thing that does not allow what was asked."""
    name = wrong.field if isinstance(wrong, StoreProblem) else "price"
    told = sentence(str(wrong))
    return Problem(Code.INVALID, told, fields={name: told} if name else {})
