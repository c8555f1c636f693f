"""Ed25519 keys of crawlers: read tolerantly, refused when weak, named by their thumbprint.

Rules of this file:

- the name of a key is its RFC 7638 thumbprint, always computed, never believed (``kid`` is a mere label);
- ``alg`` is ignored, a missing ``kid`` is fine, ``nbf`` and ``exp`` in milliseconds are brought to seconds, because
  published directories differ in all three;
- a key that lets a stranger sign (small order, non-canonical, not on the curve, published private half, the published
  test keys) is refused when it is loaded, since OpenSSL accepts small-order keys when it verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

# RFC 9421 appendix B.1.4 and B.1.2: their private halves are printed in the RFC.
TEST_KEY_THUMBPRINTS = frozenset(
    {"poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U", "oD0HwocPBSfpNy5W3bpJeyFGY_IQ_YpqxSjQ3Yd-CLA"}
)

_THUMBPRINT_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "OKP": ("crv", "kty", "x"),
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
}

# RFC 8032 section 5.1: the field prime and the curve constant d = -121665/121666.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT = 1 << 255

# The y coordinates of the eight points whose order divides 8, both signs of x sharing one y.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)

# A time beyond the year 5138 in seconds is a time in milliseconds.
_MILLISECONDS_FROM = 10**11


class KeyFault(StrEnum):
    """Why a key is refused."""

    NOT_A_KEY = "not_a_key"
    NOT_ED25519 = "not_ed25519"
    BAD_ENCODING = "bad_encoding"
    PRIVATE_HALF_PUBLISHED = "private_half_published"
    NON_CANONICAL = "non_canonical"
    SMALL_ORDER = "small_order"
    NOT_ON_CURVE = "not_on_curve"
    TEST_KEY = "test_key"

    @property
    def sentence(self) -> str:
        """One plain sentence for whoever registers or publishes the key."""
        return _SENTENCES[self]


_SENTENCES: Mapping[KeyFault, str] = {
    KeyFault.NOT_A_KEY: "This is not a JSON Web Key.",
    KeyFault.NOT_ED25519: "The key is not an Ed25519 key (kty OKP, crv Ed25519).",
    KeyFault.BAD_ENCODING: "x must be 32 bytes in base64url without padding.",
    KeyFault.PRIVATE_HALF_PUBLISHED: "The private half (d) is published with the key; make a new key.",
    KeyFault.NON_CANONICAL: "The key is not canonically encoded (RFC 8032 section 5.1.3).",
    KeyFault.SMALL_ORDER: "The key is a point of small order, for which anyone can sign.",
    KeyFault.NOT_ON_CURVE: "The key is not a point of the curve; no signature can match it.",
    KeyFault.TEST_KEY: "The key is a published test key; its private half is known to everybody.",
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 verification key.

    ``raw`` is its 32 bytes; ``not_before`` and ``expires_at`` are Unix seconds or ``None``.
    """

    thumbprint: str
    raw: bytes
    key: Ed25519PublicKey = field(compare=False, repr=False)
    not_before: int | None = None
    expires_at: int | None = None

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` (64 bytes) is this key's for ``message`` (RFC 8032 section 5.1.7).

        libsodium does it in half the time that OpenSSL takes, and every paid request waits for it; a test holds both
        to the same answers.
        """
        try:
            crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            return False
        return True


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def jwk_thumbprint(jwk: Mapping[str, Any]) -> str:
    """SHA-256 thumbprint of a JWK (RFC 7638, RFC 8037 appendix A.3), base64url without padding.

    Raises ``ValueError`` for a key type other than OKP, EC and RSA, and when a required member is not a string.
    """
    members = _THUMBPRINT_MEMBERS.get(str(jwk.get("kty")))
    if members is None or not all(isinstance(jwk.get(name), str) for name in members):
        raise ValueError("a JWK of type OKP, EC or RSA with all its public members is needed")
    canonical = orjson.dumps({name: jwk[name] for name in members})
    return _base64url(hashlib.sha256(canonical).digest())


def _weakness(raw: bytes) -> KeyFault | None:
    encoded = int.from_bytes(raw, "little")
    y = encoded & ~_SIGN_BIT
    if y >= _P:
        return KeyFault.NON_CANONICAL
    if y in _SMALL_ORDER_Y:
        return KeyFault.SMALL_ORDER
    # x^2 = (y^2 - 1) / (d y^2 + 1) must be a square; Euler's criterion on numerator times denominator.
    square = (y * y - 1) * (_D * y * y + 1) % _P
    return None if pow(square, (_P - 1) // 2, _P) == 1 else KeyFault.NOT_ON_CURVE


def public_key_from_raw(
    raw: bytes, *, not_before: int | None = None, expires_at: int | None = None, allow_test_keys: bool = False
) -> PublicKey | KeyFault:
    """Load the 32 bytes of an Ed25519 public key; times are Unix seconds."""
    if len(raw) != 32:
        return KeyFault.BAD_ENCODING
    weakness = _weakness(raw)
    if weakness is not None:
        return weakness
    thumbprint = jwk_thumbprint({"kty": "OKP", "crv": "Ed25519", "x": _base64url(raw)})
    if thumbprint in TEST_KEY_THUMBPRINTS and not allow_test_keys:
        return KeyFault.TEST_KEY
    return PublicKey(thumbprint, raw, Ed25519PublicKey.from_public_bytes(raw), not_before, expires_at)


def _decode_base64url(text: object) -> bytes | None:
    if not isinstance(text, str) or not text.isascii():
        return None
    bare = text.rstrip("=")
    try:
        raw = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    # One key, one spelling: unused bits that are set would give the same bytes another text.
    return raw if _base64url(raw) == bare else None


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A time that is not one (infinite, absurdly large) says nothing, like a missing one.
    if not abs(value) < 10**15:
        return None
    return int(value / 1000 if value > _MILLISECONDS_FROM else value)


def public_key_from_jwk(jwk: object, *, allow_test_keys: bool = False) -> PublicKey | KeyFault:
    """Load an Ed25519 JWK (RFC 8037); ``alg``, ``use`` and ``kid`` are not looked at."""
    if not isinstance(jwk, Mapping) or not isinstance(jwk.get("kty"), str):
        return KeyFault.NOT_A_KEY
    if jwk["kty"] != "OKP" or jwk.get("crv") != "Ed25519":
        return KeyFault.NOT_ED25519
    if "d" in jwk:
        return KeyFault.PRIVATE_HALF_PUBLISHED
    raw = _decode_base64url(jwk.get("x"))
    if raw is None:
        return KeyFault.BAD_ENCODING
    return public_key_from_raw(
        raw,
        not_before=_seconds(jwk.get("nbf")),
        expires_at=_seconds(jwk.get("exp")),
        allow_test_keys=allow_test_keys,
    )


def new_private_key() -> Ed25519PrivateKey:
    """A fresh key from the system's randomness."""
    return Ed25519PrivateKey.generate()


def public_half(private_key: Ed25519PrivateKey) -> PublicKey:
    """The public half of our own key, test keys included."""
    loaded = public_key_from_raw(private_key.public_key().public_bytes_raw(), allow_test_keys=True)
    assert isinstance(loaded, PublicKey), "a private key's public half is a point of full order"
    return loaded


def thumbprint_of(private_key: Ed25519PrivateKey) -> str:
    """The ``keyid`` that our signatures carry."""
    raw = private_key.public_key().public_bytes_raw()
    return _base64url(hashlib.sha256(b'{"crv":"Ed25519","kty":"OKP","x":"%b"}' % _base64url(raw).encode()).digest())


def private_key_to_pem(private_key: Ed25519PrivateKey) -> bytes:
    """PKCS8 PEM without a passphrase; whoever writes it down guards the file."""
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private_key_from_pem(pem: bytes) -> Ed25519PrivateKey:
    """Read a PKCS8 PEM; raises ``ValueError`` when it holds anything but one Ed25519 key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as why:
        raise ValueError("the key file has a passphrase; a plain PKCS8 file is needed") from why
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the key file does not hold an Ed25519 key")
    return key


def public_key_to_jwk(key: PublicKey) -> dict[str, str | int]:
    """The key as a JWK whose ``kid`` is the thumbprint, with ``nbf`` and ``exp`` where they are known."""
    jwk: dict[str, str | int] = {
        "kty": "OKP", "crv": "Ed25519", "kid": key.thumbprint, "x": _base64url(key.raw), "use": "sig"
    }  # fmt: skip
    if key.not_before is not None:
        jwk["nbf"] = key.not_before
    if key.expires_at is not None:
        jwk["exp"] = key.expires_at
    return jwk


def public_keys_to_jwks(keys: Iterable[PublicKey]) -> bytes:
    """A JWK Set (RFC 7517 section 5) as compact JSON."""
    return orjson.dumps({"keys": [public_key_to_jwk(key) for key in keys]})
