"""Stripe's events, as far as they are about money that came or went (https://docs.stripe.com/api/events).

Rules of this file
- A Checkout Session and its PaymentIntent both say that the same payment was made: the intent's id is the reference,
  so that the payment is credited once, whichever is told first and however often.
- Stripe counts in the smallest unit *of its own table*, which is not ISO 4217's: krona and shilling have two decimals
  there for old times' sake. Where its documents contradict each other no amount is read, because a hundredfold is worse
  than a question to a person.
- An event in test mode is no money: it counts in development alone.
- No SDK: three members of six events are read, and its library would add a client that could move money.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.core.money import AMOUNT_MICROS_MAX, Money
from edge.core.payments import (
    NAME_LENGTH_MAX,
    Ignored,
    Message,
    Notice,
    NoticeKind,
    Payment,
    PaymentSource,
    Unreadable,
    line,
    read_object,
)
from edge.core.plain_text import plain

CRAWLER_KEY = "crawler"
"""The metadata that names the crawler; ``client_reference_id`` does where a payment link has no metadata."""

# https://docs.stripe.com/currencies: "zero-decimal" and "three-decimal"; every other currency has two.
ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
CREATED_MAX = 253_402_300_799
"""The last second of the year 9999: no calendar holds more, and no column."""

UNSURE = frozenset({"UGX"})
"""In Stripe's list of currencies without decimals, and among its special cases with two."""

_SESSION_PAID = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_INTENT_PAID = "payment_intent.succeeded"
_NOTICES = {"charge.refunded": NoticeKind.REFUND, "charge.dispute.created": NoticeKind.DISPUTE}


def read_stripe_event(body: bytes, *, allow_test_mode: bool = False) -> Message:
    """What an event says about money; ``Ignored`` for all that is not ours to act on."""
    event = read_object(body)
    if event is None or event.get("object") != "event":
        return Unreadable("send one of Stripe's events as a JSON object")
    kind, event_id, created = event.get("type"), line(event.get("id")), event.get("created")
    thing = _member(_member(event, "data"), "object")
    if not isinstance(kind, str) or event_id is None or type(created) is not int or thing is None:
        return Unreadable("an event has id, type, created and data.object")
    if not 0 <= created <= CREATED_MAX:
        return Unreadable("created is the time of the event in seconds since 1970")
    if kind not in _SESSION_PAID and kind != _INTENT_PAID and kind not in _NOTICES:
        return Ignored("this event is not about a payment that was made or taken back")
    if event.get("livemode") is not True and not allow_test_mode:
        return Unreadable("events in test mode count only where FAREBOX_DEV is set: no money moved")
    at_micros = created * 1_000_000
    if kind in _SESSION_PAID:
        return _session(thing, at_micros)
    if kind == _INTENT_PAID:
        return _payment(thing, line(thing.get("id")), "amount_received", _metadata_crawler(thing), at_micros)
    return _notice(_NOTICES[kind], event_id, thing, at_micros)


def amount_of(minor_units: int, currency: str) -> Money | None:
    """An amount as Stripe writes it; None when it is not sure what is meant, or it is too large for any account."""
    if currency in UNSURE or minor_units <= 0:
        return None
    decimals = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    micros = minor_units * 10 ** (6 - decimals)
    return Money(micros, currency) if micros <= AMOUNT_MICROS_MAX else None


def _session(session: Mapping[str, Any], at_micros: int) -> Message:
    if session.get("payment_status") != "paid":
        return Ignored("the session is complete and not paid; another event follows when it is")
    intent = _id_of(session.get("payment_intent"))
    if intent is None:
        return Ignored("the session has no payment: it is of a subscription or a set-up")
    named = _metadata_crawler(session) or line(session.get("client_reference_id"), NAME_LENGTH_MAX) or ""
    return _payment(session, intent, "amount_total", named, at_micros)


def _payment(
    thing: Mapping[str, Any], reference: str | None, amount_key: str, crawler: str, at_micros: int
) -> Payment | Unreadable:
    amount = _amount(thing, amount_key)
    if reference is None or amount is None:
        return Unreadable(f"a payment has an id, {amount_key} and currency")
    money, stated = amount
    return Payment(PaymentSource.STRIPE, reference, crawler, money, stated, at_micros)


def _notice(kind: NoticeKind, event_id: str, thing: Mapping[str, Any], at_micros: int) -> Notice | Unreadable:
    amount = _amount(thing, "amount_refunded" if kind is NoticeKind.REFUND else "amount")
    charge = line(thing.get("charge") if kind is NoticeKind.DISPUTE else thing.get("id"))
    if amount is None or charge is None:
        return Unreadable("a refund or dispute has a charge, an amount and a currency")
    intent = _id_of(thing.get("payment_intent"))
    return Notice(PaymentSource.STRIPE, kind, event_id, intent or charge, amount[1], at_micros)


def _amount(thing: Mapping[str, Any], key: str) -> tuple[Money | None, str] | None:
    minor_units, currency = thing.get(key), thing.get("currency")
    if type(minor_units) is not int or not isinstance(currency, str) or len(currency) != 3:
        return None
    if not currency.isascii() or not currency.isalpha():
        return None
    money = amount_of(minor_units, currency.upper())
    return money, str(money) if money else plain(f"{minor_units} smallest units of {currency.upper()}", 80)


def _metadata_crawler(thing: Mapping[str, Any]) -> str:
    metadata = _member(thing, "metadata")
    return line(metadata.get(CRAWLER_KEY), NAME_LENGTH_MAX) or "" if metadata else ""


def _id_of(value: object) -> str | None:
    """An id, or that of the whole object where Stripe was asked to expand it."""
    return line(value.get("id")) if isinstance(value, dict) else line(value)


def _member(thing: Mapping[str, Any] | None, key: str) -> Mapping[str, Any] | None:
    found = thing.get(key) if thing is not None else None
    return found if isinstance(found, dict) else None
