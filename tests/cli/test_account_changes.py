"""``farebox account suspend|resume|limit``."""

from __future__ import annotations

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
