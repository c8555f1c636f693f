"""Passing an origin's answer on: as it came, in as few writes as it takes, and no further than somebody reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.target import read_target
from edge.proxy.forwarding import Header
from edge.proxy.relay import WHOLE_BODY_BYTES_MAX, Exchange, relay
from edge.proxy.upstream import OriginAnswer, OriginFault
from tests.support.edge_under_test import EdgeUnderTest
from tests.support.scripted_origin import Play, Then, chunked, page
from tests.support.signing_crawler import browsed


def crawl(method: str = "GET") -> CrawlRequest:
    return CrawlRequest(
        method, "http", "news.example", "news.example", "/a", "/a", None, {"host": "news.example"}, {},
        read_target("/a"), False, "192.0.2.1", "id-1",
    )  # fmt: skip


@dataclass
class Stage:
    """An origin's answer, a client, and what passed between them."""

    pieces: list[bytes]
    status: int = 200
    length: int | None = None
    fault: OriginFault | None = None
    gone_after: int | None = None
    messages: list[MutableMapping[str, Any]] = field(default_factory=list)
    taken: int = 0
    released: int = 0

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    def fields(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    def relay(self, method: str = "GET") -> None:
        asyncio.run(relay(FakeAnswer(self), [(b"etag", b'"1"')], LeavingExchange(self, crawl(method))))


class FakeAnswer(OriginAnswer):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.status = stage.status
        self.headers: list[Header] = []
        self.length = stage.length

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.stage.pieces:
            self.stage.taken += 1
            yield piece
        if self.stage.fault is not None:
            raise self.stage.fault

    def release(self) -> None:
        self.stage.released += 1


class LeavingExchange(Exchange):
    def __init__(self, stage: Stage, request: CrawlRequest) -> None:
        super().__init__(request, None, stage.send)
        self.stage = stage

    @property
    def client_gone(self) -> bool:
        return self.stage.gone_after is not None and self.stage.taken >= self.stage.gone_after


def test_a_short_body_is_read_before_the_answer_begins() -> None:
    stage = Stage([b"bo", b"dy"], length=4)
    stage.relay()
    assert [message["type"] for message in stage.messages] == ["http.response.start", "http.response.body"]
    assert (stage.body, stage.fields()[b"content-length"], stage.released) == (b"body", b"4", 1)


@pytest.mark.parametrize("length", [WHOLE_BODY_BYTES_MAX + 1, None])
def test_a_long_or_unannounced_body_is_streamed(length: int | None) -> None:
    pieces = [b"x" * WHOLE_BODY_BYTES_MAX, b"y"]
    stage = Stage(pieces, length=length)
    stage.relay()
    assert [message.get("more_body") for message in stage.messages] == [None, True, True, False]
    assert stage.body == b"".join(pieces)
    assert stage.fields().get(b"content-length") == (None if length is None else str(length).encode())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 404)])
def test_an_answer_without_a_body_has_none(method: str, status: int) -> None:
    stage = Stage([b"never"], status=status, length=5)
    stage.relay(method)
    assert (stage.body, stage.taken, stage.released) == (b"", 0, 1)
    assert (b"content-length" in stage.fields()) is (method == "HEAD")


def test_a_short_body_that_breaks_off_is_still_a_fault_to_name() -> None:
    stage = Stage([b"bo"], length=4, fault=OriginFault(RefusalCode.ORIGIN_MALFORMED, "ended early"))
    with pytest.raises(OriginFault):
        stage.relay()
    assert (stage.messages, stage.released) == ([], 1)


def test_nothing_more_is_asked_of_the_origin_once_the_client_has_gone() -> None:
    stage = Stage([b"x"] * 10, gone_after=3)
    stage.relay()
    assert (stage.taken, stage.released) == (3, 1)


# Over real sockets


FRAMINGS: dict[str, Callable[[bytes], Play]] = {
    "length": lambda body: [page(body)],
    "chunks": lambda body: [chunked(body[:1000], body[1000:])],
    "close": lambda body: [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body, Then.CLOSE],
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_bodies_of_every_size_arrive_as_they_were(edge: EdgeUnderTest, framing: str) -> None:
    with edge.connect() as wire:
        for length in (1001, WHOLE_BODY_BYTES_MAX, WHOLE_BODY_BYTES_MAX + 1, 1_000_000):
            body = bytes(range(256)) * (length // 256 + 1)
            edge.origin.script["/a"] = FRAMINGS[framing](body[:length])
            answer = wire.ask(browsed("/a"))
            assert (answer.status, answer.body == body[:length]) == (200, True)
            assert ("content-length" in answer.fields) is (framing == "length")


def test_an_exchange_knows_how_long_it_waited_for_its_client() -> None:
    async def slow(message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(0.02)

    async def send_two() -> tuple[float, float]:
        exchange = Exchange(crawl(), None, slow)
        await exchange.body(b"a", last=False)
        once = exchange.held_up_seconds
        await exchange.body(b"b", last=True)
        return once, exchange.held_up_seconds

    once, twice = asyncio.run(send_two())
    assert 0 < once < twice
