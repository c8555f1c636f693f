"""Keys, orders, entries and sums of the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.ledger import (
    ChargeOrder,
    CreditOrder,
    Entry,
    InvariantBroken,
    balance_changes,
    charge_id,
    charge_key,
    check_conservation,
    check_entry,
    credit_key,
    key_of_charge_id,
)
from edge.core.money import Money

ENTRY = Entry(
    1,
    1,
    bytes(16),
    1,
    1,
    "post",
    7,
    8,
    10_000,
    "USD",
    1,
    7,
    1,
    1,
    "rule",
    1,
    None,
    "/a",
    "max USD 0.01",
    "r",
    200,
    None,
    None,
    None,
    None,
)
ORDER = ChargeOrder(bytes(16), Money(10_000, "USD"), 7, 8, 7, 1, 1, "rule", 1, None, "/a", "max USD 0.01", "r", 200)

short = st.text(max_size=4)
parts = st.tuples(st.integers(1, 99), st.binary(max_size=8), short, short, short)


@given(parts, parts)
def test_different_requests_never_share_a_key(
    one: tuple[int, bytes, str, str, str], other: tuple[int, bytes, str, str, str]
) -> None:
    assert (charge_key(*one) == charge_key(*other)) == (one == other)


def test_moving_a_character_between_parts_changes_the_key() -> None:
    assert charge_key(1, b"s", "GET", "a.example", "/b") != charge_key(1, b"s", "GET", "a.example/", "b")


def test_a_key_is_the_same_for_ever() -> None:
    """Entries of years hold these keys: an encoding that changed would charge every retry again."""
    assert charge_key(7, b"signature", "GET", "news.example", "/a?b=c").hex() == "3741aa63f735896ac6d0c4df17975907"
    assert credit_key("invoice 1").hex() == "055a9a72e9d0955e33a0ebc3397468b9"


def test_a_credit_and_a_charge_never_share_a_key() -> None:
    assert credit_key("x") != charge_key(0, b"", "", "", "x")


@given(st.binary(min_size=16, max_size=16))
def test_a_charge_id_reads_back_as_its_key(key: bytes) -> None:
    assert key_of_charge_id(charge_id(key)) == key


@pytest.mark.parametrize(
    "text",
    ["", "ch_", "00" * 16, "ch_" + "0" * 31, "ch_" + "0" * 33, "ch_" + "A" * 32, "ch_" + "g" * 32, "ch_" + "٠" * 32],
)
def test_what_is_not_a_charge_id_names_no_key(text: str) -> None:
    assert key_of_charge_id(text) is None


@pytest.mark.parametrize("change", [{"key": b"short"}, {"price": Money(0, "USD")}])
def test_an_order_without_a_whole_key_or_a_price_is_a_mistake(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(ORDER, **change)  # type: ignore[arg-type]


def test_a_top_up_is_named_by_its_reference_alone() -> None:
    one = CreditOrder(1, 2, 3, Money(5, "USD"), "invoice 1", "operator")
    assert one.key == replace(one, account=9, money=Money(6, "EUR")).key == credit_key("invoice 1")


accounts = st.integers(1, 5)
amounts = st.integers(1, 10**15)
transfers = st.lists(st.tuples(accounts, accounts, amounts, st.sampled_from(["USD", "EUR"])), max_size=30)


@given(transfers)
def test_no_list_of_transfers_makes_or_loses_money(rows: list[tuple[int, int, int, str]]) -> None:
    entries = [
        ENTRY._replace(debit_account=debit, credit_account=credit, amount_micros=amount, currency=currency)
        for debit, credit, amount, currency in rows
    ]
    check_conservation(balance_changes(entries))


def test_money_that_appears_in_one_currency_and_vanishes_in_another_is_found() -> None:
    with pytest.raises(InvariantBroken, match="EUR"):
        check_conservation({(1, "USD"): -5, (2, "USD"): 5, (3, "EUR"): 1})


@pytest.mark.parametrize(
    "change",
    [
        {"amount_micros": -1},
        {"amount_micros": 0},
        {"amount_micros": 1.0},
        {"amount_micros": True},
        {"kind": "redeliver"},
        {"credit_account": 7},
    ],
    ids=str,
)
def test_an_impossible_entry_is_found(change: dict[str, object]) -> None:
    check_entry(ENTRY)
    with pytest.raises(InvariantBroken, match="entry 1/1"):
        check_entry(ENTRY._replace(**change))  # type: ignore[arg-type]


def test_a_redelivery_costs_nothing() -> None:
    check_entry(ENTRY._replace(kind="redeliver", amount_micros=0))
