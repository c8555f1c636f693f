"""Answer HTTP/1.0 clients, who know no chunks."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def without_chunks(app: Any, cycle: RequestResponseCycle) -> Any:
    """Wrap an application for one HTTP/1.0 request: a body of unknown length ends with the connection.

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
