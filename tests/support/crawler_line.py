"""A crawler on raw sockets that keeps a transcript: what it asked, what came, and whether it came whole.

An answer is complete when its own framing says so (RFC 9112 section 8): all announced bytes, or the last chunk.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field

import httptools

PATIENCE_SECONDS = 60.0
NARROW_BYTES = 4096


@dataclass
class Attempt:
    """One sending of a request. ``status`` is None when not even a head came back."""

    status: int | None = None
    fields: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    is_complete: bool = False

    @property
    def charged(self) -> str | None:
        """What the answer said was charged."""
        return self.fields.get("crawler-charged")

    @property
    def receipt(self) -> str | None:
        """The charge id that the answer named."""
        return self.fields.get("crawler-receipt")

    @property
    def error(self) -> str | None:
        """The code of a refusal."""
        return self.fields.get("crawler-error")


@dataclass
class Purchase:
    """One signed request and every attempt to have it answered; ``target`` is its own alone."""

    target: str
    request: bytes
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def completed(self) -> list[Attempt]:
        """The attempts whose answer came whole."""
        return [attempt for attempt in self.attempts if attempt.is_complete]


class Line(asyncio.Protocol):
    """One connection to an edge, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._attempt = Attempt()
        self._without_body = False
        self._leave_after: int | None = None
        self._ended: asyncio.Future[None] | None = None
        self.is_open = False

    @classmethod
    async def open(cls, port: int) -> Line:
        """Connect; raises ``OSError``."""
        _, line = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return line

    @classmethod
    async def open_narrow(cls, port: int) -> Line:
        """Connect with room for a few kilobytes, and take none of them before ``resume``."""
        narrow = socket.socket()
        narrow.setblocking(False)
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(narrow, ("127.0.0.1", port))
        transport, line = await loop.create_connection(cls, sock=narrow)
        transport.pause_reading()
        return line

    async def ask(self, request: bytes, attempt: Attempt, *, leave_after: int | None = None) -> Attempt:
        """Send a request and fill in ``attempt`` as its answer comes; returns when that is whole or the line broke.

        With ``leave_after`` the connection is broken off (RST) once so many bytes of the body have come.
        """
        if self._transport is None or not self.is_open:
            return attempt
        self._parser = httptools.HttpResponseParser(self)
        self._attempt, self._leave_after = attempt, leave_after
        self._without_body = request.startswith(b"HEAD ")
        self._ended = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._ended
        return attempt

    def close(self) -> None:
        """Hang up in an orderly way."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Break the connection off."""
        if self._transport is not None:
            self._transport.abort()

    def resume(self) -> None:
        """Take bytes from now on."""
        if self._transport is not None:
            self._transport.resume_reading()

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        assert self._parser is not None, f"unasked: {data[:80]!r}"
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._end()

    def _end(self) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    # The parser

    def on_header(self, name: bytes, value: bytes) -> None:
        text, key = value.decode("latin-1"), name.decode("latin-1").lower()
        known = self._attempt.fields.get(key)
        self._attempt.fields[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._attempt.status = self._parser.get_status_code()
        if self._without_body:
            self.on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._attempt.body_bytes += len(body)
        if self._leave_after is not None and self._attempt.body_bytes >= self._leave_after:
            assert self._transport is not None
            self._leave_after = None
            self._transport.abort()
            self._end()

    def on_message_complete(self) -> None:
        if self.is_open and self._ended is not None and not self._ended.done():
            self._attempt.is_complete = True
            if self._attempt.fields.get("connection") == "close" or self._without_body:
                self.is_open = False
            self._end()


async def buy(port: int, purchase: Purchase, *, leave_after: int | None = None) -> Attempt:
    """Send a purchase's request on a connection of its own; an attempt that cannot connect is one too."""
    attempt = Attempt()
    purchase.attempts.append(attempt)
    try:
        line = await Line.open(port)
    except OSError:
        return attempt
    try:
        return await line.ask(purchase.request, attempt, leave_after=leave_after)
    finally:
        line.close()
