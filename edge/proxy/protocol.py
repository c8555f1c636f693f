"""uvicorn's HTTP protocol with the four things the edge needs and uvicorn lacks.

- the transport within the application's reach: delivery evidence, and cutting a connection so that it shows;
- a deadline for the whole header section (uvicorn's keep-alive timer is reset by every byte), and limits on it;
- the request-target as it came, absolute form included;
- a fast lane: an answer that needs no waiting is written at once, without a task of its own.

A ``Watchman`` looks at every connection four times a second; timers per request would cost more than they save.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from edge.core.refusals import RefusalCode
from edge.core.target import TARGET_BYTES_MAX
from edge.proxy.delivery import DeliveryWatch, own_view
from edge.proxy.forwarding import Header
from edge.proxy.messages import Answer, status_line
from edge.proxy.read_request import HEADER_BYTES_MAX, HEADER_FIELDS_MAX

WATCH_SECONDS = 0.25

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
        watchman: Watchman,
        answer_at_once: AnswerAtOnce,
        answer_bad: AnswerBad,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._watchman = watchman
        self._answer_at_once = answer_at_once
        self._answer_bad = answer_bad
        self._head_bytes = 0
        self.waiting_for_head_since: float | None = None
        self.paused_since: float | None = None
        self._evidence: socket.socket | None = None
        self.deliveries: DeliveryWatch

    # The connection's life

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._evidence = own_view(transport.get_extra_info("socket"))
        counted = CountingTransport(transport, self._evidence)
        super().connection_made(counted)  # type: ignore[arg-type]
        self.deliveries = counted.deliveries
        self.waiting_for_head_since = self.loop.time()
        self._watchman.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watchman.connections.discard(self)
        self.deliveries.close()
        if self._evidence is not None:
            self._evidence.detach()  # the descriptor is the transport's to close
        super().connection_lost(exc)

    def abort(self) -> None:
        """Cut the connection so that the client sees the answer was not complete (a reset, not a tidy end)."""
        self.transport.abort()

    # Reading

    def data_received(self, data: bytes) -> None:
        was_within_head = self.waiting_for_head_since is not None
        super().data_received(data)
        if was_within_head and self.waiting_for_head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEADER_BYTES_MAX + TARGET_BYTES_MAX:
                self.refuse_head(RefusalCode.HEADERS_TOO_LARGE, "the header section is larger than 16 KiB")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.waiting_for_head_since = self.loop.time()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > TARGET_BYTES_MAX:
            self.refuse_head(RefusalCode.TARGET_TOO_LONG, "the address is longer than 8 KiB")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADER_FIELDS_MAX:
            self.refuse_head(RefusalCode.HEADERS_TOO_LARGE, "there are more than 100 header fields")

    def on_headers_complete(self) -> None:
        self.waiting_for_head_since = None
        if self.transport.is_closing():
            return
        self.scope["edge.target"] = self.url  # type: ignore[typeddict-unknown-key]
        self.scope["edge.connection"] = self  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def refuse_head(self, code: RefusalCode, detail: str) -> None:
        """Answer a header section that broke a limit or the deadline, and close."""
        if self.transport.is_closing():
            return
        self.waiting_for_head_since = None
        answer = self._answer_bad(code, detail)
        self.transport.write(answer.to_bytes(self._common_head(), with_body=True))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What the parser below refuses is answered like every other refusal."""
        self.refuse_head(RefusalCode.MALFORMED_REQUEST, "the request breaks HTTP's framing or syntax")

    def _should_upgrade(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Upgrades are never taken: the request is answered as the plain HTTP request that it also is."""

    # Answering

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        answer = self._answer_at_once(cycle.scope)  # type: ignore[arg-type]
        if answer is None:
            # Kept beside the scope: self.cycle may belong to a later, pipelined request by then.
            cycle.scope["edge.cycle"] = cycle  # type: ignore[typeddict-unknown-key]
            super()._start_asgi_task(cycle, app)
            return
        if "edge.close" in cycle.scope:
            cycle.keep_alive = False
        self._write_whole(cycle, answer.to_bytes(self._common_head(cycle), cycle.scope["method"] != "HEAD"))

    def send_whole(self, cycle: RequestResponseCycle, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole answer at once, its length among ``headers``; nothing of it may have been sent before."""
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

    def resume_writing(self) -> None:
        self.paused_since = None
        super().resume_writing()


class CountingTransport:
    """A transport that counts what is written, for the delivery evidence; everything else passes through.

    The calls that uvicorn makes for each request are bound once; the rest go through ``__getattr__``.
    """

    __slots__ = ("_transport", "_write", "close", "deliveries", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: asyncio.Transport, evidence: socket.socket | None) -> None:
        self._transport = transport
        self._write = transport.write
        self.close = transport.close
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.deliveries = DeliveryWatch(evidence)

    def write(self, data: bytes) -> None:
        """Write, and count."""
        self.deliveries.written += len(data)
        self._write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Watchman:
    """Looks after every connection of one process: header deadline, stalled readers, open deliveries."""

    def __init__(self, header_deadline_seconds: float, stall_seconds: float) -> None:
        self.connections: set[EdgeProtocol] = set()
        self._header_deadline_seconds = header_deadline_seconds
        self._stall_seconds = stall_seconds

    async def run(self) -> None:
        """Walk the rounds until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self.look(loop.time())

    def look(self, now: float) -> None:
        """One round at ``now`` (the event loop's clock)."""
        for connection in tuple(self.connections):
            if connection.deliveries.waiting:
                connection.deliveries.look()
            since = connection.waiting_for_head_since
            if since is not None and now - since > self._header_deadline_seconds:
                connection.refuse_head(RefusalCode.REQUEST_TIMEOUT, "the header section took too long")
            paused = connection.paused_since
            if paused is not None and now - paused > self._stall_seconds:
                connection.abort()


def protocol_factory(watchman: Watchman, answer_at_once: AnswerAtOnce, answer_bad: AnswerBad) -> type[EdgeProtocol]:
    """The protocol class to hand to uvicorn, bound to one edge's gate."""

    class BoundProtocol(EdgeProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, watchman=watchman, answer_at_once=answer_at_once, answer_bad=answer_bad)

    return BoundProtocol
