"""The offer and the answer: the payment headers, read and written by both ends of a crawl.

Rules of this file: a header given twice, or with a comma, is not an offer but a mistake, and said so; an exact
offer compares numerically (``USD 0.010`` equals ``USD 0.01``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.refusals import RefusalCode

CRAWLER_PRICE = "crawler-price"
CRAWLER_CHARGED = "crawler-charged"
CRAWLER_ERROR = "crawler-error"
CRAWLER_ERROR_DETAIL = "crawler-error-detail"
CRAWLER_RECEIPT = "crawler-receipt"


class OfferKind(StrEnum):
    """The two ways to accept a price; the value is the header's name."""

    EXACT = "crawler-exact-price"
    MAX = "crawler-max-price"


@dataclass(frozen=True, slots=True)
class Offer:
    """A price acceptance as the crawler sent it."""

    kind: OfferKind
    price: Money

    def accepts(self, price: Money) -> bool:
        """Whether this offer pays ``price``: equal for an exact one, at least that for a maximum."""
        if self.price.currency != price.currency:
            return False
        if self.kind is OfferKind.EXACT:
            return self.price.amount_micros == price.amount_micros
        return self.price.amount_micros >= price.amount_micros

    def __str__(self) -> str:
        return f"{'exact' if self.kind is OfferKind.EXACT else 'max'} {self.price}"


@dataclass(frozen=True, slots=True)
class OfferMistake:
    """Why the price headers are not an offer: the code, and a sentence that says what would be."""

    code: RefusalCode
    detail: str


def read_offer(fields: Mapping[str, str], currency: str) -> Offer | OfferMistake | None:
    """Read the price headers of a request to a site that is priced in ``currency``.

    None when there is none. Repeated lines arrive joined with a comma and so fail the price grammar.
    """
    exact = fields.get("crawler-exact-price")
    maximum = fields.get("crawler-max-price")
    if exact is None and maximum is None:
        return None
    if exact is not None and maximum is not None:
        return OfferMistake(RefusalCode.CONFLICTING_PRICES, "send one price header, not both")
    kind = OfferKind.EXACT if exact is not None else OfferKind.MAX
    try:
        price = parse_price(exact if exact is not None else maximum or "")
    except InvalidPrice:
        return OfferMistake(RefusalCode.INVALID_PRICE, f"{kind.value} is not a price; write it like '{currency} 0.01'")
    if price.currency != currency:
        return OfferMistake(RefusalCode.INVALID_PRICE, f"this site is priced in {currency}")
    return Offer(kind, price)
