"""``farebox account unmatched``: what waits for a person, and what a person does about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.money import parse_price
from edge.core.payments import Notice, NoticeKind, Payment, PaymentSource
from edge.store.database import Database
from edge.store.payment_matching import match_payment, note_reversal
from tests.cli.conftest import Farebox

NOW = 1_800_000_000_000_000


@pytest.fixture
def waiting(shop: Farebox, workplace: Path) -> Farebox:
    """A payment for an unknown crawler with a hostile name, one in yen, and a refund."""
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    for reference, crawler, amount in (("pi_1", "Nobody\u202e", "USD 10"), ("pi_2", "ExampleBot", "JPY 500")):
        money = parse_price(amount)
        payment = Payment(PaymentSource.STRIPE, reference, crawler, money, str(money), NOW)
        match_payment(database, payment, NOW, allow_dev=False)
    note_reversal(
        database, Notice(PaymentSource.STRIPE, NoticeKind.REFUND, "evt_1", "pi_9", "USD 1.00", NOW), "node", NOW
    )
    database.close()
    return shop


def test_what_waits_is_listed_safely(waiting: Farebox) -> None:
    rows = waiting("account", "unmatched", "list", "--json").json
    assert [(row["id"], row["kind"], row["amount"]) for row in rows] == [
        (1, "payment", "USD 10.00"),
        (2, "payment", "JPY 500.00"),
        (3, "refund", "USD 1.00"),
    ]
    assert "\u202e" not in waiting("account", "unmatched", "list").out


def test_a_payment_is_assigned_once(waiting: Farebox) -> None:
    done = waiting("account", "unmatched", "assign", "1", "ExampleBot")
    assert (done.code, done.out) == (0, "credited USD 10.00 to ExampleBot, reference pi_1\n")
    assert waiting("account", "unmatched", "assign", "1", "ExampleBot", "--json").json["fresh"] is False
    assert waiting("account", "show", "ExampleBot", "--json").json[0]["balance"] == "USD 20.00"
    assert [row["id"] for row in waiting("account", "unmatched", "list", "--json").json] == [2, 3]
    assert waiting("account", "unmatched", "list", "--all", "--json").json[0]["state"] == "credited"
    assert "pi_1" in waiting("audit").out


def test_an_unusual_currency_is_asked_for(waiting: Farebox) -> None:
    refused = waiting("account", "unmatched", "assign", "2", "ExampleBot")
    assert refused.code == 1
    assert "--new-currency" in refused.err
    assert waiting("account", "unmatched", "assign", "2", "ExampleBot", "--new-currency").code == 0


def test_what_was_settled_elsewhere_is_closed_with_a_reason(waiting: Farebox) -> None:
    assert waiting("account", "unmatched", "close", "3").code == 2
    closed = waiting("account", "unmatched", "close", "3", "--reason", "seen, agreed with the payer")
    assert (closed.code, closed.out) == (0, "3 is closed: seen, agreed with the payer\n")
    assert waiting("account", "unmatched", "close", "3", "--reason", "again").code == 1
    assert waiting("account", "unmatched", "assign", "3", "ExampleBot").code == 1
    assert waiting("account", "unmatched", "close", "9", "--reason", "x").err.startswith("farebox: there is no")


def test_the_settings_are_checked_with_their_secrets(
    farebox: Farebox, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = workplace / "stripe"
    monkeypatch.setenv("FAREBOX_STRIPE_WEBHOOK_SECRET_FILE", str(secret))
    assert "cannot be read" in farebox("config", "check").err
    secret.write_text("sk_live_0123456789abcdef0123456789abcdef\n")
    refused = farebox("config", "check")
    assert refused.code == 1
    assert "API key" in refused.err
    assert "sk_live" not in refused.err + refused.out
    secret.write_text("")
    assert farebox("config", "check").code == 1
    secret.write_text("whsec_0123456789abcdef0123456789abcdef\nwhsec_ffff456789abcdef0123456789abcdef\n")
    assert farebox("config", "check").code == 0
    assert "whsec" not in farebox("config", "show").out
