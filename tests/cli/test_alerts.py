"""``farebox account alert``."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Farebox

ALERT = ("account", "alert", "ExampleBot")


def test_an_alert_is_set_shown_and_turned_off(shop: Farebox) -> None:
    assert shop(*ALERT, "--below", "USD 5").out == "account.low is sent once ExampleBot has less than USD 5.00 left\n"
    assert "ALERT BELOW" in shop("account", "show", "ExampleBot").out
    assert shop("account", "show", "ExampleBot", "--json").json[0]["alert_below"] == "USD 5.00"
    off = shop(*ALERT, "--off", "--json").json
    assert off == {"off": True, "below": "USD 5.00", "below_micros": 5_000_000, "low": False}
    assert shop("account", "show", "ExampleBot", "--json").json[0]["alert_below"] is None
    assert "ALERT" not in shop("account", "show", "ExampleBot").out


def test_who_sets_it_too_late_is_told_so(shop: Farebox) -> None:
    assert "it has less already" in shop(*ALERT, "--below", "USD 11").out
    assert shop(*ALERT, "--below", "USD 11", "--json").json["low"] is True


def test_of_several_currencies_the_one_that_is_meant_is_turned_off(shop: Farebox) -> None:
    shop("account", "credit", "ExampleBot", "EUR 5", "--reference", "INV-9", "--new-currency")
    shop(*ALERT, "--below", "USD 5")
    shop(*ALERT, "--below", "EUR 5")
    unclear = shop(*ALERT, "--off")
    assert (unclear.code, "one in EUR and one in USD" in unclear.err) == (2, True)
    assert "EUR 5.00" in shop(*ALERT, "--off", "--currency", "EUR").out
    assert "USD 5.00" in shop(*ALERT, "--off").out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ((), 2, "--below"),
        (("--below", "USD 5", "--off"), 2, "--off"),
        (("--below", "5"), 2, "not a price"),
        (("--below", "USD 0"), 1, "nothing"),
        (("--below", "EUR 5"), 1, "no EUR account"),
        (("--off",), 1, "no such alert"),
        (("--below", "USD 5", "--currency", "USD"), 2, "--currency"),
    ],
)
def test_what_makes_no_sense_is_said(shop: Farebox, words: tuple[str, ...], code: int, complaint: str) -> None:
    result = shop(*ALERT, *words)
    assert result.code == code
    assert complaint in result.err
    assert result.out == ""
