"""Header fields: lines to combined values, and structured values to and from text.

Rules of this file:

- names are lower case, values are stripped, an obsolete line fold is one space, lines of one name are joined with
  ``, `` in the order in which they came (RFC 9421 section 2.1, RFC 9110 section 5.3);
- structured values follow RFC 9651 through ``http_sf``; a key or a parameter that comes twice is refused, where the
  RFC would keep the last one: two readers that keep different ones disagree about what was signed;
- a value that cannot be read is a ``Malformed``, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias, cast

import http_sf
from http_sf.retrofit import retrofit as _RETROFIT_TYPES

BareItem: TypeAlias = int | float | str | bool | Decimal | bytes | http_sf.Token | datetime | http_sf.DisplayString
Parameters: TypeAlias = dict[str, BareItem]
Item: TypeAlias = tuple[BareItem, Parameters]
InnerList: TypeAlias = tuple[list[Item], Parameters]
Member: TypeAlias = Item | InnerList
Dictionary: TypeAlias = dict[str, Member]

# The structured fields that this protocol family uses, beside those that RFC 8941's retrofit draft lists.
STRUCTURED_TYPES: Mapping[str, str] = {
    **_RETROFIT_TYPES,
    "accept-signature": "dictionary",
    "content-digest": "dictionary",
    "content-usage": "dictionary",
    "ratelimit": "list",
    "ratelimit-policy": "list",
    "repr-digest": "dictionary",
    "signature": "dictionary",
    "signature-input": "dictionary",
    "want-content-digest": "dictionary",
    "want-repr-digest": "dictionary",
}

_MEMBER = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
# One member that is a String without escapes or parameters, and the same as an Item: what Signature-Agent mostly is.
_PLAIN_MEMBER = re.compile(r'([a-z*][a-z0-9_\-.*]*)="([ !#-\[\]-~]*)"')
_PLAIN_STRING = re.compile(r'"([ !#-\[\]-~]*)"')
_OBSOLETE_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Malformed:
    """A field value that cannot be read; ``reason`` says where and why, in plain words."""

    reason: str


def unfold(value: str) -> str:
    """Strip optional whitespace and replace obsolete line folds by one space (RFC 9110 section 5.5)."""
    if "\r\n" in value:
        value = _OBSOLETE_FOLD.sub(" ", value)
    return value.strip(" \t")


def collect(lines: Iterable[tuple[str, str]]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Combine field lines by name.

    Returns the combined values by lower-case name, and the separate lines of those names that came more than once.
    """
    separate: dict[str, list[str]] = {}
    for name, value in lines:
        separate.setdefault(name.lower(), []).append(unfold(value))
    combined = {name: ", ".join(values) for name, values in separate.items()}
    repeated = {name: tuple(values) for name, values in separate.items() if len(values) > 1}
    return combined, repeated


@dataclass(frozen=True, slots=True)
class Repetition:
    """Keys of a Dictionary, or parameters anywhere in it, that came more than once."""

    keys: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


def _parse(text: str, field_type: str) -> tuple[http_sf.StructuredType, Repetition] | Malformed:
    seen: dict[str, list[str]] = {"dictionary": [], "parameter": []}
    try:
        octets = text.encode("latin-1")
        parsed = http_sf.parse(octets, tltype=field_type, on_duplicate_key=lambda key, where: seen[where].append(key))
    except (http_sf.StructuredFieldError, UnicodeEncodeError) as why:
        return Malformed(str(why))
    return parsed, Repetition(tuple(seen["dictionary"]), tuple(seen["parameter"]))


def _parse_once(text: str, field_type: str) -> http_sf.StructuredType | Malformed:
    outcome = _parse(text, field_type)
    if isinstance(outcome, Malformed):
        return outcome
    parsed, repetition = outcome
    for name in repetition.keys + repetition.parameters:
        return Malformed(f"{name!r} is given twice")
    return parsed


def parse_repeating_dictionary(text: str) -> tuple[Dictionary, Repetition] | Malformed:
    """Read a Dictionary as RFC 9651 has it, the last one winning, and say what was repeated."""
    return cast("tuple[Dictionary, Repetition] | Malformed", _parse(text, "dictionary"))


def parse_dictionary(text: str) -> Dictionary | Malformed:
    """Read a Dictionary (RFC 9651 section 3.2); repeated keys and parameters are refused."""
    plain = _PLAIN_MEMBER.fullmatch(text)
    if plain is not None:
        return {plain[1]: (plain[2], {})}
    return cast("Dictionary | Malformed", _parse_once(text, "dictionary"))


def parse_item(text: str) -> Item | Malformed:
    """Read an Item (RFC 9651 section 3.3); repeated parameters are refused."""
    plain = _PLAIN_STRING.fullmatch(text)
    if plain is not None:
        return plain[1], {}
    return cast("Item | Malformed", _parse_once(text, "item"))


def split_members(text: str) -> list[str]:
    """The members of a readable Dictionary as separate texts: cut at the commas outside of strings."""
    return [piece.strip(" \t") for piece in _MEMBER.findall(text)]


def reserialise(text: str, field_type: str) -> str | Malformed:
    """The strict serialisation of a structured value (``sf``, RFC 9421 section 2.1.1)."""
    parsed = _parse_once(text, field_type)
    if isinstance(parsed, Malformed):
        return parsed
    try:
        return http_sf.ser(parsed)
    except ValueError as why:  # an empty list or dictionary has no spelling
        return Malformed(str(why))


def serialise_member(member: Member) -> str:
    """One Item or Inner List as text; a Dictionary member without a value is ``?1``."""
    value, parameters = member
    if isinstance(value, str) and not parameters and _PLAIN_STRING.fullmatch(plain := f'"{value}"'):
        return plain
    return http_sf.ser(cast("http_sf.ListType", [member]))


def serialise_string(text: str) -> str:
    """A String with its quotes; raises ``ValueError`` outside printable ASCII (RFC 9651 section 4.1.6)."""
    return http_sf.ser(text)


def serialise_dictionary(members: Mapping[str, Member]) -> str:
    """A Dictionary as text; raises ``ValueError`` when a key or value has no spelling."""
    return http_sf.ser(cast("http_sf.DictionaryType", dict(members)))


def serialise_parameters(parameters: Mapping[str, BareItem]) -> str:
    """``;name=value`` for each, in order; raises ``ValueError`` when one has no spelling (RFC 9651 section 4.1.1.2)."""
    return http_sf.ser((True, dict(parameters))).removeprefix("?1")
