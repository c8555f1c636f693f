"""``farebox account suspend|resume|limit|correct``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import Farebox


def test_an_account_is_suspended_and_let_in_with_a_reason_in_the_audit_log(shop: Farebox) -> None:
    done = shop("account", "suspend", "ExampleBot", "--reason", "card disputed")
    assert (done.code, done.out) == (0, "the USD account of ExampleBot cannot pay any more\n")
    again = shop("account", "suspend", "ExampleBot")
    assert (again.code, again.err) == (1, "farebox: the USD account is suspended already.\n")
    assert shop("account", "show", "ExampleBot", "--json").json[0]["suspended"] is True
    assert shop("account", "resume", "ExampleBot", "--json").json["suspended"] is False
    assert shop("account", "resume", "ExampleBot").code == 1
    audit = shop("audit", "--json").json
    assert "card disputed" in [row["reason"] for row in audit]
    assert shop("verify").code == 0


def test_a_limit_is_set_changed_and_taken_away(shop: Farebox) -> None:
    refused = shop("account", "limit", "ExampleBot", "USD 100")
    assert refused.code == 1
    assert "--postpaid" in refused.err
    assert shop("account", "limit", "ExampleBot", "USD 100", "--postpaid", "--json").json["limit"] == "USD 100.00"
    assert shop("account", "show", "ExampleBot", "--json").json[0]["available"] == "USD 110.00"
    assert "USD 250.00 below zero" in shop("account", "limit", "ExampleBot", "USD 250").out
    assert "prepaid" in shop("account", "limit", "ExampleBot", "--prepaid").out


def test_words_that_do_not_fit_together_are_refused(shop: Farebox) -> None:
    assert shop("account", "limit", "ExampleBot").code == 2
    assert shop("account", "limit", "ExampleBot", "USD 1", "--prepaid").code == 2
    assert shop("account", "limit", "ExampleBot", "a lot").code == 2
    assert shop("account", "limit", "ExampleBot", "USD 1", "--currency", "EUR").code == 2
    assert shop("account", "limit", "ExampleBot", "EUR 1", "--postpaid").code == 1
    assert shop("account", "suspend", "Nobody").code == 1
    shop("account", "credit", "ExampleBot", "EUR 1", "--reference", "e", "--new-currency")
    several = shop("account", "suspend", "ExampleBot")
    assert several.code == 2
    assert "--currency" in several.err
    assert shop("account", "suspend", "ExampleBot", "--currency", "EUR").code == 0


def test_a_mistaken_top_up_is_taken_back_by_a_note_and_the_books_hold(shop: Farebox) -> None:
    [before] = shop("account", "show", "ExampleBot", "--json").json
    assert shop("account", "credit", "ExampleBot", "USD 10", "--reference", "INV-7").code == 0
    why = ("--reason", "INV-7 was booked twice")
    done = shop("account", "correct", "ExampleBot", "USD 10", *why)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("took USD 10.00 back from ExampleBot as DN-")
    assert shop("account", "show", "ExampleBot", "--json").json == [before]
    named = shop("account", "correct", "ExampleBot", "USD 0.01", *why, "--number", "CASE-7", "--json").json
    again = shop("account", "correct", "ExampleBot", "USD 0.01", *why, "--number", "CASE-7", "--json").json
    assert (named["fresh"], again["fresh"], again["number"]) == (True, False, "CASE-7")
    assert named["account"] == again["account"]
    taken = [row for row in shop("audit", "--json").json if row["kind"] == "adjust"]
    assert [(row["crawler"], row["reason"]) for row in taken] == [("ExampleBot", "INV-7 was booked twice")] * 2
    assert [(row["from"], row["to"]) for row in taken] == [("crawler", "adjustments")] * 2
    table = [" ".join(line.split()) for line in shop("audit").out.splitlines()]
    assert any("adjust ExampleBot" in line and "USD 10.00 crawler adjustments DN-" in line for line in table)
    assert any("credit ExampleBot" in line and "USD 10.00 funding crawler INV-7" in line for line in table)
    assert shop("verify").code == 0


def test_what_is_spent_or_not_there_is_not_taken_back(shop: Farebox) -> None:
    why = ("--reason", "a mistake")
    too_much = shop("account", "correct", "ExampleBot", "USD 9999", *why)
    assert (too_much.code, "the account does not cover it" in too_much.err) == (1, True)
    assert shop("account", "correct", "ExampleBot", "CHF 1", *why).code == 1
    assert shop("account", "correct", "ExampleBot", "USD 0", *why).code == 1
    assert shop("account", "correct", "ExampleBot", "USD 1", *why, "--number", "DN-2026-0001").code == 1
    shop("account", "correct", "ExampleBot", "USD 0.01", *why, "--number", "CASE-7")
    assert shop("account", "correct", "ExampleBot", "USD 0.02", *why, "--number", "CASE-7").code == 1


def test_a_statement_with_a_note_of_a_taken_back_top_up_agrees_with_the_ledger(shop: Farebox, workplace: Path) -> None:
    shop("account", "correct", "ExampleBot", "USD 0.01", "--reason", "a mistake")
    month = datetime.now(UTC).strftime("%Y-%m")
    told = shop("report", month, "--crawler", "ExampleBot", "--format", "csv", "--out", str(workplace / "reports"))
    assert (told.code, told.err) == (0, f"{month} is not closed: this is a draft\n")
    shown = shop("report", month, "--crawler", "ExampleBot").out
    assert re.search(r"note of the operator DN-\d{4}-0001: a mistake: .*0\.01\n", shown)
    [note] = shop("report", month, "--crawler", "ExampleBot", "--json").json["notes"]
    assert (note["reason"], note["given_micros"]) == ("a mistake", -10_000)
