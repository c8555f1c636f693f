"""The floor: the least that an ASGI application on uvicorn can do to answer 402."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_BODY = b"Payment required\n"
_START: dict[str, object] = {
    "type": "http.response.start",
    "status": 402,
    "headers": [
        (b"content-type", b"text/plain"),
        (b"content-length", b"%d" % len(_BODY)),
        (b"crawler-price", b"USD 0.005"),
    ],
}
_REST: dict[str, object] = {"type": "http.response.body", "body": _BODY}

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer every request alike, without looking at it."""
    await send(_START)
    await send(_REST)
