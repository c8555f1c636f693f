"""One HTTP/1.1 connection to an origin, one exchange at a time, on the parser that uvicorn itself uses (llhttp).

Rules of this file

- The parser refuses broken syntax and framing (both lengths at once, two lengths, bad chunks); what it lets through is
  checked here: only ``chunked`` as a transfer coding, no switching of protocols, a bounded head.
- A body is complete when its announced length or its last chunk has arrived, or, where neither was announced, when
  the origin closed in an orderly way. Everything else is a fault, and the connection is not used again.
- Bytes that arrive when nothing was asked, or behind the end of an answer, end the connection: they would be taken
  for the next answer. So does content of a request that was not sent to its end: the next request would complete it.
- Trailers are not header fields (RFC 9110 section 6.5.1).
- Reading pauses while more than ``BUFFER_BYTES`` wait for whoever reads the body.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto

import httptools

from edge.core.refusals import RefusalCode
from edge.proxy.forwarding import Header

BUFFER_BYTES = 256 * 1024
HEAD_FIELDS_MAX = 200


class OriginFault(Exception):
    """The origin could not be asked, or answered against HTTP's rules; ``code`` says which."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class ConnectionStale(Exception):
    """A kept connection was closed by the origin before it answered anything: ask again on a new one."""


class Framing(Enum):
    """How the end of the body shows."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class OriginConnection(asyncio.Protocol):
    """Made by the pool's connect; ``begin`` starts an exchange, ``head`` waits for the answer's head.

    After the head, ``take`` gives what has arrived of the body. ``is_reusable`` says whether another exchange may
    follow; ``deadline`` is when patience ends (the loop's clock; None while nothing is awaited).
    """

    def __init__(self, head_bytes_max: int) -> None:
        self._head_bytes_max = head_bytes_max
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._asked = False
        self._method = ""
        self._used = False
        self._head_bytes = 0
        self._field_bytes = 0
        self._heard = False
        self._owes_content = False
        self._fault: Exception | None = None
        self.status = 0
        self.headers: list[Header] = []
        self.length: int | None = None
        self.framing = Framing.NONE
        self.has_head = False
        self.is_complete = False
        self.is_reusable = False
        self.deadline: float | None = None
        self.idle_since = 0.0

    # The exchange, as the pool and the answer use it

    @property
    def is_open(self) -> bool:
        """Whether the connection can still carry bytes."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def takes_more(self) -> bool:
        """Whether the origin takes content as fast as it comes."""
        return self._writable is None

    def begin(self, method: str, head: bytes, deadline: float, *, has_content: bool = False) -> None:
        """Send the head of a request; nothing else may be under way. Content, if any, ends with ``end_content``."""
        if self._transport is None or self._asked:
            raise AssertionError("an exchange begins on an open, idle connection")
        self._asked = True
        self._method = method
        self._owes_content = has_content
        self._heard = self.has_head = self.is_complete = self.is_reusable = False
        self._head_bytes = self._field_bytes = 0
        self.framing = Framing.NONE
        self.headers = []
        self.length = None
        self.deadline = deadline
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._transport.write(head)

    async def send_body(self, data: bytes) -> None:
        """Send a piece of the request's content, waiting while the origin does not take it."""
        if self._transport is None or self._fault is not None:
            return  # the answer, or the fault, is already there to be read
        self._transport.write(data)
        if self._writable is not None:
            await self._writable

    def end_content(self) -> None:
        """The request's content was sent to its end."""
        self._owes_content = False

    async def head(self) -> None:
        """Wait until status and header fields are there; raises ``OriginFault`` and ``ConnectionStale``."""
        while self._fault is not None or not self.has_head:
            await self._wait()
        self.deadline = None

    async def take(self) -> bytes:
        """What has arrived of the body, waiting for some; empty at its end. Raises ``OriginFault``."""
        while self._fault is not None or not (self._chunks or self.is_complete):
            await self._wait()
        if not self._chunks:
            return b""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> bool:
        """End the exchange; whether the connection may carry another. What was not read of the body ends it."""
        self._asked = False
        self.deadline = None
        self._used = True
        self._chunks.clear()
        self._buffered = 0
        is_clean = self.is_complete and self.is_reusable and self._fault is None and not self._owes_content
        if is_clean and not self._paused and self.is_open:
            return True
        self.close()
        return False

    def close(self) -> None:
        """Close at once; what is not sent or read yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def give_up(self) -> None:
        """The deadline has passed."""
        self._fail(OriginFault(RefusalCode.ORIGIN_TIMEOUT, "the origin did not answer in time"))

    async def _wait(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, fault: Exception) -> None:
        if self._fault is None and not self.is_complete:
            self._fault = fault
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(fault)
                self._waiter = None
        self.close()

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport, as create_connection says

    def data_received(self, data: bytes) -> None:
        if not self._asked or self.is_complete or self._parser is None:
            self.is_reusable = False
            self.close()
            return
        self._heard = True
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._malformed("the origin switched protocols unasked")
        except httptools.HttpParserError:
            self._malformed("the origin's answer breaks HTTP's rules")
        else:
            if not self.has_head and self._head_bytes > self._head_bytes_max:
                self._malformed("the origin's header fields are too large")
            elif self._buffered > BUFFER_BYTES and not self._paused and not self.is_complete:
                self._pause()
            self._wake()

    def _pause(self) -> None:
        if self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._transport = None
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _ended(self, exc: Exception | None) -> None:
        """The origin sends no more: the end of a body without a length, else too early."""
        self.is_reusable = False
        if not self._asked or self.is_complete:
            return
        if self.has_head and self.framing is Framing.CLOSE and exc is None:
            self.is_complete = True
            self._wake()
        elif self.has_head:
            self._malformed("the origin's body ended early")
        elif self._used and not self._heard:
            self._fail(ConnectionStale())
        else:
            self._fail(OriginFault(RefusalCode.ORIGIN_UNREACHABLE, "the origin closed the connection"))

    def _malformed(self, detail: str) -> None:
        self._fail(OriginFault(RefusalCode.ORIGIN_MALFORMED, detail))

    # The parser

    def on_message_begin(self) -> None:
        if self.has_head:
            self.is_reusable = False  # a second answer to one request: whatever it is, it is not for anybody

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            return
        self.headers.append((name.lower(), value))
        self._field_bytes += len(name) + len(value)
        if self._field_bytes > self._head_bytes_max:
            self._malformed("the origin's header fields are too large")
        elif len(self.headers) > HEAD_FIELDS_MAX:
            self._malformed("the origin's header fields are too many")

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self.has_head or parser is None:
            return
        status = parser.get_status_code()
        if not 100 <= status <= 599:
            self._malformed(f"the origin's status {status} is none")
        elif status < 200:
            if status == 101:
                self._malformed("the origin switched protocols unasked")
            self.headers = []  # an interim answer; the final one follows
        else:
            self._begin_answer(parser, status)

    def _begin_answer(self, parser: httptools.HttpResponseParser, status: int) -> None:
        if parser.get_http_version() not in ("1.1", "1.0"):
            self._malformed("the origin speaks another HTTP")
            return
        self.status = status
        self._read_framing(status)
        if self._fault is not None:
            return
        self.is_reusable = parser.should_keep_alive()
        self.has_head = True
        if self.framing is Framing.NONE:
            self._complete()

    def _read_framing(self, status: int) -> None:
        """How the body ends (RFC 9112 section 6.3)."""
        coding = length = None
        for name, value in self.headers:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                coding = value.lower() if coding is None else b"repeated"
        if coding is not None and coding != b"chunked":
            self._malformed("the origin used a transfer coding other than chunked")
        if length is not None and length.isdigit():
            self.length = int(length)
        if self._method == "HEAD" or status in (204, 304):
            self.framing = Framing.NONE
        elif coding is not None:
            self.framing = Framing.CHUNKED
        elif self.length is not None:
            self.framing = Framing.LENGTH if self.length else Framing.NONE
        else:
            self.framing = Framing.CLOSE

    def on_body(self, body: bytes) -> None:
        if self._fault is not None:
            return
        if self.is_complete:
            self.is_reusable = False
        elif self.framing is Framing.NONE:
            self._malformed("the origin sent a body where there is none")
        else:
            self._chunks.append(body)
            self._buffered += len(body)

    def on_message_complete(self) -> None:
        if self.has_head and self._fault is None and not self.is_complete:
            self._complete()

    def _complete(self) -> None:
        self.is_complete = True
        if self._method == "HEAD":
            # The parser would take what comes next for the body that HEAD does not have: it starts anew.
            self._parser = None
        self._wake()
