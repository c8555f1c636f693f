"""The bare proxy: what passing a request on costs in Python when nothing at all is decided.

Rules of this file: it is written to be fast, because it is the measure for others. One pooled aiohttp session, no
cookies, nothing decompressed, no redirects followed, no timeouts; headers are copied except those of the connection;
the body is passed on as it comes. It checks nothing, limits nothing and must not be put in front of a site.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

_OF_THE_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_DEFAULTS_TO_SKIP = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class BareProxy:
    """An ASGI application that forwards GET requests to one origin, ``http://host:port``."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._session is not None
        url = URL(self._origin + scope["raw_path"].decode("latin-1"), encoded=True)
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name not in _OF_THE_CONNECTION
        )
        async with self._session.get(
            url, headers=headers, allow_redirects=False, skip_auto_headers=_DEFAULTS_TO_SKIP
        ) as answer:
            await send({"type": "http.response.start", "status": answer.status, "headers": _passed_on(answer)})
            content = answer.content
            while not content.at_eof():
                chunk = await content.readany()
                await send({"type": "http.response.body", "body": chunk, "more_body": not content.at_eof()})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, use_dns_cache=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # a timer for each request costs, too
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._session.close()
        await send({"type": "lifespan.shutdown.complete"})


def _passed_on(answer: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _OF_THE_CONNECTION]


def create() -> BareProxy:
    """Build the proxy for the origin named by ``BENCH_ORIGIN``."""
    return BareProxy(os.environ["BENCH_ORIGIN"])
