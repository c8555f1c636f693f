"""The site behind the edges of system tests: pages of every size and framing, and every way to fail.

The path's first segment says how the page is served; what follows, and the query, only make it another page.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

LARGE_BYTES = 400 * 1024
PIECE_BYTES = 50 * 1024
PAUSE_SECONDS = 0.002

SMALL = b"<p>A page that is worth its price.</p>\n" * 40
MEDIUM = b"A page of a hundred kilobytes. " * 3300
LARGE = (b"More than the edge keeps in memory. " * (LARGE_BYTES // 36 + 1))[:LARGE_BYTES]
LONG = LARGE * 6
"""So long that its half leaves the edge, whose last reading is kept back, in several pieces."""
_HEAD = b"HTTP/1.1 %b\r\ncontent-type: text/html\r\n%b\r\n"


class PageOrigin:
    """Serves in the running event loop between ``start`` and ``stop``; ``asked`` lists the request lines seen.

    What waits behind the ``gate`` goes on when that is set.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # Cancelled is how ``stop`` ends it; asyncio's streams would log that as a fault.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection goes on."""
        line = head.partition(b"\r\n")[0].decode("latin-1")
        self.asked.append(line)
        method, target, _ = line.split(" ")
        how = target.partition("?")[0].split("/")[1]
        is_head = method == "HEAD"
        match how:
            case "small" | "medium" | "large":
                body = {"small": SMALL, "medium": MEDIUM, "large": LARGE}[how]
                writer.write(_whole(b"200 OK", body, is_head=is_head))
            case "stream" | "slow" | "slow-stream":
                await _piecewise(writer, chunked=how != "slow", pause=how != "stream")
            case "gated":
                await self._gated(writer)
            case "gated-long":
                await self._gated(writer, LONG)
            case "changing":
                if self.asked.count(line) == 1:
                    writer.write(_whole(b"200 OK", MEDIUM))
                else:
                    await self._gated(writer)
            case "short" | "short-large":
                body = SMALL if how == "short" else LARGE
                writer.write(_whole(b"200 OK", body)[: -len(body) // 2])
                return False
            case "short-stream":
                writer.write(_head(b"200 OK", b"transfer-encoding: chunked") + _chunk(LARGE))
                return False
            case "silent":
                await asyncio.Event().wait()
            case "stalled" | "stalled-large":
                body = SMALL if how == "stalled" else LARGE
                writer.write(_whole(b"200 OK", body)[: -len(body) // 2])
                await asyncio.Event().wait()
            case "moved":
                writer.write(_whole(b"301 Moved Permanently", b"", b"location: /small/1\r\n", is_head=is_head))
            case "unchanged":
                writer.write(_head(b"304 Not Modified", b'etag: "1"'))
            case "broken":
                writer.write(_whole(b"500 Internal Server Error", b"it broke", is_head=is_head))
            case _:
                writer.write(_whole(b"404 Not Found", b"there is nothing", is_head=is_head))
        return True

    async def _gated(self, writer: asyncio.StreamWriter, page: bytes = LARGE) -> None:
        """A large page whose second half waits until the test says so."""
        half = len(page) // 2
        writer.write(_head(b"200 OK", b"content-length: %d" % len(page)) + page[:half])
        await writer.drain()
        await self.gate.wait()
        writer.write(page[half:])


def _head(status: bytes, line: bytes) -> bytes:
    return _HEAD % (status, line + b"\r\n")


def _whole(status: bytes, body: bytes, lines: bytes = b"", *, is_head: bool = False) -> bytes:
    head = _head(status, b"%bcontent-length: %d" % (lines, len(body)))
    return head if is_head else head + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _piecewise(writer: asyncio.StreamWriter, *, chunked: bool, pause: bool) -> None:
    """A large page in pieces, with a short wait after each if it is to take its time."""
    framing = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % LARGE_BYTES
    writer.write(_head(b"200 OK", framing))
    for start in range(0, LARGE_BYTES, PIECE_BYTES):
        piece = LARGE[start : start + PIECE_BYTES]
        writer.write(_chunk(piece) if chunked else piece)
        await writer.drain()
        if pause:
            await asyncio.sleep(PAUSE_SECONDS)
    if chunked:
        writer.write(b"0\r\n\r\n")
