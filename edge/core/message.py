"""What a signature, a rule and a price see of an HTTP message: frozen values, no library types.

``RequestView`` is the shape that the pure code asks for; the proxy passes its own request through it. ``Request`` and
``Response`` are plain implementations for the crawler client and for tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from edge.core.fields import collect

_DEFAULT_PORTS: Mapping[str, str] = {"http": ":80", "https": ":443"}


class RequestView(Protocol):
    """A request as received, every text exactly as it was sent unless said otherwise."""

    @property
    def method(self) -> str:
        """Case kept."""

    @property
    def scheme(self) -> str:
        """``https`` or ``http``, lower case."""

    @property
    def authority(self) -> str:
        """``Host`` in lower case, a default port dropped, any other kept."""

    @property
    def target(self) -> str:
        """The request-target as sent, in whichever of its four forms (RFC 9112 section 3.2)."""

    @property
    def path(self) -> str:
        """Percent-encoding untouched."""

    @property
    def query(self) -> str | None:
        """Without ``?``; ``None`` when there is none, which differs from an empty one."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Lower-case name to combined value (``edge.core.fields.collect``)."""

    @property
    def repeated(self) -> Mapping[str, tuple[str, ...]]:
        """The separate lines of those names that came in several lines, and only of those."""


def normalise_authority(host: str, scheme: str) -> str:
    """Lower case and without the scheme's default port (RFC 9110 section 4.2.3)."""
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ":"))


def split_target(target: str) -> tuple[str, str | None]:
    """Raw path and raw query of a request-target in origin or absolute form.

    The path of an absolute form without one is ``/``; other forms (``*``, ``host:port``) come back whole as the path.
    """
    if "://" in target and not target.startswith("/"):
        rest = target.split("://", 1)[1]
        cut = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
        target = rest[cut:]
    path, mark, query = target.partition("?")
    return path or "/", query if mark else None


@dataclass(frozen=True, slots=True)
class Request:
    """A request held in memory; implements ``RequestView``."""

    method: str
    scheme: str
    authority: str
    target: str
    path: str
    query: str | None
    fields: Mapping[str, str]
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_parts(
        cls, method: str, url: str, headers: Iterable[tuple[str, str]] = (), *, target: str | None = None
    ) -> Request:
        """Build a request to an absolute URL; a fragment is dropped.

        A ``Host`` among the headers wins over the URL's. ``target`` replaces the origin form on the request line.
        """
        fields, repeated = collect(headers)
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        path, query = split_target(url.split("#", 1)[0])
        return cls(
            method=method,
            scheme=scheme,
            authority=normalise_authority(fields.get("host", parts.netloc.rpartition("@")[2]), scheme),
            target=target if target is not None else path if query is None else f"{path}?{query}",
            path=path,
            query=query,
            fields=fields,
            repeated=repeated,
        )

    @classmethod
    def from_wire(
        cls, method: str, target: str, headers: Iterable[tuple[str, str]], *, scheme: str = "https"
    ) -> Request:
        """Build a request from its request line and field lines, ``Host`` among them."""
        fields, repeated = collect(headers)
        path, query = split_target(target)
        authority = normalise_authority(fields.get("host", ""), scheme)
        return cls(method, scheme, authority, target, path, query, fields, repeated)


@dataclass(frozen=True, slots=True)
class Response:
    """A response held in memory, with the request it answers where the signature may speak of it."""

    status: int
    fields: Mapping[str, str]
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    request: RequestView | None = None

    @classmethod
    def from_parts(
        cls, status: int, headers: Iterable[tuple[str, str]] = (), request: RequestView | None = None
    ) -> Response:
        """Build a response from its status and field lines."""
        fields, repeated = collect(headers)
        return cls(status, fields, repeated, request)
