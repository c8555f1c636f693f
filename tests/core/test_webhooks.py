"""Where events may be sent, who can hear of what, and what a body says."""

from __future__ import annotations

import json

import pytest

from edge.core.webhooks import (
    HEARS,
    Audience,
    InvalidWebhookUrl,
    WebhookEvent,
    event_body,
    read_webhook_url,
    timestamp_text,
)

REFUSED = [
    *("http://hooks.example/", "ftp://hooks.example/", "https:///path", "hooks.example/path", "https://", "//hooks/x"),
    *("https://name@hooks.example/", "https://name:word@hooks.example/", "https://hooks.example/#part"),
    *(
        "https://hooks.example/#",
        "https://hooks.example:0/",
        "https://hooks.example:22/",
        "https://hooks.example:99999/",
    ),
    *("https://hooks.example/a b", "https://hööks.example/", "https://hooks.example/" + "a" * 2048, "https://[::1/"),
    *("http://127.0.0.1:9000/", "http://localhost/", "javascript:alert(1)", "", "https://hooks.example/\x00"),
]


@pytest.mark.parametrize("url", REFUSED)
def test_events_go_over_https_to_a_plain_address(url: str) -> None:
    with pytest.raises(InvalidWebhookUrl):
        read_webhook_url(url, allow_loopback_http=False)


@pytest.mark.parametrize(
    "url", ["https://hooks.example", "https://hooks.example:8443/a?b=c%20d", "https://h.example:443/"]
)
def test_an_address_is_kept_as_it_is_written(url: str) -> None:
    assert read_webhook_url(f" {url}\n", allow_loopback_http=False) == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/a", "http://localhost:80/", "http://[::1]:9000/"])
def test_in_development_this_machine_may_listen(url: str) -> None:
    assert read_webhook_url(url, allow_loopback_http=True) == url


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "http://127.0.0.2/", "http://10.0.0.1/", "http://localhost.evil.example/"]
)
def test_in_development_nothing_else_is_sent_to_in_the_clear(url: str) -> None:
    with pytest.raises(InvalidWebhookUrl, match="https only"):
        read_webhook_url(url, allow_loopback_http=True)


def test_the_operator_can_hear_of_everything_and_nobody_else_of_the_ledger() -> None:
    assert HEARS[Audience.OPERATOR] == set(WebhookEvent)
    for audience in (Audience.PUBLISHER, Audience.CRAWLER):
        assert not {WebhookEvent.LEDGER_ALARM, WebhookEvent.LEDGER_CHECKPOINT} & HEARS[audience]
    assert {event for events in HEARS.values() for event in events} == set(WebhookEvent)


def test_a_body_says_what_when_to_what_and_how() -> None:
    body = event_body(WebhookEvent.ACCOUNT_LOW, "account 7", {"balance_micros": -1, "name": "Ä"}, 1_790_000_000_000_001)
    assert json.loads(body) == {
        "type": "account.low",
        "timestamp": "2026-09-21T14:13:20.000001Z",
        "subject": "account 7",
        "data": {"balance_micros": -1, "name": "Ä"},
    }


def test_a_time_keeps_its_microseconds() -> None:
    assert timestamp_text(0) == "1970-01-01T00:00:00.000000Z"
    assert timestamp_text(1_000_999) == "1970-01-01T00:00:01.000999Z"
