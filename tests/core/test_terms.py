"""An offer is read as it was meant or refused with what would be one; an exact offer is compared as a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.money import AMOUNT_MICROS_MAX, Money, format_micros
from edge.core.terms import Offer, OfferKind, OfferMistake, read_offer

MAX, EXACT = "crawler-max-price", "crawler-exact-price"
AMOUNTS = st.integers(0, AMOUNT_MICROS_MAX)
KINDS = st.sampled_from(OfferKind)


def usd(amount_micros: int) -> Money:
    return Money(amount_micros, "USD")


@pytest.mark.parametrize(
    ("header", "text", "kind", "micros"),
    [
        (MAX, "USD 0.01", OfferKind.MAX, 10_000),
        (EXACT, "USD 0.01", OfferKind.EXACT, 10_000),
        (EXACT, "USD 0.010", OfferKind.EXACT, 10_000),
        (MAX, " \tUSD 7 ", OfferKind.MAX, 7_000_000),
        (MAX, "USD 0", OfferKind.MAX, 0),
        (EXACT, "USD 999999999.999999", OfferKind.EXACT, AMOUNT_MICROS_MAX),
    ],
)
def test_a_price_header_is_an_offer(header: str, text: str, kind: OfferKind, micros: int) -> None:
    assert read_offer({header: text, "user-agent": "x"}, "USD") == Offer(kind, usd(micros))


def test_no_price_header_is_no_offer_and_no_mistake() -> None:
    assert read_offer({"crawler-price": "USD 0.01", "crawler-charged": "USD 0.01"}, "USD") is None


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        ({MAX: "USD 1", EXACT: "USD 1"}, "conflicting_prices", "send one price header, not both"),
        ({MAX: "x", EXACT: "y"}, "conflicting_prices", "send one price header, not both"),
        ({MAX: "", EXACT: ""}, "conflicting_prices", "send one price header, not both"),
        ({MAX: ""}, "invalid_price", "crawler-max-price is not a price; write it like 'USD 0.01'"),
        (
            {EXACT: "USD 0.01, USD 0.01"},
            "invalid_price",
            "crawler-exact-price is not a price; write it like 'USD 0.01'",
        ),
        ({EXACT: "USD 0.01,"}, "invalid_price", "crawler-exact-price is not a price; write it like 'USD 0.01'"),
        ({EXACT: "EUR 0.01"}, "invalid_price", "this site is priced in USD"),
    ],
)
def test_a_mistake_says_what_would_be_an_offer(fields: dict[str, str], code: str, detail: str) -> None:
    mistake = read_offer(fields, "USD")
    assert isinstance(mistake, OfferMistake)
    assert (mistake.code, mistake.detail) == (code, detail)


@given(st.dictionaries(st.sampled_from([MAX, EXACT]), st.text(max_size=20), min_size=1))
def test_whatever_is_sent_is_an_offer_in_the_sites_currency_or_a_mistake(fields: dict[str, str]) -> None:
    offer = read_offer(fields, "USD")
    assert isinstance(offer, OfferMistake) or (isinstance(offer, Offer) and offer.price.currency == "USD")


@given(KINDS, AMOUNTS)
def test_an_offer_that_is_written_as_a_price_reads_back(kind: OfferKind, amount_micros: int) -> None:
    price = usd(amount_micros)
    assert read_offer({kind.value: str(price)}, "USD") == Offer(kind, price)


@given(AMOUNTS, st.integers(0, 4))
def test_zeros_at_the_end_of_an_exact_offer_change_nothing(amount_micros: int, zeros: int) -> None:
    whole, _, decimals = format_micros(amount_micros).partition(".")
    longer = f"USD {whole}.{decimals.ljust(min(6, len(decimals) + zeros), '0')}"
    offer = read_offer({EXACT: longer}, "USD")
    assert isinstance(offer, Offer)
    assert offer.accepts(usd(amount_micros))


@given(AMOUNTS, AMOUNTS)
def test_exact_pays_that_price_alone_and_a_maximum_every_price_up_to_it(offered: int, asked: int) -> None:
    assert Offer(OfferKind.EXACT, usd(offered)).accepts(usd(asked)) is (offered == asked)
    assert Offer(OfferKind.MAX, usd(offered)).accepts(usd(asked)) is (offered >= asked)


@given(KINDS, AMOUNTS)
def test_no_offer_pays_a_price_in_another_currency(kind: OfferKind, amount_micros: int) -> None:
    assert not Offer(kind, usd(amount_micros)).accepts(Money(amount_micros, "EUR"))
    assert not Offer(kind, usd(amount_micros)).accepts(Money(0, "EUR"))


def test_an_offer_is_written_into_the_ledger_in_one_word_and_a_price() -> None:
    assert str(Offer(OfferKind.EXACT, usd(10_000))) == "exact USD 0.01"
    assert str(Offer(OfferKind.MAX, usd(5_000_000))) == "max USD 5.00"
