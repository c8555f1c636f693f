"""Path patterns of RFC 9309 (section 2.2.3): ``*`` for anything, ``$`` for the end, else the beginning of a path."""

from __future__ import annotations

import re
from functools import lru_cache

from edge.core.where import PartKind, Where

_SAMPLE = "~~a-page-of-no-other-pattern"


def patterns_of(where: Where) -> tuple[str, ...]:
    """The patterns that cover exactly what a rule's address covers; none where they cannot.

    A rule does not mind a slash at the end, and ``/a/*`` covers ``/a`` too; a pattern does mind.
    """
    if any(part.kind not in (PartKind.LITERAL, PartKind.ANY) for part in where.parts):
        return ()
    if where.exact is not None:
        path = where.exact.rstrip("/")
        return (f"{_literal(path)}$", f"{_literal(path)}/$") if path else ("/$",)
    if where.prefix is not None:
        prefix = where.prefix or "/"
        is_directory = prefix.endswith("/") and prefix != "/"
        return (_literal(prefix), f"{_literal(prefix[:-1])}$") if is_directory else (_literal(prefix),)
    text = "".join("*" if part.kind is PartKind.ANY else _literal(part.text) for part in where.parts)
    text = text if text.startswith("/") else "/" + text
    if text.endswith("*"):
        return (text.rstrip("*"),)
    return (f"{text}$", f"{text}/$") if not text.endswith("/") else (f"{text}$", f"{text[:-1]}$")


def overlap(directory: str, ending: str) -> str:
    """The pattern for what is below a directory (``/articles/``) and has an ending (``/*.pdf$``)."""
    return directory + ending[1:]


def sample_of(pattern: str) -> str:
    """A path that the pattern matches and that nobody else's does but for containing it."""
    path = pattern.removesuffix("$").replace("*", _SAMPLE)
    return path if pattern.endswith("$") else path + _SAMPLE


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern matches a path (with its query, where it has one)."""
    if "*" not in pattern:  # most patterns: no need of a regular expression
        return path == pattern[:-1] if pattern.endswith("$") else path.startswith(pattern)
    return _compiled(pattern).match(path) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Linear in time: each piece is taken where it first fits (an atomic group), only the last is tied to the end."""
    body = pattern.removesuffix("$")
    pieces = [re.escape(piece) for piece in re.split(r"\*+", body)]
    if not pattern.endswith("$"):
        return re.compile(pieces[0] + "".join(f"(?>.*?{piece})" for piece in pieces[1:]), re.DOTALL)
    if len(pieces) == 1:
        return re.compile(pieces[0] + r"\Z", re.DOTALL)
    first, *middle, last = pieces
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}" + r"\Z", re.DOTALL)


def _literal(text: str) -> str:
    return text.replace("*", "%2A").replace("$", "%24")
