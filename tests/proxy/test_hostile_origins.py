"""Origins that fail, lie or speak strangely: nothing is charged for it, and the crawler sees what happened (D5)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.corpora import cases
from tests.support.edge_under_test import RICH, EdgeUnderTest
from tests.support.scripted_origin import Play, Then, chunked, page
from tests.support.signing_crawler import browsed, claimed
from tests.support.wire import Broken

LARGE = 400_000
ASKS: dict[str, Callable[[str], bytes]] = {
    "a person": browsed,
    "a free crawler": lambda target: claimed("/free" + target),
    "a paying crawler": RICH.paying,
}


@pytest.fixture
def edge(make_edge: Any) -> EdgeUnderTest:
    """An edge that would wait for its clients for ever: what takes too long here is the origin."""
    made: EdgeUnderTest = make_edge(stall_seconds=1e9, header_deadline_seconds=1e9)
    return made


def play(edge: EdgeUnderTest, play: Play) -> None:
    """Let the origin play this for every way to ask for /a."""
    edge.origin.script |= {"/a": play, "/free/a": play}


def still_serves(edge: EdgeUnderTest) -> None:
    assert edge.reports == []
    assert edge.ask(claimed("/free/good")).body == b"page /free/good"


# What breaks before anything was sent


@pytest.mark.parametrize("who", ASKS)
@pytest.mark.parametrize(
    ("steps", "status", "code"),
    [
        ([Then.CLOSE], 502, "origin_unreachable"),
        ([Then.RESET], 502, "origin_unreachable"),
        ([Then.HANG], 504, "origin_timeout"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha", Then.CLOSE], 502, "origin_malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha", Then.HANG], 504, "origin_timeout"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nbody"], 502, "origin_malformed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"], 502, "origin_malformed"),
        ([b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 4\r\n\r\nbody"], 502, "origin_malformed"),
        ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"], 502, "origin_malformed"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"], 502, "origin_malformed"),
        ([b"HTTP/1.1 777 Odd\r\nContent-Length: 4\r\n\r\nbody"], 502, "origin_malformed"),
        ([b"nonsense\r\n\r\n"], 502, "origin_malformed"),
    ],
)  # fmt: skip
def test_an_origin_that_fails_is_named_and_nothing_is_charged(
    edge: EdgeUnderTest, who: str, steps: Play, status: int, code: str
) -> None:
    play(edge, steps)
    answer = edge.ask(ASKS[who]("/a"))
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert answer.fields["cache-control"] == "no-store"
    assert "crawler-charged" not in answer.fields
    assert edge.ledger.entries == []
    still_serves(edge)


def test_an_origin_that_is_not_there_is_named(make_edge: Any) -> None:
    edge = make_edge(origin_url="http://127.0.0.1:1")
    for ask in ASKS.values():
        assert edge.ask(ask("/a")).status == 502
    assert edge.ledger.entries == []


# What breaks after the answer has begun


@pytest.mark.parametrize("who", ASKS)
@pytest.mark.parametrize("end", [Then.CLOSE, Then.RESET, Then.HANG])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_long_body_that_breaks_off_is_cut_where_it_broke(
    edge: EdgeUnderTest, who: str, end: Then, framing: str
) -> None:
    length = f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE + 1}\r\n\r\n".encode() + b"x" * LARGE
    play(edge, [length if framing == "length" else chunked(b"x" * LARGE, end=b""), end])
    # A reset can take with it what was not read yet; then nothing has begun, and the fault can be named.
    assert status_of(edge, ASKS[who]) in (None, 502)
    edge.ledger.wait_until(lambda: edge.ledger.kinds() in ([], ["hold", "void"]))
    assert edge.ledger.charged_micros() == 0
    edge.ledger.check()
    still_serves(edge)


# What is passed on, for nothing


@pytest.mark.parametrize(
    "status", [204, 205, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 410, 429, 500, 503]
)
def test_a_status_is_passed_on_and_only_success_with_content_is_charged(edge: EdgeUnderTest, status: int) -> None:
    body = b"" if status in (204, 205, 304) else b"as the origin says"
    play(edge, [page(body, "Location: /b", "Retry-After: 7", 'ETag: "1"', status=f"{status} Whatever")])
    for who, ask in ASKS.items():
        answer = edge.ask(ask("/a"))
        assert (answer.status, answer.body) == (status, body)
        assert (answer.fields["location"], answer.fields["retry-after"], answer.fields["etag"]) == ("/b", "7", '"1"')
        assert ("crawler-charged" in answer.fields) is (status == 206 and who == "a paying crawler")
    assert {"/b"}.isdisjoint(edge.origin.targets())
    assert edge.ledger.kinds() == (["post"] if status == 206 else [])


def test_a_page_of_nothing_costs_nothing(edge: EdgeUnderTest) -> None:
    for empty in (page(b""), chunked(), b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"):
        play(edge, [empty, Then.CLOSE])
        answer = edge.ask(RICH.paying("/a"))
        assert (answer.status, answer.body) == (200, b"")
        assert "crawler-charged" not in answer.fields
    assert edge.ledger.entries == []


def test_head_costs_nothing_and_keeps_the_length(edge: EdgeUnderTest) -> None:
    play(edge, [b"HTTP/1.1 200 OK\r\nContent-Length: 4711\r\nContent-Type: text/html\r\n\r\n"])
    answer = edge.ask(RICH.paying("/a", method="HEAD"), "HEAD")
    assert (answer.status, answer.body, answer.fields["content-length"]) == (200, b"", "4711")
    assert edge.origin.seen[0].method == "HEAD"
    assert edge.ledger.entries == []


def test_a_conditional_request_that_is_not_modified_costs_nothing(edge: EdgeUnderTest) -> None:
    play(edge, [b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 99\r\n\r\n'])
    answer = edge.ask(RICH.paying("/a", 'If-None-Match: "1"'))
    assert (answer.status, answer.body, answer.fields["etag"]) == (304, b"", '"1"')
    assert edge.origin.seen[0].fields["if-none-match"] == '"1"'
    assert edge.ledger.entries == []


def test_interim_answers_are_not_the_answer(edge: EdgeUnderTest) -> None:
    play(edge, [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", page(b"body")])
    answer = edge.ask(RICH.paying("/a"))
    assert (answer.status, answer.body, answer.fields["crawler-charged"]) == (200, b"body", "USD 0.01")
    assert "link" not in answer.fields


def test_a_coded_body_is_passed_on_as_it_is(edge: EdgeUnderTest) -> None:
    coded = gzip.compress(b"page " * 1000)
    play(edge, [page(coded, "Content-Encoding: gzip")])
    for ask in ASKS.values():
        answer = edge.ask(ask("/a"))
        assert (answer.body, answer.fields["content-encoding"]) == (coded, "gzip")


def test_a_sold_page_is_private_and_keeps_its_validators(edge: EdgeUnderTest) -> None:
    lines = ["Cache-Control: public, max-age=60, s-maxage=600", "Expires: Thu, 01 Jan 2037 00:00:00 GMT",
             "Surrogate-Control: max-age=600", "CDN-Cache-Control: max-age=600", "ETag: \"1\"", "Vary: Accept-Encoding",
             "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT"]  # fmt: skip
    play(edge, [page(b"body", *lines)])
    sold = edge.ask(RICH.paying("/a"))
    assert sold.fields["cache-control"] == "private, max-age=60"
    assert {"expires", "surrogate-control", "cdn-cache-control"}.isdisjoint(sold.fields)
    assert {"etag", "last-modified"} <= sold.fields.keys()
    for answer in (sold, edge.ask(browsed("/a"))):
        vary = {name.strip().lower() for name in answer.fields["vary"].split(",")}
        assert {"accept-encoding", "user-agent", "signature", "signature-input", "crawler-max-price"} <= vary


def test_an_origin_cannot_say_what_only_the_edge_may(edge: EdgeUnderTest) -> None:
    lies = ["Crawler-Charged: USD 9.99", "Crawler-Receipt: ch_0", "Crawler-Price: USD 9.99", "Crawler-Error: Nonsense",
            "Accept-Signature: sig9=()", "Payment-Response: x", "CF-Pay-Per-Crawl: x", "X-Request-Id: theirs",
            "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Upgrade: h2c",
            "Proxy-Authenticate: Basic"]  # fmt: skip
    play(edge, [page(b"body", *lies)])
    for who, ask in ASKS.items():
        fields = edge.ask(ask("/a")).fields
        is_sold = who == "a paying crawler"
        assert fields.get("crawler-charged") == ("USD 0.01" if is_sold else None)
        assert ("crawler-receipt" in fields) is is_sold
        assert fields["x-request-id"].startswith("test-")
        assert {"crawler-price", "crawler-error", "accept-signature", "payment-response", "cf-pay-per-crawl", "x-hop",
                "keep-alive", "upgrade", "proxy-authenticate"}.isdisjoint(fields)  # fmt: skip


def test_a_second_answer_to_one_request_is_for_nobody(edge: EdgeUnderTest) -> None:
    play(edge, [page(b"first") + page(b"second", "Crawler-Price: USD 0.00", status="404 Not Found")])
    answer = edge.ask(RICH.paying("/a"))
    assert (answer.status, answer.body) == (200, b"first")
    for number in range(3):
        assert edge.ask(claimed(f"/free/{number}")).body == f"page /free/{number}".encode()


def test_trailers_do_not_become_header_fields(edge: EdgeUnderTest) -> None:
    play(edge, [chunked(b"body", end=b"0\r\nSet-Cookie: a=b\r\nX-Trailer: 1\r\n\r\n")])
    for ask in ASKS.values():
        answer = edge.ask(ask("/a"))
        assert answer.body == b"body"
        assert "set-cookie" not in answer.fields


def test_set_cookie_lines_stay_apart_and_cookies_are_not_kept(edge: EdgeUnderTest) -> None:
    play(edge, [page(b"body", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2")])
    with edge.connect() as wire:
        wire.send(browsed("/a"))
        raw = wire.socket.recv(65_536).lower()
        assert (raw.count(b"set-cookie: a=1; path=/\r\n"), raw.count(b"set-cookie: b=2\r\n")) == (1, 1)
    edge.ask(browsed("/a"))
    assert "cookie" not in edge.origin.seen[1].fields


def test_a_sold_page_is_asked_for_whole(edge: EdgeUnderTest) -> None:
    edge.ask(RICH.paying("/a", "Range: bytes=0-1", 'If-Range: "1"'))
    edge.ask(browsed("/a", "Range: bytes=0-1"))
    assert {"range", "if-range"}.isdisjoint(edge.origin.seen[0].fields)
    assert edge.origin.seen[1].fields["range"] == "bytes=0-1"


# A corpus


# The first answer in these is whole; the fault lies behind it.
WHOLE_BEFORE_IT_BREAKS = {
    "connection/HTTP/1.1 with keep-alive disabled and 204 status",
    "connection/HTTP/1.1 with keep-alive disabled, content-length (lenient)",
}


def test_what_the_corpus_calls_broken_is_never_charged(edge: EdgeUnderTest) -> None:
    broken = [case for case in cases("llhttp_responses") if case.error and case.name not in WHOLE_BEFORE_IT_BREAKS]
    assert len(broken) > 20
    for case in broken:
        play(edge, [case.raw, Then.CLOSE])
        assert [status_of(edge, ask) for ask in ASKS.values()] == [502, 502, 502] or is_cut(edge), case.name
    assert edge.ledger.charged_micros() == 0
    still_serves(edge)


def test_what_the_corpus_calls_good_is_passed_on(edge: EdgeUnderTest) -> None:
    served = 0
    for case in cases("llhttp_responses"):
        if case.error is False or case.name in WHOLE_BEFORE_IT_BREAKS:
            play(edge, [case.raw, Then.CLOSE])
            statuses = {status_of(edge, ask) for ask in ASKS.values()}
            assert len(statuses) == 1 or statuses == {None, 502}, case.name  # unfinished bodies: cut, or not begun
            served += statuses <= set(range(200, 500))
    assert served >= 25
    still_serves(edge)


def is_cut(edge: EdgeUnderTest) -> bool:
    """Whether free answers end where the origin's broke, and the paid one is not begun."""
    return [status_of(edge, ask) for ask in ASKS.values()] == [None, None, 502]


def status_of(edge: EdgeUnderTest, ask: Callable[[str], bytes]) -> int | None:
    """The status of the answer, None when it broke off; whatever it is, it is charged only as a whole success."""
    before = edge.ledger.charged_micros()
    try:
        answer = edge.ask(ask("/a"))
    except Broken:
        assert edge.ledger.charged_micros() == before
        return None
    is_sold = ask == ASKS["a paying crawler"] and 200 <= answer.status < 300 and answer.body != b""
    assert ("crawler-charged" in answer.fields) is is_sold
    assert edge.ledger.charged_micros() - before == (10_000 if is_sold else 0)
    return answer.status
