"""Clients that read slowly, stop reading or leave: who pays is decided by what arrived (D1, D2)."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.support.edge_under_test import PATIENT, RICH, EdgeUnderTest
from tests.support.scripted_origin import Play, Then, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Broken, Wire

LARGE = 6_000_000
LEAVES = ["reset", "close"]


def leave(wire: Wire, how: str) -> None:
    (wire.reset if how == "reset" else wire.close)()


def pour(edge: EdgeUnderTest, wire: Wire, data: bytes) -> None:
    """Send the same again and again until the edge ends the connection; time passes while it takes nothing."""
    wire.socket.settimeout(0.05)
    sent = 0
    while True:
        try:
            sent = (sent + wire.socket.send(data[sent:])) % len(data)
        except TimeoutError:
            edge.let_pass(31.0)
        except ConnectionError:
            return


def test_a_reader_that_stalls_is_cut_off(make_edge: Any) -> None:
    edge = make_edge(limits=PATIENT)
    edge.origin.script["/sold"] = [page(b"x" * LARGE * 3)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold"))
        assert wire.head()[0] == 200
        edge.let_pass_until(lambda: "void" in edge.ledger.kinds(), 31.0)
        edge.ledger.wait_for("hold", "void")
        with pytest.raises(Broken):
            wire.take(LARGE * 3)


def test_who_asks_and_asks_but_never_reads_gets_no_more_to_read(make_edge: Any) -> None:
    edge = make_edge(limits=PATIENT)
    with edge.connect(buffer_bytes=4096) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        pour(edge, wire, claimed("/a") * 100)
    # What fits into the kernels' buffers and one reading of the edge's, and not what the client would still send.
    assert edge.gate.traffic.totals["payment_required"] < 20_000


@pytest.mark.parametrize("how", LEAVES)
def test_a_client_that_leaves_before_the_answer_is_not_charged(edge: EdgeUnderTest, how: str) -> None:
    edge.origin.script["/sold"] = [Then.WAIT, page(b"x" * 1000)]
    wire = edge.connect()
    wire.send(RICH.paying("/sold"))
    edge.wait_until_asked()
    leave(wire, how)
    edge.wait_until_alone()
    edge.origin.go_on()
    assert edge.ask(claimed("/free/a")).status == 200
    edge.ledger.wait_until(lambda: "post" not in edge.ledger.kinds() or "reverse" in edge.ledger.kinds())
    assert edge.ledger.charged_micros() == 0


@pytest.mark.parametrize("how", LEAVES)
@pytest.mark.parametrize("taken", [0, 1, 1000])
def test_a_client_that_leaves_within_a_large_page_is_not_charged(edge: EdgeUnderTest, how: str, taken: int) -> None:
    edge.origin.script["/sold"] = [page(b"x" * LARGE)]
    wire = edge.connect(buffer_bytes=4096)
    wire.send(RICH.paying("/sold"))
    assert wire.head()[0] == 200
    wire.take(taken)
    leave(wire, how)
    edge.ledger.wait_until(lambda: "void" in edge.ledger.kinds() or "reverse" in edge.ledger.kinds())
    assert edge.ledger.charged_micros() == 0
    edge.ledger.check()


def test_a_client_that_resets_before_the_last_byte_left_is_not_charged(edge: EdgeUnderTest) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\n"
    edge.origin.script["/sold"] = [head, b"x" * 2_000_000, Then.WAIT, b"y"]
    wire = edge.connect()
    wire.send(RICH.paying("/sold"))
    wire.head()
    wire.take(100_000)
    leave(wire, "reset")
    edge.wait_until_alone()
    edge.origin.go_on()
    edge.ledger.wait_for("hold", "void")


@pytest.mark.parametrize("length", [1, 10_000, 256 * 1024, 256 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("how", [*LEAVES, "stay"])
def test_a_client_that_read_the_last_byte_is_charged(edge: EdgeUnderTest, how: str, length: int) -> None:
    edge.origin.script["/sold"] = [page(b"x" * length)]
    wire = edge.connect()
    wire.send(RICH.paying("/sold"))
    assert wire.answer().fields["crawler-charged"] == "USD 0.01"
    if how != "stay":
        leave(wire, how)
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.charged_micros() == 10_000
    wire.close()


@pytest.mark.parametrize("length", [100_000, 2_000_000])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_slow_reader_that_asked_to_close_is_still_charged(edge: EdgeUnderTest, length: int, version: str) -> None:
    edge.origin.script["/sold"] = [page(b"x" * length)]
    with edge.connect(buffer_bytes=4096) as wire:
        wire.send(RICH.paying("/sold", "Connection: close", version=version))
        status, _ = wire.head()
        # Everything is in the kernels' hands now, and nobody has read it yet.
        edge.ledger.wait_until(lambda: edge.ledger.charged_micros() == 10_000)
        edge.let_pass(20.0)
        assert (status, len(wire.take(length)), wire.is_closed()) == (200, length, True)
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.charged_micros() == 10_000


def test_a_page_is_not_unpaid_because_the_next_answer_was_not_read(edge: EdgeUnderTest) -> None:
    edge.origin.script["/sold"] = [Then.WAIT, page(b"x" * 1000)]
    edge.origin.script["/free/large"] = [page(b"y" * LARGE)]
    wire = edge.connect(buffer_bytes=4096)
    wire.send(RICH.paying("/sold") + claimed("/a") * 200)
    edge.origin.go_on()
    assert wire.answer().body == b"x" * 1000
    leave(wire, "reset")
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.kinds() == ["post"]


def test_a_broken_delivery_is_collected_once_for_nothing(edge: EdgeUnderTest) -> None:
    edge.origin.script["/sold"] = [page(b"x" * LARGE)]
    data = RICH.paying("/sold")
    wire = edge.connect(buffer_bytes=4096)
    wire.send(data)
    wire.head()
    # The origin is done and the charge settled while most of the page still waits in the kernels.
    leave(wire, "reset")
    edge.ledger.wait_until(lambda: edge.ledger.kinds()[-1:] in (["void"], ["reverse"]))
    again = edge.ask(data)
    assert (again.status, len(again.body)) == (200, LARGE)
    assert edge.ledger.charged_micros() in (0, 10_000)
    assert ("crawler-charged" in again.fields) == (edge.ledger.charged_micros() == 10_000)


def test_a_visitor_that_leaves_ends_the_transfer(edge: EdgeUnderTest) -> None:
    endless: Play = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", *[b"x" * 1_000_000] * 90, Then.WAIT]
    edge.origin.script["/large"] = endless
    wire = edge.connect()
    wire.send(browsed("/large"))
    wire.head()
    leave(wire, "reset")
    edge.wait_until_alone()
    edge.wait_until(lambda: not edge.gate.upstream._busy)
