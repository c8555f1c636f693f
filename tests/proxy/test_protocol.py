"""Our protocol on real sockets: deadlines, limits, order, and what a client that leaves gets away with."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.support.edge_under_test import PATIENT, RICH, EdgeUnderTest
from tests.support.scripted_origin import Then, chunked, page
from tests.support.signing_crawler import browsed, claimed, request
from tests.support.wire import Broken

# Deadlines


@pytest.mark.parametrize("beginning", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: news.example\r\nUser-Ag"])
def test_a_header_section_that_does_not_come_in_time_is_refused(make_edge: Any, beginning: bytes) -> None:
    edge = make_edge(header_deadline_seconds=10.0)
    with edge.connect() as wire:
        wire.send(beginning)
        answer = edge.late_answer(wire, 11.0)
        assert (answer.status, answer.closes) == (408, True)
        assert wire.is_closed()
    assert edge.origin.seen == []


def test_a_byte_now_and_then_does_not_prolong_the_deadline(make_edge: Any) -> None:
    edge = make_edge(header_deadline_seconds=9.5)
    with edge.connect() as wire:
        edge.wait_until_a_head_is_owed()
        for byte in request("/", "X-Endless: " + "x" * 100)[:10]:
            wire.send(bytes([byte]))
            edge.let_pass(1.0)
        assert wire.answer().status == 408


def test_the_deadline_holds_for_the_next_request_of_a_kept_connection(make_edge: Any) -> None:
    edge = make_edge(header_deadline_seconds=10.0)
    for tease in (b"GET /", b"\r\n"):
        with edge.connect() as wire:
            assert wire.ask(claimed("/a")).status == 402
            wire.send(tease)
            edge.wait_until_a_head_is_owed()
            edge.let_pass(11.0)
            assert wire.answer().status == 408


def test_a_kept_connection_may_be_quiet_between_requests(make_edge: Any) -> None:
    edge = make_edge(header_deadline_seconds=10.0)
    with edge.connect() as wire:
        assert wire.ask(claimed("/a")).status == 402
        edge.let_pass(70.0)
        assert wire.ask(claimed("/a")).status == 402


def test_a_kept_connection_that_stays_quiet_is_closed_and_one_that_waits_for_its_answer_is_not(
    edge: EdgeUnderTest,
) -> None:
    edge.origin.script["/slow"] = [Then.WAIT, page(b"slow")]

    async def look_later() -> None:
        edge.watchman.look(asyncio.get_running_loop().time() + 76)

    with edge.connect() as quiet, edge.connect() as waiting:
        assert quiet.ask(claimed("/a")).status == 402
        waiting.send(browsed("/slow"))
        edge.wait_until_asked()
        edge.do(look_later)
        assert quiet.is_closed()
        edge.origin.go_on()
        assert waiting.answer().body == b"slow"


def test_the_deadline_of_the_next_request_does_not_break_into_an_answer(make_edge: Any) -> None:
    edge = make_edge(header_deadline_seconds=10.0, limits=PATIENT)
    edge.origin.script["/slow"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", b"a" * 1000, Then.WAIT,
                                   b"a" * 299_000]  # fmt: skip
    with edge.connect() as wire:
        wire.send(browsed("/slow") + b"GET /next HT")
        status, fields = wire.head()
        assert (status, fields["content-length"]) == (200, "300000")
        edge.let_pass(11.0)
        edge.origin.go_on()
        assert set(wire.take(300_000)) == {ord("a")}
        assert edge.late_answer(wire, 11.0).status == 408


# Limits


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("/" + "a" * 8192), 414),
        (request("/", "X-Long: " + "x" * 16_384), 431),
        (request("/", *(f"X-{number}: 1" for number in range(100))), 431),
        (b"GET / HTTP/1.1\r\nHost: news.example\r\nX-Endless: " + b"x" * 300_000, 431),
        (b"GET /" + b"a" * 300_000, 414),
    ],
)
def test_a_header_section_over_a_limit_is_refused_and_the_connection_closed(
    edge: EdgeUnderTest, data: bytes, status: int
) -> None:
    with edge.connect() as wire:
        wire.send(data)
        answer = wire.answer()
        assert (answer.status, answer.closes) == (status, True)
        assert wire.is_closed()
    assert edge.origin.seen == []


def test_many_short_requests_in_one_piece_are_not_one_long_header_section(edge: EdgeUnderTest) -> None:
    count = 500
    data = claimed("/a") * count
    middle = len(data) - 10
    with edge.connect() as wire:
        wire.send(data[:10])
        edge.wait_until(lambda: any(connection._heads == 1 for connection in edge.watchman.connections))
        wire.send(data[10:middle])
        assert {wire.answer().status for _ in range(count - 1)} == {402}
        assert wire.ask(data[middle:]).status == 402


def test_a_hundred_fields_and_a_long_address_still_pass(edge: EdgeUnderTest) -> None:
    assert edge.ask(request("/free/a", *(f"X-{number}: 1" for number in range(99)))).status == 200
    assert edge.ask(browsed("/" + "a" * 8191)).status == 200


def test_chunks_of_overhead_without_content_are_not_read_for_ever(edge: EdgeUnderTest) -> None:
    head = browsed("/upload", "Transfer-Encoding: chunked", method="POST")
    for endless in (b"1;" + b"x" * 100, b"0\r\nX-Trailer: " + b"x" * 100):
        with edge.connect() as wire:
            wire.send(head + endless)
            for _ in range(10):
                wire.send(b"x" * 10_000)
            assert (wire.answer().status, wire.is_closed()) == (400, True)


def test_trailers_are_no_header_fields(edge: EdgeUnderTest) -> None:
    edge.origin.script["/first"] = [Then.WAIT, page(b"first")]
    upload = browsed("/upload", "Transfer-Encoding: chunked", method="POST")
    with edge.connect() as wire:
        wire.send(browsed("/first") + upload + b"2\r\nhi\r\n0\r\nHost: evil.example\r\nX-Trailer: 1\r\n\r\n")
        edge.origin.go_on()
        assert wire.answer().body == b"first"
        assert wire.answer().status == 200
    assert edge.origin.seen[-1].body == b"hi"
    assert "x-trailer" not in edge.origin.seen[-1].fields


# Order


def test_pipelined_requests_are_answered_in_their_order(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/slow"] = [Then.WAIT, page(b"slow")]
    slow, sold = claimed("/free/slow"), RICH.paying("/c")
    requests = [claimed("/a"), slow, claimed("/b"), sold, claimed("/free/d"), claimed("/e")]
    with edge.connect() as wire:
        wire.send(b"".join(requests))
        assert wire.answer().status == 402
        edge.origin.go_on()
        answers = [wire.answer() for _ in requests[1:]]
    assert [answer.status for answer in answers] == [200, 402, 200, 200, 402]
    assert [answer.body for answer in answers if answer.status == 200] == [b"slow", b"page /c", b"page /free/d"]
    edge.ledger.wait_for_confirmation()
    assert edge.ledger.kinds() == ["post"]


def test_answers_that_are_not_read_are_not_produced(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/page"] = [page(b"x" * 60_000)]
    count = 400
    with edge.connect() as wire:
        wire.send(browsed("/free/page") * count)
        edge.wait_until(lambda: len(edge.origin.seen) > 0)
        time.sleep(0.3)
        assert len(edge.origin.seen) < count  # what the sockets' buffers take, and no more
        assert {len(wire.answer().body) for _ in range(count)} == {60_000}
    assert len(edge.origin.seen) == count


def test_thousands_of_pipelined_requests_wait_for_a_slow_one(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/slow"] = [Then.WAIT, page(b"slow")]
    count = 3000
    short = b"GET /a HTTP/1.1\r\nHost: news.example\r\n\r\n"
    with edge.connect() as wire:
        wire.send(claimed("/free/slow") + short * count)
        edge.origin.go_on()
        assert wire.answer().body == b"slow"
        assert {wire.answer().status for _ in range(count)} == {402}
    assert edge.reports == []


def test_a_broken_request_behind_a_slow_one_waits_for_its_turn(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/slow"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfour", Then.WAIT, b"more"]
    for broken in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
        with edge.connect() as wire:
            wire.send(claimed("/free/slow") + broken)
            edge.origin.go_on()
            assert wire.answer().body == b"fourmore"
            answer = wire.answer()
            assert (answer.status, answer.closes) == (400, True)
            assert wire.is_closed()


def test_nothing_is_answered_after_a_request_that_closes(edge: EdgeUnderTest) -> None:
    for first in (claimed("/a", "Connection: close"), claimed("/free/a", "Connection: close"),
                  claimed("/a", "Content-Length: 5") + b"hello"):  # fmt: skip
        with edge.connect() as wire:
            wire.send(first + claimed("/free/next"))
            assert wire.answer().closes
            assert wire.is_closed()
    assert edge.origin.targets() in (["/free/a"], [])


def test_fast_and_slow_answers_take_turns_on_one_connection(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        for number in range(5):
            assert wire.ask(claimed(f"/a{number}")).status == 402
            assert wire.ask(claimed(f"/free/{number}")).body == f"page /free/{number}".encode()
            assert wire.ask(RICH.paying(f"/c{number}")).fields["crawler-charged"] == "USD 0.01"


# Versions, methods, forms


def test_http_1_0_is_answered_and_closed(edge: EdgeUnderTest) -> None:
    for data, status in ((claimed("/a", version="1.0"), 402), (claimed("/free/a", version="1.0"), 200)):
        with edge.connect() as wire:
            answer = wire.ask(data)
            assert (answer.status, answer.closes) == (status, True)
            assert wire.is_closed()


def test_http_1_0_gets_no_chunks(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/chunks"] = [chunked(b"one", b"two")]
    edge.origin.script["/sold"] = [chunked(b"x" * 300_000)]
    answer = edge.ask(claimed("/free/chunks", version="1.0"))
    assert (answer.body, "transfer-encoding" in answer.fields) == (b"onetwo", False)
    answer = edge.ask(RICH.paying("/sold", version="1.0"))
    assert (len(answer.body), "transfer-encoding" in answer.fields) == (300_000, False)
    edge.ledger.wait_for_confirmation()


def test_an_http_1_0_answer_that_breaks_off_is_reset(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/broken"] = [chunked(b"one", end=b""), Then.CLOSE]
    edge.origin.script["/sold"] = [chunked(b"x" * 300_000, end=b""), Then.CLOSE]
    for data in (claimed("/free/broken", version="1.0"), RICH.paying("/sold", version="1.0")):
        with pytest.raises(Broken, match="reset"):
            edge.ask(data)
    edge.ledger.wait_for("hold", "void")


@pytest.mark.parametrize("version", ["0.9", "2.0"])
def test_other_versions_are_refused(edge: EdgeUnderTest, version: str) -> None:
    assert edge.ask(claimed("/free/a", version=version)).status == 400
    assert edge.origin.seen == []


def test_an_expectation_is_met_only_where_content_is_wanted(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert wire.head()[0] == 100
        answer = wire.ask(b"hello")
        assert answer.status == 200
        assert edge.origin.seen[-1].body == b"hello"
        assert "expect" not in edge.origin.seen[-1].fields
    with edge.connect() as wire:
        answer = wire.ask(claimed("/paid", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert (answer.status, answer.interim, answer.closes) == (405, (), True)
        assert wire.is_closed()


def test_http_1_0_cannot_expect(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        wire.send(browsed("/up", "Expect: 100-continue", "Content-Length: 5", method="POST", version="1.0") + b"hello")
        answer = wire.answer()
    assert (answer.status, answer.interim) == (200, ())


def test_head_is_answered_without_a_body(edge: EdgeUnderTest) -> None:
    edge.origin.script["/free/a"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"]
    with edge.connect() as wire:
        refused = wire.ask(claimed("/a", method="HEAD"), "HEAD")
        assert (refused.status, refused.fields["crawler-price"]) == (402, "USD 0.01")
        assert int(refused.fields["content-length"]) > 100
        assert wire.ask(claimed("/free/a", method="HEAD"), "HEAD").fields["content-length"] == "1234"
        assert wire.ask(RICH.paying("/b", method="HEAD"), "HEAD").status == 200
        assert wire.ask(claimed("/free/b")).status == 200
    assert edge.ledger.kinds() == []


@pytest.mark.parametrize(
    ("target", "status", "seen"),
    [
        ("http://news.example/free/a?b=1", 200, "/free/a?b=1"),
        ("http://NEWS.example.:80/free/a", 200, "/free/a"),
        ("HTTP://news.example/free/a", 200, "/free/a"),
        ("http://news.example", 402, None),
        ("http://evil.example/free/a", 400, None),
        ("http://news.example@evil.example/free/a", 400, None),
        ("http://news.example:8080/free/a", 400, None),
        ("ftp://news.example/free/a", 400, None),
        ("news.example:80", 400, None),
        ("*", 400, None),
    ],
)
def test_an_absolute_target_is_served_only_when_it_names_this_host(
    edge: EdgeUnderTest, target: str, status: int, seen: str | None
) -> None:
    answer = edge.ask(claimed(target))
    assert answer.status == status
    assert edge.origin.targets() == ([] if seen is None else [seen])


@pytest.mark.parametrize(
    "lines",
    [
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"],
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAA"],
    ],
)
def test_an_upgrade_is_answered_as_plain_http(edge: EdgeUnderTest, lines: list[str]) -> None:
    with edge.connect() as wire:
        wire.send(claimed("/free/a", *lines) + claimed("/b", *lines) + claimed("/free/c", *lines) + claimed("/d"))
        assert [wire.answer().status for _ in range(4)] == [200, 402, 200, 402]
        assert wire.ask(claimed("/free/e")).body == b"page /free/e"
    assert edge.origin.targets() == ["/free/a", "/free/c", "/free/e"]
    assert not {"upgrade", "http2-settings", "connection"} & edge.origin.seen[0].fields.keys()


def test_connect_opens_no_tunnel(edge: EdgeUnderTest) -> None:
    with edge.connect() as wire:
        wire.send(b"CONNECT news.example:80 HTTP/1.1\r\nHost: news.example:80\r\n\r\n" + claimed("/free/a"))
        answer = wire.answer()
        assert answer.status in (400, 405)
        assert wire.is_closed()
    assert edge.origin.seen == []


# Content of a request


def test_a_refused_request_with_content_is_answered_and_closed(edge: EdgeUnderTest) -> None:
    content = b"GET /free/smuggled HTTP/1.1\r\nHost: news.example\r\n\r\n"
    for framing in ([f"Content-Length: {len(content)}"], ["Transfer-Encoding: chunked"]):
        with edge.connect() as wire:
            wire.send(claimed("/paid", *framing) + content)
            answer = wire.answer()
            assert (answer.status, answer.closes) == (400, True)
            assert wire.is_closed()
    assert edge.origin.seen == []


def test_a_refusal_arrives_although_content_is_still_on_its_way(edge: EdgeUnderTest) -> None:
    for _ in range(10):
        with edge.connect() as wire:
            wire.send(claimed("/paid", "Content-Length: 500000", method="POST") + b"x" * 200_000)
            assert wire.answer().status == 405


def test_content_over_the_limit_is_refused(make_edge: Any) -> None:
    edge = make_edge(request_body_bytes=1000)
    large = b"x" * 2000
    for framing, content in (("Content-Length: 2000", large), ("Transfer-Encoding: chunked", b"7d0\r\n" + large)):
        with edge.connect() as wire:
            answer = wire.ask(browsed("/upload", framing, method="POST") + content)
            assert (answer.status, answer.closes) == (413, True)
    assert edge.origin.seen == []


def test_an_upload_that_breaks_off_never_reaches_the_origin_whole(edge: EdgeUnderTest) -> None:
    for framing in ("Content-Length: 100", "Transfer-Encoding: chunked"):
        wire = edge.connect()
        wire.send(browsed("/upload", framing, method="POST") + b"5\r\nhello\r\n")
        wire.reset()
    assert edge.ask(claimed("/free/a")).status == 200
    assert edge.origin.targets() == ["/free/a"]


def test_an_answer_before_the_content_is_there_ends_both_connections(edge: EdgeUnderTest) -> None:
    edge.origin.early = {"/upload": page(b"no need", status="200 OK")}
    with edge.connect() as wire:
        wire.send(browsed("/upload", "Content-Length: 100", method="POST") + b"x" * 10)
        edge.wait_until(lambda: edge.origin.hurried)
        wire.send(b"x" * 10)
        assert wire.answer().body == b"no need"
        wire.send(b"x" * 10)
        assert wire.is_closed()
    assert edge.ask(claimed("/free/a")).body == b"page /free/a"
    assert edge.origin.targets() == ["/free/a"]  # the unfinished request was not finished by another one's bytes
    assert edge.origin.faults == []
