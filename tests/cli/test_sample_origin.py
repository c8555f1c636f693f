"""The sample origin serves what the demo and the tests rely on, over real sockets, the broken answers included."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from edge.cli.sample_origin import start_sample_origin
from edge.cli.sample_pages import LARGE_BYTES, sample_pages


def talk(conversation: Callable[[httpx2.AsyncClient], Awaitable[None]]) -> None:
    async def main() -> None:
        server = await start_sample_origin("127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await conversation(client)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/articles/tides", 200), ("/moved", 301), ("/error", 500), ("/nothing/here", 404)],
)
def test_each_kind_of_answer_has_its_status(path: str, status: int) -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        assert (await client.get(path)).status_code == status

    talk(conversation)


def test_the_image_is_a_png_that_a_decoder_can_follow() -> None:
    body = sample_pages()["/images/chart.png"].body
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    place, kinds = 8, []
    while place < len(body):
        length, kind = struct.unpack(">I4s", body[place : place + 8])
        data = body[place + 8 : place + 8 + length]
        assert struct.unpack(">I", body[place + 8 + length : place + 12 + length]) == (zlib.crc32(kind + data),)
        kinds.append(kind)
        place += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize(
    ("path", "header"), [("/files/archive.bin", "content-length"), ("/files/stream.bin", "transfer-encoding")]
)
def test_large_files_come_with_and_without_a_length(path: str, header: str) -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        response = await client.get(path)
        assert len(response.content) == LARGE_BYTES
        assert header in response.headers

    talk(conversation)


@pytest.mark.parametrize("path", ["/truncated", "/truncated.bin"])
def test_a_truncated_answer_announces_more_than_it_sends(path: str) -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(path)

    talk(conversation)


def test_one_connection_carries_many_requests_and_head_has_no_body() -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        head = await client.head("/articles/tides")
        page = await client.get("/articles/tides")
        assert head.content == b""
        assert int(head.headers["content-length"]) == len(page.content) > 10_000

    talk(conversation)


def test_an_unchanged_page_is_not_sent_again() -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        etag = (await client.get("/articles/tides")).headers["etag"]
        again = await client.get("/articles/tides", headers={"if-none-match": etag})
        assert (again.status_code, again.content) == (304, b"")

    talk(conversation)


def test_other_methods_are_refused() -> None:
    async def conversation(client: httpx2.AsyncClient) -> None:
        assert (await client.post("/", content=b"x" * 1000)).status_code == 405
        assert (await client.get("/")).status_code == 200

    talk(conversation)


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "edge.cli.main", "sample-origin", "--bind", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().split()[2].removeprefix("http://")
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"GET /robots.txt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        process.terminate()
        assert process.wait(60) == 0
