"""How many connections a port takes: so many from one address, so many in all.

Rules of this file

- What is over an address's share is told so when it asks; what is over twice the share, or over the whole, is closed
  without a word. Turning away must stay cheaper than coming back.
- An address is an IPv4 address or an IPv6 /64, which is what one subscriber gets (RFC 6177 section 2). A trusted front
  stands for many clients and has no share of its own; it counts in the whole.
- It is counted when a connection is made and when it is lost. Requests pay nothing for it.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.core.addresses import read_address
from edge.setting_values import Network

LINGER_SECONDS = 2.0
"""How long a connection that is turned away may take to ask, and to read why."""
PREFIX_BYTES = 8
_MAPPED = bytes(10) + b"\xff\xff"
"""How IPv4 clients of a port for both begin (RFC 4291 section 2.5.5.2)."""
_UNLIMITED = ""


class Limit(StrEnum):
    """The limit that ended a connection; the word for it in metrics and logs."""

    ADDRESS = "address_limit"
    TOTAL = "total_limit"
    SLOW_HEAD = "slow_head"
    SLOW_CONTENT = "slow_content"
    SLOW_READING = "slow_reading"
    LONG_ANSWER = "long_answer"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Connections of one port of one process; ``trusted`` are the networks of fronts."""

    per_address: int
    total: int
    trusted: tuple[Network, ...] = ()


class ConnectionRoom:
    """The connections of one port. ``answer`` renders what the refused are told; ``met`` hears of each limit met."""

    def __init__(self, limits: ConnectionLimits, answer: Callable[[], bytes], met: Callable[[Limit], None]) -> None:
        self.met = met
        self._limits = limits
        self._answer = answer
        self._count = 0
        self._taken: Counter[str] = Counter()
        self._leaving: Counter[str] = Counter()
        self._turned_away: dict[_TurnedAway, float] = {}

    def enter(self, transport: asyncio.Transport, now: float) -> str | None:
        """Take a place, and return what to ``leave`` with; None when the connection was turned away."""
        limits = self._limits
        key = self._key(transport.get_extra_info("peername"))
        if self._count + len(self._turned_away) >= limits.total:
            self._turn_away(transport, key, Limit.TOTAL, now)
            return None
        if key != _UNLIMITED and self._taken[key] >= limits.per_address:
            self._turn_away(transport, key, Limit.ADDRESS, now)
            return None
        self._count += 1
        self._taken[key] += 1
        return key

    def leave(self, key: str) -> None:
        """Give a place back."""
        self._count -= 1
        _take_one(self._taken, key)

    def look(self, now: float) -> None:
        """Close what was turned away and does not go by itself; the watchman calls it."""
        for gone, since in tuple(self._turned_away.items()):
            if now - since > LINGER_SECONDS:
                gone.transport.abort()

    def forget(self, gone: _TurnedAway) -> None:
        """A connection that was turned away has ended."""
        if self._turned_away.pop(gone, None) is not None:
            _take_one(self._leaving, gone.key)

    def _turn_away(self, transport: asyncio.Transport, key: str, limit: Limit, now: float) -> None:
        self.met(limit)
        gone = _TurnedAway(transport, key, self)
        transport.set_protocol(gone)
        if limit is Limit.TOTAL or self._leaving[key] >= self._limits.per_address:
            transport.abort()
            return
        self._turned_away[gone] = now
        self._leaving[key] += 1

    def told(self) -> bytes:
        """What a connection over its address's share is told."""
        return self._answer()

    def _key(self, peer: tuple[str, int] | None) -> str:
        if not isinstance(peer, tuple):
            return _UNLIMITED  # a Unix socket: whoever can open it is on this machine
        return address_key(peer[0], self._limits.trusted)


class _TurnedAway(asyncio.Protocol):
    """A connection that gets one answer, when it asks, and is closed."""

    def __init__(self, transport: asyncio.Transport, key: str, room: ConnectionRoom) -> None:
        self.transport = transport
        self.key = key
        self._room = room
        self._is_told = False

    def data_received(self, data: bytes) -> None:
        # To have the answer arrive, the rest of the request is read and dropped (RFC 9112 section 9.6).
        if not self._is_told and not self.transport.is_closing():
            self._is_told = True
            self.transport.write(self._room.told())
            self.transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.forget(self)


def address_key(host: str, trusted: tuple[Network, ...]) -> str:
    """What counts as one address: the IPv4 address, the IPv6 /64; empty for what is trusted or is no address."""
    if trusted and _is_in(host, trusted):
        return _UNLIMITED
    if ":" not in host:
        return host  # nearly always
    try:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except OSError:
        return _UNLIMITED
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[len(_MAPPED) :])
    return socket.inet_ntop(socket.AF_INET6, packed[:PREFIX_BYTES].ljust(len(packed), b"\0"))


def _is_in(host: str, networks: tuple[Network, ...]) -> bool:
    address = read_address(host)
    return address is not None and any(address in network for network in networks)


def _take_one(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
