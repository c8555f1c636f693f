"""Prices: the grammar, what it refuses, and that nothing is lost on the way out and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.money import AMOUNT_MICROS_MAX, InvalidPrice, Money, format_micros, format_signed, parse_price

AMOUNTS = st.integers(0, AMOUNT_MICROS_MAX)
CURRENCIES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3)


@pytest.mark.parametrize(
    ("text", "amount_micros"),
    [
        ("USD 0.01", 10_000),
        ("USD 0.010", 10_000),
        ("USD 0.010000", 10_000),
        ("USD 0", 0),
        ("USD 0.000001", 1),
        ("USD 1", 1_000_000),
        ("USD 007", 7_000_000),
        ("USD 999999999.999999", AMOUNT_MICROS_MAX),
        (" \tUSD 0.01\t ", 10_000),
    ],
)
def test_a_price_is_read_exactly(text: str, amount_micros: int) -> None:
    assert parse_price(text) == Money(amount_micros, "USD")


@pytest.mark.parametrize(
    "text",
    [
        # The malformed values of Cloudflare's pay per crawl cases, and of our own grammar.
        "0.01", "USD", "USD 0,01", "USD -0.01", "usd 0.01", "USD 1e-2", "USD .01", "USD 0.01, USD 0.02", "USD NaN",
        "USD 99999999999999999999",
        "", " ", "USD ", "USD  0.01", "USD\t0.01", "USD0.01", "USD 0.", "USD +1", "USD 1 000", "USD 1_000",
        "USD 0.0000001", "USD 1000000000", "USD 0x1", "USD inf", "US 1", "USDX 1", "USD 0.01 USD 0.02", "\u00a0USD 1",
        "USD \u0661", "\uff35SD 1", "USD 1\n", "USD 1.1.1", "$0.01", "USD 0.01;x",
    ],
)  # fmt: skip
def test_anything_else_is_not_a_price(text: str) -> None:
    with pytest.raises(InvalidPrice, match="is not a price"):
        parse_price(text)


@given(AMOUNTS, CURRENCIES)
def test_what_is_written_reads_back_to_the_same_amount(amount_micros: int, currency: str) -> None:
    money = Money(amount_micros, currency)
    assert parse_price(str(money)) == money


@given(AMOUNTS)
def test_an_amount_has_two_decimals_and_no_more_zeros_than_that(amount_micros: int) -> None:
    whole, _, decimals = format_micros(amount_micros).partition(".")
    assert 2 <= len(decimals) <= 6
    assert len(decimals) == 2 or not decimals.endswith("0")
    assert int(whole) * 1_000_000 + int(decimals.ljust(6, "0")) == amount_micros


def test_a_negative_balance_is_written_with_one_sign() -> None:
    assert format_signed(-1_500_000, "USD") == "USD -1.50"
    assert format_micros(-1) == "-0.000001"
    assert format_micros(0) == "0.00"


@pytest.mark.parametrize("amount", [-1, AMOUNT_MICROS_MAX + 1, 0.5, True, "1"])
def test_money_is_a_whole_number_of_micros_within_the_grammar(amount: object) -> None:
    with pytest.raises(InvalidPrice, match="micro-units"):
        Money(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "U5D", "", "USD\n", "\uff35SD"])
def test_a_currency_is_three_capitals(currency: str) -> None:
    with pytest.raises(InvalidPrice, match="currency"):
        Money(1, currency)
