"""Delivery evidence: what the peer's TCP acknowledged, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial

import pytest

from edge.proxy.delivery import DeliveryWatch, Verdict, bytes_acknowledged, own_view

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connected pair of TCP sockets: ours, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours, client:
        yield ours, client


def write(watch: DeliveryWatch, sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    watch.written += len(data)


def note(told: list[tuple[int, Verdict]], number: int, verdict: Verdict) -> None:
    told.append((number, verdict))


def read_all(client: socket.socket, length: int) -> None:
    while length:
        length -= len(client.recv(length))


def test_what_the_peer_took_is_delivered(pair: Pair) -> None:
    ours, client = pair
    watch = DeliveryWatch(ours)
    verdicts: list[Verdict] = []
    write(watch, ours, b"x" * 1000)
    read_all(client, 1000)
    watch.expect(verdicts.append)
    watch.look()
    assert verdicts == [Verdict.DELIVERED]
    assert not watch.waiting


def test_several_answers_are_settled_in_their_order(pair: Pair) -> None:
    ours, client = pair
    watch = DeliveryWatch(ours)
    told: list[tuple[int, Verdict]] = []
    for number in range(3):
        write(watch, ours, b"x" * 10)
        watch.expect(partial(note, told, number))
    read_all(client, 30)
    watch.look()
    assert told == [(number, Verdict.DELIVERED) for number in range(3)]


def test_bytes_that_never_left_are_broken_when_the_connection_ends(pair: Pair) -> None:
    ours, client = pair
    watch = DeliveryWatch(ours)
    verdicts: list[Verdict] = []
    write(watch, ours, b"x" * 10)
    read_all(client, 10)
    watch.written += 5_000_000  # handed to the transport, which never could send them
    watch.expect(verdicts.append)
    assert watch.waiting
    watch.close()
    assert verdicts == [Verdict.BROKEN]


def test_a_reset_after_the_last_byte_was_taken_is_still_delivered(pair: Pair) -> None:
    ours, client = pair
    watch = DeliveryWatch(ours)
    verdicts: list[Verdict] = []
    write(watch, ours, b"x" * 1000)
    read_all(client, 1000)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    watch.expect(verdicts.append)
    watch.close()
    assert verdicts == [Verdict.DELIVERED]


def test_what_is_asked_after_the_end_is_judged_by_what_had_arrived(pair: Pair) -> None:
    ours, client = pair
    watch = DeliveryWatch(ours)
    verdicts: list[Verdict] = []
    write(watch, ours, b"x" * 10)
    read_all(client, 10)
    watch.expect(verdicts.append)
    watch.close()
    watch.written += 1
    watch.expect(verdicts.append)
    assert verdicts == [Verdict.DELIVERED, Verdict.BROKEN]


def test_a_reader_that_stalls_leaves_the_delivery_open(pair: Pair) -> None:
    ours, client = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ours.setblocking(False)
    watch = DeliveryWatch(ours)
    verdicts: list[Verdict] = []
    watch.written = ours.send(b"x" * 5_000_000) + 4_000_000
    watch.expect(verdicts.append)
    watch.look()
    assert verdicts == []
    assert watch.waiting


def test_without_evidence_nothing_is_claimed() -> None:
    class NoTcp:
        def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
            raise OSError

    assert bytes_acknowledged(NoTcp()) is None
    assert bytes_acknowledged(None) is None
    watch = DeliveryWatch(NoTcp())
    verdicts: list[Verdict] = []
    watch.written = 10
    watch.expect(verdicts.append)
    watch.close()
    assert verdicts == [Verdict.UNKNOWN]


def test_our_view_of_a_connection_ends_without_closing_it(pair: Pair) -> None:
    ours, client = pair
    view = own_view(ours)
    assert view is not None
    assert bytes_acknowledged(view) is not None
    view.detach()
    ours.sendall(b"x")
    assert client.recv(1) == b"x"


def test_a_connection_without_tcp_has_no_view() -> None:
    ours, other = socket.socketpair()
    with ours, other:
        assert own_view(ours) is None
    assert own_view(None) is None
