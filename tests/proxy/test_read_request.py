"""Scopes to requests: what HTTP's own rules refuse, and what the reading says."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.policy import Policy
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.target import Target
from edge.proxy.read_request import BadRequest, RequestReader

NOBODY = Policy(1, {}, {}, {}, {})


def scope(
    *headers: tuple[str, str],
    target: str = "/a?b=1",
    method: str = "GET",
    scheme: str = "http",
    peer: str = "192.0.2.7",
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "client": (peer, 4711),
        "edge.target": target.encode("latin-1"),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }


def read(*headers: tuple[str, str], trusted: tuple[str, ...] = (), **more: str) -> CrawlRequest | BadRequest:
    return RequestReader("node", trusted).read(scope(*headers, **more), NOBODY)


def good(*headers: tuple[str, str], trusted: tuple[str, ...] = (), **more: str) -> CrawlRequest:
    request = read(*headers, trusted=trusted, **more)
    assert isinstance(request, CrawlRequest), request
    return request


HOST = ("Host", "news.example")


def test_a_plain_request_is_read_whole() -> None:
    request = good(HOST, ("User-Agent", " GPTBot/1.0 "), ("Accept", "text/html"), ("Accept", "*/*"))
    assert (request.method, request.host, request.authority) == ("GET", "news.example", "news.example")
    assert (request.path, request.query, request.target) == ("/a", "b=1", "/a?b=1")
    assert request.fields["user-agent"] == "GPTBot/1.0"
    assert request.fields["accept"] == "text/html, */*"
    assert request.repeated == {"accept": ("text/html", "*/*")}
    assert isinstance(request.resource, Target)
    assert request.resource.text == "/a?b=1"
    assert request.peer == "192.0.2.7"
    assert not request.has_body


@pytest.mark.parametrize(
    ("host", "scheme", "expected"),
    [
        ("News.Example", "http", ("news.example", "news.example")),
        ("news.example.", "http", ("news.example", "news.example")),
        ("news.example:80", "http", ("news.example", "news.example")),
        ("news.example:0080", "http", ("news.example", "news.example")),
        ("news.example:443", "https", ("news.example", "news.example")),
        ("news.example:443", "http", ("news.example", "news.example:443")),
        ("NEWS.example.:8402", "http", ("news.example", "news.example:8402")),
        ("[2001:DB8::1]:8402", "http", ("[2001:db8::1]", "[2001:db8::1]:8402")),
    ],
)
def test_host_is_lower_case_without_trailing_dot_and_default_port(
    host: str, scheme: str, expected: tuple[str, str]
) -> None:
    request = good(("Host", host), scheme=scheme)
    assert (request.host, request.authority) == expected


@pytest.mark.parametrize(
    "host", ["", ".", "a b", "a,b", "a/b", "user@a", "a:99999", "a:0", "a:x", "a:80:80", "ä.example"]
)
def test_what_is_no_host_name_is_refused(host: str) -> None:
    refused = read(("Host", host))
    assert isinstance(refused, BadRequest)
    assert refused.code is RefusalCode.MALFORMED_REQUEST


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], RefusalCode.MALFORMED_REQUEST),
        ([HOST, HOST], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Content-Length", "1"), ("Content-Length", "1")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Content-Length", "1"), ("Transfer-Encoding", "chunked")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Content-Length", "+1")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Content-Length", "1, 1")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Transfer-Encoding", "gzip, chunked")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Transfer-Encoding", "xchunked")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("X_Forwarded_For", "1.2.3.4")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Bad Name", "x")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("X-Value", "a\x00b")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("X-Value", "a\rb")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("X-Value", "a\x7fb")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Connection", "close, Signature")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Connection", "crawler-max-price")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Connection", "host")], RefusalCode.MALFORMED_REQUEST),
        ([HOST, ("Via", "1.0 a, 1.1 farebox-node")], RefusalCode.LOOP_DETECTED),
        ([HOST, *(("X-Many", "1") for _ in range(100))], RefusalCode.HEADERS_TOO_LARGE),
        ([HOST, ("X-Long", "x" * 16_384)], RefusalCode.HEADERS_TOO_LARGE),
    ],
)
def test_what_breaks_the_rules_of_http_is_refused(headers: list[tuple[str, str]], code: RefusalCode) -> None:
    refused = read(*headers)
    assert isinstance(refused, BadRequest)
    assert refused.code is code


@pytest.mark.parametrize("value", ["a\tb", "caf\xe9", "keep-alive, upgrade"])
def test_tabs_obsolete_text_and_plain_connection_options_pass(value: str) -> None:
    name = "Connection" if "keep" in value else "X-Value"
    assert good(HOST, (name, value)).fields[name.lower()] == value


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_trace_and_connect_are_not_served(method: str) -> None:
    refused = read(HOST, method=method)
    assert isinstance(refused, BadRequest)
    assert refused.code is RefusalCode.METHOD_NOT_ALLOWED


def test_an_absolute_target_must_name_the_host() -> None:
    request = good(HOST, target="http://News.Example:80/a")
    assert (request.path, request.target) == ("/a", "http://News.Example:80/a")
    for other in ("http://evil.example/a", "http://news.example:81/a", "http:/a", "*", "news.example:80"):
        assert isinstance(read(HOST, target=other), BadRequest), other


def test_a_front_that_speaks_ipv4_over_an_ipv6_socket_is_the_same_front() -> None:
    forwarded = (HOST, ("X-Forwarded-For", "198.51.100.2, ::ffff:192.0.2.7"))
    assert good(*forwarded, trusted=("192.0.2.0/24",), peer="::ffff:192.0.2.1").peer == "198.51.100.2"
    assert good(*forwarded, trusted=("192.0.2.0/24",), peer="::ffff:203.0.113.1").peer != "198.51.100.2"


def test_forwarded_addresses_are_believed_from_trusted_proxies_only() -> None:
    forwarded = (HOST, ("X-Forwarded-For", "203.0.113.9, 198.51.100.2"), ("X-Forwarded-Proto", "https"))
    stranger = good(*forwarded)
    assert (stranger.peer, stranger.scheme) == ("192.0.2.7", "http")
    trusted = good(*forwarded, trusted=("192.0.2.0/24",))
    assert (trusted.peer, trusted.scheme) == ("198.51.100.2", "https")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.2", "198.51.100.2"),
        ("9.9.9.9, 198.51.100.2", "198.51.100.2"),
        ("198.51.100.2, 192.0.2.8", "198.51.100.2"),
        ("9.9.9.9, 198.51.100.2, 192.0.2.8, 192.0.2.9", "198.51.100.2"),
        ("192.0.2.8, 192.0.2.9", "192.0.2.8"),
        ("198.51.100.2:4711", "198.51.100.2"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("198.51.100.2, unknown", "192.0.2.7"),
        ("198.51.100.2, ", "192.0.2.7"),
        ("198.51.100.2, unknown, 192.0.2.8", "192.0.2.8"),
        ("", "192.0.2.7"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_front(forwarded: str, client: str) -> None:
    request = good(HOST, ("X-Forwarded-For", forwarded), trusted=("192.0.2.0/24",))
    assert request.peer == client
    assert good(HOST, ("X-Forwarded-For", forwarded)).peer == "192.0.2.7"


def test_a_sane_request_id_is_kept_and_another_is_replaced() -> None:
    assert good(HOST, ("X-Request-Id", "abc-1.2:3_x")).request_id == "abc-1.2:3_x"
    reader = RequestReader("node")
    ids = set()
    for theirs in ("", "a b", "x" * 65, "<script>"):
        request = reader.read(scope(HOST, ("X-Request-Id", theirs)), NOBODY)
        ids.add(request.request_id)
    assert len(ids) == 4
    assert all(made.startswith("node-") for made in ids)


def test_content_is_seen_by_its_framing() -> None:
    assert good(HOST, ("Content-Length", "3")).has_body
    assert good(HOST, ("Transfer-Encoding", "Chunked")).has_body
    assert not good(HOST, ("Content-Length", "0")).has_body


def test_what_strangers_choose_is_remembered_within_bounds() -> None:
    reader = RequestReader("node")
    for number in range(10_000):
        reader.read(scope(("Host", f"h{number}.example"), (f"x-{number}", "1")), NOBODY)
    assert len(reader._hosts) <= 4096
    assert len(reader._names) <= 4096
    behind = RequestReader("node", ["192.0.2.0/24"])
    for number in range(10_000):
        behind.read(scope(HOST, ("X-Forwarded-For", f"9.9.{number >> 8}.{number & 255}")), NOBODY)
    assert len(behind._fronts) <= 4096
