"""Who sent a message about a payment: the signatures of Standard Webhooks and of Stripe, checked over the raw body.

Rules of this file
- The body is believed when one of the secrets in force made one of its signatures; comparison takes the same time
  wherever two differ.
- A signature holds for five minutes either way, so that a recorded message cannot be sent for ever. Within them a
  repeated message meets the reference that was credited.
- A header that is not understood proves nothing; it is never an error of ours.

Sources: Standard Webhooks 1.0 (symmetric, ``v1``); https://docs.stripe.com/webhooks/signature.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from standardwebhooks import Webhook

TOLERANCE_SECONDS = 300
HEADER_LENGTH_MAX = 4096
SECRET_BYTES_MIN = 16

# Twelve digits of seconds end in the year 33658; more would only burden whoever computes with them.
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_STRIPE_V1 = re.compile(r"[0-9a-f]{64}")
_EVENT_ID = re.compile(r"[!-~]{1,256}")


class Distrust(StrEnum):
    """Why a message is not believed; the value is the sentence that its sender reads."""

    MISSING = "the signature headers are missing; sign the message"
    MALFORMED = "the signature headers cannot be read"
    TIME = "the signature's time is more than 300 seconds from now; sign again, and check the clock"
    MISMATCH = "no signature was made with a secret that is in force here"


@dataclass(frozen=True, slots=True)
class StripeSignature:
    """``Stripe-Signature`` as read: the time in Unix seconds and the signatures of scheme ``v1``, in lower-case hex."""

    timestamp: int
    signatures: tuple[str, ...]


def read_stripe_signature(text: str) -> StripeSignature | None:
    """Read ``t=1700000000,v1=hex,...``; other schemes are passed over. None when there is no one time in it."""
    if len(text) > HEADER_LENGTH_MAX:
        return None
    pairs = [item.strip().partition("=") for item in text.split(",")]
    times = [value for name, mark, value in pairs if mark and name == "t"]
    if len(times) != 1 or not _TIMESTAMP.fullmatch(times[0]):
        return None
    signatures = tuple(value for name, _, value in pairs if name == "v1" and _STRIPE_V1.fullmatch(value))
    return StripeSignature(int(times[0]), signatures)


def distrust_stripe(header: str | None, body: bytes, secrets: Sequence[str], now: float) -> Distrust | None:
    """None when the body was signed with one of the endpoint's secrets, else why it is not believed."""
    if header is None:
        return Distrust.MISSING
    signature = read_stripe_signature(header)
    if signature is None or not signature.signatures:
        return Distrust.MALFORMED
    if abs(now - signature.timestamp) > TOLERANCE_SECONDS:
        return Distrust.TIME
    signed = b"%d.%b" % (signature.timestamp, body)
    for secret in secrets:
        # The whole text of the secret is the key, its prefix included.
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(expected, given) for given in signature.signatures):
            return None
    return Distrust.MISMATCH


def distrust_standard(fields: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> Distrust | None:
    """As ``distrust_stripe``, for the three ``webhook-*`` fields; ``fields`` has lower-case names."""
    message_id, timestamp = fields.get("webhook-id"), fields.get("webhook-timestamp")
    given = fields.get("webhook-signature")
    if message_id is None or timestamp is None or given is None:
        return Distrust.MISSING
    # A point parts id, time and body of what is signed, so none may be in the id.
    if not _EVENT_ID.fullmatch(message_id) or "." in message_id or not _TIMESTAMP.fullmatch(timestamp):
        return Distrust.MALFORMED
    if len(given) > HEADER_LENGTH_MAX:
        return Distrust.MALFORMED
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return Distrust.TIME
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Distrust.MALFORMED
    moment = datetime.fromtimestamp(int(timestamp), UTC)
    for secret in secrets:
        # The library's own ``verify`` looks at the clock, so its ``sign`` is compared with.
        expected = Webhook(secret).sign(message_id, moment, text)
        if any(hmac.compare_digest(expected.encode(), one.encode()) for one in given.split(" ")):
            return None
    return Distrust.MISMATCH


def standard_secret_fault(secret: str) -> str | None:
    """What is wrong with a secret of Standard Webhooks (``whsec_`` and base64), or None."""
    try:
        key = b64decode(secret.removeprefix("whsec_") + "==", validate=False)
    except (binascii.Error, ValueError):
        return "it is not whsec_ and base64"
    return None if len(key) >= SECRET_BYTES_MIN else f"it has fewer than {SECRET_BYTES_MIN} bytes"


def stripe_secret_fault(secret: str) -> str | None:
    """What is wrong with an endpoint secret of Stripe, or None."""
    if not secret.startswith("whsec_"):
        return "an endpoint's signing secret starts with whsec_; it is not the API key"
    return None if len(secret) >= SECRET_BYTES_MIN + len("whsec_") else f"it is shorter than {SECRET_BYTES_MIN} letters"
