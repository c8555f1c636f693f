"""``farebox crawler``, ``farebox account`` and ``farebox directory``."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.directory import MEDIA_TYPE
from edge.core.keys import new_private_key, public_half, public_key_to_jwk, public_keys_to_jwks
from tests.cli.conftest import Farebox

DIRECTORY = "https://bot.example/.well-known/http-message-signatures-directory"


def add(farebox: Farebox, name: str = "ExampleBot", *words: str) -> None:
    result = farebox("crawler", "add", name, "--agent", f"https://{name.lower()}.example", *words)
    assert result.code == 0, result.err


def test_a_crawler_is_registered_with_keys_and_an_account(farebox: Farebox, workplace: Path) -> None:
    keys = [public_half(new_private_key()) for _ in range(3)]
    (workplace / "one.jwk").write_text(json.dumps(public_key_to_jwk(keys[0])))
    (workplace / "set.jwks").write_bytes(public_keys_to_jwks(keys[1:]))
    row = farebox(
        *("crawler", "add", "ExampleBot", "--agent", "https://bot.example", "--kind", "training"),
        *("--operator", "Example Inc.", "--key", "one.jwk", "--key", "set.jwks", "--json"),
    ).json
    assert (row["name"], row["agent_url"], row["kind"], row["operator"]) == (
        *("ExampleBot", DIRECTORY, "training"),
        "Example Inc.",
    )
    assert set(row["keys"]) == {key.thumbprint for key in keys}
    (account,) = row["accounts"]
    assert (account["terms"], account["currency"], account["balance_micros"]) == ("prepaid", "USD", 0)
    assert farebox("crawler", "show", "examplebot", "--json").json == row


def test_a_postpaid_crawler_may_pay_up_to_its_limit(farebox: Farebox) -> None:
    add(farebox, "ExampleBot", "--terms", "postpaid", "--limit", "EUR 100")
    (account,) = farebox("account", "show", "ExampleBot", "--json").json
    assert (account["code"], account["terms"], account["available"]) == ("crawler:1:EUR", "postpaid", "EUR 100.00")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--terms", "postpaid"), 1, "needs a limit"),
        (("--limit", "USD 5"), 1, "prepaid account has no limit"),
        (("--terms", "postpaid", "--limit", "five"), 2, "write it like 'USD 0.01'"),
        (("--terms", "postpaid", "--limit", "USD 5", "--currency", "EUR"), 1, "is in EUR"),
        (("--key", "nowhere.jwk"), 1, "nowhere.jwk cannot be read"),
        (("--key", "farebox.db"), 1, "farebox-crawl directory"),
        (("--kind", "spy"), 2, "training"),
    ],
)
def test_a_crawler_that_cannot_be_registered_is_not_half_registered(
    farebox: Farebox, words: tuple[str, ...], code: int, sentence: str
) -> None:
    result = farebox("crawler", "add", "ExampleBot", "--agent", "https://bot.example", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err
    assert farebox("crawler", "list", "--json").json == []


def test_an_agent_on_loopback_is_for_development(farebox: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("crawler", "add", "ExampleBot", "--agent", "http://127.0.0.1:9999")
    assert "https" in farebox(*words).err
    monkeypatch.setenv("FAREBOX_DEV", "1")
    assert farebox(*words).code == 0


def test_a_suspended_crawler_shows_it_and_can_come_back(farebox: Farebox) -> None:
    add(farebox)
    assert "cannot pay" in farebox("crawler", "suspend", "ExampleBot").out
    assert farebox("crawler", "list", "--json").json[0]["suspended"] is True
    assert farebox("account", "show", "ExampleBot", "--json").json[0]["suspended"] is True
    assert "can pay again" in farebox("crawler", "resume", "ExampleBot").out
    assert farebox("account", "show", "ExampleBot", "--json").json[0]["suspended"] is False


def test_people_see_agent_keys_and_balance(shop: Farebox) -> None:
    shown = shop("crawler", "show", "ExampleBot").out
    assert DIRECTORY in shown
    assert "account USD: balance USD 10.00, prepaid" in shown
    assert shop("crawler", "list").out.splitlines()[1].startswith("ExampleBot")


def test_a_top_up_counts_once_for_each_reference(shop: Farebox) -> None:
    again = shop("account", "credit", "ExampleBot", "USD 10", "--reference", "INV-1")
    assert again.code == 0
    assert "credited before" in again.out
    second = shop("account", "credit", "ExampleBot", "USD 2.5", "--reference", "INV-2", "--json").json
    assert (second["fresh"], second["account"]["balance"]) == (True, "USD 12.50")
    other = shop("account", "credit", "ExampleBot", "USD 3", "--reference", "INV-1")
    assert other.code == 1
    assert "INV-1" in other.err


def test_a_top_up_opens_an_account_in_its_currency(shop: Farebox) -> None:
    mistyped = shop("account", "credit", "ExampleBot", "EUR 5", "--reference", "INV-9")
    assert mistyped.code == 1
    assert "--new-currency" in mistyped.err
    assert len(shop("account", "show", "ExampleBot", "--json").json) == 1
    assert shop("account", "credit", "ExampleBot", "EUR 5", "--reference", "INV-9", "--new-currency").code == 0
    balances = {row["currency"]: row["balance"] for row in shop("account", "show", "ExampleBot", "--json").json}
    assert balances == {"EUR": "EUR 5.00", "USD": "USD 10.00"}


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("ExampleBot", "10 USD", "--reference", "R"), 2, "write it like 'USD 0.01'"),
        (("ExampleBot", "USD 0", "--reference", "R"), 1, "name an amount"),
        (("ExampleBot", "USD 1", "--reference", " "), 1, "a reference is one line"),
        (("ExampleBot", "USD 1"), 2, "--reference"),
        (("Nobody", "USD 1", "--reference", "R"), 1, "farebox crawler list"),
    ],
)
def test_a_top_up_that_cannot_be_says_why(shop: Farebox, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = shop("account", "credit", *words)
    assert (result.code, result.out) == (code, "")
    assert sentence in result.err


@pytest.fixture
def published() -> Iterator[tuple[str, str]]:
    """A key directory on loopback: its agent URL, and the thumbprint of its key."""
    key = public_half(new_private_key())
    body = public_keys_to_jwks([key])
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", key.thumbprint
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.close()


def test_a_directory_is_fetched_and_remembered(
    farebox: Farebox, published: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, thumbprint = published
    monkeypatch.setenv("FAREBOX_DEV", "true")
    before = farebox("directory", "show", agent)
    assert before.code == 1
    assert "farebox directory refresh" in before.err
    fetched = farebox("directory", "refresh", agent, "--json")
    assert fetched.code == 0, fetched.err
    assert fetched.json["keys"] == [thumbprint]
    assert farebox("directory", "show", agent, "--json").json == fetched.json


def test_a_directory_that_gives_nothing_fails_and_is_noted(farebox: Farebox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAREBOX_DEV", "true")
    result = farebox("directory", "refresh", "http://127.0.0.1:1")
    assert result.code == 1
    assert "gave no keys" in result.err
    assert farebox("directory", "show", "http://127.0.0.1:1", "--json").json["failure"]
