"""The receipt of one charge: a JWS that anyone can check offline with the published key set.

Rules of this file:

- compact JWS (RFC 7515), ``alg`` EdDSA over Ed25519 (RFC 8037), ``kid`` the key's thumbprint, ``typ`` of our own, so
  that no other token of ours can pass for a receipt;
- the same charge signed with the same key gives the same bytes: Ed25519 draws nothing at random, and the time inside
  is the charge's, not that of the question;
- amounts are integer micro-units, with the price beside them as text for people.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.keys import PublicKey, public_half
from edge.core.money import InvalidPrice, Money

RECEIPT_TYPE = "farebox-receipt+jws"
RECEIPT_BYTES_MAX = 32_768

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReceiptState(StrEnum):
    """What the ledger says of the charge at the time of signing."""

    CHARGED = "charged"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One charge as both sides can state it.

    ``charged_at_micros`` counts microseconds since the epoch; ``writer`` and ``entry`` are its place in the ledger's
    chain. ``offer`` is what the crawler agreed to, such as ``max USD 0.05``.
    """

    charge_id: str
    charged_at_micros: int
    issuer: str
    crawler: str
    agent_url: str
    site: str
    target: str
    rule: str
    rule_version: int
    licence: str | None
    offer: str
    price: Money
    writer: int
    entry: int
    state: ReceiptState = ReceiptState.CHARGED


class ReceiptFault(StrEnum):
    """Why a text is not a receipt to be believed."""

    UNREADABLE = "unreadable"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_CLAIMS = "bad_claims"

    @property
    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        return _SENTENCES[self]


_SENTENCES: Mapping[ReceiptFault, str] = {
    ReceiptFault.UNREADABLE: "This is not a receipt: three base64url parts with dots between them are needed.",
    ReceiptFault.WRONG_TYPE: "This is a signed token of another type, not a receipt.",
    ReceiptFault.UNKNOWN_KEY: "The receipt is signed with a key that is not in this key set.",
    ReceiptFault.BAD_SIGNATURE: "The signature does not match: the receipt was changed or comes from somebody else.",
    ReceiptFault.BAD_CLAIMS: "The signature is good but the receipt does not state a charge completely.",
}


def sign_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> str:
    """The receipt as a compact JWS (RFC 7515 section 7.1)."""
    header = {"alg": "EdDSA", "kid": public_half(key).thumbprint, "typ": RECEIPT_TYPE}
    signing_input = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(receipt_claims(receipt)))}"
    return f"{signing_input}.{_encode(key.sign(signing_input.encode('ascii')))}"


def verify_receipt(text: str, keys: Mapping[str, PublicKey]) -> Receipt | ReceiptFault:
    """Check a compact JWS against the issuer's keys, by thumbprint, and read the receipt.

    The key is found by ``kid`` alone and decides the algorithm; what the header says of it must agree.
    """
    parts = text.strip().split(".") if len(text) <= RECEIPT_BYTES_MAX else []
    decoded = [_decode(part) for part in parts]
    if len(decoded) != 3 or None in decoded:
        return ReceiptFault.UNREADABLE
    header, claims = _json_object(decoded[0]), _json_object(decoded[1])
    if header is None or claims is None:
        return ReceiptFault.UNREADABLE
    if header.get("typ") != RECEIPT_TYPE or header.get("alg") != "EdDSA" or "crit" in header:
        return ReceiptFault.WRONG_TYPE
    key = keys.get(str(header.get("kid")))
    if key is None:
        return ReceiptFault.UNKNOWN_KEY
    try:
        key.key.verify(decoded[2] or b"", f"{parts[0]}.{parts[1]}".encode("ascii"))
    except InvalidSignature:
        return ReceiptFault.BAD_SIGNATURE
    return _read_claims(claims)


def receipt_claims(receipt: Receipt) -> dict[str, str | int | None]:
    """The receipt's members, in the order in which people read them; ``iat`` and ``jti`` as in RFC 7519."""
    return {
        "iss": f"farebox:{receipt.issuer}",
        "jti": receipt.charge_id,
        "iat": receipt.charged_at_micros // 1_000_000,
        "charged_at": _time_text(receipt.charged_at_micros),
        "state": receipt.state.value,
        "crawler": receipt.crawler,
        "agent": receipt.agent_url,
        "site": receipt.site,
        "target": receipt.target,
        "rule": receipt.rule,
        "rule_version": receipt.rule_version,
        "licence": receipt.licence,
        "offer": receipt.offer,
        "price": str(receipt.price),
        "amount_micros": receipt.price.amount_micros,
        "currency": receipt.price.currency,
        "writer": receipt.writer,
        "entry": receipt.entry,
    }


_CLAIM_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("iss", "jti", "charged_at", "state", "crawler", "agent", "site", "target", "rule", "offer"), str),
    **dict.fromkeys(("amount_micros", "rule_version", "writer", "entry"), int),
    "currency": str,
}


def _read_claims(claims: Mapping[str, Any]) -> Receipt | ReceiptFault:
    if not all(type(claims.get(name)) is kind for name, kind in _CLAIM_TYPES.items()):
        return ReceiptFault.BAD_CLAIMS
    try:
        receipt = Receipt(
            charge_id=claims["jti"],
            charged_at_micros=_time_micros(claims["charged_at"]),
            issuer=claims["iss"].removeprefix("farebox:"),
            crawler=claims["crawler"],
            agent_url=claims["agent"],
            site=claims["site"],
            target=claims["target"],
            rule=claims["rule"],
            rule_version=claims["rule_version"],
            licence=None if claims["licence"] is None else str(claims["licence"]),
            offer=claims["offer"],
            price=Money(claims["amount_micros"], claims["currency"]),
            writer=claims["writer"],
            entry=claims["entry"],
            state=ReceiptState(claims["state"]),
        )
        # Nothing but what we write ourselves: a member too many, or a price that contradicts its amount, is refused.
        return receipt if receipt_claims(receipt) == dict(claims) else ReceiptFault.BAD_CLAIMS
    except (KeyError, ValueError, OverflowError, InvalidPrice):
        return ReceiptFault.BAD_CLAIMS


def _time_text(at_micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=at_micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time_micros(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if raw and _encode(raw) == text else None


def _json_object(data: bytes | None) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
