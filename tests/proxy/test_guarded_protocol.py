"""The ports that are not the edge's keep its limits on heads, rates and connections; uvicorn does the rest."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.proxy.connection_limits import ConnectionLimits, ConnectionRoom
from edge.proxy.guarded_protocol import TOO_MANY, GuardedProtocol, guarded_protocol
from edge.proxy.server import QuietServer, listen
from edge.proxy.transfer_rates import TransferLimits
from edge.proxy.watchman import LimitCounts, Watchman
from edge.setting_values import Bind
from tests.support.still_clock import StillClock
from tests.support.wire import Broken, Wire

GET = b"GET / HTTP/1.1\r\nHost: desk.example\r\n\r\n"
LARGE = 6_000_000
EVERYTHING = 100_000_000


class Desk:
    """A small application behind the guarded protocol, in a thread of its own while the ``with`` block lasts.

    Time stands still but where a test says ``let_pass``.
    """

    def __init__(self, limits: TransferLimits, places: ConnectionLimits) -> None:
        self.counts = LimitCounts()
        room = ConnectionRoom(places, lambda: TOO_MANY, self.counts.at("desk"))
        self.watchman: Watchman[GuardedProtocol] = Watchman(limits, room)
        self._socket = listen(Bind("127.0.0.1", 0), "the test")
        self.port: int = self._socket.getsockname()[1]
        routes = [Route("/", _front, methods=["GET"]), Route("/large", _large), Route("/form", _form, methods=["POST"])]
        config = uvicorn.Config(
            Starlette(routes=routes), http=guarded_protocol(self.watchman), loop="uvloop", ws="none", lifespan="off",
            log_config=None, access_log=False, timeout_keep_alive=75,
        )  # fmt: skip
        self._server = QuietServer(config)
        self._loop = StillClock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Desk:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive()

    def connect(self, *, buffer_bytes: int | None = None) -> Wire:
        return Wire(self.port, buffer_bytes=buffer_bytes)

    def let_pass(self, seconds: float) -> None:
        """Let time pass, when what was sent by now has been read."""
        asyncio.run_coroutine_threadsafe(self._loop.let_pass(seconds, self.watchman.look), self._loop).result(60)

    def let_pass_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Let time pass, so many seconds at a time, until it ``holds()``."""
        patience = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < patience
            self.let_pass(seconds)

    def limits_met(self) -> dict[str, int]:
        return {limit.value: number for (_, limit), number in self.counts.totals.items()}

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        rounds = asyncio.create_task(self._rounds())
        await self._server.serve(sockets=[self._socket])
        rounds.cancel()

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            self.watchman.look(self._loop.time())


def _front(request: Request) -> Response:
    return PlainTextResponse("front")


def _large(request: Request) -> Response:
    return Response(b"x" * LARGE)


async def _form(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk() -> Iterator[MakeDesk]:
    with ExitStack() as stack:

        def make(
            head: float = 30.0, stall: float = 30.0, rate: int = 500, per_address: int = 512, total: int = 1000
        ) -> Desk:
            limits = TransferLimits(head, stall, rate, 900.0)
            return stack.enter_context(Desk(limits, ConnectionLimits(per_address, total)))

        yield make


@pytest.mark.parametrize("beginning", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: desk.example\r\nX-Slow"])
def test_a_slow_head_is_refused_and_closed(make_desk: MakeDesk, beginning: bytes) -> None:
    desk = make_desk(head=30.0)
    with desk.connect() as wire:
        wire.send(beginning)
        desk.let_pass_until(wire.has_more, 31.0)
        answer = wire.answer()
        assert (answer.status, answer.closes) == (408, True)
        assert wire.is_closed()
    assert desk.limits_met() == {"slow_head": 1}


@pytest.mark.parametrize("tease", [b"GET /", b"\r\n"])
def test_a_byte_now_and_then_does_not_prolong_a_head_nor_a_pause(make_desk: MakeDesk, tease: bytes) -> None:
    desk = make_desk(head=30.0)
    with desk.connect() as wire:
        assert wire.ask(GET).body == b"front"
        desk.let_pass(70.0)  # quiet is allowed
        assert wire.ask(GET).body == b"front"
        wire.send(tease)
        desk.let_pass_until(wire.has_more, 31.0)
        assert wire.answer().status == 408


def test_a_head_has_a_largest_size(make_desk: MakeDesk) -> None:
    desk = make_desk()
    with desk.connect() as wire:
        wire.send(b"GET / HTTP/1.1\r\nX-Endless: " + b"x" * 30_000)
        assert wire.answer().status == 431


def test_a_slow_form_is_cut(make_desk: MakeDesk) -> None:
    desk = make_desk(head=1e9, rate=EVERYTHING)
    with desk.connect() as wire:
        wire.send(b"POST /form HTTP/1.1\r\nHost: desk.example\r\nContent-Length: 5\r\n\r\nh")
        desk.let_pass_until(wire.has_more, 31.0)
        with pytest.raises(Broken):
            wire.answer()
    assert desk.limits_met() == {"slow_content": 1}


def test_content_that_nobody_reads_has_to_come_too(make_desk: MakeDesk) -> None:
    """The answer is there at once; a connection that then owes content for ever is not kept."""
    desk = make_desk(head=1e9, rate=EVERYTHING)
    head = b"POST / HTTP/1.1\r\nHost: desk.example\r\nContent-Length: 5\r\n\r\n"
    with desk.connect() as wire:
        assert wire.ask(head).status == 405
        desk.let_pass_until(wire.has_more, 31.0)
        assert wire.rest() == b""
    with desk.connect() as wire:
        assert wire.ask(head).status == 405
        wire.send(b"hello")
        _wait(lambda: not any(connection.content_owed for connection in tuple(desk.watchman.connections)))
        desk.let_pass(31.0)
        assert wire.ask(GET).body == b"front"
    assert desk.limits_met() == {"slow_content": 1}


def test_a_slow_reader_is_cut_and_a_fast_one_is_not(make_desk: MakeDesk) -> None:
    desk = make_desk(rate=EVERYTHING)
    with desk.connect() as wire:
        assert len(wire.ask(GET.replace(b"GET /", b"GET /large")).body) == LARGE
        desk.let_pass(31.0)
        assert wire.ask(GET).body == b"front"
    with desk.connect(buffer_bytes=4096) as wire:
        wire.send(GET.replace(b"GET /", b"GET /large"))
        assert wire.head()[0] == 200
        desk.let_pass_until(lambda: bool(desk.limits_met()), 31.0)
        with pytest.raises(Broken):
            wire.take(LARGE)
    assert desk.limits_met() == {"slow_reading": 1}


def test_one_address_has_so_many_connections_and_no_more(make_desk: MakeDesk) -> None:
    desk = make_desk(per_address=2)
    with desk.connect() as first, desk.connect() as second, desk.connect() as third:
        assert (first.ask(GET).status, second.ask(GET).status) == (200, 200)
        refused = third.ask(GET)
        assert (refused.status, refused.closes, refused.fields["retry-after"]) == (503, True, "5")
    _wait(lambda: not desk.watchman.connections)
    with desk.connect() as wire:
        assert wire.ask(GET).status == 200
    assert desk.limits_met() == {"address_limit": 1}


def _wait(holds: Callable[[], Any]) -> None:
    patience = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < patience
        time.sleep(0.002)
