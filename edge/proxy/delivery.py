"""Was a sold answer delivered? The evidence is the peer's own TCP: every byte of it acknowledged.

An ASGI server does not say that the client has gone: ``send()`` never raises. What can be known is how many bytes
the peer's kernel acknowledged (``TCP_INFO``, also readable inside ``connection_lost``). Behind a TLS front this
speaks of the hop to that front, and the ledger entry says so.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from enum import Enum
from typing import Protocol

TCP_INFO_BYTES = 136
# struct tcp_info of Linux: tcpi_bytes_acked is the u64 at offset 120 (since Linux 4.1).
_BYTES_ACKED = struct.Struct("=120xQ")


class Verdict(Enum):
    """What became of a sold answer."""

    DELIVERED = "delivered"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Socket(Protocol):
    """The one call that evidence needs of a socket; sockets and event loops' stand-ins both have it."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes: ...


def bytes_acknowledged(sock: Socket | None) -> int | None:
    """Bytes that the peer's TCP has acknowledged on this connection, or None where the system cannot tell."""
    if sock is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        return int(_BYTES_ACKED.unpack_from(info)[0])
    except (OSError, ValueError, AttributeError, struct.error):  # ValueError: uvloop's socket is closed already
        return None


def own_view(sock: socket.socket | None) -> socket.socket | None:
    """A socket object of our own on the connection's descriptor; ``detach`` it when the connection is lost.

    uvloop's stand-in duplicates the descriptor for every question, which costs more than the question.
    """
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())


class DeliveryWatch:
    """Answers of one connection whose delivery is still open, each with the byte count that settles it.

    ``written`` counts what was handed to the transport since the connection was made. The SYN counts as one
    acknowledged byte on the side that connected, so the base is read once, before anything is written.
    """

    __slots__ = ("_base", "_final", "_open", "_sock", "written")

    def __init__(self, sock: Socket | None) -> None:
        self._sock = sock
        self._base = bytes_acknowledged(sock)
        self._open: list[tuple[int, Callable[[Verdict], None]]] = []
        self._final: Verdict | None = None
        self.written = 0

    @property
    def can_tell(self) -> bool:
        """Whether the system says what the peer has acknowledged: else no delivery is ever judged here."""
        return self._base is not None

    @property
    def waiting(self) -> bool:
        """Whether any delivery is still open."""
        return bool(self._open)

    def expect(self, tell: Callable[[Verdict], None]) -> None:
        """Call ``tell`` once it is known whether everything written so far arrived.

        That is asked in the watchman's rounds: what has just been written has hardly arrived, and asking is a system
        call, which every sold answer would pay for.
        """
        if self._final is not None:
            tell(self._final)
        else:
            self._open.append((self.written, tell))

    def look(self) -> int | None:
        """Settle what has been acknowledged by now, and return how much that is (None where it cannot be told)."""
        acknowledged = self.acknowledged()
        while acknowledged is not None and self._open and self._open[0][0] <= acknowledged:
            self._open.pop(0)[1](Verdict.DELIVERED)
        return acknowledged

    def close(self) -> None:
        """The connection is gone: what was not acknowledged by now never arrived, where that can still be told."""
        self._final = Verdict.UNKNOWN if self.look() is None else Verdict.BROKEN
        self._settle_rest(self._final)

    def _settle_rest(self, verdict: Verdict) -> None:
        while self._open:
            self._open.pop(0)[1](verdict)

    def acknowledged(self) -> int | None:
        """How many of the bytes written have been acknowledged; None where the system cannot tell."""
        if self._base is None:
            return None
        now = bytes_acknowledged(self._sock)
        return None if now is None else now - self._base
