"""Messages of payment providers, in their documented forms, with examples of our own; and how they are signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

STANDARD_SECRET = "whsec_" + b64encode(b"a secret of the payments' tests.").decode()
STRIPE_SECRET = "whsec_" + "s" * 32
PAID_AT = 1_799_999_900


def payment_body(
    reference: str = "INV-7", crawler: str = "Bot3", amount: str = "10.00", currency: str = "USD", **more: object
) -> bytes:
    """The generic message."""
    document: dict[str, object] = {
        "reference": reference,
        "crawler": crawler,
        "amount": amount,
        "currency": currency,
        "paid_at": "2027-01-15T07:58:20Z",
        **more,
    }
    return json.dumps(document).encode()


def standard_fields(body: bytes, now: int, secret: str = STANDARD_SECRET, message_id: str = "msg_1") -> dict[str, str]:
    """The three header fields of Standard Webhooks."""
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(now, UTC), body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": signature}


def stripe_field(body: bytes, now: int, secret: str = STRIPE_SECRET) -> dict[str, str]:
    """The header field of Stripe, with the older scheme beside it as Stripe sends it in test mode."""
    signed = hmac.new(secret.encode(), str(now).encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={now},v1={signed},v0={'0' * 64}"}


def event(kind: str, thing: dict[str, Any], number: str = "evt_1", *, live: bool = True) -> bytes:
    """One event of Stripe around an object of its API."""
    return json.dumps(
        {
            "id": number,
            "object": "event",
            "api_version": "2025-09-30.clover",
            "created": PAID_AT,
            "data": {"object": thing},
            "livemode": live,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
    ).encode()


def session_paid(
    intent: str | None = "pi_1", amount: int = 1000, currency: str = "usd", crawler: str | None = "Bot3", **more: Any
) -> bytes:
    """A Checkout Session that was paid."""
    thing = {
        "id": "cs_live_1",
        "object": "checkout.session",
        "amount_subtotal": amount,
        "amount_total": amount,
        "client_reference_id": None,
        "currency": currency,
        "customer_details": {"email": "payer@bot.example", "name": "A Payer"},
        "livemode": True,
        "metadata": {} if crawler is None else {"crawler": crawler},
        "mode": "payment",
        "payment_intent": intent,
        "payment_status": "paid",
        "status": "complete",
        **more,
    }
    return event("checkout.session.completed", thing, f"evt_session_{intent}")


def intent_paid(
    intent: str = "pi_1", amount: int = 1000, currency: str = "usd", crawler: str | None = "Bot3", **more: Any
) -> bytes:
    """A PaymentIntent that succeeded."""
    thing = {
        "id": intent,
        "object": "payment_intent",
        "amount": amount,
        "amount_received": amount,
        "currency": currency,
        "latest_charge": "ch_live_1",
        "livemode": True,
        "metadata": {} if crawler is None else {"crawler": crawler},
        "status": "succeeded",
        **more,
    }
    return event("payment_intent.succeeded", thing, f"evt_intent_{intent}")


def charge_refunded(intent: str = "pi_1", amount: int = 1000, number: str = "evt_refund_1") -> bytes:
    """A charge of which money was given back at the provider."""
    thing = {
        "id": "ch_live_1",
        "object": "charge",
        "amount": amount,
        "amount_refunded": amount,
        "currency": "usd",
        "payment_intent": intent,
        "refunded": True,
    }
    return event("charge.refunded", thing, number)


def dispute_created(intent: str = "pi_1", amount: int = 1000, number: str = "evt_dispute_1") -> bytes:
    """A payment that its payer disputes."""
    thing = {
        "id": "du_1",
        "object": "dispute",
        "amount": amount,
        "charge": "ch_live_1",
        "currency": "usd",
        "payment_intent": intent,
        "reason": "fraudulent",
        "status": "needs_response",
    }
    return event("charge.dispute.created", thing, number)
