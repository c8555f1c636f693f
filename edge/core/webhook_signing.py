"""Webhook secrets, and the signature of a message (Standard Webhooks 1.0, symmetric: ``v1``, HMAC-SHA256).

Rules of this file
- A secret is not stored: it is made of an endpoint's salt and the private service key that was current then. Who has
  the database alone, or the key alone, can sign nothing.
- During a change two secrets are in force; the message then carries a signature by each, the newest first.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = 32
SALT_BYTES = 32
# HKDF's label keeps this use of the key apart from its signatures (RFC 5869 section 3.2).
_PURPOSE = b"farebox webhook secret 1"


def secret_of(key: Ed25519PrivateKey, salt: bytes) -> str:
    """The secret that a salt and a service key make, as receivers are given it: ``whsec_`` and base64."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    made = HKDF(hashes.SHA256(), SECRET_BYTES, salt, _PURPOSE).derive(key.private_bytes_raw())
    return PREFIX + b64encode(made).decode()


def signed_headers(secrets: Sequence[str], event_id: str, body: str, now_seconds: int) -> dict[str, str]:
    """The three fields that prove a message; receivers refuse one that is more than five minutes old or early."""
    if not secrets:
        raise ValueError("a message without a secret cannot be signed")
    moment = datetime.fromtimestamp(now_seconds, UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(now_seconds),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, moment, body) for secret in secrets),
    }
