"""Requests and responses as the pure code sees them."""

from __future__ import annotations

import pytest

from edge.core.message import Request, Response, normalise_authority, split_target


@pytest.mark.parametrize(
    ("host", "scheme", "authority"),
    [
        ("WWW.Example.COM", "https", "www.example.com"),
        ("example.com:443", "https", "example.com"),
        ("example.com:80", "http", "example.com"),
        ("example.com:80", "https", "example.com:80"),
        ("example.com:8443", "https", "example.com:8443"),
        ("example.com:4430", "https", "example.com:4430"),
        ("[::1]:443", "https", "[::1]"),
    ],
)
def test_authority_is_lower_case_without_its_default_port(host: str, scheme: str, authority: str) -> None:
    assert normalise_authority(host, scheme) == authority


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a?b", "/a", "b"),
        ("/a?", "/a", ""),
        ("/a", "/a", None),
        ("/a?b?c", "/a", "b?c"),
        ("https://h/a?b", "/a", "b"),
        ("https://h", "/", None),
        ("https://h?b", "/", "b"),
        ("/x://y", "/x://y", None),
        ("*", "*", None),
    ],
)
def test_a_target_splits_into_raw_path_and_raw_query(target: str, path: str, query: str | None) -> None:
    assert split_target(target) == (path, query)


def test_a_request_from_a_url_has_what_the_wire_would_carry() -> None:
    request = Request.from_parts("GET", "https://Example.com:443/a%2Fb?q=%20#frag", [("X-A", "1"), ("x-a", "2")])
    assert (request.scheme, request.authority, request.target) == ("https", "example.com", "/a%2Fb?q=%20")
    assert (request.path, request.query) == ("/a%2Fb", "q=%20")
    assert (request.fields, request.repeated) == ({"x-a": "1, 2"}, {"x-a": ("1", "2")})


def test_a_host_header_wins_over_the_url() -> None:
    assert Request.from_parts("GET", "https://a.test/", [("Host", "B.test:443")]).authority == "b.test"


def test_a_request_from_the_wire_equals_the_one_from_its_url() -> None:
    headers = [("Host", "a.test"), ("Accept", "*/*")]
    assert Request.from_wire("GET", "/p?q", headers) == Request.from_parts("GET", "https://a.test/p?q", headers)


def test_a_response_keeps_the_request_it_answers() -> None:
    request = Request.from_parts("GET", "https://a.test/")
    response = Response.from_parts(200, [("Set-Cookie", "a"), ("Set-Cookie", "b")], request)
    assert response.request is request
    assert response.repeated == {"set-cookie": ("a", "b")}
