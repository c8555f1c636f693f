"""The receipt of one charge: a JWS that anyone can check offline with the published key set.

Rules of this file:

- a compact JWS of a type of its own (``edge.core.jws``), so that no other token of ours can pass for a receipt;
- the same charge signed with the same key gives the same bytes: the time inside is the charge's, not that of the
  question;
- amounts are integer micro-units, with the price beside them as text for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.jws import JwsFault, open_compact, sign_compact, time_micros, time_text
from edge.core.keys import PublicKey
from edge.core.money import InvalidPrice, Money

RECEIPT_TYPE = "farebox-receipt+jws"
RECEIPT_BYTES_MAX = 32_768


class ReceiptState(StrEnum):
    """What the ledger says of the charge at the time of signing."""

    CHARGED = "charged"
    SUSPENDED = "suspended"
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


_SENTENCES: Mapping[JwsFault, str] = {
    JwsFault.UNREADABLE: "This is not a receipt: three base64url parts with dots between them are needed.",
    JwsFault.WRONG_TYPE: "This is a signed token of another type, not a receipt.",
    JwsFault.UNKNOWN_KEY: "The receipt is signed with a key that is not in this key set.",
    JwsFault.BAD_SIGNATURE: "The signature does not match: the receipt was changed or comes from somebody else.",
    JwsFault.BAD_CLAIMS: "The signature is good but the receipt does not state a charge completely.",
}


def receipt_sentence(fault: JwsFault) -> str:
    """What is wrong with a text that is no receipt to be believed, in one sentence."""
    return _SENTENCES[fault]


def sign_receipt(receipt: Receipt, key: Ed25519PrivateKey) -> str:
    """The receipt as a compact JWS (RFC 7515 section 7.1)."""
    return sign_compact(RECEIPT_TYPE, receipt_claims(receipt), key)


def verify_receipt(text: str, keys: Mapping[str, PublicKey]) -> Receipt | JwsFault:
    """Check a compact JWS against the issuer's keys, by thumbprint, and read the receipt."""
    claims = open_compact(text.strip(), RECEIPT_TYPE, keys, RECEIPT_BYTES_MAX)
    return claims if isinstance(claims, JwsFault) else _read_claims(claims)


def receipt_claims(receipt: Receipt) -> dict[str, str | int | None]:
    """The receipt's members, in the order in which people read them; ``iat`` and ``jti`` as in RFC 7519."""
    return {
        "iss": f"farebox:{receipt.issuer}",
        "jti": receipt.charge_id,
        "iat": receipt.charged_at_micros // 1_000_000,
        "charged_at": time_text(receipt.charged_at_micros),
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


def _read_claims(claims: Mapping[str, Any]) -> Receipt | JwsFault:
    if not all(type(claims.get(name)) is kind for name, kind in _CLAIM_TYPES.items()):
        return JwsFault.BAD_CLAIMS
    try:
        receipt = Receipt(
            charge_id=claims["jti"],
            charged_at_micros=time_micros(claims["charged_at"]),
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
        return receipt if receipt_claims(receipt) == dict(claims) else JwsFault.BAD_CLAIMS
    except (KeyError, ValueError, OverflowError, InvalidPrice):
        return JwsFault.BAD_CLAIMS
