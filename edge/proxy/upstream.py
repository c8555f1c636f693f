"""Ask the origin: one request out, one checked answer back, with limits and deadlines.

Rules of this file: an origin's address comes from the configuration only; the target goes out byte for byte as it
was priced; no redirect is followed, no cookie kept, no body decoded, no proxy taken from the environment. What the
origin does wrong becomes an ``OriginFault``, so that the gate can say it and charge nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.core.refusals import RefusalCode
from edge.proxy.forwarding import Header
from edge.proxy.origin_connection import ConnectionStale, OriginConnection, OriginFault

SWEEP_SECONDS = 0.25
IDLE_SECONDS = 15.0
WAITING_MAX = 1024
SHARE_OF_VISITORS = 0.75
UPLOAD_SECONDS = 300.0
"""Longest that the content of one request may take in all, however steadily it drips."""
REPEATABLE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

__all__ = ["OriginAnswer", "OriginFault", "Upstream", "UpstreamLimits"]


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Deadlines and sizes of the way to the origin.

    ``answer_seconds`` is the wait for status and headers, ``stall_seconds`` the longest pause within a body.
    """

    connections: int = 256
    connect_seconds: float = 5.0
    answer_seconds: float = 30.0
    stall_seconds: float = 30.0
    header_bytes: int = 32 * 1024


class OriginAnswer:
    """Status and headers of the origin's answer, and its body still to be read.

    ``length`` is the announced length of the body in bytes, or None when it is not announced.
    """

    __slots__ = ("_connection", "_upstream", "headers", "length", "status")

    def __init__(self, connection: OriginConnection, upstream: Upstream) -> None:
        self._connection: OriginConnection | None = connection
        self._upstream = upstream
        self.status = connection.status
        self.headers: Sequence[Header] = connection.headers
        self.length = connection.length

    async def read(self) -> bytes:
        """The whole body; raises ``OriginFault`` when it ends short of what was announced."""
        connection = self._open_connection()
        body = await self._next(connection)
        if connection.is_complete:
            return body  # nearly always: the page came in one piece
        pieces = [body]
        while piece := await self._next(connection):
            pieces.append(piece)
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece; raises ``OriginFault`` when it ends short of what was announced."""
        connection = self._open_connection()
        while piece := await self._next(connection):
            yield piece

    def release(self) -> None:
        """End the exchange: the connection is kept when the body was read to its end, else closed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._upstream.take_back(connection)

    async def _next(self, connection: OriginConnection) -> bytes:
        """What comes next; patience runs only while we wait for the origin, not while a slow client is served."""
        connection.deadline = self._upstream.stall_deadline()
        try:
            return await connection.take()
        finally:
            connection.deadline = None

    def _open_connection(self) -> OriginConnection:
        if self._connection is None:
            raise AssertionError("the answer was released before it was read")
        return self._connection


@dataclass(slots=True)
class _Origin:
    """One origin: where it is, and its connections that wait for work, the freshest last."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    idle: list[OriginConnection]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request in the line for a connection: told whether there is room, at the latest at ``last_moment``."""

    told: asyncio.Future[bool]
    last_moment: float


class Upstream:
    """The pool of connections to all origins of one process."""

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._origins: dict[str, _Origin] = {}
        self._busy: dict[OriginConnection, _Origin] = {}
        self._waiting: deque[_Waiting] = deque()
        self._tls: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start to keep time; must run inside the event loop that will use the pool."""
        self._loop = asyncio.get_running_loop()
        self._sweeper = self._loop.create_task(self._sweep(), name="upstream")

    async def close(self) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in [*self._busy, *(kept for origin in self._origins.values() for kept in origin.idle)]:
            connection.close()
        self._busy.clear()

    async def ask(
        self,
        origin: str,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: AsyncIterator[bytes] | None = None,
        *,
        sold: bool = False,
    ) -> OriginAnswer:
        """Send one request and wait for status and headers; raises ``OriginFault``.

        What is not ``sold`` may use most of the connections, not all: visitors must not keep payers out.

        Content without a ``content-length`` among ``headers`` is sent in chunks.
        """
        place = self._origins.get(origin) or self._place(origin)
        lengths = [int(value) for name, value in headers if name == "content-length"] if body is not None else []
        chunked = body is not None and not lengths
        head = _head(method, target, headers, chunked=chunked)
        while True:
            connection = await self._connection(place, sold)
            try:
                deadline = self._now() + self._limits.answer_seconds
                connection.begin(method, head, deadline, has_content=body is not None)
                if body is None:
                    await connection.head()
                else:
                    await self._head_while_sending(body, connection, lengths[0] if lengths else None)
            except ConnectionStale:
                self.take_back(connection)
                if method in REPEATABLE_METHODS and body is None:
                    continue  # closed while it was kept: the request was never seen
                raise OriginFault(RefusalCode.ORIGIN_UNREACHABLE, "the origin closed the connection") from None
            except BaseException:
                connection.close()
                self.take_back(connection)
                raise
            return OriginAnswer(connection, self)

    async def _head_while_sending(
        self, body: AsyncIterator[bytes], connection: OriginConnection, length: int | None
    ) -> None:
        """Wait for the answer's head while the content goes out: the origin may answer before it has seen all."""
        sending = asyncio.ensure_future(self._send(body, connection, length))
        answering = asyncio.ensure_future(connection.head())
        try:
            await asyncio.wait((sending, answering), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                sending.result()
            await answering
        except OriginFault as fault:
            if fault.code is RefusalCode.ORIGIN_TIMEOUT and not sending.done() and connection.takes_more:
                raise OriginFault(RefusalCode.REQUEST_TIMEOUT, "the content did not come in time") from fault
            raise
        finally:
            sending.cancel()
            answering.cancel()
            await asyncio.gather(sending, answering, return_exceptions=True)

    async def _send(self, body: AsyncIterator[bytes], connection: OriginConnection, length: int | None) -> None:
        """Send the request's content, in chunks where no ``length`` was announced; patience is per piece, and in all.

        Content that falls short of what was announced leaves the connection owing it, so that nobody else gets it:
        the origin would take the next request for the rest.
        """
        sent = 0
        last_moment = self._now() + UPLOAD_SECONDS
        async for piece in body:
            sent += len(piece)
            await connection.send_body(b"%x\r\n%b\r\n" % (len(piece), piece) if length is None else piece)
            connection.deadline = min(self._now() + self._limits.answer_seconds, last_moment)
        if length is None:
            await connection.send_body(b"0\r\n\r\n")
        if length is None or sent == length:
            connection.end_content()

    def take_back(self, connection: OriginConnection) -> None:
        """End an exchange and keep its connection for the next one where that is safe."""
        place = self._busy.pop(connection, None)
        if connection.finish() and place is not None:
            connection.idle_since = self._now()
            place.idle.append(connection)
        # All of them: who waits has a limit of its own, and the first in the line may still be over it.
        while self._waiting:
            told = self._waiting.popleft().told
            if not told.done():
                told.set_result(True)

    def stall_deadline(self) -> float:
        """When a body that makes no progress from now on is given up."""
        return self._now() + self._limits.stall_seconds

    async def _connection(self, place: _Origin, sold: bool) -> OriginConnection:
        """A kept connection that is still open, else a new one; waits a little while all are in use."""
        limit = self._limits.connections if sold else max(1, int(self._limits.connections * SHARE_OF_VISITORS))
        if len(self._busy) >= limit:
            await self._room(limit)
        while place.idle:
            connection = place.idle.pop()
            if connection.is_open:
                self._busy[connection] = place
                return connection
        return await self._connect(place)

    async def _room(self, limit: int) -> None:
        """Wait until fewer than ``limit`` connections are in use; raises ``OriginFault`` when that takes too long."""
        if len(self._waiting) >= WAITING_MAX:
            raise OriginFault(RefusalCode.ORIGIN_TIMEOUT, "too many requests wait for the origin")
        last_moment = self._now() + self._limits.connect_seconds
        while len(self._busy) >= limit:
            told = asyncio.get_running_loop().create_future()
            self._waiting.append(_Waiting(told, last_moment))
            if not await told:
                raise OriginFault(RefusalCode.ORIGIN_TIMEOUT, "all connections to origins are in use")

    async def _connect(self, place: _Origin) -> OriginConnection:
        connection = OriginConnection(self._limits.header_bytes)
        self._busy[connection] = place  # counted before it is there, so that the limit holds
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, place.host, place.port, ssl=place.tls
                )
        except TimeoutError as error:
            self.take_back(connection)
            raise OriginFault(RefusalCode.ORIGIN_TIMEOUT, "the origin does not accept connections") from error
        except OSError as error:  # refused, unreachable, unknown name, or a certificate that does not hold
            self.take_back(connection)
            raise OriginFault(RefusalCode.ORIGIN_UNREACHABLE, "the origin cannot be reached") from error
        except BaseException:
            self.take_back(connection)
            raise
        return connection

    def _place(self, origin: str) -> _Origin:
        parts = urlsplit(origin)
        if parts.hostname is None or parts.scheme not in ("http", "https"):
            raise AssertionError(f"{origin!r} was checked when the site was set up")
        tls = None
        if parts.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        place = _Origin(parts.hostname, parts.port or (443 if tls else 80), tls, [])
        self._origins[origin] = place
        return place

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.look(self._now())

    def look(self, now: float) -> None:
        """Give up what is overdue at ``now`` (the event loop's clock), and close what has been idle for long."""
        for connection in tuple(self._busy):
            if connection.deadline is not None and now > connection.deadline:
                connection.give_up()
        for waiting in self._waiting:
            if now > waiting.last_moment and not waiting.told.done():
                waiting.told.set_result(False)
        if self._waiting:
            self._waiting = deque(waiting for waiting in self._waiting if not waiting.told.done())
        for place in self._origins.values():
            old = [kept for kept in place.idle if now - kept.idle_since > IDLE_SECONDS or not kept.is_open]
            for connection in old:
                place.idle.remove(connection)
                connection.close()

    def _now(self) -> float:
        if self._loop is None:
            raise AssertionError("Upstream.open() has not run")
        return self._loop.time()


def _head(method: str, target: str, headers: Sequence[tuple[str, str]], *, chunked: bool) -> bytes:
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers]
    lines.append("transfer-encoding: chunked\r\n\r\n" if chunked else "\r\n")
    return "".join(lines).encode("latin-1")
