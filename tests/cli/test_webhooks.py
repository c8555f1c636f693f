"""``farebox webhook``: endpoints by command, secrets once, and a test message that is really sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.store import outbox
from edge.store.database import Database, now_micros
from tests.cli.conftest import Farebox
from tests.support.webhook_receiver import WebhookReceiver

URL = "https://hooks.example/in"


def happen(workplace: Path, event: str = "ledger.alarm") -> str:
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    with database.write() as connection:
        event_id = outbox.add(connection, event, "a test", {}, at_micros=now_micros())
    database.close()
    assert event_id
    return event_id


def test_the_secret_is_shown_when_it_is_made_and_never_again(shop: Farebox) -> None:
    made = shop("webhook", "add", URL, "--json").json
    assert (made["id"], made["audience"], made["owner"], made["state"]) == (1, "operator", "operator", "active")
    secret = made["secret"]
    assert secret.startswith("whsec_")
    rotated = shop("webhook", "rotate", "1", "--json").json["secret"]
    assert rotated != secret
    for words in (("list",), ("show", "1"), ("enable", "1"), ("remove", "1")):
        for flags in ((), ("--json",)) if words[0] != "remove" else ((),):
            result = shop("webhook", *words, *flags)
            assert result.code == 0
            assert "whsec_" not in result.out + result.err
            assert secret.removeprefix("whsec_") not in result.out


def test_people_read_the_secret_once_too(shop: Farebox) -> None:
    result = shop("webhook", "add", URL, "--event", "rules.published")
    assert result.out.splitlines()[0] == "webhook 1 hears of rules.published"
    assert "secret: whsec_" in result.out
    assert "shown once" in result.err


def test_an_endpoint_is_a_publishers_or_a_crawlers(shop: Farebox) -> None:
    news = shop("webhook", "add", URL, "--publisher", "Example News", "--json").json
    bot = shop("webhook", "add", URL, "--crawler", "ExampleBot", "--event", "account.low", "--json").json
    assert (news["audience"], news["owner"]) == ("publisher", "Example News")
    assert "ledger.alarm" not in news["events"]
    assert (bot["audience"], bot["owner"], bot["events"]) == ("crawler", "ExampleBot", ["account.low"])
    assert [row["owner"] for row in shop("webhook", "list", "--json").json] == ["Example News", "ExampleBot"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((URL, "--publisher", "Example News", "--crawler", "ExampleBot"), 2, "not both"),
        ((URL, "--publisher", "Nobody"), 1, "no publisher named"),
        ((URL, "--publisher", "Example News", "--event", "ledger.alarm"), 1, "choose from charge.posted"),
        ((URL, "--event", "charge.lost"), 1, "charge.lost"),
        (("http://hooks.example/",), 1, "https only"),
        (("http://127.0.0.1:9000/",), 1, "https only"),
        (("https://hooks.example:22/",), 1, "port 22"),
        (("https://10.0.0.5/",), 1, "10.0.0.5 is not a public address (private)"),
        (("https://[::1]/",), 1, "loopback"),
        (("https://[::1/",), 1, "is not an address"),
        (("https://",), 1, "https://host/path"),
    ],
)
def test_what_cannot_be_is_said(shop: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = shop("webhook", "add", *words)
    assert (result.code, sentence in result.err) == (code, True), result.err
    assert shop("webhook", "list", "--json").json == []


def test_deliveries_are_shown_and_sent_again(shop: Farebox, workplace: Path) -> None:
    shop("webhook", "add", URL)
    event_id = happen(workplace)
    shown = shop("webhook", "show", "1", "--json").json
    (delivery,) = shown["deliveries"]
    assert (delivery["id"], delivery["event"], delivery["state"]) == (event_id, "ledger.alarm", "pending")
    assert event_id in shop("webhook", "show", "1").out
    assert shop("webhook", "replay", "1", "--event", event_id, "--json").json == {"id": 1, "replayed": 0}
    assert shop("webhook", "replay", "1", "--since", "1d", "--failed", "--json").json["replayed"] == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("replay", "1"), 2, "--event ID, --since TIME or --failed"),
        (("replay", "1", "--event", "evt_no"), 1, "was never sent evt_no"),
        (("replay", "1", "--since", "yesterday"), 2, "is not a time"),
        (("show", "9"), 1, "no webhook 9"),
        (("rotate", "9"), 1, "no webhook 9"),
        (("test", "9"), 1, "no webhook 9"),
        (("rotate", "1", "--overlap-hours", "721"), 2, "overlap-hours"),
    ],
)
def test_a_change_that_cannot_be_says_what_to_do(
    shop: Farebox, words: tuple[str, ...], code: int, sentence: str
) -> None:
    shop("webhook", "add", URL)
    result = shop("webhook", *words)
    assert (result.code, sentence in result.err) == (code, True), result.err


def test_a_test_message_is_sent_as_the_edge_would(shop: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAREBOX_DEV", "true")
    with WebhookReceiver() as receiver:
        receiver.learn(shop("webhook", "add", receiver.url(), "--json").json["secret"])
        sent = shop("webhook", "test", "1", "--json").json
        (message,) = receiver.received()
        assert (message["id"], message["problem"]) == (sent["id"], None)
        assert message["document"]["type"] == "webhook.test"
        receiver.learn(shop("webhook", "add", receiver.url("/moved"), "--json").json["secret"])
        refused = shop("webhook", "test", "2")
        assert (refused.code, "redirects are not followed" in refused.err) == (1, True)
        monkeypatch.setenv("FAREBOX_DEV", "false")
        forbidden = shop("webhook", "test", "1")
        assert (forbidden.code, "https only" in forbidden.err) == (1, True)
