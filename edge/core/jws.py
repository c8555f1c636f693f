"""Compact JSON Web Signatures of ours: what receipts and checkpoints are wrapped in.

Rules of this file:

- compact JWS (RFC 7515 section 7.1), ``alg`` EdDSA over Ed25519 (RFC 8037), ``kid`` the key's thumbprint, and a
  ``typ`` of our own for each purpose, so that no token of ours can pass for another kind;
- the same claims signed with the same key give the same bytes: Ed25519 draws nothing at random;
- the key is found by ``kid`` alone and decides the algorithm; what the header says of it must agree.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.keys import PublicKey, public_half

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JwsFault(StrEnum):
    """Why a text is not a signed token to be believed.

    ``BAD_CLAIMS`` is said by those who know what the claims of a kind must be; they have a sentence for each.
    """

    UNREADABLE = "unreadable"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_CLAIMS = "bad_claims"


def sign_compact(kind: str, claims: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """Sign claims as a compact JWS whose ``typ`` is ``kind``."""
    header = {"alg": "EdDSA", "kid": public_half(key).thumbprint, "typ": kind}
    signing_input = f"{encode_base64url(orjson.dumps(header))}.{encode_base64url(orjson.dumps(claims))}"
    return f"{signing_input}.{encode_base64url(key.sign(signing_input.encode('ascii')))}"


def open_compact(text: str, kind: str, keys: Mapping[str, PublicKey], characters_max: int) -> dict[str, Any] | JwsFault:
    """Check a compact JWS of this kind against keys by thumbprint, and return its claims."""
    parts = _parts(text, characters_max)
    if parts is None:
        return JwsFault.UNREADABLE
    if not _is_of_kind(parts.header, kind):
        return JwsFault.WRONG_TYPE
    key = keys.get(str(parts.header.get("kid")))
    if key is None:
        return JwsFault.UNKNOWN_KEY
    try:
        key.key.verify(parts.signature, text.rpartition(".")[0].encode("ascii"))
    except InvalidSignature:
        return JwsFault.BAD_SIGNATURE
    return parts.claims


def read_unverified(text: str, kind: str, characters_max: int) -> dict[str, Any] | None:
    """The claims of a compact JWS of this kind that nobody has checked: good for finding a token, not for belief."""
    parts = _parts(text, characters_max)
    return parts.claims if parts is not None and _is_of_kind(parts.header, kind) else None


def time_text(at_micros: int) -> str:
    """A time in claims: RFC 3339 in UTC, to the microsecond."""
    return (_EPOCH + timedelta(microseconds=at_micros)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def time_micros(text: str) -> int:
    """Read what ``time_text`` wrote; raises ``ValueError``."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class _Parts(NamedTuple):
    header: dict[str, Any]
    claims: dict[str, Any]
    signature: bytes


def _parts(text: str, characters_max: int) -> _Parts | None:
    texts = text.split(".") if len(text) <= characters_max else []
    decoded = [_decode(part) for part in texts]
    if len(decoded) != 3 or None in decoded:
        return None
    header, claims = _json_object(decoded[0]), _json_object(decoded[1])
    return None if header is None or claims is None else _Parts(header, claims, decoded[2] or b"")


def _is_of_kind(header: Mapping[str, Any], kind: str) -> bool:
    return header.get("typ") == kind and header.get("alg") == "EdDSA" and "crit" not in header


def _decode(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # One token, one spelling: unused bits that are set would give the same bytes another text.
    return raw if raw and encode_base64url(raw) == text else None


def _json_object(data: bytes | None) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data or b"")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
