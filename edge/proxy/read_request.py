"""Read an ASGI scope into a ``CrawlRequest``, or say which of HTTP's rules it breaks.

Rules of this file: what is forwarded later is rebuilt from what was read here, never the bytes as they came.
The parser below (llhttp, through uvicorn) refuses broken framing; this gate refuses what it lets through
(docs/protocol.md, "Before anything is believed"). Nothing here knows about prices.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from edge.core.addresses import read_address
from edge.core.policy import Policy
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.target import read_target, split_absolute

HEADER_FIELDS_MAX = 100
HEADER_BYTES_MAX = 16 * 1024
HTTP_VERSIONS = ("1.1", "1.0")
REMEMBERED_MAX = 4096

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# RFC 9110 tokens, without "_": some origins read X_Forwarded_For as X-Forwarded-For.
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^`|~-]+")
_VALUE = re.compile("[\t\x20-\x7e\x80-\xff]*")
_SINGLETONS = frozenset({"host", "content-length", "transfer-encoding"})
_FORWARDED_ENTRY = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Naming one of these in Connection would make a proxy drop what somebody else relies on (RFC 9110 section 7.6.1).
_NEVER_HOP_BY_HOP = re.compile(
    r"(?:^|,)[ \t]*(?:signature[a-z-]*|crawler-[a-z-]+|host|cookie|authorization|content-length|"
    r"transfer-encoding|x-request-id|via|x-forwarded-[a-z]+)[ \t]*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A request that HTTP itself refuses; the connection is closed after the answer."""

    code: RefusalCode
    detail: str
    request_id: str


class RequestReader:
    """Reads scopes for one edge: remembers host spellings, trusted proxies and its own name in ``Via``.

    ``trusted_proxies`` are networks whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
    """

    def __init__(self, node: str, trusted_proxies: Iterable[str] = ()) -> None:
        self.via = f"1.1 farebox-{node}"
        self._trusted = tuple(ipaddress.ip_network(text) for text in trusted_proxies)
        self._fronts: dict[str, bool] = {}
        self._names: dict[bytes, str] = {}
        self._hosts: dict[tuple[str, str], tuple[str, str]] = {}
        self._node = node
        self._count = 0

    def read(self, scope: MutableMapping[str, Any], policy: Policy) -> CrawlRequest | BadRequest:
        """Read one request; never raises for what a stranger sent."""
        fields: dict[str, str] = {}
        repeated: dict[str, tuple[str, ...]] = {}
        size = 0
        names = self._names
        for raw_name, raw_value in scope["headers"]:
            size += len(raw_name) + len(raw_value) + 4
            name = names.get(raw_name) or self._name(raw_name)
            value = raw_value.decode("latin-1")
            # isprintable() is the fast way to say "plain"; what it doubts (tabs, obs-text) is looked at closely.
            if not name or not (value.isprintable() or _VALUE.fullmatch(value)):
                return self._bad(fields, RefusalCode.MALFORMED_REQUEST, "a header field has a forbidden character")
            value = value.strip(" \t")
            if name in fields:
                repeated[name] = (*repeated.get(name, (fields[name],)), value)
                fields[name] = f"{fields[name]}, {value}"
            else:
                fields[name] = value
        fault = self._fault(scope, fields, repeated, size)
        if fault is not None:
            return self._bad(fields, *fault)
        return self._build(scope, policy, fields, repeated)

    def _build(
        self,
        scope: MutableMapping[str, Any],
        policy: Policy,
        fields: Mapping[str, str],
        repeated: Mapping[str, tuple[str, ...]],
    ) -> CrawlRequest | BadRequest:
        client = scope.get("client")
        peer = client[0] if client else ""
        scheme: str = scope["scheme"]
        if self._trusted and self._trusts(peer):
            peer = self._client(fields.get("x-forwarded-for"), peer)
            forwarded = fields.get("x-forwarded-proto", "").lower()
            scheme = forwarded if forwarded in _DEFAULT_PORTS else scheme
        host_field = fields["host"]
        named = self._host(host_field, scheme)
        if named is None:
            return self._bad(fields, RefusalCode.MALFORMED_REQUEST, "the Host header is not a host name")
        host, authority = named
        site = policy.sites.get(host)
        if site is not None and site.scheme is not None and site.scheme != scheme:
            scheme = site.scheme
            _, authority = self._host(host_field, scheme) or named
        target = _target(scope)
        origin_form = target
        if not target.startswith("/"):
            absolute = split_absolute(target)
            if absolute is None or self._host(absolute[1], absolute[0]) != self._host(host_field, absolute[0]):
                return self._bad(fields, RefusalCode.MALFORMED_REQUEST, "the target and the Host header disagree")
            origin_form = absolute[2]
        path, mark, query = origin_form.partition("?")
        return CrawlRequest(
            scope["method"],
            scheme,
            authority,
            host,
            target,
            path,
            query if mark else None,
            fields,
            repeated,
            read_target(origin_form),
            fields.get("content-length", "0") != "0" or "transfer-encoding" in fields,
            peer,
            self._request_id(fields),
        )

    def _fault(
        self,
        scope: MutableMapping[str, Any],
        fields: Mapping[str, str],
        repeated: Mapping[str, tuple[str, ...]],
        size: int,
    ) -> tuple[RefusalCode, str] | None:
        """The first rule of HTTP that these fields break; None when they break none."""
        version = scope.get("http_version", "1.1")
        if version not in HTTP_VERSIONS:
            return RefusalCode.MALFORMED_REQUEST, "HTTP/1.1 and HTTP/1.0 are spoken here"
        if size > HEADER_BYTES_MAX or len(scope["headers"]) > HEADER_FIELDS_MAX:
            return RefusalCode.HEADERS_TOO_LARGE, "the header fields are too many or too large"
        if repeated and not _SINGLETONS.isdisjoint(repeated):
            return RefusalCode.MALFORMED_REQUEST, "Host, Content-Length and Transfer-Encoding may come once only"
        if "host" not in fields:
            return RefusalCode.MALFORMED_REQUEST, "the Host header is missing"
        coding = fields.get("transfer-encoding")
        if coding is not None and (coding.lower() != "chunked" or "content-length" in fields or version == "1.0"):
            return RefusalCode.MALFORMED_REQUEST, "the framing of the body is ambiguous"
        length = fields.get("content-length")
        if length is not None and not (length.isascii() and length.isdigit()):
            return RefusalCode.MALFORMED_REQUEST, "Content-Length is not a number"
        if "upgrade" in fields and (coding is not None or length is not None):
            # The parser below takes what follows such a head for another protocol, so its content would be the next
            # request (RFC 9110 section 7.8 has a client wait for the switch).
            return RefusalCode.MALFORMED_REQUEST, "send content without Upgrade"
        connection = fields.get("connection")
        if connection is not None and _NEVER_HOP_BY_HOP.search(connection.lower()):
            return RefusalCode.MALFORMED_REQUEST, "Connection names a header that is not hop-by-hop"
        via = fields.get("via")
        if via is not None and self.via in via:
            return RefusalCode.LOOP_DETECTED, "the Via header shows that the request was here before"
        if scope["method"] in ("TRACE", "CONNECT"):
            return RefusalCode.METHOD_NOT_ALLOWED, f"{scope['method']} is not served"
        return None

    def _host(self, field: str, scheme: str) -> tuple[str, str] | None:
        """Host header to (host, authority): lower case, trailing dot and default port dropped.

        Remembered, because the same few spellings come all day; bounded, because strangers choose them.
        """
        known = self._hosts.get((field, scheme))
        if known is not None:
            return known
        match = _HOST.fullmatch(field)
        if match is None:
            return None
        host = match[1].lower().removesuffix(".")
        port = match[2]
        if not host or (port is not None and not 0 < int(port) < 65536):
            return None
        plain = port is None or str(int(port)) == _DEFAULT_PORTS[scheme]
        named = (host, host if plain else f"{host}:{int(port)}")
        if len(self._hosts) >= REMEMBERED_MAX:
            self._hosts.clear()
        self._hosts[field, scheme] = named
        return named

    def _name(self, raw: bytes) -> str | None:
        """A field name as text, or None when it is not one; remembered like the hosts."""
        if _NAME.fullmatch(raw) is None:
            return None
        if len(self._names) >= REMEMBERED_MAX:
            self._names.clear()
        name = self._names[raw] = raw.decode("ascii")
        return name

    def _trusts(self, peer: str) -> bool:
        """Whether ``peer`` is a front that is believed; remembered, because the same few fronts come all day."""
        known = self._fronts.get(peer)
        if known is None:
            address = read_address(peer)
            known = address is not None and any(address in network for network in self._trusted)
            if len(self._fronts) >= REMEMBERED_MAX:
                self._fronts.clear()
            self._fronts[peer] = known
        return known

    def _client(self, forwarded_for: str | None, peer: str) -> str:
        """The client that the outermost trusted front saw: from the right, the first entry that is not a front itself.

        What stands to the left of it is a claim of that client. An entry that is no address ends the walk.
        """
        for entry in reversed(forwarded_for.split(",")) if forwarded_for else ():
            address = _without_port(entry.strip())
            if address is None:
                return peer
            peer = address
            if not self._trusts(peer):
                return peer
        return peer

    def _request_id(self, fields: Mapping[str, str]) -> str:
        theirs = fields.get("x-request-id")
        if theirs is not None and _REQUEST_ID.fullmatch(theirs):
            return theirs
        return self.new_request_id()

    def new_request_id(self) -> str:
        """An id of ours: this process's name and a number."""
        self._count += 1
        return f"{self._node}-{self._count:x}"

    def _bad(self, fields: Mapping[str, str], code: RefusalCode, detail: str) -> BadRequest:
        return BadRequest(code, detail, self._request_id(fields))


def _target(scope: MutableMapping[str, Any]) -> str:
    """The request-target as received: our protocol class keeps it; a stock server leaves only its parts."""
    raw: bytes | None = scope.get("edge.target")
    if raw is None:
        query: bytes = scope.get("query_string", b"")
        raw = scope["raw_path"] + (b"?" + query if query else b"")
    return raw.decode("latin-1")


def _without_port(entry: str) -> str | None:
    """The address of one entry of ``X-Forwarded-For``; some fronts write a port after it. None for anything else."""
    found = _FORWARDED_ENTRY.fullmatch(entry)
    address = (found[1] or found[2]) if found else entry
    return address if read_address(address) is not None else None
