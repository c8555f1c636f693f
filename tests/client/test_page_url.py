"""The one spelling of an address that is signed and sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.client.loopback import is_loopback
from edge.client.page_url import BadPageUrl, authority, page_url


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://News.Example/A", "https://news.example/A"),
        ("https://news.example:443/", "https://news.example/"),
        ("https://news.example/a b?q=ü#part", "https://news.example/a%20b?q=%C3%BC"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        (" https://news.example/a ", "https://news.example/a"),
        ("http://127.0.0.1:8402/a", "http://127.0.0.1:8402/a"),
        ("http://localhost:8402/a", "http://localhost:8402/a"),
        ("http://news.localhost/a", "http://news.localhost/a"),
        ("http://[::1]:8402/a", "http://[::1]:8402/a"),
    ],
)
def test_an_address_is_brought_into_the_spelling_that_is_sent(typed: str, sent: str) -> None:
    assert page_url(typed) == sent
    assert page_url(sent) == sent


@pytest.mark.parametrize(
    "typed",
    [
        *("", "news.example/a", "/a", "ftp://news.example/", "file:///etc/passwd", "https:///a", "https://"),
        *("https://user@news.example/", "https://u:p@news.example/", "https://news.example:99999/", "https://[::1/"),
        *("http://news.example/", "http://10.0.0.1/", "http://127.0.0.1.evil.example/", "http://localhost.example/"),
    ],
)
def test_what_is_not_a_safe_web_address_is_refused(typed: str) -> None:
    with pytest.raises(BadPageUrl):
        page_url(typed)


def test_plain_http_is_fine_when_the_connection_stays_here() -> None:
    assert page_url("http://news.example/a", is_local=True) == "http://news.example/a"


def test_loopback_is_an_address_or_a_reserved_name() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost"))
    assert not any(is_loopback(host) for host in ("10.0.0.1", "example", "localhost.example", "::2", ""))


def test_the_authority_keeps_a_port_that_is_not_the_schemes_own() -> None:
    assert authority("https://news.example/a") == "news.example"
    assert authority("http://127.0.0.1:8402/a") == "127.0.0.1:8402"


@given(st.text(max_size=30))
def test_no_text_does_anything_but_give_a_stable_url_or_a_refusal(text: str) -> None:
    for typed in (text, f"https://news.example/{text}", f"https://news.example/?{text}"):
        try:
            sent = page_url(typed)
        except BadPageUrl:
            continue
        assert sent.isascii()
        assert page_url(sent) == sent
