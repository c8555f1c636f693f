"""What a rule asks of the query: parameters that must be there, in any order and among any others.

``page=1&print`` asks for a ``page`` that is ``1`` and a ``print`` of any value; ``id=*-draft`` uses ``*`` for
anything. Order, further parameters and percent-encoding change nothing, so that no spelling of a query gets a
cheaper price; letter case matters only where the site says so.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_plus

from edge.core.errors import EdgeError
from edge.core.where import any_run_regex

QUERY_CHARACTERS_MAX = 500


class InvalidQuery(EdgeError, ValueError):
    """A text that is not a list of parameters; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """One parameter that must be present; ``value`` is None for any value and may contain ``*``."""

    name: str
    value: str | None


def parse_query_terms(text: str) -> tuple[QueryTerm, ...]:
    """Read ``name=value`` terms joined by ``&``. Raises ``InvalidQuery``."""
    if not text or len(text) > QUERY_CHARACTERS_MAX or text.startswith("?"):
        raise InvalidQuery("write parameters without the question mark, such as print or page=1&sort=*")
    terms = []
    for piece in text.split("&"):
        name, equals, value = piece.partition("=")
        if not name or "*" in name:
            raise InvalidQuery(f"{piece!r} does not name a parameter; write name, name=value or name=*")
        terms.append(QueryTerm(_plain(name), _plain(value) if equals and value != "*" else None))
    return tuple(terms)


class QueryTest:
    """Compiled terms, asked with canonical queries."""

    __slots__ = ("_fold", "_terms")

    def __init__(self, terms: tuple[QueryTerm, ...], *, case_sensitive: bool) -> None:
        self._fold = not case_sensitive
        self._terms = [(self._key(term.name), self._value_regex(term.value)) for term in terms]

    def matches(self, query: str | None) -> bool:
        """Whether every term is met by some parameter of ``query`` (None when the target has no ``?``)."""
        if not query:
            return False
        sent: dict[str, list[str]] = {}
        for piece in re.split("[&;]", query):
            name, _, value = piece.partition("=")
            sent.setdefault(self._key(_plain(name)), []).append(self._key(_plain(value)))
        return all(
            name in sent and (pattern is None or any(pattern.fullmatch(value) for value in sent[name]))
            for name, pattern in self._terms
        )

    def _key(self, text: str) -> str:
        return unicodedata.normalize("NFKC", text.casefold()) if self._fold else text

    def _value_regex(self, value: str | None) -> re.Pattern[str] | None:
        if value is None:
            return None
        pieces = [re.escape(piece) for piece in self._key(value).split("*")]
        return re.compile(any_run_regex(pieces), re.DOTALL)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", unquote_plus(text, errors="replace"))
