"""An origin on loopback that plays what a test wrote for it, and writes down every request it saw.

Its reader is its own and strict, so what it counts does not depend on the code under test.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

_REQUEST_LINE = re.compile(r"([!-~]+) ([!-~\x80-\xff]+) HTTP/1\.1")
_HEAD_BYTES_MAX = 1 << 20
_ONCE = ("host", "content-length", "transfer-encoding")


class Then(Enum):
    """What the origin does beside sending bytes."""

    CLOSE = "close in an orderly way"
    RESET = "break the connection off"
    HANG = "say nothing more, until the edge gives up"
    WAIT = "wait until the test says go on"
    PAUSE = "wait as long as the origin's ``pause`` takes"


Step: TypeAlias = bytes | Then
Play: TypeAlias = Sequence[Step]


@dataclass(frozen=True)
class Seen:
    """One request as the origin saw it."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The path as received."""
        return self.target.partition("?")[0]


def page(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    """An answer of known length; ``lines`` are complete header lines."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}"))
    return head.encode("latin-1") + b"\r\n" + body


def chunked(*pieces: bytes, head: str = "HTTP/1.1 200 OK", end: bytes = b"0\r\n\r\n") -> bytes:
    """An answer in chunks."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks + end


def default_answer(seen: Seen) -> Play:
    """A page that says which target it is."""
    body = b"" if seen.method == "HEAD" else f"page {seen.target}".encode("latin-1")
    return [page(body, "Content-Type: text/plain")]


class ScriptedOrigin:
    """Serves while its loop runs. ``script`` maps a target to what is played for it; ``answer`` decides the rest.

    ``early`` maps targets to bytes that are said before the request's content is read; ``hurried`` says that some were.
    ``hanging`` counts the answers that hang just now, and ``pause`` is awaited at each PAUSE.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.script: dict[str, Play] = {}
        self.early: dict[str, bytes] = {}
        self.answer: Callable[[Seen], Play] = default_answer
        self.hurried = False
        self.hanging = 0
        self.pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        self.connections = 0
        self.port = 0
        self._go_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The origin's base URL."""
        return f"http://127.0.0.1:{self.port}"

    def targets(self) -> list[str]:
        """The targets seen so far."""
        return [seen.target for seen in self.seen]

    def go_on(self) -> None:
        """End every WAIT; callable from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._go_on.set)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_BYTES_MAX, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # A cancelled handler would be reported by asyncio as a fault of ours.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (seen := await self._read(reader, writer)) is not None:
                    self.seen.append(seen)
                    if seen.target in self.early:
                        continue
                    if not await self._play(self.script.get(seen.target) or self.answer(seen), reader, writer):
                        return
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Seen | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        match = _REQUEST_LINE.fullmatch(first)
        fields = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            name = name.lower()
            if not colon or (name in fields and name in _ONCE):
                match = None
            fields[name] = value
        if match is None or "host" not in fields or {"content-length", "transfer-encoding"} <= fields.keys():
            self.faults.append(head)
            return None
        if match[2] in self.early:
            writer.write(self.early[match[2]])
            self.hurried = True
        return Seen(match[1], match[2], fields, await self._content(reader, fields))

    async def _content(self, reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
        if "transfer-encoding" not in fields:
            return await reader.readexactly(int(fields.get("content-length", "0")))
        content = b""
        while size := int((await reader.readuntil(b"\r\n"))[:-2], 16):
            content += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return content

    async def _play(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play one answer; whether the connection goes on."""
        for step in play:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case Then.CLOSE:
                    return False
                case Then.RESET:
                    _set_to_reset(writer)
                    writer.transport.abort()
                    return False
                case Then.HANG:
                    await self._hang(reader)
                    return False
                case Then.WAIT:
                    await self._go_on.wait()
                case Then.PAUSE:
                    await self.pause()
        return True

    async def _hang(self, reader: asyncio.StreamReader) -> None:
        self.hanging += 1
        try:
            await reader.read()  # ends with the connection
        finally:
            self.hanging -= 1


def _set_to_reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
