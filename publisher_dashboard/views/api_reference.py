"""The API's description for people: its operations by subject, and one of them in full. Pure.

Rule of this file: nothing is said here that the table of operations or a model does not say; what programs read
(``publisher_dashboard.api.openapi``) is what people read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from publisher_dashboard.api.openapi import codes_of, openapi_document, scopes_of, subject_of
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.problems import REASONS, Code
from publisher_dashboard.api.rates import BURST, COSTLY_BURST, COSTLY_PER_MINUTE, PER_SECOND
from publisher_dashboard.api.values import ROOT, VERSION

EVERYWHERE = (Code.TOKEN_MISSING, Code.TOKEN_UNKNOWN, Code.TOO_MANY, Code.BUSY)
DEPTH_MAX = 4
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Earnings", ("overview", "balance", "charges", "months")),
    ("Sites", ("sites", "pause", "paused-sites", "claims", "connect", "first-steps", "sample")),
    ("What came", ("activity", "crawlers", "content")),
    ("Prices", ("rules", "draft", "presets", "test", "backtest", "estimate", "publish", "plan", "versions")),
    ("Settings", ("signals", "publisher")),
    ("People and programs", ("team", "tokens", "audit")),
    ("Webhooks", ("webhooks",)),
)
"""What operations are about, by the subjects that the description gives them."""
_KINDS = {"integer": "integer", "number": "number", "boolean": "true or false", "object": "object", "null": "null"}
_FORMATS = {"date-time": "time", "date": "day"}


@dataclass(frozen=True, slots=True)
class OperationLine:
    """One operation of the list; no ``scopes`` means that any will do."""

    name: str
    method: str
    path: str
    summary: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Operations about one thing."""

    title: str
    operations: tuple[OperationLine, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way in which the API says no."""

    code: str
    status: int
    words: str


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One parameter, header, or field of a document; ``name`` has dots where it lies inside another."""

    name: str
    kind: str
    needed: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class OperationTold:
    """One operation in full. ``takes`` and ``gives`` are the fields of its documents, with what they say as a whole."""

    line: OperationLine
    words: str
    whole: bool
    costly: bool
    takes_log: bool
    gives_file: bool
    status: int
    asks: tuple[FieldLine, ...]
    takes: tuple[FieldLine, ...]
    takes_words: str
    gives: tuple[FieldLine, ...]
    gives_words: str
    curl: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class ApiReference:
    """The whole list, and how often a token may ask; ``version`` is the API's."""

    version: str
    burst: int
    per_second: int
    costly_burst: int
    costly_per_minute: int
    count: int
    groups: tuple[Group, ...]
    refusals: tuple[Refusal, ...]


def reference_of(operations: Iterable[Operation]) -> ApiReference:
    """Every operation by what it is about, and every code."""
    every = tuple(operations)
    return ApiReference(
        version=VERSION,
        burst=BURST,
        per_second=int(PER_SECOND),
        costly_burst=COSTLY_BURST,
        costly_per_minute=COSTLY_PER_MINUTE,
        count=len(every),
        groups=tuple(
            Group(title, tuple(_line(one) for subject in subjects for one in every if subject_of(one) == subject))
            for title, subjects in GROUPS
        ),
        refusals=tuple(map(_refusal, REASONS)),
    )


def operation_of(operations: Iterable[Operation], name: str) -> OperationTold | None:
    """One operation by its name; None where there is none."""
    found = next((one for one in operations if one.name == name), None)
    return None if found is None else _told(found)


def _told(one: Operation) -> OperationTold:
    document = openapi_document((one,), VERSION, "/")
    schemas = document["components"]["schemas"]
    [(_, methods)] = document["paths"].items()
    [described] = methods.values()
    return OperationTold(
        line=_line(one),
        words=_said(one.work.__doc__),
        whole=one.whole,
        costly=one.costly,
        takes_log=one.takes_log,
        gives_file=one.gives is None,
        status=one.status,
        asks=tuple(_parameter(each, schemas) for each in described["parameters"]),
        takes=() if one.takes is None else tuple(_fields(schemas[one.takes.__name__], schemas)),
        takes_words=_said(one.takes.__doc__ if one.takes else None),
        gives=() if one.gives is None else tuple(_fields(schemas[one.gives.__name__], schemas)),
        gives_words=_said(one.gives.__doc__ if one.gives else None),
        curl=curl_of(one),
        refusals=tuple(_refusal(code) for code in dict.fromkeys([*EVERYWHERE, *codes_of(one)])),
    )


def curl_of(one: Operation) -> str:
    """A command that asks it, with the shell's variables that the page explains, one part on each line."""
    parts = ["curl -s"]
    if one.if_match or _shows_etag(one):
        parts[0] += " -i"
    if one.method != "GET":
        parts[0] += f" -X {one.method}"
    parts.append('-H "Authorization: Bearer $TOKEN"')
    parts += ['-H "If-Match: $ETAG"'] if one.if_match else []
    parts += ['-H "Idempotency-Key: $KEY"'] if one.idempotent else []
    if one.takes is not None:
        parts += ['-H "Content-Type: application/json"', f"--data '{json.dumps(one.example['body'])}'"]
    if one.takes_log:
        parts += ['-H "Content-Type: text/plain"', "--data-binary @access.log"]
    path = _path(one).removeprefix(ROOT).replace("{host}", "$HOST")
    query = "&".join(f"{name}={value}" for name, value in one.example.get("query", {}).items())
    return " \\\n  ".join([*parts, f'"$API{path}{"?" if query else ""}{query}"'])


def _shows_etag(one: Operation) -> bool:
    """Whether one reads it for its ETag."""
    return one.method == "GET" and one.name in ("get_site", "get_draft", "get_publisher")


def _line(one: Operation) -> OperationLine:
    scopes = scopes_of(one.need)
    return OperationLine(one.name, one.method, _path(one), one.summary, tuple(scopes) if len(scopes) < 4 else ())


def _path(one: Operation) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", r"{\1}", one.path)


def _refusal(code: Code) -> Refusal:
    status, words = REASONS[code]
    return Refusal(code.value, status.value, words)


def _parameter(one: Mapping[str, Any], schemas: Mapping[str, Any]) -> FieldLine:
    schema = one["schema"]
    meaning = _said(one.get("description")) or _meaning(schema, schemas)
    kind = _kind(schema, schemas).removesuffix(" or null")
    if one["in"] != "query":
        kind = {"header": "header", "path": f"{kind}, in the path"}[one["in"]]
    return FieldLine(one["name"], kind, one["required"], meaning)


def _fields(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], above: str = "", depth: int = 0
) -> Iterable[FieldLine]:
    """The fields of a document and, inside it, of its documents; amounts are one kind of their own."""
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield FieldLine(f"{above}{name}", _kind(field, schemas), name in needed, _meaning(field, schemas))
        inner, joint = _inside(field)
        if inner not in (None, "Amount") and depth < DEPTH_MAX:
            yield from _fields(schemas[inner], schemas, f"{above}{name}{joint}", depth + 1)


def _inside(field: Mapping[str, Any]) -> tuple[str | None, str]:
    """The model that a field holds, one or a list of, and how its fields are joined to it."""
    if "anyOf" in field:
        found = [_inside(one) for one in field["anyOf"]]
        return next((one for one in found if one[0]), (None, ""))
    if field.get("type") == "array":
        return _inside(field.get("items", {}))[0], "[]."
    reference = field.get("$ref")
    return (None, "") if reference is None else (str(reference).rpartition("/")[2], ".")


def _kind(field: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        model = schemas[name]
        return "amount" if name == "Amount" else _kind(model, schemas) if "enum" in model else "object"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one, schemas) for one in field["anyOf"]))
    if "enum" in field or "const" in field:
        return ", ".join(str(one) or "nothing" for one in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_many(_kind(field.get('items', {}), schemas))}"
    return _FORMATS.get(field.get("format", "")) or _KINDS.get(field.get("type", ""), "text")


def _many(kind: str) -> str:
    return kind if kind in ("text", "true or false") or ", " in kind else f"{kind}s"


def _meaning(field: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    known = [one for one in field.get("anyOf", ()) if "description" in one or "examples" in one]
    inner: Mapping[str, Any] = known[0] if known else {}
    model, _ = _inside(field)
    words = str(field.get("description") or inner.get("description") or "")
    if not words and model is not None and model != "Amount":
        words = _said(schemas[model].get("description"))
    examples = field.get("examples") or inner.get("examples") or ()
    said = f"Such as {examples[0]}." if examples else ""
    default = field.get("default")
    without = f"Without it: {_plain(default)}." if default not in (None, "", [], {}) else ""
    return " ".join(part for part in (_said(words), said, without) if part)


def _said(text: str | None) -> str:
    """A docstring's words on one line, without its marks."""
    return " ".join((text or "").replace("`", "").split())


def _plain(value: object) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
