"""``farebox sample-origin``: a small site to put an edge in front of, for the demo, compose and tests.

A plain HTTP/1.1 server on asyncio streams, because it must be able to do what a good server never does: announce more
than it sends, and cut the connection. It is no server for the world.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Annotated

import typer

from edge.cli.sample_pages import CHUNK_BYTES, Page, not_found, sample_pages
from edge.cli.terminal import CommandFailed, WrongUsage, note

HEAD_BYTES_MAX = 32 * 1024
IDLE_SECONDS = 30.0


def sample_origin(
    bind: Annotated[
        str, typer.Option(help="Where to listen, as host:port; port 0 takes a free one.")
    ] = "127.0.0.1:8000",
) -> None:
    """Serve a small site to put an edge in front of: an article, an image, large files, errors, a redirect."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise WrongUsage(f"{bind!r} is not an address to listen on; write it like 127.0.0.1:8000")
    try:
        asyncio.run(_serve(host.strip("[]"), int(port)))
    except OSError as why:
        raise CommandFailed(f"cannot listen on {bind} ({why.strerror}); choose another --bind") from why


async def start_sample_origin(host: str, port: int) -> asyncio.Server:
    """Listen and answer in this event loop; close the server to stop."""
    return await asyncio.start_server(_converse, host, port, limit=HEAD_BYTES_MAX)


async def _serve(host: str, port: int) -> None:
    server = await start_sample_origin(host, port)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    address = server.sockets[0].getsockname()
    note(f"sample origin: http://{address[0]}:{address[1]} serves {', '.join(sorted(sample_pages()))}")
    try:
        await stopped.wait()
    finally:
        server.close()  # and not wait: a connection that is kept open says nothing for half a minute


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, one after the other, until either side ends it."""
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            while await _answer_one(reader, writer):
                pass
    finally:
        writer.close()


async def _answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; whether the connection can carry another."""
    async with asyncio.timeout(IDLE_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return False
    method, target, version = words
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "transfer-encoding" in fields:
        return False  # nobody sends chunks to a site that only reads
    length = fields.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        return False
    await reader.readexactly(int(length))
    path = target.partition("?")[0]
    page = sample_pages().get(path) or not_found(path)
    if method not in ("GET", "HEAD"):
        page = Page(b"GET or HEAD, please.\n", "text/plain", status=405, headers=(("allow", "GET, HEAD"),))
    if page.etag and fields.get("if-none-match") == page.etag:
        page = Page(b"", status=304, headers=page.headers)
    keeps_open = version == "HTTP/1.1" and fields.get("connection", "").lower() != "close"
    return await _send(writer, page, is_head=method == "HEAD") and keeps_open


async def _send(writer: asyncio.StreamWriter, page: Page, *, is_head: bool) -> bool:
    """Write one answer; False when it must be the last one because it was cut short."""
    await asyncio.sleep(page.delay_seconds)
    writer.write(_head(page))
    if not is_head and page.status != 304:
        body = page.body if page.sent_bytes is None else page.body[: page.sent_bytes]
        for start in range(0, len(body), CHUNK_BYTES):
            part = body[start : start + CHUNK_BYTES]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if page.chunked else part)
            await writer.drain()
        if page.chunked:
            writer.write(b"0\r\n\r\n")
    await writer.drain()
    return page.sent_bytes is None or is_head


def _head(page: Page) -> bytes:
    lines = [f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}", f"date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in page.headers]
    if page.status != 304:
        lines.append(f"content-type: {page.content_type}")
        lines.append("transfer-encoding: chunked" if page.chunked else f"content-length: {len(page.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
