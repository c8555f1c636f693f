"""Access logs of one JSON object a line: Caddy's, and those of other servers, whose fields are found by their names.

Rules of this file: which name means what is a table, tried in order; objects inside objects are named with dots; where
the wanted names are is learnt from the first line and tried again when a line is built otherwise.

Sources: Caddy, "log" directive (JSON encoder); Traefik, "Access logs" (JSON format); Elastic Common Schema; Cloudflare,
"HTTP requests" fields of Logpush; Google Cloud, ``HttpRequest`` of LogEntry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from edge.core.access_log import LogLine, ReadLine, is_number, read_request, second_of
from edge.core.target import split_absolute
from edge.core.terms import OfferKind

_DEPTH_MAX = 4
_PLACES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "time_iso8601", "time_local", "timestamp", "@timestamp", "ts", "time", "datetime", "date", "msec",
        "edgestarttimestamp", "startutc", "starttime", "event_time",
    ),
    "address": (
        "remote_addr", "remoteaddr", "client_ip", "clientip", "remote_ip", "remoteip", "c-ip", "clienthost", "ip",
        "client.ip", "source.ip", "source.address", "httprequest.remoteip", "remote_host", "x_forwarded_for",
    ),
    "method": (
        "request_method", "method", "http_method", "clientrequestmethod", "requestmethod", "http.request.method",
        "httprequest.requestmethod", "request.method", "verb",
    ),
    "target": (
        "request_uri", "requesturi", "uri", "url.original", "clientrequesturi", "requestpath", "request_path", "path",
        "httprequest.requesturl", "url.path", "url", "request.uri", "request.url",
    ),
    "query": ("query_string", "args", "url.query"),
    "status": (
        "status", "status_code", "statuscode", "response_status", "edgeresponsestatus", "downstreamstatus", "code",
        "http.response.status_code", "httprequest.status", "response.status", "sc-status",
    ),
    "agent": (
        "http_user_agent", "user_agent", "useragent", "user-agent", "agent", "clientrequestuseragent",
        "request_user-agent", "user_agent.original", "httprequest.useragent", "headers.user-agent",
        "request.headers.user-agent", "http.request.headers.user-agent",
    ),
    "host": (
        "host", "http_host", "server_name", "vhost", "clientrequesthost", "requesthost", "url.domain", "request.host",
        "headers.host",
    ),
    "line": ("request", "request_line", "message"),
}  # fmt: skip


def read_caddy() -> ReadLine:
    """A reader of Caddy's JSON logs, which hold the request's fields, so that an offer can be seen."""

    def read(line: str) -> LogLine | None:
        entry = _object(line)
        request = entry.get("request") if entry else None
        if entry is None or not isinstance(request, dict) or "status" not in entry:
            return None
        second, status = second_of(entry.get("ts")), entry["status"]
        if second is None or not isinstance(status, int):
            return None
        headers = {name.lower(): value for name, value in _dict(request.get("headers")).items()}
        address = request.get("client_ip") or request.get("remote_ip") or request.get("remote_addr")
        return LogLine(
            second,
            _text(address),
            _text(request.get("method")),
            _text(request.get("uri")),
            status,
            _text(headers.get("user-agent")),
            _host(_text(request.get("host"))),
            _offer(headers),
            "signature-input" in headers,
        )

    return read


def read_json() -> ReadLine:
    """A reader of JSON logs by the names that servers give their fields."""
    known: dict[str, str] = {}

    def read(line: str) -> LogLine | None:
        entry = _object(line)
        if entry is None:
            return None
        fields = _flat(entry)
        for what, names in _PLACES.items():
            if known.get(what) not in fields:
                found = next((name for name in names if name in fields), None)
                if found is not None:
                    known[what] = found

        return _line({what: fields[name] for what, name in known.items() if name in fields})

    return read


def _line(found: Mapping[str, Any]) -> LogLine | None:
    method, target = _text(found.get("method")), _text(found.get("target"))
    if not method or not target:
        line = read_request(_text(found.get("line")))
        method, target = method or line[0], target or line[1]
    second, status = second_of(found.get("time")), _text(found.get("status"))
    if second is None or not method or not is_number(status):
        return None
    host = _text(found.get("host"))
    if (absolute := split_absolute(target)) is not None:
        host, target = absolute[1], absolute[2]
    query = _text(found.get("query"))
    if query and "?" not in target:
        target += f"?{query.removeprefix('?')}"
    agent = _text(found.get("agent")) if "agent" in found else None
    return LogLine(
        second, _address(_text(found.get("address"))), method, target, int(status),
        "" if agent == "-" else agent, _host(host),
    )  # fmt: skip


def _object(line: str) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line.encode("latin-1"))
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _flat(entry: Mapping[str, Any], before: str = "", depth: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in entry.items():
        key = before + name.lower()
        if isinstance(value, dict) and depth < _DEPTH_MAX:
            found |= _flat(value, f"{key}.", depth + 1)
        else:
            found[key] = value
    return found


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A value as a request would have it: letters beyond ASCII become the bytes that a server saw."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode("latin-1")
        case bool() | None:
            return ""
        case int():
            return str(value)
        case list() if value:
            return _text(value[0])
        case _:
            return ""


def _offer(headers: Mapping[str, object]) -> tuple[str, str] | None:
    kind = next((kind for kind in OfferKind if kind.value in headers), None)
    return None if kind is None else (kind.value, _text(headers[kind.value]))


def _address(text: str) -> str:
    """The first of several, where a front wrote a list."""
    return text.partition(",")[0].strip()


def _host(text: str) -> str | None:
    """The name without its port."""
    name = text.lower().rsplit(":", 1)[0] if text.count(":") == 1 else text.lower()
    return name or None
