"""Read what a person typed for a site: its host and its origin. Pure.

Rules of this file:

- a host is stored as the gate will see it: lower case, no port, no trailing dot, internationalised names in their
  ``xn--`` form;
- an origin is ``scheme://host[:port]`` and nothing more, because the target that is priced is the one that is asked
  for there; it must not lead back to this edge.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from urllib.parse import SplitResult, urlsplit

from edge.store.problems import InvalidValue

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PUBLIC_PORTS = frozenset({80, 443})
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class EdgeAddresses:
    """Where this edge can be reached: an origin there would be a loop.

    ``bound`` are (host, port) pairs that the edge listens on, ``served`` the hosts of all its sites.
    """

    bound: frozenset[tuple[str, int]] = frozenset()
    served: Collection[str] = field(default=frozenset())

    @classmethod
    def of_bind(cls, host: str, port: int, served: Collection[str] = frozenset()) -> EdgeAddresses:
        """The addresses that a bind stands for: loopback has several names, a wildcard covers it."""
        loopback = {"127.0.0.1", "localhost", "::1"}
        names = loopback | {host} if host in loopback or host in ("0.0.0.0", "::") else {host}  # noqa: S104 -- compared, not bound
        return cls(frozenset((name, port) for name in names), served)


def read_host(text: str) -> str:
    """The host of a site as the gate compares it; raises ``InvalidValue``."""
    host = text.strip().removesuffix(".").lower()
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as why:
        raise InvalidValue(f"{text!r} is not a host name; write it like news.example", "host") from why
    if _is_ipv4(host):
        return host
    labels = host.split(".")
    # A last label of digits would be an address in another spelling to some readers.
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise InvalidValue(f"{text!r} is not a host name; write it like news.example, without scheme or port", "host")
    return host


def host_in(text: str) -> str:
    """The host of an address that somebody pasted, such as ``https://www.example.com/``; a host is itself.

    Raises ``InvalidValue`` where more is meant than a host: a path, another port, a user.
    """
    text = text.strip()
    if not set(text) & set(":/?#@\\"):
        return read_host(text)
    parts = _split(text if "://" in text or text.startswith("//") else f"//{text}")
    if parts is None or parts.scheme not in ("", *_DEFAULT_PORTS) or not parts.hostname or "\\" in text:
        raise InvalidValue(f"{text!r} is not the address of a site; write it like news.example", "host")
    host = read_host(parts.hostname)
    if "@" in parts.netloc:
        raise InvalidValue(f"a site has no user in its address; write {host} alone", "host")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        below = parts.path or "/"
        message = f"a site is a whole host, and its rules say what happens below {below}; write {host} alone"
        raise InvalidValue(message, "host")
    if parts.port not in (None, *([_DEFAULT_PORTS[parts.scheme]] if parts.scheme else _PUBLIC_PORTS)):
        message = f"a site is known by its host, whatever port visitors come to; write {host} without :{parts.port}"
        raise InvalidValue(message, "host")
    return host


def read_origin(text: str, edge: EdgeAddresses) -> str:
    """The origin's base URL in its one spelling; raises ``InvalidValue`` for anything but ``scheme://host[:port]``."""
    parts = _split(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InvalidValue(f"{text!r} is not an origin; write it like http://127.0.0.1:8000", "origin")
    if parts.username is not None or parts.password is not None:
        raise InvalidValue("an origin takes no user name or password in its address; leave them out", "origin")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidValue(f"an origin has no path or query; write {parts.scheme}://{parts.netloc} alone", "origin")
    host = parts.hostname if _is_address(parts.hostname) else read_host(parts.hostname)
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    if leads_back(host, port, edge):
        raise InvalidValue(f"{text} is this edge itself; give the address of the server behind it", "origin")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" if port == _DEFAULT_PORTS[parts.scheme] else f"{parts.scheme}://{shown}:{port}"


def read_currency(text: str) -> str:
    """A currency code; raises ``InvalidValue``."""
    if not _CURRENCY.fullmatch(text):
        raise InvalidValue(f"{text!r} is not a currency; write three capitals like USD", "currency")
    return text


def leads_back(host: str, port: int, edge: EdgeAddresses) -> bool:
    """Whether a request to that address would come back to this edge, as far as names tell."""
    if (host, port) in edge.bound:
        return True
    # The public name of a site points here; only another port of it can be the server behind.
    return host in edge.served and (port in _PUBLIC_PORTS or port in {bound_port for _, bound_port in edge.bound})


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text.strip())
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
