"""Ask the origin: one request out, one checked answer back, with limits and deadlines.

Rules of this file: an origin's address comes from the configuration only; the target goes out byte for byte as it
was priced; no redirect is followed, no cookie kept, no body decoded, no proxy taken from the environment. What the
origin does wrong becomes an ``OriginFault``, so that the gate can say it and charge nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp.client_exceptions import (
    ClientConnectionError,
    ClientError,
    ClientPayloadError,
    ClientResponseError,
    ServerTimeoutError,
)
from yarl import URL

from edge.core.refusals import RefusalCode
from edge.proxy.forwarding import Header

CHUNK_BYTES = 64 * 1024


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


class OriginFault(Exception):
    """The origin could not be asked, or answered against HTTP's rules; ``code`` says which."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class OriginAnswer:
    """Status and headers of the origin's answer, and its body still to be read.

    ``length`` is the announced length of the body in bytes, or None when it is not announced.
    """

    __slots__ = ("_response", "headers", "length", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: tuple[Header, ...] = response.raw_headers
        length = response.headers.get("Content-Length")
        self.length = int(length) if length is not None and length.isdigit() else None

    async def read(self) -> bytes:
        """The whole body; raises ``OriginFault`` when it ends short of what was announced."""
        with _faults():
            return await self._response.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece; raises ``OriginFault`` when it ends short of what was announced."""
        stream = self._response.content
        while True:
            with _faults():
                chunk = await stream.readany()
            if chunk:
                yield chunk
            elif stream.at_eof():
                return

    def release(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


class Upstream:
    """The pool of connections to all origins of one process."""

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Create the pool; must run inside the event loop that will use it."""
        limits = self._limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.connections, keepalive_timeout=15, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect_seconds, sock_read=limits.stall_seconds
            ),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            auto_decompress=False,
            trust_env=False,
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            read_bufsize=2 * CHUNK_BYTES,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        origin: str,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: AsyncIterator[bytes] | bytes | None = None,
    ) -> OriginAnswer:
        """Send one request and wait for status and headers; raises ``OriginFault``."""
        if self._session is None:
            raise AssertionError("Upstream.open() has not run")
        with _faults():
            async with asyncio.timeout(self._limits.answer_seconds):
                response = await self._session.request(
                    method, URL(origin + target, encoded=True), headers=headers, data=body, allow_redirects=False
                )
        if response.status == 101:
            response.close()
            raise OriginFault(RefusalCode.ORIGIN_MALFORMED, "the origin switched protocols unasked")
        return OriginAnswer(response)


class _faults:
    """Turns the client library's exceptions into ``OriginFault``; a class, because this is on the hot path."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        match error:
            case None:
                return
            case TimeoutError() | ServerTimeoutError():
                raise OriginFault(RefusalCode.ORIGIN_TIMEOUT, "the origin did not answer in time") from error
            case ClientPayloadError():
                raise OriginFault(RefusalCode.ORIGIN_MALFORMED, "the origin's body ended early") from error
            case ClientResponseError():
                raise OriginFault(RefusalCode.ORIGIN_MALFORMED, "the origin's answer breaks HTTP's rules") from error
            case ClientConnectionError() | ClientError() | OSError():
                raise OriginFault(RefusalCode.ORIGIN_UNREACHABLE, "the origin cannot be reached") from error
