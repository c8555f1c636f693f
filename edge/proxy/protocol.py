"""uvicorn's HTTP protocol with the five things the edge needs and uvicorn lacks.

- the transport within the application's reach: delivery evidence, and cutting a connection so that it shows;
- a deadline for the whole header section (uvicorn's keep-alive timer is reset by every byte), and limits on it;
- the request-target as it came, absolute form included;
- a fast lane: an answer that needs no waiting is written at once, without a task of its own;
- limits on how many connections there are and how slowly they may be used (``connection_limits``, ``transfer_rates``).

Rules of this file: answers leave in the order of their requests, the refusal of a broken one included; the
connection closes only when its last answer has arrived, or nothing has moved for long, because closing earlier
would take the evidence away and could take the answer with it; what a client does not read is not produced.

A ``Watchman`` calls ``look`` on every connection four times a second: there are no timers per request.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from edge.core.refusals import RefusalCode
from edge.core.target import TARGET_BYTES_MAX, split_absolute
from edge.proxy.connection_limits import Limit
from edge.proxy.counting_transport import CountingTransport
from edge.proxy.delivery import DeliveryWatch, own_view
from edge.proxy.forwarding import Header
from edge.proxy.messages import Answer, status_line
from edge.proxy.read_request import HEADER_BYTES_MAX, HEADER_FIELDS_MAX
from edge.proxy.transfer_rates import ClientPace, TransferLimits
from edge.proxy.watchman import Watchman

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

AnswerAtOnce = Callable[[MutableMapping[str, Any]], Answer | None]
AnswerBad = Callable[[RefusalCode, str], Answer]


class EdgeProtocol(HttpToolsProtocol):
    """One client connection. Made by ``protocol_factory``; the scope's ``edge.connection`` leads back here."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        watchman: Watchman[EdgeProtocol],
        answer_at_once: AnswerAtOnce,
        answer_bad: AnswerBad,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watchman = watchman
        self._answer_at_once = answer_at_once
        self._answer_bad = answer_bad
        self._heads = 0
        self._head_bytes = 0
        self._overhead_bytes = 0
        self._refusal: Answer | None = None
        self._answering: RequestResponseCycle | None = None
        self._counted: CountingTransport
        self.waiting_for_head_since: float | None = None
        self.paused_since: float | None = None
        self._evidence: socket.socket | None = None
        self.deliveries: DeliveryWatch
        self._place: str
        self._pace = ClientPace()
        self.content_received = 0
        self.overdue: RequestResponseCycle | None = None

    # The connection's life

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        place = self._watchman.room.enter(transport, self.loop.time())
        if place is None:
            return  # turned away: the transport has another protocol now
        self._place = place
        self._evidence = own_view(transport.get_extra_info("socket"))
        self._counted = counted = CountingTransport(transport, self._evidence, self._close_gently)
        super().connection_made(counted)  # type: ignore[arg-type]
        self.deliveries = counted.deliveries
        self.waiting_for_head_since = self.loop.time()
        self._watchman.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchman.connections.discard(self)
        self._watchman.room.leave(self._place)
        self.deliveries.close()
        if self._evidence is not None:
            self._evidence.detach()  # the descriptor is the transport's to close
        super().connection_lost(exc)

    def abort(self) -> None:
        """Cut the connection so that the client sees the answer was not complete (a reset, not a tidy end)."""
        if self._evidence is not None:
            with suppress(OSError):  # gone already
                self._evidence.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def _close_gently(self) -> None:
        """Send nothing more, and close when the client has it all (RFC 9112 section 9.6); the watchman sees to it."""
        if self.transport.is_closing():
            return
        is_idle = self.timeout_keep_alive_task is not None
        self._unset_keepalive_if_required()
        self.flow.resume_reading()  # to see the client's end, and lest unread bytes reset what is on its way
        self._counted.seal(self.loop.time(), is_idle=is_idle)

    # Keeping up; see ``transfer_rates``

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        """One round of the watchman's: settle what arrived, end what takes too long, and say what that was."""
        since = self.waiting_for_head_since
        if since is not None and now - since > limits.header_seconds and not self.transport.is_closing():
            self.refuse_head(RefusalCode.REQUEST_TIMEOUT, "the header section took too long")
            return Limit.SLOW_HEAD
        limit = self._pace.look(now, self, limits)
        if limit is Limit.SLOW_CONTENT:
            self._give_up_slow_content()
        elif limit is not None or self._counted.patience_is_over(now, limits.stall_seconds):
            self.abort()
        return limit

    @property
    def answering(self) -> RequestResponseCycle | None:
        """The request whose answer is under way, or was the last."""
        return self._answering

    @property
    def content_owed(self) -> RequestResponseCycle | None:
        """The request whose content the edge is ready to read and has not got whole."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or not cycle.more_body or cycle is self.overdue:
            return None
        is_wanted = not (cycle.response_started or cycle.waiting_for_100_continue or self.flow.read_paused)
        return cycle if is_wanted else None

    @property
    def is_paused(self) -> bool:
        """Whether more was to be sent than the client takes."""
        return self.paused_since is not None

    def unsent(self) -> int:
        """Bytes that wait in our own buffer."""
        return self._counted.unsent()

    def _give_up_slow_content(self) -> None:
        """Whoever waits for this content wakes up, finds it ``overdue``, and refuses the request."""
        self.overdue = self.cycle
        self.cycle.message_event.set()

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        heads = self._heads
        self._unset_keepalive_if_required()
        self._feed(data)
        if self.waiting_for_head_since is not None:
            if heads == self._heads:  # no byte of this was of another request
                self._count_head(len(data))
        elif self.timeout_keep_alive_task is None and self._refusal is None:
            self._count_overhead(len(data))

    def _feed(self, data: bytes | memoryview) -> None:
        while data and not self.transport.is_closing():
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # Upgrades are never taken (RFC 9110 section 7.8), so what follows is the next request.
                data = memoryview(data)[upgrade.args[0] :]
            except httptools.HttpParserError:
                self.refuse_head(RefusalCode.MALFORMED_REQUEST, "the request breaks HTTP's framing or syntax")
                return

    def _count_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > HEADER_BYTES_MAX + TARGET_BYTES_MAX:
            self.refuse_head(RefusalCode.HEADERS_TOO_LARGE, "the header section is larger than 16 KiB")

    def _count_overhead(self, count: int) -> None:
        """What arrives between requests puts an end to the pause; within content, only so much may be no content."""
        cycle = self.cycle
        if not cycle.more_body:
            if cycle.response_complete:
                self.waiting_for_head_since = self.loop.time()
        else:
            self._overhead_bytes += count
            if self._overhead_bytes > HEADER_BYTES_MAX + TARGET_BYTES_MAX:
                self.refuse_head(RefusalCode.MALFORMED_REQUEST, "the chunks have more overhead than content")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.waiting_for_head_since = self.loop.time()
        self._heads += 1
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES_MAX:
            self.refuse_head(RefusalCode.TARGET_TOO_LONG, "the address is longer than 8 KiB")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.waiting_for_head_since is None:
            return  # a trailer: never taken for a header field (RFC 9110 section 6.5.1)
        super().on_header(name, value)
        if len(self.headers) > HEADER_FIELDS_MAX:
            self.refuse_head(RefusalCode.HEADERS_TOO_LARGE, "there are more than 100 header fields")

    def on_headers_complete(self) -> None:
        self.waiting_for_head_since = None
        if self._refusal is not None or self.transport.is_closing():
            return
        self.scope["edge.target"] = self.url  # type: ignore[typeddict-unknown-key]
        self.scope["edge.connection"] = self  # type: ignore[typeddict-unknown-key]
        if not self.url.startswith(b"/"):
            # Only for the path that the scope names; what is decided and forwarded is ``edge.target``.
            absolute = split_absolute(self.url.decode("latin-1"))
            self.url = absolute[2].encode("latin-1") if absolute else b"/"
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # RFC 9110 section 10.1.1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = 0
        self.content_received += len(body)
        super().on_body(body)

    def _should_upgrade(self) -> bool:
        return False

    # Refusing what never became a request

    def refuse_head(self, code: RefusalCode, detail: str) -> None:
        """Answer what broke a limit, the deadline or the syntax, in its turn, and close."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self.waiting_for_head_since = None
        self._refusal = self._answer_bad(code, detail)
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            self._say_refusal()
        elif cycle.more_body:
            self._give_up_content(cycle)

    def _give_up_content(self, cycle: RequestResponseCycle) -> None:
        """The fault is within the content of a request that is being answered, or waits to be."""
        cycle.disconnected = True
        cycle.message_event.set()
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
        elif cycle.response_started:
            self.abort()
        else:
            self._say_refusal()

    def _say_refusal(self) -> None:
        if self._refusal is None:
            raise AssertionError("there is a refusal to say")
        self.transport.write(self._refusal.to_bytes(self._common_head(), with_body=True))
        self.transport.close()

    # Answering

    def on_response_complete(self) -> None:
        if self.transport.is_closing():
            super().on_response_complete()
        elif self.pipeline:
            # Later, not from here: this may still be inside the answer before, whose delivery ends with its own last
            # byte; and thousands of queued requests would each deepen the stack.
            self.server_state.total_requests += 1
            self.loop.call_soon(self._answer_next)
        elif self._refusal is not None:
            self._say_refusal()
        elif self.cycle.response_complete and self.cycle.more_body:
            self.transport.close()  # answered before the content was here: what still comes is not read
        else:
            super().on_response_complete()
            if self.paused_since is not None:
                self.flow.pause_reading()

    def _answer_next(self) -> None:
        """Answer the next pipelined request, unless the client has not read the answers before it."""
        may_start = self.paused_since is None and (self._answering is None or self._answering.response_complete)
        if self.pipeline and may_start and not self.transport.is_closing():
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        answer = self._answer_at_once(cycle.scope)  # type: ignore[arg-type]
        if answer is None:
            # Kept beside the scope: self.cycle may belong to a later, pipelined request by then.
            cycle.scope["edge.cycle"] = cycle  # type: ignore[typeddict-unknown-key]
            if cycle.scope["http_version"] == "1.0":
                app = without_chunks(app, cycle)
            super()._start_asgi_task(cycle, app)
            return
        cycle.more_body = False  # content, where there is any, is not read: "edge.close" sees to that
        if "edge.close" in cycle.scope:
            cycle.keep_alive = False
        self._write_whole(cycle, answer.to_bytes(self._common_head(cycle), cycle.scope["method"] != "HEAD"))

    def send_whole(self, cycle: RequestResponseCycle, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole answer at once, its length among ``headers``; nothing of it may have been sent before."""
        if cycle.more_body:
            cycle.keep_alive = False  # see ``on_response_complete``
        head = b"".join([b"%b: %b\r\n" % pair for pair in headers])
        self._write_whole(cycle, b"".join((status_line(status), head, self._common_head(cycle), b"\r\n", body)))

    def _write_whole(self, cycle: RequestResponseCycle, data: bytes) -> None:
        """What uvicorn's ``send`` does for both messages of an answer, for bytes that are checked already."""
        if cycle.response_started:
            raise AssertionError("an answer is sent once")
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if not cycle.disconnected:
            self.transport.write(data)
            if not cycle.keep_alive:
                self.transport.close()
        cycle.message_event.set()
        self.on_response_complete()

    def _common_head(self, cycle: RequestResponseCycle | None = None) -> bytes:
        """The lines that every answer carries: the date, and the end of the connection where it ends."""
        lines = [b"%b: %b\r\n" % pair for pair in self.server_state.default_headers]
        if cycle is None or not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        return b"".join(lines)

    def pause_writing(self) -> None:
        self.paused_since = self.loop.time()
        super().pause_writing()
        if not self.transport.is_closing():
            self.flow.pause_reading()  # who does not read gets no more to read

    def resume_writing(self) -> None:
        self.paused_since = None
        super().resume_writing()
        if not self.pipeline:
            self.flow.resume_reading()
        else:
            self.loop.call_soon(self._answer_next)


def without_chunks(app: Any, cycle: RequestResponseCycle) -> Any:
    """Answer an HTTP/1.0 client, who knows no chunks: a body of unknown length ends with the connection.

    One that cannot be completed ends with a reset, as ``EdgeProtocol.abort`` makes it (RFC 9112 section 6.3).
    """

    async def run(scope: Any, receive: Any, send: Any) -> None:
        counted = True

        async def unchunked(message: MutableMapping[str, Any]) -> None:
            nonlocal counted
            if message["type"] == "http.response.start":
                counted = any(name == b"content-length" for name, _ in message["headers"])
                cycle.chunked_encoding = None if counted else False
            elif not counted:
                cycle.expected_content_length = len(message["body"])
            await send(message)

        await app(scope, receive, unchunked)

    return run


def protocol_factory(
    watchman: Watchman[EdgeProtocol], answer_at_once: AnswerAtOnce, answer_bad: AnswerBad
) -> type[EdgeProtocol]:
    """The protocol class to hand to uvicorn, bound to one edge's gate."""

    class BoundProtocol(EdgeProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, watchman=watchman, answer_at_once=answer_at_once, answer_bad=answer_bad)

    return BoundProtocol
