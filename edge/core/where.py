r"""Where a rule applies: a URLPattern pathname, read into parts so that most of them need no pattern engine.

An exact path (``/about``), a prefix (``/articles/*``) or any other pattern (``/:section/print``, ``*.pdf``,
``/(\\d+)/*``). Names and one or more ``*`` become a regular expression without backtracking; regular expression
groups, braces and modifiers go to the ``urlpattern`` library, whose matching is linear too, so that no address
can be made expensive to price.

Two differences from URLPattern, so that no spelling of an address gets a cheaper price: letter case is ignored
unless the site says that it matters, and so is one slash at the end.

Source: WHATWG URL Pattern Standard, sections "Tokenizing" and "Constructor string parsing".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from urlpattern import URLPattern

from edge.core.errors import EdgeError
from edge.core.target import Target, canonical_literal, match_key, read_target

WHERE_CHARACTERS_MAX = 1000

_NAME = re.compile(r":[A-Za-z_$][A-Za-z0-9_$]*")
_SPECIAL = re.compile(r"[\\*:(){}?+]")
# All patterns that the library is needed for, and some more: most are told apart without being read.
_MAY_NEED_ENGINE = re.compile(r"[({?+]|\*\*|:[A-Za-z_$][A-Za-z0-9_$]*[^/A-Za-z0-9_$]|[^/]:")
_ESCAPED_IN_PATTERN = re.compile(r"[\\*:(){}?+]")


class InvalidWhere(EdgeError, ValueError):
    """A text that is not an address pattern; the message says what to write instead."""


class PartKind(Enum):
    """What one part of a pattern stands for."""

    LITERAL = "literal"
    ANY = "*"
    NAME = ":name"
    GROUP = "group"  # anything that only the pattern library understands


class Part(NamedTuple):
    """One part: a literal in its canonical spelling, or the pattern's own characters."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed address pattern: its parts in order, neighbouring literals joined."""

    text: str
    parts: tuple[Part, ...]

    @property
    def exact(self) -> str | None:
        """The one path that this matches, or None when it is a pattern."""
        return self.head if all(part.kind is PartKind.LITERAL for part in self.parts) else None

    @property
    def prefix(self) -> str | None:
        """What every matching path starts with when nothing else matters (``/a/*``), else None."""
        kinds = [part.kind for part in self.parts]
        return self.head if kinds in ([PartKind.ANY], [PartKind.LITERAL, PartKind.ANY]) else None

    @property
    def head(self) -> str:
        """What every matching path starts with for certain; may be empty."""
        first = self.parts[0]
        if first.kind is not PartKind.LITERAL:
            return ""
        # URLPattern makes the slash part of an optional group that follows it: "/a/:id?" matches "/a".
        optional = len(self.parts) > 1 and self.parts[1].text.endswith(("?", "*")) and len(self.parts[1].text) > 1
        return first.text.removesuffix("/") if optional else first.text

    @property
    def tail(self) -> str:
        """What every matching path ends with for certain; empty when the last part is not a literal."""
        last = self.parts[-1]
        return last.text if len(self.parts) > 1 and last.kind is PartKind.LITERAL else ""


# What looks at a list of rules asks for the pattern of one several times in a row; a long list is read half as often.
@lru_cache(maxsize=64)
def parse_where(text: str) -> Where:
    """Read an address pattern. Raises ``InvalidWhere`` with a sentence for the person who wrote it."""
    if not text or len(text) > WHERE_CHARACTERS_MAX:
        raise InvalidWhere(f"write an address such as /articles/* of at most {WHERE_CHARACTERS_MAX} characters")
    if text[0] not in "/*({":
        raise InvalidWhere(f"{text!r} does not start with a slash; write an address such as /articles/*")
    where = Where(text, tuple(_parts(text)))
    _check_reachable(where)
    if _needs_library(where.parts):
        _check_library(where)
    return where


def needs_engine(text: str) -> bool:
    """Whether a valid pattern is one for the pattern library: groups, braces, modifiers, names beside other letters."""
    return _MAY_NEED_ENGINE.search(text) is not None and _needs_library(parse_where(text).parts)


class PathTest:
    """A compiled pattern for paths in ``match_key`` form; compiles when it is first asked."""

    __slots__ = ("_case_sensitive", "_library", "_regex", "_where")

    def __init__(self, where: Where, *, case_sensitive: bool) -> None:
        self._where = where
        self._case_sensitive = case_sensitive
        self._regex: re.Pattern[str] | None = None
        self._library: URLPattern | None = None

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the whole of ``path``."""
        if self._regex is not None:
            return self._regex.fullmatch(path) is not None
        if self._library is not None:
            return self._library.test({"pathname": path})
        # About 90 KB and 0.2 ms for a library pattern, so none is made for a rule that is never reached.
        if _needs_library(self._where.parts):
            self._library = _library_pattern(self._where, case_sensitive=self._case_sensitive)
        else:
            self._regex = _regex(self._where, case_sensitive=self._case_sensitive)
        return self.matches(path)


def any_run_regex(pieces: list[str]) -> str:
    """A regular expression for pieces with anything between them, in linear time.

    The first place where a piece fits is always as good as a later one, so each is taken for good (an atomic
    group); only the last piece is looked for from the end.
    """
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last


def _parts(text: str) -> list[Part]:
    parts: list[Part] = []
    literal = ""
    position = 0
    while position < len(text):
        if (special := _SPECIAL.match(text, position)) is None:
            literal += text[position]
            position += 1
            continue
        if special[0] == "\\":
            if position + 1 == len(text):
                raise InvalidWhere("a backslash at the end has nothing to protect")
            if text[position + 1] == "/":
                raise InvalidWhere("a slash needs no backslash before it")
            literal += text[position + 1]
            position += 2
            continue
        if literal:
            parts.append(Part(PartKind.LITERAL, canonical_literal(literal)))
            literal = ""
        part = _special_part(text, position)
        parts.append(part)
        position += len(part.text)
    if literal:
        parts.append(Part(PartKind.LITERAL, canonical_literal(literal)))
    return parts


def _special_part(text: str, start: int) -> Part:
    match text[start]:
        case "*":
            end, kind = start + 1, PartKind.ANY
        case ":":
            name = _NAME.match(text, start)
            if name is None:
                raise InvalidWhere("after a colon comes a name such as :id; write \\: for a colon")
            end, kind = name.end(), PartKind.NAME
            if text[end : end + 1] == "(":
                end, kind = _closing(text, end), PartKind.GROUP
        case "(":
            end, kind = _closing(text, start), PartKind.GROUP
        case "{":
            return Part(PartKind.GROUP, "{")
        case "}":
            end, kind = start + 1, PartKind.GROUP
        case "?":
            raise InvalidWhere("leave the query out of the address, it has a field of its own; write \\? for a ?")
        case other:
            raise InvalidWhere(f"write \\{other} for a {other} in the address")
    if text[end : end + 1] and text[end] in "?*+":
        return Part(PartKind.GROUP, text[start : end + 1])
    return Part(kind, text[start:end])


def _closing(text: str, start: int) -> int:
    depth, position = 0, start
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] in "()":
            depth += 1 if text[position] == "(" else -1
            if depth == 0:
                return position + 1
        position += 1
    raise InvalidWhere("a parenthesis is not closed; write \\( for a parenthesis")


def _check_reachable(where: Where) -> None:
    """Refuse a pattern whose literals no accepted address can contain, because it would never match."""
    sample = "".join(part.text if part.kind is PartKind.LITERAL else "x" for part in where.parts)
    reading = read_target(sample if sample.startswith("/") else "/x" + sample)
    if not isinstance(reading, Target):
        raise InvalidWhere(f"this can never match: {reading.detail}")
    if reading.ambiguity is not None:
        raise InvalidWhere(f"this can never match, crawlers are not served such an address: {reading.ambiguity}")


def _needs_library(parts: tuple[Part, ...]) -> bool:
    """Whether matching could backtrack badly, or means something that only the library knows."""
    kinds = {part.kind for part in parts}
    if PartKind.GROUP in kinds:
        return True
    shape = "".join("\0" if part.kind is PartKind.NAME else part.text for part in parts)
    if PartKind.ANY in kinds:
        return re.search(r"[^/]\0|\0[^/]", shape) is not None
    return re.search(r"\0[^/]*\0", shape) is not None


def _regex(where: Where, *, case_sensitive: bool) -> re.Pattern[str]:
    pieces = [""]
    for part in where.parts:
        match part.kind:
            case PartKind.ANY:
                pieces.append("")
            case PartKind.NAME:
                pieces[-1] += "[^/]+"
            case _:
                pieces[-1] += re.escape(match_key(part.text, case_sensitive=case_sensitive))
    return re.compile(any_run_regex(pieces), re.DOTALL)


# It takes most of a millisecond, and a list of rules is read several times on its way to the edge.
@lru_cache(maxsize=4096)
def _check_library(where: Where) -> None:
    """Refuse what the library does not read."""
    _library_pattern(where, case_sensitive=True)
    _library_pattern(where, case_sensitive=False)


def _library_pattern(where: Where, *, case_sensitive: bool) -> URLPattern:
    text = ""
    for part in where.parts:
        if part.kind is PartKind.LITERAL:
            key = match_key(part.text, case_sensitive=case_sensitive)
            # A protected first letter cannot be read as the end of a name before it; a slash stays bare, because
            # only a bare one belongs to an optional group that follows.
            text += ("\\" if key[0].isalnum() else "") + _ESCAPED_IN_PATTERN.sub(r"\\\g<0>", key)
        else:
            text += part.text if case_sensitive else _caseless_group(part.text)
    try:
        return URLPattern({"pathname": text})
    except ValueError as error:
        raise InvalidWhere(
            f"{where.text!r} is not an address pattern; look at its parentheses, braces and names"
        ) from error


def _caseless_group(text: str) -> str:
    opening = text.find("(")
    if opening < 0:
        return text
    closing = text.rfind(")")
    return f"{text[:opening]}((?i:{text[opening + 1 : closing]})){text[closing + 1 :]}"
