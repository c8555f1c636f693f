"""Pass an origin's answer on to the client, and know whether the answer has begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from edge.core.request import CrawlRequest
from edge.proxy.forwarding import Header
from edge.proxy.messages import Answer
from edge.proxy.protocol import EdgeProtocol
from edge.proxy.upstream import OriginAnswer

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

WHOLE_BODY_BYTES_MAX = 64 * 1024
NO_BODY_STATUSES = frozenset({204, 304})


class Exchange:
    """One request being answered: where it came from, how to answer it, and whether that has begun.

    ``content_begun`` says that some of a streamed body was sent, ``held_up_seconds`` how long in all it waited for the
    client to take more. ``connection`` and ``cycle`` (uvicorn's name for one answer on it) are None under a server that
    is not ours; then nothing can be cut and deliveries stay unproved.
    """

    __slots__ = ("_cycle", "_send", "connection", "content_begun", "held_up_seconds", "request", "started")

    def __init__(
        self,
        request: CrawlRequest,
        connection: EdgeProtocol | None,
        send: Send,
        cycle: RequestResponseCycle | None = None,
    ) -> None:
        self.request = request
        self.connection = connection
        self.started = False
        self.content_begun = False
        self.held_up_seconds = 0.0
        self._send = send
        self._cycle = cycle

    async def whole(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send a whole answer with its length; in one write where the server is ours."""
        headers.append((b"content-length", str(len(body)).encode()))
        if self.connection is not None and self._cycle is not None:
            self.started = True
            self.connection.send_whole(self._cycle, status, headers, body)
            return
        await self.start(status, headers)
        await self.body(body, last=True)

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send the status line and the header fields."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, data: bytes, *, last: bool) -> None:
        """Send a piece of the body."""
        self.content_begun = self.content_begun or bool(data)
        clock = asyncio.get_running_loop().time
        since = clock()
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        self.held_up_seconds += clock() - since

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer of ours; unread content of the request ends the connection with it."""
        headers = answer.headers()
        if answer.closes:
            headers.append((b"connection", b"close"))
        await self.start(answer.status, headers)
        await self.body(b"" if self.request.method == "HEAD" else answer.body, last=True)

    @property
    def client_gone(self) -> bool:
        """Whether the connection is closed or closing; unknown counts as not gone."""
        return self.connection is not None and self.connection.transport.is_closing()

    @property
    def lost(self) -> bool:
        """Whether the connection broke before the answer was handed over whole: then it cannot have arrived."""
        return self._cycle is not None and self._cycle.disconnected

    @property
    def content_overdue(self) -> bool:
        """Whether the request's content came so slowly that it is not waited for any more."""
        return self._cycle is not None and self.connection is not None and self.connection.overdue is self._cycle

    def cut(self) -> None:
        """Break the connection off, so that the client sees that the answer is not complete."""
        if self._cycle is not None:
            self._cycle.disconnected = True  # as it is from here on; else the server would complain of half an answer
        if self.connection is not None:
            self.connection.abort()


async def relay(answer: OriginAnswer, headers: list[Header], exchange: Exchange, *, with_content: bool = True) -> None:
    """Stream an answer that costs nothing; small bodies go in one piece, which saves a write.

    Without ``with_content`` only status and header fields are passed on: what is priced is not given away to a method
    that is never charged.
    """
    try:
        length = answer.length
        if exchange.request.method == "HEAD" or answer.status in NO_BODY_STATUSES:
            if length is not None and exchange.request.method == "HEAD":
                headers.append((b"content-length", str(length).encode()))
            await exchange.start(answer.status, headers)
            await exchange.body(b"", last=True)
            return
        if not with_content:
            await exchange.whole(answer.status, headers, b"")
            return
        if length is not None and length <= WHOLE_BODY_BYTES_MAX:
            await exchange.whole(answer.status, headers, await answer.read())
            return
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await exchange.start(answer.status, headers)
        async for chunk in answer.chunks():
            await exchange.body(chunk, last=False)
            if exchange.client_gone:
                return  # nobody reads on; the origin need not send the rest
        await exchange.body(b"", last=True)
    finally:
        answer.release()
