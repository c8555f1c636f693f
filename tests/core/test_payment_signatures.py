"""A message about a payment is believed when a secret in force signed these very bytes, a moment ago."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.payment_signatures import (
    HEADER_LENGTH_MAX,
    TOLERANCE_SECONDS,
    Distrust,
    StripeSignature,
    distrust_standard,
    distrust_stripe,
    read_stripe_signature,
    standard_secret_fault,
    stripe_secret_fault,
)
from tests.support.payments import (
    STANDARD_SECRET,
    STRIPE_SECRET,
    intent_paid,
    payment_body,
    standard_fields,
    stripe_field,
)

NOW = 1_800_000_000
OTHER_STRIPE = "whsec_" + "o" * 32
OTHER_STANDARD = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0cw=="
BODY = intent_paid()
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
PIECES = ["t=1", "t=", "v1=" + "0" * 64, "v1=x", "=", "t=\u0661", ","]
NOISE = st.text(st.characters(max_codepoint=255), max_size=60)


def stripe(body: bytes = BODY, at: int = NOW, secret: str = STRIPE_SECRET) -> str:
    return stripe_field(body, at, secret)["stripe-signature"]


# Stripe's header


@given(st.integers(0, 10**12 - 1), st.lists(HEX, max_size=4), st.lists(st.sampled_from(["v0=1", "v2=", "x", ""])))
def test_what_stripe_writes_is_read_back_whatever_stands_beside_it(
    timestamp: int, signatures: list[str], others: list[str]
) -> None:
    text = ",".join([f"t={timestamp}", *(f"v1={one}" for one in signatures), *others])
    assert read_stripe_signature(text) == StripeSignature(timestamp, tuple(signatures))


@given(
    NOISE
    | st.lists(st.sampled_from(["t=1", "t=", "v1=" + "0" * 64, "v1=x", "=", "t=١", ","]), max_size=6).map(",".join)
)
def test_any_text_is_read_or_refused_and_never_an_error(text: str) -> None:
    read = read_stripe_signature(text)
    assert read is None or (0 <= read.timestamp < 10**12 and all(len(one) == 64 for one in read.signatures))
    assert distrust_stripe(text, BODY, [STRIPE_SECRET], NOW) is not None


@pytest.mark.parametrize(
    "text",
    ["", "v1=" + "0" * 64, "t=1,t=2", "t=-1", "t=1.5", "t=1e3", "t=\u0661", "t= 1", "t=" + "9" * 13, "t=1" * 2000],
)
def test_a_header_without_one_plain_time_is_none(text: str) -> None:
    assert read_stripe_signature(text) is None


@given(st.binary(max_size=200), st.data())
def test_one_changed_byte_of_the_body_is_noticed(body: bytes, data: st.DataObject) -> None:
    header = stripe(body)
    assert distrust_stripe(header, body, [STRIPE_SECRET], NOW) is None
    place = data.draw(st.integers(0, len(body)))
    changed = body[:place] + b"!" + body[place:]
    assert distrust_stripe(header, changed, [STRIPE_SECRET], NOW) is Distrust.MISMATCH


def test_another_secret_and_an_older_scheme_prove_nothing() -> None:
    assert distrust_stripe(stripe(), BODY, [OTHER_STRIPE], NOW) is Distrust.MISMATCH
    assert distrust_stripe(stripe(), BODY, [], NOW) is Distrust.MISMATCH
    only_v0 = stripe().replace("v1=", "v0=")
    assert distrust_stripe(only_v0, BODY, [STRIPE_SECRET], NOW) is Distrust.MALFORMED
    assert distrust_stripe(None, BODY, [STRIPE_SECRET], NOW) is Distrust.MISSING


def test_while_a_secret_is_changed_either_will_do_and_either_signature() -> None:
    assert distrust_stripe(stripe(), BODY, [OTHER_STRIPE, STRIPE_SECRET], NOW) is None
    both = stripe(secret=OTHER_STRIPE) + "," + stripe().split(",")[1]
    assert distrust_stripe(both, BODY, [STRIPE_SECRET], NOW) is None


@pytest.mark.parametrize(
    ("at", "believed"),
    [
        (NOW - TOLERANCE_SECONDS, True),
        (NOW - TOLERANCE_SECONDS - 1, False),
        (NOW + TOLERANCE_SECONDS, True),
        (NOW + TOLERANCE_SECONDS + 1, False),
    ],
)
def test_a_signature_holds_for_five_minutes_either_way(at: int, believed: bool) -> None:
    assert (distrust_stripe(stripe(at=at), BODY, [STRIPE_SECRET], NOW) is None) == believed
    body = payment_body()
    fault = distrust_standard(standard_fields(body, at), body, [STANDARD_SECRET], NOW)
    assert fault is (None if believed else Distrust.TIME)


# Standard Webhooks


def test_what_the_library_signs_is_believed_and_nothing_else() -> None:
    body = payment_body()
    fields = standard_fields(body, NOW)
    assert distrust_standard(fields, body, [STANDARD_SECRET], NOW) is None
    assert distrust_standard(fields, body, [OTHER_STANDARD, STANDARD_SECRET], NOW) is None
    assert distrust_standard(fields, body, [OTHER_STANDARD], NOW) is Distrust.MISMATCH
    assert distrust_standard(fields, body + b" ", [STANDARD_SECRET], NOW) is Distrust.MISMATCH
    renamed = {**fields, "webhook-id": "msg_2"}
    assert distrust_standard(renamed, body, [STANDARD_SECRET], NOW) is Distrust.MISMATCH
    many = {**fields, "webhook-signature": f"v1,AAAA v1a,xx {fields['webhook-signature']}"}
    assert distrust_standard(many, body, [STANDARD_SECRET], NOW) is None


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_of_the_three_fields_is_needed(name: str) -> None:
    fields = standard_fields(payment_body(), NOW)
    del fields[name]
    assert distrust_standard(fields, payment_body(), [STANDARD_SECRET], NOW) is Distrust.MISSING


@given(NOISE, NOISE, NOISE, st.binary(max_size=40))
def test_any_fields_are_refused_and_never_an_error(message_id: str, timestamp: str, given_: str, body: bytes) -> None:
    fields = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": given_}
    assert distrust_standard(fields, body, [STANDARD_SECRET], NOW) is not None


def test_a_field_that_is_too_long_or_a_point_in_the_id_is_refused() -> None:
    body = payment_body()
    fields = standard_fields(body, NOW)
    assert distrust_standard({**fields, "webhook-id": "a.b"}, body, [STANDARD_SECRET], NOW) is Distrust.MALFORMED
    long = {**fields, "webhook-signature": fields["webhook-signature"] + " " * HEADER_LENGTH_MAX}
    assert distrust_standard(long, body, [STANDARD_SECRET], NOW) is Distrust.MALFORMED


# Secrets


def test_a_secret_that_is_none_is_found_before_it_is_used() -> None:
    assert standard_secret_fault(STANDARD_SECRET) is None
    assert standard_secret_fault("whsec_short") is not None
    assert standard_secret_fault("whsec_") is not None
    assert stripe_secret_fault(STRIPE_SECRET) is None
    assert "API key" in (stripe_secret_fault("sk_live_" + "x" * 40) or "")
    assert stripe_secret_fault("whsec_short") is not None
