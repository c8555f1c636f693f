"""Requests that mean to be misunderstood: the origin sees what was authorised, one to one, and nothing else (E1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from edge.core.rules import Action, RuleSet, everything_else
from tests.support.corpora import Case, addressed_to, cases, fragments
from tests.support.edge_under_test import HOST, PATIENT, EdgeUnderTest
from tests.support.signing_crawler import browsed, request
from tests.support.volley import volley
from tests.support.wire import answers_in

LONG_SECONDS = 31.0
REFUSALS = {400, 405, 408, 413, 414, 421, 431}
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: news.example\r\n\r\n"

# What their sources call invalid and HTTP does not: limits and headers of another server's configuration, a repeated
# Content-Type, a trailer that nobody takes for a header field, and requests of which only the second is broken.
TAKEN_ALL_THE_SAME = {
    "invalid/010", "invalid/011", "invalid/012", "invalid/019", "invalid/041",
    "invalid/rfc9110_trailer_forbidden_host_01",
    "connection/No restart when keep-alive is off (1.0)", "connection/Multiple tokens with folding and LWS",
    "connection/Setting a flag and pausing", "connection/Upgrade GET request",
}  # fmt: skip


@pytest.fixture
def edge(make_edge: Any) -> EdgeUnderTest:
    """An edge that lets everything through which it understands and keeps no connection: it closes every one itself,
    what is unfinished when time passes."""
    made: EdgeUnderTest = make_edge(
        rules=RuleSet((), everything_else(Action.ALLOW)),
        limits=PATIENT,
        keep_alive_seconds=0,
    )
    return made


def statuses(received: bytes, sent: bytes) -> list[int]:
    return [answer.status for answer in answers_in(received, [sent.partition(b" ")[0].decode("latin-1")])]


def fire(edge: EdgeUnderTest, messages: Sequence[bytes]) -> list[list[int]]:
    """Send every message; the statuses that each one got. What must hold for all of them is checked here."""
    received = volley(edge.port, messages, lambda: edge.let_pass(LONG_SECONDS))
    answers = [statuses(got, sent) for got, sent in zip(received, messages, strict=True)]
    assert set().union(*answers) <= {200, *REFUSALS}
    seen = Counter((request.method, request.target) for request in edge.origin.seen)
    assert seen <= Counter(edge.authorised)  # less only where the content of an authorised request never ended
    assert seen.total() == sum(got.count(200) for got in answers)
    assert edge.origin.faults == []
    assert edge.reports == []
    assert edge.ask(request("/good")).status == 200
    return answers


@pytest.mark.parametrize("corpus", ["gunicorn_requests", "llhttp_requests"])
def test_what_is_invalid_is_refused_and_reaches_no_origin(edge: EdgeUnderTest, corpus: str) -> None:
    invalid = [case for case in cases(corpus) if case.error]
    answers = fire(edge, [addressed_to(HOST, case.raw) for case in invalid])
    taken = {case.name for case, got in zip(invalid, answers, strict=True) if not got or got[0] not in REFUSALS}
    assert taken == {case.name for case in invalid} & TAKEN_ALL_THE_SAME
    assert len(invalid) - len(taken) > 45


@pytest.mark.parametrize("corpus", ["gunicorn_requests", "llhttp_requests"])
def test_what_is_valid_is_answered(edge: EdgeUnderTest, corpus: str) -> None:
    valid = [case for case in cases(corpus) if not case.error]
    answers = fire(edge, [addressed_to(HOST, case.raw) for case in valid])
    assert all(answers)
    served = [case.name for case, got in zip(valid, answers, strict=True) if got[0] == 200]
    # The others are folded lines, names with "_", other hosts' absolute addresses, coding lists, unfinished requests.
    assert len(served) >= 30
    plain = [case for case in valid if case.error is False and is_plain(case)]
    assert {case.name for case in plain} <= set(served)
    assert len(plain) >= 6


def is_plain(case: Case) -> bool:
    """A GET without content that breaks no rule of ours."""
    head = case.raw.removesuffix(b"\r\n\r\n")
    odd = (b"\r\n\r\n", b"\r\n ", b"\r\n\t", b"_", b"Content-Length", b"GET http", b"#", b"\xce", b"PROXY", b"\xc3")
    is_full = b" HTTP/1." in head.partition(b"\r\n")[0]
    return (
        is_full
        and case.raw.startswith(b"GET /")
        and case.raw.endswith(b"\r\n\r\n")
        and not any(mark in head for mark in odd)
    )


@pytest.mark.parametrize("corpus", ["gunicorn_requests", "llhttp_requests"])
def test_requests_for_nobody_here_reach_no_origin(edge: EdgeUnderTest, corpus: str) -> None:
    answers = fire(edge, [case.raw for case in cases(corpus)])
    assert not [got for got in answers if 200 in got]
    assert len(edge.origin.seen) == 1  # the good one after them


@pytest.mark.parametrize("framing", ["length before chunks", "chunks before length", "chunks alone"])
def test_no_spelling_of_transfer_encoding_smuggles_a_request(edge: EdgeUnderTest, framing: str) -> None:
    content = b"0\r\n\r\n" + SMUGGLED
    length = f"Content-Length: {len(content)}\r\n".encode()
    if framing == "chunks before length":
        content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
        length = b"Content-Length: 4\r\n"
    elif framing == "chunks alone":
        length = b""
    lines = fragments("smuggler_mutations")
    messages = [b"POST /first HTTP/1.1\r\n%bHost: news.example\r\n%b\r\n%b" % (line, length, content) for line in lines]
    answers = fire(edge, messages)
    for line, got in zip(lines, answers, strict=True):
        assert got[0] == 400 or is_honest(line), line
    assert sum(got[0] == 400 for got in answers) > 640


def is_honest(line: bytes) -> bool:
    """Whether every reader agrees on these lines: plain ``chunked``, or another field whose value mentions it."""
    fields = [field.partition(b":") for field in line.removesuffix(b"\r\n").split(b"\r\n")]
    named = [value.strip(b" \t") for name, _, value in fields if name.lower() == b"transfer-encoding"]
    return all(
        name.strip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == b"" for name, _, _ in fields
    ) and (named == [] or named == [b"chunked"])


def test_content_with_an_upgrade_is_not_the_next_request(edge: EdgeUnderTest) -> None:
    upgrade = ["Connection: Upgrade", "Upgrade: websocket"]
    framings = ([f"Content-Length: {len(SMUGGLED)}"], ["Transfer-Encoding: chunked"])
    heads = [browsed("/first", *upgrade, *framing, method="POST") for framing in framings]
    answers = fire(edge, [heads[0] + SMUGGLED, heads[1] + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)])
    assert answers == [[400], [400]]
    assert edge.origin.targets() == ["/good"]


def test_content_with_an_upgrade_behind_a_slow_answer_is_not_the_next_request(edge: EdgeUnderTest) -> None:
    head = browsed("/b", "Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(SMUGGLED)}", method="POST")
    answers = fire(edge, [browsed("/a") + head + SMUGGLED])
    assert answers == [[200, 400]]
    assert edge.origin.targets() == ["/a", "/good"]


def test_two_readings_of_one_request_are_never_both_answered(edge: EdgeUnderTest) -> None:
    messages = [
        browsed("/a", "Content-Length: 5", "Content-Length: 5", method="POST") + b"hello",
        browsed("/a", "Content-Length: 5, 5", method="POST") + b"hello",
        browsed("/a", "Content-Length: +5", method="POST") + b"hello",
        browsed("/a", "Content-Length: 0x5", method="POST") + b"hello",
        browsed("/a", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
        browsed("/a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n",
        browsed("/a", "Transfer-Encoding: identity, chunked", method="POST") + b"0\r\n\r\n",
        browsed("/a", "Transfer-Encoding: chunked", method="POST", version="1.0") + b"0\r\n\r\n",
        browsed("/a", "Host: news.example"),
        browsed("/a", "Host: evil.example"),
        browsed("/a", "X-Forwarded_For: 1.2.3.4"),
        browsed("/a", "Connection: crawler-max-price"),
        browsed("/a", "Connection: close, Signature-Input"),
        b"GET /a HTTP/1.1\nHost: news.example\n\n",
        b"GET /a HTTP/1.1\r\n Host: news.example\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost : news.example\r\n\r\n",
        b"GET /a\tHTTP/1.1\r\nHost: news.example\r\n\r\n",
        b"get /a HTTP/1.1\r\nHost: news.example\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: news.example\r\nX: a\rb\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: news.example\r\nX: a\x00b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    answers = fire(edge, messages)
    assert [sent for sent, got in zip(messages, answers, strict=True) if got != [400]] == []
    assert edge.origin.targets() == ["/good"]


def test_only_the_bytes_that_were_priced_go_out(edge: EdgeUnderTest) -> None:
    targets = ["/a?", "/a??x", "/?", "/a?b=1&c=%20", "/a%20b", "/caf%C3%A9", "/a,b=c@d:e!f'(g)*+&", "/a?x=%2F..%2F"]
    fire(edge, [request(target) for target in targets])
    assert sorted(edge.origin.targets()) == sorted([*targets, "/good"])


def test_what_the_edge_says_of_a_request_cannot_be_said_by_its_sender(edge: EdgeUnderTest) -> None:
    lies = ["Farebox-Crawler: GPTBot", "Farebox-Trust: signed", "Crawler-Charged: USD 0.00", "Forwarded: for=1.2.3.4",
            "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.example", "X-Real-IP: 1.2.3.4", "Via: 1.0 fred",
            "X-HTTP-Method-Override: DELETE", "Keep-Alive: timeout=5", "Connection: X-Secret",
            "X-Secret: 1"]  # fmt: skip
    fire(edge, [browsed("/a", *lies)])
    fields = edge.origin.seen[0].fields
    assert (fields["x-forwarded-for"], fields["x-forwarded-host"]) == ("127.0.0.1", HOST)
    assert fields["via"] == "1.0 fred, 1.1 farebox-test"
    assert {"farebox-crawler", "farebox-trust", "crawler-charged", "forwarded", "x-real-ip", "x-secret", "keep-alive",
            "x-http-method-override", "connection"}.isdisjoint(fields)  # fmt: skip
