"""Which addresses a key directory may live at, and connections that can reach no other.

A registered crawler names the URL of its directory, and its DNS names the address: both are a stranger's words that
make this machine open a connection. Rules of this file (docs/protocol.md, "Signatures"):

- the ranges are listed here, because ``ipaddress.is_global`` calls NAT64, 6to4, v4-compatible addresses, multicast and
  192.0.0.0/24 global, and because 168.63.129.16 is a public address that answers inside every Azure machine;
- every address of an answer must be allowed, not only the one that would be used: a name with one private address is a
  name that is up to something;
- the name is resolved once, here, and the connection goes to that very address, so a second, different answer
  (rebinding) is never asked for. ``guarded_socket`` checks again where the socket is made: nothing that reaches a
  connect call has gone round the resolver.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from edge.core.errors import EdgeError

Vet: TypeAlias = Callable[[str], str | None]
"""Says why an address may not be contacted, or None when it may."""

Endpoint: TypeAlias = tuple[str, int]
Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[Endpoint]]]
"""Address and port for each answer to a host name and port; raises ``OSError`` when there are none to be had."""

MAX_ADDRESSES = 32
LOOKUP_THREADS = 8


def _ranges(*rows: tuple[str, str]) -> tuple[tuple[IPv4Network | IPv6Network, str], ...]:
    return tuple((ip_network(text), name) for text, name in rows)


# IANA's special-purpose registries, plus what clouds answer on inside a machine; the first match names the reason.
FORBIDDEN_RANGES = _ranges(
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.169.254/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112 sink"),
    ("192.52.193.0/24", "automatic multicast tunnelling"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112 sink"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "discard"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112 sink"),
    ("3ffe::/16", "retired 6bone"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fd00:ec2::/32", "cloud metadata"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)

# IPv6 unicast is handed out from here only; whatever lies outside has no public meaning, listed above or not.
_GLOBAL_UNICAST = IPv6Network("2000::/3")


class AddressForbidden(EdgeError, OSError):
    """A name resolved to an address that a key directory may not live at."""


def why_forbidden(address: str) -> str | None:
    """Say why ``address`` is not a public one, or None when it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return "scoped to one link"
    for network, name in FORBIDDEN_RANGES:
        if parsed in network:
            return name
    if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_UNICAST:
        return "outside global unicast"
    return None


def why_not_loopback(address: str) -> str | None:
    """The opposite guard, for development: say why ``address`` is not this machine's own loopback."""
    return None if address in ("127.0.0.1", "::1") else "not loopback"


def vet_all(host: str, addresses: Sequence[str], vet: Vet) -> None:
    """Check every address of an answer; raises ``AddressForbidden`` for the first that may not be contacted."""
    if not 0 < len(addresses) <= MAX_ADDRESSES:
        raise AddressForbidden(f"{host} resolves to {len(addresses)} addresses")
    for address in addresses:
        reason = vet(address)
        if reason is not None:
            raise AddressForbidden(f"{host} resolves to {address}, which is not allowed ({reason})")


class SystemLookup:
    """The system's resolver on threads of its own: a stalled name server holds up nobody else's threads."""

    def __init__(self, threads: int = LOOKUP_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="guarded-lookup")

    async def __call__(self, host: str, port: int) -> Sequence[Endpoint]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _endpoints, host, port)

    def close(self) -> None:
        """Give the threads up without waiting for a lookup that hangs."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _endpoints(host: str, port: int) -> list[Endpoint]:
    # The final dot keeps the resolver from trying the name under the local search domains.
    name = host if host == "localhost" else f"{host.rstrip('.')}."
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


class GuardedResolver(AbstractResolver):
    """aiohttp's resolver: answers with vetted addresses only, or raises ``AddressForbidden``."""

    def __init__(self, lookup: Lookup, vet: Vet = why_forbidden) -> None:
        self._lookup = lookup
        self._vet = vet

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve ``host`` once. ``family`` is not narrowed: an answer is judged as a whole."""
        endpoints = await self._lookup(host, port)
        vet_all(host, [address for address, _ in endpoints], self._vet)
        return [_pinned(host, address, port) for address, port in endpoints]

    async def close(self) -> None:
        """The lookup belongs to whoever made it."""


def _pinned(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def guarded_socket(vet: Vet = why_forbidden) -> Callable[[AddrInfoType], socket.socket]:
    """A socket factory that refuses to make a socket towards an address that ``vet`` forbids."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = info
        vet_all("the connection", [str(address[0])], vet)
        return socket.socket(family, kind, proto)

    return make
