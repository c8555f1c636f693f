"""``farebox registration``: who asks, and what a person decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.identity import CrawlerKind
from edge.core.registration import Wish
from edge.store import registrations
from edge.store.database import Database, now_micros
from tests.cli.conftest import Farebox


@pytest.fixture
def asked(shop: Farebox, workplace: Path) -> Farebox:
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    with database.write() as connection:
        for number, name in enumerate(("NewBot", "GPTBot")):
            wish = Wish(name, "Bots Inc.", CrawlerKind.SEARCH, "a@bot.example")
            agent = f"https://new{number}.example/.well-known/http-message-signatures-directory"
            registrations.ask(connection, agent, "thumb", "news.example", wish, now_micros())
    database.close()
    return shop


def test_who_waits_is_listed_and_shown_with_what_is_proved(asked: Farebox) -> None:
    assert [row["name"] for row in asked("registration", "list", "--json").json] == ["NewBot", "GPTBot"]
    assert "new0.example" in asked("registration", "list").out
    shown = asked("registration", "show", "2")
    assert "are its own word" in shown.err
    assert "OpenAI" in shown.err
    assert "OpenAI" not in asked("registration", "show", "1").err
    assert asked("registration", "show", "9").code == 1


def test_an_approved_crawler_has_an_account(asked: Farebox) -> None:
    done = asked("registration", "approve", "1", "--operator", "")
    assert done.code == 0
    assert done.out.startswith("registered NewBot; top it up")
    (account,) = asked("account", "show", "NewBot", "--json").json
    assert (account["terms"], account["balance"]) == ("prepaid", "USD 0.00")
    assert asked("crawler", "show", "NewBot", "--json").json["operator"] == ""
    assert asked("registration", "approve", "1").code == 1
    assert [row["state"] for row in asked("registration", "list", "--all", "--json").json] == ["approved", "pending"]


def test_terms_are_the_operators(asked: Farebox) -> None:
    words = ("--name", "LateBot", "--terms", "postpaid", "--limit", "EUR 5")
    assert asked("registration", "approve", "1", *words, "--json").json["crawler"] == "LateBot"
    assert asked("account", "show", "LateBot", "--json").json[0]["limit"] == "EUR 5.00"
    assert asked("registration", "approve", "2", "--limit", "lots").code == 2
    assert asked("registration", "approve", "2", "--name", "ExampleBot").code == 1


def test_a_rejection_needs_a_reason(asked: Farebox) -> None:
    assert asked("registration", "reject", "2").code == 2
    assert asked("registration", "reject", "2", "--reason", "not OpenAI").out == (
        "registration 2 is rejected: not OpenAI\n"
    )
    assert asked("registration", "reject", "2", "--reason", "again").code == 1
