"""Clients that dawdle are cut, others are not, on real sockets: readers, senders, and who waits for an origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.edge_under_test import PATIENT, RICH, EdgeUnderTest
from tests.support.scripted_origin import Play, Then, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Broken, Wire

EVERYTHING = 100_000_000
LARGE = 6_000_000


def limits_met(edge: EdgeUnderTest) -> dict[str, int]:
    return {limit.value: number for (_, limit), number in edge.limit_counts.totals.items()}


def wait_until_content_is_owed(edge: EdgeUnderTest) -> None:
    edge.wait_until(lambda: any(connection.content_owed for connection in tuple(edge.watchman.connections)))


def dawdle(edge: EdgeUnderTest, wire: Wire, count: int) -> int:
    """Read a thousand bytes a second until the connection breaks or ``count`` bytes are there; how many came."""
    received = 0
    while received < count:
        try:
            data = wire.socket.recv(1000)
        except ConnectionError:
            break
        received += len(data)
        if not data:
            break
        edge.let_pass(len(data) / 1000)
    return received


def test_a_slow_reader_of_a_free_page_is_cut(make_edge: Any) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    edge.origin.script["/free/large"] = [page(b"x" * LARGE)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(browsed("/free/large"))
        assert dawdle(edge, wire, LARGE) < LARGE
    edge.wait_until_alone()
    assert limits_met(edge) == {"slow_reading": 1}
    edge.wait_until(lambda: not edge.gate.upstream._busy)


def test_slow_but_fast_enough_passes(make_edge: Any) -> None:
    """The same reader, longer than the patience for a stall, at a rate that asks less of it."""
    edge = make_edge(stall_seconds=30.0, bytes_per_second=500)
    edge.origin.script["/sold"] = [page(b"x" * 200_000)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold"))
        assert wire.head()[0] == 200
        rest = 200_000 - len(wire._received)
        assert dawdle(edge, wire, rest) == rest
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.charged_micros() == 10_000
    assert limits_met(edge) == {}


@pytest.mark.parametrize(("length", "kinds"), [(200_000, ["post", "reverse"]), (3 * LARGE, ["hold", "void"])])
def test_a_slow_reader_of_a_paid_page_is_cut_and_not_charged(make_edge: Any, length: int, kinds: list[str]) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    edge.origin.script["/sold"] = [page(b"x" * length)]
    data = RICH.paying("/sold")
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(data)
        assert dawdle(edge, wire, length) < length
    edge.ledger.wait_for(*kinds)
    assert edge.ledger.charged_micros() == 0
    edge.ledger.check()
    assert limits_met(edge) == {"slow_reading": 1}
    again = edge.ask(data)
    assert (again.status, len(again.body)) == (200, length)
    edge.ledger.wait_for_confirmation(edge.ledger.kinds().count("settle"))
    assert edge.ledger.charged_micros() in (0, 10_000)  # collected for nothing, or charged once


def test_a_reader_that_asked_to_close_is_cut_just_the_same(make_edge: Any) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING)
    edge.origin.script["/sold"] = [page(b"x" * 200_000)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold", "Connection: close"))
        assert dawdle(edge, wire, 200_000) < 200_000
    edge.ledger.wait_for("post", "reverse")


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_a_slow_sender_is_refused_and_closed(make_edge: Any, framing: str) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    with edge.connect() as wire:
        wire.send(browsed("/upload", framing, method="POST"))
        wait_until_content_is_owed(edge)
        for _ in range(200):
            if wire.has_more(0):
                break
            wire.send(b"5\r\nhello\r\n")
            edge.let_pass(1.0)
        answer = wire.answer()
        assert (answer.status, answer.closes) == (408, True)
    edge.wait_until_alone()
    assert limits_met(edge) == {"slow_content": 1}
    assert edge.gate.traffic.totals["request_timeout"] == 1
    assert edge.origin.targets() == []  # nothing that was whole ever reached it


def test_a_sender_that_is_fast_enough_may_take_its_time(make_edge: Any) -> None:
    edge = make_edge(stall_seconds=5.0, bytes_per_second=500, limits=PATIENT)
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 10000", method="POST"))
        for _ in range(100):
            wire.send(b"x" * 100)
            edge.let_pass(0.15)
        assert wire.answer().status == 200
    assert len(edge.origin.seen[-1].body) == 10_000
    assert limits_met(edge) == {}


def test_a_sender_that_stops_is_refused(make_edge: Any) -> None:
    edge = make_edge(limits=PATIENT)
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 100", method="POST") + b"hello")
        wait_until_content_is_owed(edge)
        answer = edge.late_answer(wire, 31.0)
        assert (answer.status, answer.closes) == (408, True)
    assert limits_met(edge) == {"slow_content": 1}


def test_content_that_waits_for_our_leave_is_not_late(make_edge: Any) -> None:
    """A polite client sends content only when told to go on; here the only connection to the origin is in use."""
    edge = make_edge(limits=replace(PATIENT, connections=1))
    edge.origin.script["/slow"] = [Then.WAIT, page(b"slow")]
    with edge.connect() as first, edge.connect() as wire:
        first.send(browsed("/slow"))
        edge.wait_until_asked()
        wire.send(browsed("/upload", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        edge.wait_until(lambda: len(edge.authorised) == 2)
        edge.let_pass(31.0)
        edge.origin.go_on()
        assert first.answer().body == b"slow"
        assert wire.head()[0] == 100
        assert wire.ask(b"hello").status == 200
    assert limits_met(edge) == {}


def test_content_behind_another_answer_is_not_late(make_edge: Any) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    edge.origin.script["/slow"] = [Then.WAIT, page(b"slow")]
    with edge.connect() as wire:
        wire.send(browsed("/slow") + browsed("/upload", "Content-Length: 5", method="POST"))
        edge.wait_until_asked()
        edge.let_pass(31.0)
        edge.origin.go_on()
        assert wire.answer().body == b"slow"
        assert wire.ask(b"hello").status == 200
    assert limits_met(edge) == {}


def test_what_waits_in_our_buffer_is_known(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/large"] = [page(b"x" * 3 * LARGE)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(browsed("/free/large"))
        edge.wait_until(lambda: any(connection.unsent() for connection in edge.watchman.connections))


def test_a_slow_origin_costs_the_client_nothing(make_edge: Any) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    drips: Play = [step for _ in range(5) for step in (b"x" * 100_000, Then.PAUSE)]
    edge.origin.script["/sold"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", Then.PAUSE, Then.PAUSE, *drips]
    edge.origin.pause = lambda: edge.let_pass_when_taken(31.0)
    with edge.connect() as wire:
        assert len(wire.ask(RICH.paying("/sold")).body) == 500_000
        edge.let_pass(31.0)
        assert wire.ask(claimed("/a")).status == 402
    assert limits_met(edge) == {}


def test_an_upload_that_the_origin_takes_slowly_is_not_the_clients_fault(make_edge: Any) -> None:
    edge = make_edge(bytes_per_second=EVERYTHING, limits=PATIENT)
    edge.origin.script["/upload"] = [Then.WAIT, page(b"done")]
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 5", method="POST") + b"hello")
        edge.wait_until_asked()
        edge.let_pass(31.0)
        edge.origin.go_on()
        assert wire.answer().body == b"done"
    assert limits_met(edge) == {}


@pytest.mark.parametrize("buy", [True, False])
def test_an_answer_that_takes_too_long_is_cut(make_edge: Any, buy: bool) -> None:
    edge = make_edge(answer_seconds=900.0, limits=PATIENT)
    edge.origin.pause = lambda: edge.let_pass_when_taken(100.0)
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
