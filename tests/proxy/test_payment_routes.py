"""Payment messages over real sockets: believed, taken once, and answered with what the provider should do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from edge.core.ledger import LedgerUnavailable
from edge.core.money import Money
from edge.proxy.payment_desk import PaymentDesk
from edge.proxy.payment_routes import PAYMENTS_PATH, STRIPE_PATH, PaymentSecrets, payment_routes
from edge.proxy.small_requests import CONTENT_BYTES_MAX
from edge.store.accounts import open_crawler_account, show
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.unmatched import list_unmatched
from tests.support.edge_under_test import NOW, EdgeUnderTest
from tests.support.payments import (
    PAID_AT,
    STANDARD_SECRET,
    STRIPE_SECRET,
    charge_refunded,
    event,
    intent_paid,
    payment_body,
    session_paid,
    standard_fields,
    stripe_field,
)
from tests.support.signing_crawler import request
from tests.support.webhook_post import Post
from tests.support.wire import Received

BOTH = PaymentSecrets((STANDARD_SECRET,), (STRIPE_SECRET,))
Till = Callable[[PaymentSecrets], "Counter"]


class Counter:
    """An edge that takes payments for Bot1, over a real ledger."""

    def __init__(self, edge: EdgeUnderTest, database: Database, ledger: Ledger) -> None:
        self.edge, self.database, self.ledger = edge, database, ledger

    def post(self, path: str, body: bytes, fields: Mapping[str, str]) -> Received:
        lines = [f"{name}: {value}" for name, value in fields.items()]
        head = request(path, "Content-Type: application/json", f"Content-Length: {len(body)}", *lines, method="POST")
        return self.edge.ask(head + body, "POST")

    def pay(self, body: bytes, secret: str = STANDARD_SECRET, now: int = NOW) -> Received:
        return self.post(PAYMENTS_PATH, body, standard_fields(body, now, secret))

    def stripe(self, body: bytes, secret: str = STRIPE_SECRET, now: int = NOW) -> Received:
        return self.post(STRIPE_PATH, body, stripe_field(body, now, secret))

    @property
    def balance(self) -> int:
        with self.database.read() as connection:
            return sum(view.balance_micros for view in show(connection, 1))

    @property
    def waiting(self) -> list[str]:
        with self.database.read() as connection:
            return [row.reference for row in list_unmatched(connection)]


@pytest.fixture
def till(make_edge: Callable[..., EdgeUnderTest], post: Post) -> Iterator[Till]:
    with post.database.write() as connection:
        open_crawler_account(connection, 1, "USD")
    ledger = Ledger.open(post.database, node="till", report=lambda error: None)
    desk = PaymentDesk(post.database, ledger, "till", post.clock)

    def open_till(secrets: PaymentSecrets) -> Counter:
        edge = make_edge(routes=(payment_routes(desk, secrets, lambda: float(NOW)),))
        return Counter(edge, post.database, ledger)

    yield open_till
    ledger.close()


@pytest.fixture
def counter(till: Till) -> Counter:
    return till(BOTH)


def paid(**changes: str) -> bytes:
    return payment_body(**{"crawler": "Bot1", **changes})


def document(answer: Received) -> dict[str, Any]:
    assert answer.fields["cache-control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_signed_payment_is_credited_and_a_replay_is_not(counter: Counter) -> None:
    first, again = counter.pay(paid()), counter.pay(paid())
    assert (first.status, document(first)) == (200, {"status": "credited", "reference": "INV-7", "fresh": True})
    assert (again.status, document(again)) == (200, {"status": "credited", "reference": "INV-7", "fresh": False})
    assert counter.balance == 10_000_000
    assert counter.edge.origin.seen == []
    assert counter.edge.reports == []


def test_both_events_of_one_stripe_payment_credit_it_once(counter: Counter) -> None:
    assert document(counter.stripe(intent_paid(crawler=None)))["status"] == "unmatched"
    assert counter.waiting == ["pi_1"]
    assert document(counter.stripe(session_paid(crawler="Bot1")))["fresh"] is True
    assert document(counter.stripe(intent_paid(crawler=None)))["fresh"] is False
    assert document(counter.stripe(intent_paid(crawler="Bot1")))["fresh"] is False
    assert counter.balance == 10_000_000
    assert counter.waiting == []


@pytest.mark.parametrize("path", [PAYMENTS_PATH, STRIPE_PATH])
def test_what_is_not_signed_here_and_now_changes_nothing(counter: Counter, path: str) -> None:
    is_stripe = path == STRIPE_PATH
    body = intent_paid(crawler="Bot1") if is_stripe else paid()
    sign = stripe_field if is_stripe else standard_fields
    other = "whsec_" + "AAAA" * 8
    for fields in ({}, sign(body, NOW, other), sign(body, NOW - 301), sign(body, NOW + 301), sign(b"{}", NOW)):
        answer = counter.post(path, body, fields)
        assert answer.status == 400, fields
        assert answer.fields["content-type"] == "application/problem+json"
        assert b"whsec" not in answer.body
    swapped = stripe_field(body, NOW) if not is_stripe else standard_fields(body, NOW)
    assert counter.post(path, body, swapped).status == 400
    assert (counter.balance, counter.waiting) == (0, [])


def test_another_amount_under_the_same_reference_is_a_conflict(counter: Counter) -> None:
    counter.pay(paid())
    refused = counter.pay(paid(amount="11"))
    assert refused.status == 409
    assert "USD 10.00" in document(refused)["title"]
    assert counter.balance == 10_000_000


def test_what_nobody_can_be_credited_with_is_kept(counter: Counter) -> None:
    assert counter.pay(paid(reference="a", crawler="Nobody")).status == 202
    assert counter.pay(paid(reference="b", currency="JPY")).status == 202
    assert counter.stripe(intent_paid("pi_c", 500, "ugx", "Bot1")).status == 202
    assert counter.waiting == ["a", "b", "pi_c"]


def test_a_refund_is_noted_and_other_events_are_passed_over(counter: Counter) -> None:
    assert document(counter.stripe(charge_refunded())) == {"status": "noted", "fresh": True}
    assert document(counter.stripe(charge_refunded())) == {"status": "noted", "fresh": False}
    assert counter.waiting == ["evt_refund_1"]
    assert document(counter.stripe(event("invoice.paid", {})))["status"] == "ignored"


def test_a_signed_message_that_cannot_be_read_says_what_would_do(counter: Counter) -> None:
    absurd = intent_paid().replace(str(PAID_AT).encode(), str(10**17).encode())
    for answer in (
        counter.pay(b"[]"), counter.pay(paid(amount="ten")), counter.stripe(b"{}"), counter.stripe(absurd),
    ):  # fmt: skip
        assert answer.status == 422
        assert document(answer)["title"]


def test_a_huge_body_is_refused_whether_or_not_it_says_so(counter: Counter) -> None:
    body = b"x" * (CONTENT_BYTES_MAX + 1)
    with counter.edge.connect() as wire:
        wire.send(request(PAYMENTS_PATH, f"Content-Length: {len(body)}", method="POST"))
        assert wire.answer("POST").status == 413  # before the content came
    with counter.edge.connect() as wire:
        wire.send(request(PAYMENTS_PATH, "Transfer-Encoding: chunked", method="POST"))
        wire.send(b"%x\r\n%b\r\n" % (len(body), body))
        assert wire.answer("POST").status == 413
    assert counter.edge.reports == []


def test_who_goes_away_in_the_middle_is_no_fault_of_ours(counter: Counter) -> None:
    with counter.edge.connect() as wire:
        wire.send(request(PAYMENTS_PATH, "Content-Length: 100", method="POST") + b"{")
    counter.edge.wait_until_alone()
    assert counter.pay(paid()).status == 200
    assert counter.edge.reports == []


def test_a_path_without_a_secret_is_not_there(till: Till) -> None:
    none = till(PaymentSecrets())
    assert none.pay(paid()).status == 404
    assert none.stripe(intent_paid()).status == 404
    only = till(PaymentSecrets(stripe=(STRIPE_SECRET,)))
    assert only.pay(paid()).status == 404
    assert only.stripe(intent_paid(crawler="Bot1")).status == 200
    assert only.edge.ask(request(STRIPE_PATH)).status == 405


def test_a_ledger_that_is_down_asks_for_another_try(counter: Counter) -> None:
    counter.ledger.fail(LedgerUnavailable("broken on purpose"))
    answer = counter.pay(paid())
    assert (answer.status, answer.fields["retry-after"]) == (503, "30")
    assert b"broken" not in answer.body
    assert counter.balance == 0


def test_money_is_what_was_sent_to_the_micro_unit(counter: Counter) -> None:
    counter.pay(paid(amount="0.000001"))
    assert counter.balance == Money(1, "USD").amount_micros
