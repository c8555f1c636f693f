"""A connection's transport that knows what was written, what of it has arrived, and when there is no more to wait for.

Closing a socket at once throws away the evidence on its last answer, and with unread input also the answer itself:
the kernel then resets the connection (RFC 9112 section 9.6). So a close first seals: nothing more goes out, the
stream ends behind what is written, and the socket goes when the peer has it all, or when nothing moves any more.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from edge.proxy.delivery import DeliveryWatch

LINGER_SECONDS = 2.0


class CountingTransport:
    """A transport that counts what is written, for the delivery evidence; everything else passes through.

    The calls that uvicorn makes for each request are bound once; the rest go through ``__getattr__``.
    """

    __slots__ = (
        "_arrived",
        "_transport",
        "_write",
        "close",
        "deliveries",
        "is_closing",
        "pause_reading",
        "quiet_since",
        "resume_reading",
    )

    def __init__(self, transport: asyncio.Transport, evidence: socket.socket | None, close: Callable[[], None]) -> None:
        self._arrived: int | None = None
        self._transport = transport
        self._write = transport.write
        self.close = close
        self.quiet_since: float | None = None
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.deliveries = DeliveryWatch(evidence)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self.deliveries.written += len(data)
        self._write(data)

    def seal(self, now: float, *, is_idle: bool) -> None:
        """Take nothing more, and end the stream behind what is written; an idle connection is closed at once."""
        self.is_closing = lambda: True
        self._write = lambda data: None
        self.quiet_since = now
        has_it_all = self.deliveries.acknowledged() == self.deliveries.written
        if (is_idle and has_it_all) or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()

    def unsent(self) -> int:
        """Bytes that wait in our own buffer."""
        return self._transport.get_write_buffer_size()

    def patience_is_over(self, now: float, stall_seconds: float) -> bool:
        """Whether a sealed connection has ended as far as we can tell: all arrived, or nothing moves any more."""
        if self.quiet_since is None:
            return False
        arrived = self.deliveries.acknowledged()
        if arrived != self._arrived:
            self._arrived, self.quiet_since = arrived, now
        has_it_all = arrived is None or arrived >= self.deliveries.written
        return now - self.quiet_since > (LINGER_SECONDS if has_it_all else stall_seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
