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
from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from edge.core.refusals import RefusalCode
from edge.core.target import TARGET_BYTES_MAX, split_absolute
from edge.proxy.common_head import CommonHead
from edge.proxy.connection_limits import Limit
from edge.proxy.forwarding import Header
from edge.proxy.messages import Answer, status_line
from edge.proxy.read_request import HEADER_BYTES_MAX, HEADER_FIELDS_MAX
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.unchunked import without_chunks
from edge.proxy.watched_protocol import WatchedProtocol
from edge.proxy.watchman import Watchman

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

AnswerAtOnce = Callable[[MutableMapping[str, Any]], Answer | None]
AnswerBad = Callable[[RefusalCode, str], Answer]


class EdgeProtocol(WatchedProtocol):
    """One client connection. Made by ``protocol_factory``; the scope's ``edge.connection`` leads back here.

    ``cycle`` is the last request that was read; None where there is none, or it was answered at once.
    """

    cycle: RequestResponseCycle | None  # type: ignore[assignment]

    def __init__(
        self, *args: Any, answer_at_once: AnswerAtOnce, answer_bad: AnswerBad, common_head: CommonHead, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._answer_at_once = answer_at_once
        self._answer_bad = answer_bad
        self._common_head = common_head
        self._heads = 0
        self._head_bytes = 0
        self._overhead_bytes = 0
        self._refusal: Answer | None = None
        self._answering: RequestResponseCycle | None = None
        self._idle_since: float | None = None
        self.waiting_for_head_since: float | None = None
        self.paused_since: float | None = None
        self.overdue: RequestResponseCycle | None = None

    # The connection's life

    def _begin(self) -> None:
        self.waiting_for_head_since = self.loop.time()

    def _closing(self, transport: asyncio.Transport) -> Callable[[], None]:
        return self._close_gently

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
        self.flow.resume_reading()  # to see the client's end, and lest unread bytes reset what is on its way
        self._counted.seal(self.loop.time(), is_idle=self._is_idle)

    # Keeping up; see ``transfer_rates``

    def look(self, now: float, limits: TransferLimits) -> Limit | None:
        """One round of the watchman's: settle what arrived, end what takes too long, and say what that was."""
        since = self.waiting_for_head_since
        if since is not None and now - since > limits.header_seconds and not self.transport.is_closing():
            self.refuse_head(RefusalCode.REQUEST_TIMEOUT, "the header section took too long")
            return Limit.SLOW_HEAD
        if self._idle_since is not None and now - self._idle_since > self.timeout_keep_alive:
            self.transport.close()
        limit = self._pace.look(now, self, limits)
        if limit is Limit.SLOW_CONTENT:
            self._give_up_slow_content()
        elif limit is not None or self._has_ended(now, limits.stall_seconds):
            self.abort()
        return limit

    @property
    def answering(self) -> RequestResponseCycle | None:
        """The request whose answer is under way, or was the last."""
        return self._answering

    @property
    def content_owed(self) -> RequestResponseCycle | None:
        """The request whose content the edge is ready to read and has not got whole."""
        cycle = self.cycle
        if cycle is None or not cycle.more_body or cycle is self.overdue:
            return None
        is_wanted = not (cycle.response_started or cycle.waiting_for_100_continue or self.flow.read_paused)
        return cycle if is_wanted else None

    @property
    def is_paused(self) -> bool:
        """Whether more was to be sent than the client takes."""
        return self.paused_since is not None

    @property
    def _is_idle(self) -> bool:
        """Whether the connection is kept, and nothing has come since the last answer."""
        return self._idle_since is not None

    def _has_ended(self, now: float, stall_seconds: float) -> bool:
        """Whether nothing is to be expected of a connection that is being closed."""
        counted = self._counted
        return counted.quiet_since is not None and counted.patience_is_over(now, stall_seconds)

    def _give_up_slow_content(self) -> None:
        """Whoever waits for this content wakes up, finds it ``overdue``, and refuses the request."""
        self.overdue = cycle = self.cycle
        if cycle is not None:
            cycle.message_event.set()

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self.transport.is_closing():
            return
        heads, content = self._heads, self.content_received
        self._idle_since = None
        self._feed(data)
        if self.waiting_for_head_since is not None:
            if heads == self._heads:  # no byte of this was of another request
                self._count_head(len(data))
        elif not self._is_idle and self._refusal is None:
            self._count_overhead(len(data) - (self.content_received - content))

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
        if cycle is None or not cycle.more_body:
            if cycle is None or cycle.response_complete:
                self.waiting_for_head_since = self.loop.time()
        else:
            self._overhead_bytes += count
            if self._overhead_bytes > HEADER_BYTES_MAX + TARGET_BYTES_MAX:
                self.refuse_head(RefusalCode.MALFORMED_REQUEST, "the chunks have more overhead than content")

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.waiting_for_head_since = self.loop.time()
        self._heads += 1
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > TARGET_BYTES_MAX:
            self.refuse_head(RefusalCode.TARGET_TOO_LONG, "the address is longer than 8 KiB")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.waiting_for_head_since is None:
            return  # a trailer: never taken for a header field (RFC 9110 section 6.5.1)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))
        if len(self.headers) > HEADER_FIELDS_MAX:
            self.refuse_head(RefusalCode.HEADERS_TOO_LARGE, "there are more than 100 header fields")

    def on_headers_complete(self) -> None:
        self.waiting_for_head_since = None
        if self._refusal is not None or self.transport.is_closing():
            return
        self.scope = scope = self._new_scope()
        if self.cycle is None or self.cycle.response_complete:
            # Nothing is under way, so this is its turn: most requests are answered here, before uvicorn has made
            # of them what a task would need.
            answer = self._answer_at_once(scope)  # type: ignore[arg-type]
            if answer is not None:
                self._write_at_once(answer, scope["http_version"], scope["method"])
                return
        if not self.url.startswith(b"/"):
            # Only for the path that the scope names; what is decided and forwarded is ``edge.target``.
            absolute = split_absolute(self.url.decode("latin-1"))
            self.url = absolute[2].encode("latin-1") if absolute else b"/"
        if self.expect_100_continue and scope["http_version"] == "1.0":
            self.expect_100_continue = False  # RFC 9110 section 10.1.1
        super().on_headers_complete()

    def _new_scope(self) -> HTTPScope:
        """The scope as uvicorn makes it, without the path, which it adds itself where a task needs one."""
        return {  # type: ignore[typeddict-item,typeddict-unknown-key]
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": self.parser.get_http_version(),
            "method": self.parser.get_method().decode("ascii"),
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "root_path": self.root_path,
            "headers": self.headers,
            "state": self.app_state,
            "edge.target": self.url,
            "edge.connection": self,
        }

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = 0
        self.content_received += len(body)
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.cycle is not None:
            super().on_message_complete()

    def _should_upgrade(self) -> bool:
        return False

    # Refusing what never became a request

    def refuse_head(self, code: RefusalCode, detail: str) -> None:
        """Answer what broke a limit, the deadline or the syntax, in its turn, and close."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self.waiting_for_head_since = None
        self._refusal = self._answer_bad(code, detail)
        cycle = self.cycle
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
        self.transport.write(self._refusal.to_bytes(self._head(keep_alive=False), with_body=True))
        self.transport.close()

    # Answering

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            # Later, not from here: this may still be inside the answer before, whose delivery ends with its own last
            # byte; and thousands of queued requests would each deepen the stack.
            self.loop.call_soon(self._answer_next)
        elif self._refusal is not None:
            self._say_refusal()
        elif self.cycle is not None and self.cycle.more_body:
            self.transport.close()  # answered before the content was here: what still comes is not read
        else:
            self._idle_since = self.loop.time()
            if self.paused_since is None:
                self.flow.resume_reading()

    def _answer_next(self) -> None:
        """Answer the next pipelined request, unless the client has not read the answers before it."""
        may_start = self.paused_since is None and (self._answering is None or self._answering.response_complete)
        if self.pipeline and may_start and not self.transport.is_closing():
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request whose turn it is, and that may have been judged before."""
        self._answering = cycle
        scope = cycle.scope
        answer = None if "edge.judged" in scope else self._answer_at_once(scope)  # type: ignore[arg-type]
        if answer is None:
            # Kept beside the scope: self.cycle may belong to a later, pipelined request by then.
            scope["edge.cycle"] = cycle  # type: ignore[typeddict-unknown-key]
            if scope["http_version"] == "1.0":
                app = without_chunks(app, cycle)
            super()._start_asgi_task(cycle, app)
            return
        cycle.more_body = False  # content, where there is any, is not read: ``closes`` sees to that
        cycle.keep_alive = cycle.keep_alive and not answer.closes
        self._write_whole(cycle, answer.to_bytes(self._head(keep_alive=cycle.keep_alive), scope["method"] != "HEAD"))

    def _write_at_once(self, answer: Answer, http_version: str, method: str) -> None:
        """Answer what has just been read, and leave nothing of it behind."""
        self.cycle = self._answering = None
        keep_alive = http_version != "1.0" and not answer.closes and self.parser.should_keep_alive()
        self.transport.write(answer.to_bytes(self._head(keep_alive=keep_alive), method != "HEAD"))
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def send_whole(self, cycle: RequestResponseCycle, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole answer at once, its length among ``headers``; nothing of it may have been sent before."""
        if cycle.more_body:
            cycle.keep_alive = False  # see ``on_response_complete``
        head = b"".join([b"%b: %b\r\n" % pair for pair in headers]) + self._head(keep_alive=cycle.keep_alive)
        self._write_whole(cycle, b"".join((status_line(status), head, b"\r\n", body)))

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

    def _head(self, *, keep_alive: bool) -> bytes:
        return self._common_head.of(self.server_state.default_headers, keep_alive=keep_alive)

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


def protocol_factory(
    watchman: Watchman[EdgeProtocol], answer_at_once: AnswerAtOnce, answer_bad: AnswerBad
) -> type[EdgeProtocol]:
    """The protocol class to hand to uvicorn, bound to one edge's gate."""

    common_head = CommonHead()

    class BoundProtocol(EdgeProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            options |= {"watchman": watchman, "answer_at_once": answer_at_once, "answer_bad": answer_bad}
            super().__init__(*args, **options, common_head=common_head)

    return BoundProtocol
