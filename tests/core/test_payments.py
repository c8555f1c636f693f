"""What payment providers write is read exactly, or refused with what would do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.money import Money, parse_price
from edge.core.payments import Ignored, Notice, NoticeKind, Payment, PaymentSource, Unreadable, read_payment
from edge.core.stripe_events import amount_of, read_stripe_event
from tests.support.payments import (
    PAID_AT,
    charge_refunded,
    dispute_created,
    event,
    intent_paid,
    payment_body,
    session_paid,
)


def test_the_generic_message_is_read() -> None:
    assert read_payment(payment_body()) == Payment(
        PaymentSource.WEBHOOK, "INV-7", "Bot3", Money(10_000_000, "USD"), "USD 10.00", 1_799_999_900_000_000
    )


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 10},
        {"amount": 10.0},
        {"amount": "-1"},
        {"amount": "1e3"},
        {"amount": "1,000"},
        {"amount": "0"},
        {"amount": "0.0000001"},
        {"currency": "usd"},
        {"currency": "US"},
        {"currency": None},
        {"reference": ""},
        {"reference": "x" * 201},
        {"reference": "two\nlines"},
        {"reference": "\u202egnp.exe"},
        {"reference": 7},
        {"crawler": ""},
        {"crawler": "a\x1b[2J"},
        {"crawler": None},
        {"paid_at": "2027-01-15"},
        {"paid_at": "2027-01-15T07:58:20"},
        {"paid_at": "yesterday"},
        {"paid_at": "0001-01-01T00:00:00+14:00"},
        {"paid_at": 1_799_999_900},
        {"card_number": "4242"},
    ],
    ids=str,
)
def test_what_is_not_exact_is_refused_with_what_would_do(change: dict[str, object]) -> None:
    document = {**json.loads(payment_body()), **change}
    refused = read_payment(json.dumps(document).encode())
    assert isinstance(refused, Unreadable)
    assert refused.detail.isprintable()
    assert "4242" not in refused.detail


@given(
    st.binary(max_size=80)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_read_or_refused_and_never_an_error(body: bytes) -> None:
    assert isinstance(read_payment(body), Unreadable)
    assert isinstance(read_stripe_event(body), Unreadable)


# Stripe


def test_a_session_and_its_intent_are_one_payment() -> None:
    expected = Payment(PaymentSource.STRIPE, "pi_1", "Bot3", Money(10_000_000, "USD"), "USD 10.00", PAID_AT * 1_000_000)
    assert read_stripe_event(session_paid()) == expected
    assert read_stripe_event(intent_paid()) == expected
    later = json.loads(session_paid())
    later["type"] = "checkout.session.async_payment_succeeded"
    assert read_stripe_event(json.dumps(later).encode()) == expected
    expanded = session_paid(payment_intent={"id": "pi_1", "object": "payment_intent"})
    assert read_stripe_event(expanded) == expected


def test_the_crawler_is_named_by_metadata_else_by_the_reference_of_a_payment_link() -> None:
    linked = read_stripe_event(session_paid(crawler=None, client_reference_id="Bot3"))
    assert isinstance(linked, Payment)
    assert linked.crawler == "Bot3"
    nobody = read_stripe_event(intent_paid(crawler=None))
    assert isinstance(nobody, Payment)
    assert nobody.crawler == ""
    hostile = read_stripe_event(intent_paid(crawler="\x1b]0;x\x07" + "y" * 500))
    assert isinstance(hostile, Payment)
    assert hostile.crawler == ""


@pytest.mark.parametrize(
    ("minor_units", "currency", "amount"),
    [
        (1099, "USD", "USD 10.99"),
        (1, "EUR", "EUR 0.01"),
        (500, "JPY", "JPY 500"),
        (500, "KRW", "KRW 500"),
        (5120, "KWD", "KWD 5.12"),
        (500, "ISK", "ISK 5"),
        (1045, "HUF", "HUF 10.45"),
        (80_000, "TWD", "TWD 800"),
    ],
)
def test_an_amount_is_in_the_smallest_unit_of_stripes_own_table(minor_units: int, currency: str, amount: str) -> None:
    assert amount_of(minor_units, currency) == parse_price(amount)
    read = read_stripe_event(intent_paid(amount=minor_units, currency=currency.lower()))
    assert isinstance(read, Payment)
    assert read.money == parse_price(amount)


def test_an_amount_that_is_not_sure_is_kept_as_text() -> None:
    read = read_stripe_event(intent_paid(amount=500, currency="ugx"))
    assert isinstance(read, Payment)
    assert (read.money, read.stated) == (None, "500 smallest units of UGX")
    assert amount_of(10**18, "USD") is None
    assert amount_of(0, "USD") is None
    assert amount_of(-5, "USD") is None


def test_what_was_not_paid_yet_or_is_not_a_payment_is_passed_over() -> None:
    assert isinstance(read_stripe_event(session_paid(payment_status="unpaid")), Ignored)
    assert isinstance(read_stripe_event(session_paid(None)), Ignored)
    assert isinstance(read_stripe_event(event("invoice.paid", {})), Ignored)


def test_money_of_the_test_mode_counts_in_development_alone() -> None:
    body = event("payment_intent.succeeded", json.loads(intent_paid())["data"]["object"], live=False)
    refused = read_stripe_event(body)
    assert isinstance(refused, Unreadable)
    assert "FAREBOX_DEV" in refused.detail
    assert isinstance(read_stripe_event(body, allow_test_mode=True), Payment)


def test_refunds_and_disputes_name_the_payment_they_take_back() -> None:
    assert read_stripe_event(charge_refunded()) == Notice(
        PaymentSource.STRIPE, NoticeKind.REFUND, "evt_refund_1", "pi_1", "USD 10.00", PAID_AT * 1_000_000
    )
    assert read_stripe_event(dispute_created()) == Notice(
        PaymentSource.STRIPE, NoticeKind.DISPUTE, "evt_dispute_1", "pi_1", "USD 10.00", PAID_AT * 1_000_000
    )


@pytest.mark.parametrize("created", [-1, 253_402_300_800, 10**18, 10**40])
def test_an_event_of_no_time_that_a_calendar_has_is_refused(created: int) -> None:
    absurd = intent_paid().replace(str(PAID_AT).encode(), str(created).encode())
    assert isinstance(read_stripe_event(intent_paid()), Payment)
    assert isinstance(read_stripe_event(absurd), Unreadable)


@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "checkout.session.completed", "charge.refunded"])
@pytest.mark.parametrize("amount", [None, "1000", 10.5, True, [1000]], ids=str)
def test_an_amount_that_is_no_integer_is_refused(kind: str, amount: object) -> None:
    thing = {
        "id": "x_1", "payment_intent": "pi_1", "payment_status": "paid", "currency": "usd",
        "amount_total": amount, "amount_received": amount, "amount_refunded": amount,
    }  # fmt: skip
    assert isinstance(read_stripe_event(event(kind, thing)), Unreadable)
