"""What a person types for a site becomes one spelling, or is refused with the reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.problems import InvalidValue
from edge.store.site_values import EdgeAddresses, host_in, leads_back, read_currency, read_host, read_origin

NOWHERE = EdgeAddresses()
EDGE = EdgeAddresses.of_bind("127.0.0.1", 8402, {"news.example"})


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("www.example.com", "www.example.com"),
        ("https://www.example.com/", "www.example.com"),
        ("  HTTP://Example.com  ", "example.com"),
        ("https://example.com:443", "example.com"),
        ("example.com:80", "example.com"),
        ("//example.com/", "example.com"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("http://192.0.2.7/", "192.0.2.7"),
    ],
)
def test_of_a_pasted_address_the_host_is_meant(typed: str, host: str) -> None:
    assert host_in(typed) == host


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("https://www.example.com/blog", "below /blog; write www.example.com alone"),
        ("www.example.com/?page=2", "write www.example.com alone"),
        ("https://example.com/#top", "write example.com alone"),
        ("https://example.com:8443/", "write example.com without :8443"),
        ("http://example.com:443", "without :443"),
        ("https://me:secret@example.com/", "no user in its address"),
        ("ftp://example.com/", "not the address of a site"),
        ("https:///", "not the address of a site"),
        ("https://example.com\\@evil.example/", "not the address of a site"),
        ("https://[::1]/", "is not a host name"),
        ("https://example.com:99999/", "not the address of a site"),
        ("", "is not a host name"),
    ],
)
def test_what_means_more_than_a_host_is_refused_with_what_to_write(typed: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(said)) as refused:
        host_in(typed)
    assert refused.value.field == "host"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("news.example", "news.example"),
        (" News.Example. ", "news.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_host_is_stored_as_the_gate_will_see_it(text: str, host: str) -> None:
    assert read_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "https://news.example", "news.example:443", "news_room.example", "-a.example", "a..b", "*.example"],
        *["1.2.3.4.5", "0x7f.1", "[::1]", "a/b", "a b", "x" * 64 + ".example", ".".join(["a" * 60] * 5), "\u2028"],
    ],
)
def test_what_is_not_a_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_host(text)
    assert refused.value.field == "host"


@given(st.text(max_size=30))
def test_a_host_that_was_read_reads_as_itself(text: str) -> None:
    try:
        host = read_host(text)
    except InvalidValue:
        return
    assert read_host(host) == host
    assert host.isascii()


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("https://Origin.News.example:443", "https://origin.news.example"),
        ("HTTP://origin", "http://origin"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://origin:8402", "http://origin:8402"),
    ],
)
def test_an_origin_is_stored_in_one_spelling(text: str, origin: str) -> None:
    assert read_origin(text, EDGE) == origin
    assert read_origin(origin, EDGE) == origin


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("origin.news.example", "write it like"),
        ("ftp://origin", "write it like"),
        ("http://", "write it like"),
        ("http://origin:0", "write it like"),
        ("http://origin:99999", "write it like"),
        ("http://[::1", "write it like"),
        ("http://user:secret@origin", "leave them out"),
        ("http://origin/base", "no path"),
        ("http://origin?x=1", "no path"),
        ("http://bad_name", "not a host name"),
    ],
)
def test_what_is_not_an_origin_is_refused_with_what_would_be(text: str, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence) as refused:
        read_origin(text, NOWHERE)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:8402", "http://localhost:8402", "http://[::1]:8402", "https://news.example"]
)
def test_an_origin_that_is_this_edge_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="is this edge itself"):
        read_origin(text, EDGE)


def test_the_same_machine_on_another_port_is_no_loop() -> None:
    assert not leads_back("127.0.0.1", 9000, EDGE)
    assert not leads_back("news.example", 9000, EDGE)


def test_a_wildcard_bind_covers_loopback() -> None:
    assert leads_back("127.0.0.1", 80, EdgeAddresses.of_bind("0.0.0.0", 80))


@pytest.mark.parametrize("text", ["usd", "US", "USDT", "ÜSD", ""])
def test_a_currency_is_three_capitals(text: str) -> None:
    assert read_currency("USD") == "USD"
    with pytest.raises(InvalidValue, match="three capitals"):
        read_currency(text)
