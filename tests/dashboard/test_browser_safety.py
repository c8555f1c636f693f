"""Headers on every answer, and which names and forms count."""

from __future__ import annotations

import pytest

from publisher_dashboard.browser_safety import Address, sent_from_here
from tests.dashboard.conftest import House


@pytest.mark.parametrize(
    "path", ["/sign-in", "/nothing", "/", "/static/nothing.css", "/account", "/publishers/1/charges.csv"]
)
def test_every_answer_carries_the_headers(quick_house: House, path: str) -> None:
    for browser in (quick_house.new_browser(), quick_house.signed_in()):
        headers = browser.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["style-src"] == policy["img-src"] == policy["form-action"] == "'self'"
        assert not [source for source in policy.values() if "unsafe" in source or "http" in source]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("public_url", "host", "answers"),
    [
        (None, "127.0.0.1:8403", True),
        (None, "localhost:8403", True),
        (None, "[::1]:8403", True),
        (None, "evil.example", False),
        (None, "", False),
        (None, "[", False),
        (None, "[::1", False),
        ("https://dashboard.example", "dashboard.example", True),
        ("https://dashboard.example", "DASHBOARD.example", True),
        ("https://dashboard.example", "evil.example", False),
        ("https://dashboard.example", "dashboard.example.evil.example", False),
    ],
)
def test_the_dashboard_answers_to_its_own_names_only(public_url: str | None, host: str, answers: bool) -> None:
    assert Address(public_url).answers_to(host) is answers


def test_a_request_by_another_name_is_misdirected(quick_house: House) -> None:
    answer = quick_house.new_browser().get("/sign-in", headers={"host": "evil.example"})
    assert answer.status_code == 421


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://h", "host": "h"}, False),
        ({"origin": "https://h:1", "host": "h:1"}, True),
        ({"origin": "https://h:1", "host": "h"}, False),
        ({"origin": "https://h"}, False),
        ({"host": "h"}, False),
        ({"origin": "", "host": ""}, False),
        ({"origin": "http://[", "host": "h"}, False),
    ],
)
def test_the_browser_says_where_a_form_comes_from(headers: dict[str, str], counts: bool) -> None:
    assert sent_from_here(headers) is counts


@pytest.mark.parametrize("header", ["host", "origin", "referer"])
def test_a_header_that_is_no_address_breaks_nothing(quick_house: House, header: str) -> None:
    browser = quick_house.signed_in()
    form = {"token": "of another session", "theme": "dark"}
    answer = browser.post("/account/theme", form, **{header: "http://[" if header != "host" else "["})
    assert answer.status_code in (403, 421)
