"""Money as integer micro-units of a currency: the only form in which an amount exists here.

Rules of this file: no float, ever; an amount carries its currency; parsing is exact or refused; what is
formatted parses back to the same amount.

Price grammar (docs/protocol.md, "Prices")::

    price    = currency SP amount
    currency = 3 upper-case letters, from the site's list
    amount   = 1*9DIGIT [ "." 1*6DIGIT ]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from edge.core.errors import EdgeError

MICROS_PER_UNIT = 1_000_000
AMOUNT_MICROS_MAX = 999_999_999_999_999
"""The largest amount the grammar can state (nine digits, six decimals); fits 64 bits with room for sums."""

REMEMBERED_MAX = 1024
"""Prices that are remembered: crawlers send the same few all day, and strangers any number of others."""

# ASCII digits only: \d would accept other scripts' digits, which int() happily reads.
_PRICE = re.compile(r"([A-Z]{3}) ([0-9]{1,9})(?:\.([0-9]{1,6}))?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class InvalidPrice(EdgeError, ValueError):
    """A text that is not a price; the message says what would be."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in integer micro-units (1e-6) of one ISO 4217 currency; never negative.

    Raises ``InvalidPrice`` when built from something that is not such an amount.
    """

    amount_micros: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_micros) is not int or not 0 <= self.amount_micros <= AMOUNT_MICROS_MAX:
            raise InvalidPrice(f"{self.amount_micros!r} is not an amount in micro-units")
        if not _CURRENCY.fullmatch(self.currency):
            raise InvalidPrice(f"{self.currency!r} is not a currency code like USD")

    def __str__(self) -> str:
        return f"{self.currency} {format_micros(self.amount_micros)}"


@lru_cache(maxsize=REMEMBERED_MAX)
def parse_price(text: str) -> Money:
    """Read a price such as ``USD 0.01``; optional white space around the field is stripped first.

    Raises ``InvalidPrice`` for anything else: signs, exponents, grouping, a bare point, other digits than
    ASCII, two prices in one field.
    """
    match = _PRICE.fullmatch(text.strip(" \t"))
    if match is None:
        raise InvalidPrice(f"{text!r} is not a price; write it like 'USD 0.01'")
    currency, whole, decimals = match.groups()
    micros = int(whole) * MICROS_PER_UNIT
    if decimals:
        micros += int(decimals.ljust(6, "0"))
    return Money(micros, currency)


@lru_cache(maxsize=REMEMBERED_MAX)
def format_micros(amount_micros: int) -> str:
    """Write micro-units as a decimal number: two decimals at least, and no more trailing zeros than that.

    Accepts negative amounts, because balances and differences can be negative where prices cannot.
    """
    sign = "-" if amount_micros < 0 else ""
    whole, fraction = divmod(abs(amount_micros), MICROS_PER_UNIT)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def format_signed(amount_micros: int, currency: str) -> str:
    """Write a balance or difference, which may be negative, as ``USD -1.50``."""
    return f"{currency} {format_micros(amount_micros)}"


def money_document(amount_micros: int, currency: str) -> dict[str, object]:
    """An amount in JSON: exact for programs, readable for people."""
    return {"amount_micros": amount_micros, "currency": currency, "display": format_signed(amount_micros, currency)}
