"""What a rule asks of the query: parameters that must be there, in any order and among any others.

``page=1&print`` asks for a ``page`` that is ``1`` and a ``print`` of any value; ``id=*-draft`` uses ``*`` for
anything. Order, further parameters and percent-encoding change nothing, so that no spelling of a query gets a
cheaper price; letter case matters only where the site says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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
        keyed = [(_key(term.name, fold=self._fold), term.value) for term in terms]
        self._terms = [(name, _wanted(value, fold=self._fold)) for name, value in keyed]

    def matches(self, query: str | None) -> bool:
        """Whether every term is met by some parameter of ``query`` (None when the target has no ``?``)."""
        if not query:
            return False
        sent = _sent(query, self._fold)
        return all(name in sent and _is_met(wanted, sent[name]) for name, wanted in self._terms)


# Every rule with parameters asks of the same query, and a long one takes milliseconds to read.
@lru_cache(maxsize=16)
def _sent(query: str, fold: bool) -> Mapping[str, frozenset[str]]:
    """The values of each parameter."""
    sent: dict[str, set[str]] = {}
    for piece in re.split("[&;]", query):
        name, _, value = piece.partition("=")
        sent.setdefault(_key(_plain(name), fold=fold), set()).add(_key(_plain(value), fold=fold))
    return {name: frozenset(values) for name, values in sent.items()}


def _wanted(value: str | None, *, fold: bool) -> str | re.Pattern[str] | None:
    """One value, a pattern for many, or None for any."""
    if value is None:
        return None
    key = _key(value, fold=fold)
    if "*" not in key:
        return key
    return re.compile(any_run_regex([re.escape(piece) for piece in key.split("*")]), re.DOTALL)


def _is_met(wanted: str | re.Pattern[str] | None, values: frozenset[str]) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in values
    return any(wanted.fullmatch(value) for value in values)


def _key(text: str, *, fold: bool) -> str:
    return unicodedata.normalize("NFKC", text.casefold()) if fold else text


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", unquote_plus(text, errors="replace"))
