"""The API's description, made from the table of operations and their models (OpenAPI 3.1). Pure.

Rules of this file: nothing is written here that a model or an operation says; a test holds the document against the
OpenAPI schema, and ``docs/api.md`` against this document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from edge.store.publisher_tokens import Scope
from publisher_dashboard.api.operations import Operation
from publisher_dashboard.api.problems import PROBLEM_TYPE, REASONS, Code
from publisher_dashboard.api.rates import BURST, COSTLY_BURST, COSTLY_PER_MINUTE, PER_SECOND
from publisher_dashboard.api.values import ROOT, Model
from publisher_dashboard.visit import SCOPE_GRANTS, Need

_PART = re.compile(r"\{(\w+)(?::(\w+))?\}")
_REF = "#/components/schemas/{model}"
_DESCRIPTION = (
    "What the dashboard's pages show and do, for a publisher's programs. A token names its publisher; make one on the "
    "dashboard's Tokens page and send it as `Authorization: Bearer fbp_…`. Amounts are integers of a millionth of the "
    f"currency's unit; times are UTC. A token may ask {BURST} times at once and {PER_SECOND:g} times a second; "
    f"what is costly {COSTLY_BURST} times at once and {COSTLY_PER_MINUTE} times a minute."
)
_WORDS = {
    "host": "A site of yours.",
    "charge_id": "A charge's id, `ch_` and 32 digits; the `crawler-receipt` field names it.",
    "month": "Such as `2026-11`.",
    "name": "csv, summary, jsonl, xlsx, parquet, pdf, or zip for all.",
    "place": "The `id` of a request.",
    "estimate": "The `id` of an estimate.",
}


def openapi_document(operations: Iterable[Operation], version: str, server: str) -> dict[str, Any]:
    """The whole description; ``server`` is the dashboard's address as people type it, or ``/``."""
    every = tuple(operations)
    schemas = _schemas(every)
    paths: dict[str, dict[str, Any]] = {}
    for one in every:
        path = _PART.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "farebox publisher API", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas, "Problem": _PROBLEM},
        },
    }


def scopes_of(need: Need) -> list[str]:
    """Which scopes cover a need; any of them is enough."""
    return [scope.value for scope in Scope if need in SCOPE_GRANTS[scope]]


def codes_of(one: Operation) -> list[Code]:
    """Every way in which an operation says no, but those that all have."""
    found = [Code.SCOPE_MISSING, Code.INVALID]
    if "{" in one.path:
        found.append(Code.NOT_FOUND)
    if one.whole:
        found.append(Code.TOKEN_OF_SITES)
    if one.takes is not None:
        found += [Code.NOT_JSON, Code.UNREADABLE, Code.TOO_LARGE]
    if one.takes_log:
        found += [Code.UNREADABLE, Code.TOO_LARGE]
    if one.if_match:
        found += [Code.PRECONDITION_MISSING, Code.MOVED_ON]
    if one.idempotent:
        found += [Code.KEY_MISSING, Code.MOVED_ON]
    return [*dict.fromkeys(found)]


def _operation(one: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"{(one.work.__doc__ or '').strip()}\n\nScope: {' or '.join(scopes_of(one.need))}."
        + (" Costly." if one.costly else ""),
        "tags": [subject_of(one)],
        "parameters": [*_path_parameters(one), *_query_parameters(one, schemas), *_header_parameters(one)],
        "responses": {str(one.status): _success(one), **_refusals(one)},
    }
    if one.takes is not None:
        content: dict[str, Any] = {"schema": _ref(one.takes)}
        if "body" in one.example:
            content["example"] = one.example["body"]
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    if one.takes_log:
        described["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return described


def subject_of(one: Operation) -> str:
    """What it is about: the part of its address after the site, or the first one."""
    parts = one.path.removeprefix(f"{ROOT}/sites/{{host}}").removeprefix(ROOT).strip("/").split("/")
    return parts[0] or "sites"


def _success(one: Operation) -> dict[str, Any]:
    if one.gives is None:
        return {"description": "The file.", "content": {"application/octet-stream": {}}}
    return {"description": one.summary, "content": {"application/json": {"schema": _ref(one.gives)}}}


def _refusals(one: Operation) -> dict[str, Any]:
    """The problems of an operation by their status, with the codes of each."""
    everywhere = [Code.TOKEN_MISSING, Code.TOKEN_UNKNOWN, Code.TOO_MANY, Code.BUSY]
    by_status: dict[HTTPStatus, list[Code]] = {}
    for code in [*everywhere, *codes_of(one)]:
        by_status.setdefault(REASONS[code][0], []).append(code)
    return {
        str(status.value): {
            "description": ", ".join(f"`{code.value}`" for code in codes),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, codes in sorted(by_status.items())
    }


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if kind == "int" else "string"},
            "description": _WORDS.get(name, f"Which {name.removesuffix('_id')}."),
        }
        for name, kind in _PART.findall(one.path)
    ]


def _query_parameters(one: Operation, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    model = schemas[one.asks.__name__]
    needed = model.get("required", [])
    examples = one.example.get("query", {})
    parameters = []
    for name, schema in model.get("properties", {}).items():
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in needed, "schema": schema}
        if name in examples:
            parameter["example"] = examples[name]
        parameters.append(parameter)
    return parameters


def _header_parameters(one: Operation) -> list[dict[str, Any]]:
    text = {"type": "string"}
    found = []
    if one.if_match:
        words = "The ETag of the edition that was looked at."
        found.append({"name": "If-Match", "in": "header", "required": True, "schema": text, "description": words})
    if one.idempotent:
        words = "8 to 128 visible characters of your own; a repeated request is done once. Kept for a week."
        found.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": text, "description": words}
        )
    return found


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    models: dict[type[Model], None] = {}
    for one in operations:
        for model in (one.asks, one.takes, one.gives):
            if model is not None:
                models[model] = None
    # As they are written: a field with a default is in every answer, but need not be in what is sent.
    _, found = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    defined: dict[str, Any] = found["$defs"]
    return defined


def _ref(model: type[Model]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why not (RFC 9457). Programs go by `code`; sentences may change.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [code.value for code in Code]},
        "detail": {"type": "string", "description": "One sentence."},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "message"],
                "properties": {"name": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
