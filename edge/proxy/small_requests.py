"""The content of the few requests that the edge itself reads: small, whole, or refused."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

CONTENT_BYTES_MAX = 65_536


async def read_content(request: Request, limit: int = CONTENT_BYTES_MAX) -> bytes:
    """The whole content; raises ``HTTPException`` 413 once it is too long, and 408 when it does not come."""
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise HTTPException(408, "The content did not come whole.") from None
    return bytes(content)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"Send at most {limit} bytes of content.")
