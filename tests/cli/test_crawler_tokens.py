"""Tokens on the command line: shown once, listed without themselves, revoked for good, and noted in the books."""

from __future__ import annotations

from tests.cli.conftest import Farebox


def test_a_token_is_shown_once_and_listed_without_itself(shop: Farebox) -> None:
    made = shop("crawler", "token", "add", "ExampleBot", "--site", "news.example", "--days", "90", "--note", "farm 1")
    token = made.out.strip()
    assert token.startswith("farebox_")
    assert "not shown again" in made.err
    listed = shop("crawler", "token", "list", "--json")
    assert token not in listed.out
    (row,) = listed.json
    assert (row["crawler"], row["sites"], row["state"], row["note"]) == (
        "ExampleBot", "news.example", "in force", "farm 1",
    )  # fmt: skip
    assert token.startswith(row["hint"])


def test_a_revoked_token_stays_revoked_and_both_are_noted(shop: Farebox) -> None:
    number = shop("crawler", "token", "add", "ExampleBot", "--json").json["id"]
    assert "is revoked" in shop("crawler", "token", "revoke", str(number)).out
    assert [row["state"] for row in shop("crawler", "token", "list", "ExampleBot", "--json").json] == ["revoked"]
    noted = shop("audit", "--json").out
    assert "a token was made" in noted
    assert "a token was revoked" in noted


def test_a_token_takes_over_from_another(shop: Farebox) -> None:
    first = shop("crawler", "token", "add", "ExampleBot", "--json").json
    shop("crawler", "token", "add", "ExampleBot", "--replaces", str(first["id"]), "--overlap-hours", "0")
    states = [row["state"] for row in shop("crawler", "token", "list", "--json").json]
    assert states == ["expired", "in force"]


def test_what_cannot_be_is_said(shop: Farebox) -> None:
    assert shop("crawler", "token", "add", "Nobody").code == 1
    assert shop("crawler", "token", "revoke", "99").code == 1
    assert shop("crawler", "token", "revoke", "farebox_x").code == 2
