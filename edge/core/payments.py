"""What a payment provider tells us: somebody paid, or a payment was taken back. Pure readers of what they send.

Rules of this file
- Nothing here is believed because it was read: ``edge.core.payment_signatures`` says who sent it.
- A payment's ``reference`` is its own name at the provider; it makes the top-up unique for ever (``CreditOrder``).
- What a stranger could have typed (names, references) is one printable line of bounded length, or the message is
  refused; amounts are decimal text or integer minor units, never floats.
- No card data: only the members named here are looked at, everything else is passed over and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import orjson

from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.plain_text import plain

REFERENCE_LENGTH_MAX = 200
NAME_LENGTH_MAX = 200
MEMBERS = frozenset({"reference", "crawler", "amount", "currency", "paid_at"})


class PaymentSource(StrEnum):
    """Who told us."""

    WEBHOOK = "webhook"
    STRIPE = "stripe"


class NoticeKind(StrEnum):
    """What can befall a payment after it was made."""

    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Payment:
    """Somebody paid. ``crawler`` is the name or agent URL that the payment carries, empty where it carries none.

    ``money`` is None when the amount cannot be read for sure; ``stated`` is what the provider wrote, for people.
    """

    source: PaymentSource
    reference: str
    crawler: str
    money: Money | None
    stated: str
    paid_at_micros: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A payment was refunded or is disputed: ``reference`` names this notice, ``payment`` the payment it is about."""

    source: PaymentSource
    kind: NoticeKind
    reference: str
    payment: str
    stated: str
    at_micros: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that is meant for others, or that says nothing yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is not what it should be; ``detail`` says what would be."""

    detail: str


Message: TypeAlias = Payment | Notice | Ignored | Unreadable


def read_payment(body: bytes) -> Payment | Unreadable:
    """Read the generic message: ``{reference, crawler, amount, currency, paid_at}``, the amount as decimal text."""
    document = read_object(body)
    if document is None:
        return Unreadable("send one JSON object")
    unknown = sorted(set(document) - MEMBERS)
    if unknown:
        return Unreadable(f"{plain(str(unknown[0]), 60)!r} is not a member; there are {', '.join(sorted(MEMBERS))}")
    reference, crawler = line(document.get("reference")), line(document.get("crawler"))
    if reference is None or crawler is None:
        return Unreadable(f"'reference' and 'crawler' are one printable line of 1 to {REFERENCE_LENGTH_MAX} characters")
    money = _read_money(document.get("currency"), document.get("amount"))
    if money is None:
        return Unreadable('write the amount as text and the currency as three capitals: "10.00" and "USD"')
    paid_at = _read_time(document.get("paid_at"))
    if paid_at is None:
        return Unreadable("'paid_at' is a time with an offset (RFC 3339), such as 2026-11-20T14:00:00Z")
    return Payment(PaymentSource.WEBHOOK, reference, crawler, money, str(money), paid_at)


def read_object(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object that a body holds, or None."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def line(value: object, length_max: int = REFERENCE_LENGTH_MAX) -> str | None:
    """The text of one printable line, spaces around it taken off; None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return text if 0 < len(text) <= length_max and text.isprintable() else None


def _read_money(currency: object, amount: object) -> Money | None:
    if not isinstance(currency, str) or not isinstance(amount, str):
        return None
    try:
        money = parse_price(f"{currency} {amount}")
    except InvalidPrice:
        return None
    return money if money.amount_micros else None


def _read_time(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return None
        since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return micros if micros > 0 else None
