"""Clients that dawdle are cut, others are not: who is too slow, by the rounds of the watchman and on real sockets."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge.proxy.connection_limits import Limit
from edge.proxy.delivery import TCP_INFO_BYTES, DeliveryWatch
from edge.proxy.transfer_rates import ClientPace, TransferLimits
from tests.support.edge_under_test import RICH, EdgeUnderTest
from tests.support.scripted_origin import Play, Then, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Broken, Wire

ROUND = 0.25
LIMITS = TransferLimits(header_seconds=10.0, stall_seconds=30.0, bytes_per_second=500, answer_seconds=900.0)


class Peer:
    """The peer's TCP as the system reports it; ``None`` where it does not."""

    def __init__(self, acknowledged: int | None = 0) -> None:
        self.acknowledged = acknowledged

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        if self.acknowledged is None:
            raise OSError
        return struct.pack("=120xQ", self.acknowledged).ljust(TCP_INFO_BYTES, b"\0")


@dataclass
class Answer:
    """One request being answered."""

    response_started: bool = True
    response_complete: bool = False


@dataclass
class Line:
    """A connection without a network: a test says what was written, taken and sent."""

    peer: Peer = field(default_factory=Peer)
    answering: Answer | None = None
    content_owed: Answer | None = None
    content_received: int = 0
    is_paused: bool = False
    buffered: int = 0

    def __post_init__(self) -> None:
        self.deliveries = DeliveryWatch(self.peer)
        self.pace = ClientPace()
        self.now = 1000.0

    def unsent(self) -> int:
        return self.buffered

    def take(self, count: int) -> None:
        assert self.peer.acknowledged is not None
        self.peer.acknowledged += count

    def round(self, limits: TransferLimits = LIMITS) -> Limit | None:
        self.now += ROUND
        return self.pace.look(self.now, self, limits)

    def rounds(self, seconds: float, taken: float = 0, limits: TransferLimits = LIMITS) -> Iterator[Limit | None]:
        """Rounds for so many seconds, the peer taking so many bytes a second."""
        for _ in range(int(seconds / ROUND)):
            if taken:
                self.take(int(taken * ROUND))
            yield self.round(limits)


def seconds_until(rounds: Iterator[Limit | None]) -> tuple[float, Limit] | None:
    """After how many seconds of rounds a limit is met; None when never."""
    met = ((number * ROUND, limit) for number, limit in enumerate(rounds) if limit is not None)
    return next(met, None)


# By rounds


@pytest.mark.parametrize(
    ("taken", "after"), [(0, 30), (250, 60), (400, 150), (500, None), (1000, None)], ids=lambda value: str(value)
)
def test_a_reader_is_cut_when_it_is_so_many_seconds_behind(taken: int, after: int | None) -> None:
    line = Line(is_paused=True)
    line.deliveries.written = 10_000_000
    met = seconds_until(line.rounds(3600, taken))
    if after is None:
        assert met is None
    else:
        assert met is not None
        assert met[1] is Limit.SLOW_READING
        assert after - 1 <= met[0] <= after + 1  # to a few rounds


def test_having_been_fast_is_no_excuse_for_stopping() -> None:
    line = Line(is_paused=True)
    line.deliveries.written = 10_000_000
    assert seconds_until(line.rounds(60, 100_000)) is None
    assert seconds_until(line.rounds(60)) is not None


def test_who_takes_a_little_less_often_than_we_look_keeps_up() -> None:
    line = Line(is_paused=True)
    line.deliveries.written = 10_000_000
    for _ in range(20):
        assert seconds_until(line.rounds(25)) is None
        line.take(25 * 500)


def test_a_rate_of_zero_asks_only_for_a_byte_now_and_then() -> None:
    limits = TransferLimits(10.0, 30.0, 0, 900.0)
    line = Line(is_paused=True)
    line.deliveries.written = 10_000_000
    for _ in range(20):
        assert seconds_until(line.rounds(29, limits=limits)) is None
        line.take(1)
    assert seconds_until(line.rounds(60, limits=limits)) is not None


def test_a_slow_origin_is_not_the_clients_fault_however_far_away_it_is() -> None:
    """Ten bytes a round, each acknowledged two seconds later: there is always something on its way."""
    line = Line()
    for number in range(4000):
        line.deliveries.written += 10
        if number >= 8:
            line.take(10)
        assert line.round() is None


def test_time_without_anything_on_its_way_does_not_count() -> None:
    line = Line()
    for _ in range(10):
        line.deliveries.written += 1000
        assert seconds_until(line.rounds(20)) is None
        line.take(1000)
        assert seconds_until(line.rounds(1000)) is None


def test_where_the_system_cannot_tell_what_left_our_buffer_was_taken() -> None:
    line = Line(Peer(None), is_paused=True)
    line.deliveries.written = line.buffered = 100_000
    assert seconds_until(line.rounds(29)) is None
    line.buffered = 0
    assert seconds_until(line.rounds(1000)) is None
    line.deliveries.written, line.buffered = 200_000, 100_000
    assert seconds_until(line.rounds(60)) is not None


@pytest.mark.parametrize(("sent", "is_cut"), [(0, True), (100, True), (500, False), (5000, False)])
def test_content_is_measured_like_an_answer(sent: int, is_cut: bool) -> None:
    line = Line(content_owed=Answer(response_started=False))
    met = None
    for _ in range(4 * 120):
        line.content_received += sent // 4
        met = met or line.round()
    assert met is (Limit.SLOW_CONTENT if is_cut else None)


def test_content_that_is_not_wanted_just_now_is_not_late() -> None:
    line = Line()
    for _ in range(20):
        line.content_owed = Answer(response_started=False)
        assert seconds_until(line.rounds(25)) is None
        line.content_owed = None
        assert seconds_until(line.rounds(5)) is None


def test_each_request_has_its_own_time_for_its_content() -> None:
    line = Line()
    for _ in range(20):
        line.content_owed = Answer(response_started=False)
        assert seconds_until(line.rounds(25)) is None


def test_an_answer_has_a_longest_time_however_fast_it_is_taken() -> None:
    line = Line(answering=Answer())
    met = None
    for _ in range(4 * 910):
        line.deliveries.written += 1000
        line.take(1000)
        met = met or line.round()
    assert met is Limit.LONG_ANSWER


def test_the_time_of_an_answer_ends_when_its_last_byte_has_arrived() -> None:
    line = Line(answering=Answer())
    line.deliveries.written = 1000
    assert line.round() is None
    line.answering = Answer(response_complete=True)
    line.take(1000)
    assert seconds_until(line.rounds(2000)) is None


def test_waiting_for_an_origin_is_no_part_of_an_answers_time() -> None:
    line = Line(answering=Answer(response_started=False))
    assert seconds_until(line.rounds(2000)) is None


# On sockets

EVERYTHING = 100_000_000
LARGE = 6_000_000


def limits_met(edge: EdgeUnderTest) -> dict[str, int]:
    return {limit.value: number for (_, limit), number in edge.limit_counts.totals.items()}


def dawdle(wire: Wire, count: int) -> int:
    """Read a little at a time until the connection breaks or ``count`` bytes are there; how many came."""
    received = 0
    while received < count:
        try:
            data = wire.socket.recv(1000)
        except ConnectionError:
            break
        received += len(data)
        if not data:
            break
        time.sleep(0.005)
    return received


def test_a_slow_reader_of_a_free_page_is_cut(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=0.2, bytes_per_second=EVERYTHING)
    edge.origin.script["/free/large"] = [page(b"x" * LARGE)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(browsed("/free/large"))
        assert dawdle(wire, LARGE) < LARGE
    edge.wait_until_alone()
    assert limits_met(edge) == {"slow_reading": 1}
    edge.wait_until(lambda: not edge.gate.upstream._busy)


def test_slow_but_fast_enough_passes(make_edge: Any) -> None:
    """The same reader, longer than the patience for a stall, at a rate that asks less of it."""
    edge = make_edge(stall_seconds=1.0, bytes_per_second=500)
    edge.origin.script["/sold"] = [page(b"x" * 200_000)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold"))
        assert wire.head()[0] == 200
        rest = 200_000 - len(wire._received)
        assert dawdle(wire, rest) == rest
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.charged_micros() == 10_000
    assert limits_met(edge) == {}


@pytest.mark.parametrize(("length", "kinds"), [(200_000, ["post", "reverse"]), (3 * LARGE, ["hold", "void"])])
def test_a_slow_reader_of_a_paid_page_is_cut_and_not_charged(make_edge: Any, length: int, kinds: list[str]) -> None:
    edge = make_edge(stall_seconds=0.2, bytes_per_second=EVERYTHING)
    edge.origin.script["/sold"] = [page(b"x" * length)]
    data = RICH.paying("/sold")
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(data)
        assert dawdle(wire, length) < length
    edge.ledger.wait_for(*kinds)
    assert edge.ledger.charged_micros() == 0
    edge.ledger.check()
    assert limits_met(edge) == {"slow_reading": 1}
    again = edge.ask(data)
    assert (again.status, len(again.body)) == (200, length)
    edge.ledger.wait_for_confirmation(edge.ledger.kinds().count("settle"))
    assert edge.ledger.charged_micros() in (0, 10_000)  # collected for nothing, or charged once


def test_a_reader_that_asked_to_close_is_cut_just_the_same(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=0.2, bytes_per_second=EVERYTHING)
    edge.origin.script["/sold"] = [page(b"x" * 200_000)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold", "Connection: close"))
        assert dawdle(wire, 200_000) < 200_000
    edge.ledger.wait_for("post", "reverse")


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_slow_sender_is_refused_and_closed(make_edge: Any, framing: str) -> None:
    edge = make_edge(stall_seconds=0.2, bytes_per_second=EVERYTHING)
    with edge.connect() as wire:
        wire.send(browsed("/upload", framing, method="POST"))
        for _ in range(200):
            if not _sent(wire, b"5\r\nhello\r\n"):
                break
            time.sleep(0.005)
        answer = wire.answer()
        assert (answer.status, answer.closes) == (408, True)
    edge.wait_until_alone()
    assert limits_met(edge) == {"slow_content": 1}
    assert edge.gate.traffic.totals["request_timeout"] == 1
    assert edge.origin.targets() == []  # nothing that was whole ever reached it


def test_a_sender_that_is_fast_enough_may_take_its_time(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=0.5, bytes_per_second=500)
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 10000", method="POST"))
        for _ in range(100):
            wire.send(b"x" * 100)
            time.sleep(0.008)
        assert wire.answer().status == 200
    assert len(edge.origin.seen[-1].body) == 10_000
    assert limits_met(edge) == {}


def test_content_that_waits_for_our_leave_is_not_late(make_edge: Any) -> None:
    """A pipelined request whose content may not come yet: the answer before it takes its time."""
    edge = make_edge(stall_seconds=0.1, bytes_per_second=EVERYTHING)
    edge.origin.script["/slow"] = [Then.WAIT, page(b"slow")]
    with edge.connect() as wire:
        wire.send(browsed("/slow") + browsed("/upload", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        edge.wait_until_asked()
        time.sleep(0.4)
        edge.origin.go_on()
        assert wire.answer().body == b"slow"
        assert wire.head()[0] == 100
        assert wire.ask(b"hello").status == 200
    assert limits_met(edge) == {}


def test_a_slow_origin_costs_the_client_nothing(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=0.15, bytes_per_second=EVERYTHING)
    drips: Play = [step for _ in range(5) for step in (b"x" * 100_000, Then.PAUSE)]
    edge.origin.script["/sold"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", Then.PAUSE, Then.PAUSE, *drips]
    with edge.connect() as wire:
        assert len(wire.ask(RICH.paying("/sold")).body) == 500_000
        time.sleep(0.4)
        assert wire.ask(claimed("/a")).status == 402
    assert limits_met(edge) == {}


def test_an_upload_that_the_origin_takes_slowly_is_not_the_clients_fault(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=0.15, bytes_per_second=EVERYTHING)
    edge.origin.script["/upload"] = [Then.WAIT, page(b"done")]
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 5", method="POST") + b"hello")
        edge.wait_until_asked()
        time.sleep(0.4)
        edge.origin.go_on()
        assert wire.answer().body == b"done"
    assert limits_met(edge) == {}


@pytest.mark.parametrize("buy", [True, False])
def test_an_answer_that_takes_too_long_is_cut(make_edge: Any, buy: bool) -> None:
    edge = make_edge(answer_seconds=0.3)
    drips: Play = [step for _ in range(100) for step in (b"x" * 300_000, Then.PAUSE)]
    edge.origin.script["/free/drips" if not buy else "/drips"] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n",
        *drips,
    ]
    with edge.connect() as wire:
        wire.send(RICH.paying("/drips") if buy else browsed("/free/drips"))
        assert wire.head()[0] == 200
        with pytest.raises(Broken, match="reset"):
            wire.take(30_000_000)
    assert limits_met(edge) == {"long_answer": 1}
    if buy:
        edge.ledger.wait_for("hold", "void")


def _sent(wire: Wire, data: bytes) -> bool:
    """Send, unless an answer is there already."""
    wire.socket.setblocking(False)
    try:
        return not wire.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        pass
    finally:
        wire.socket.settimeout(10)
    wire.send(data)
    return True
