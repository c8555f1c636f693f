"""Who is too slow, by the rounds of the watchman: clients that dawdle, and those that only seem to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from edge.proxy.connection_limits import Limit
from edge.proxy.delivery import TCP_INFO_BYTES, DeliveryWatch
from edge.proxy.transfer_rates import ClientPace, TransferLimits

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


def test_little_on_its_way_does_not_excuse_who_holds_up_the_rest() -> None:
    """20 KB on their way pass at 300 bytes a second before the patience ends; but more waits behind them."""
    line = Line(is_paused=True)
    line.deliveries.written = 20_000
    met = None
    for _ in range(4 * 200):
        line.take(75)
        line.deliveries.written += 75
        met = met or line.round()
    assert met is Limit.SLOW_READING


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
