"""The signature algorithms of RFC 9421 section 3.3, each pinned to one type of key.

A key carries its algorithm from the moment it is loaded, so that neither a message's ``alg`` parameter nor a JWK's can
choose another one (no HMAC over a public key, no weaker padding).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, assert_never

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

PublicMaterial: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey | bytes
PrivateMaterial: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | bytes

LEAST_RSA_BITS = 2048
LEAST_SECRET_BYTES = 32


class Algorithm(StrEnum):
    """The HTTP Signature Algorithms registry (RFC 9421 section 6.2)."""

    ED25519 = "ed25519"
    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    RSA_V1_5_SHA256 = "rsa-v1_5-sha256"
    HMAC_SHA256 = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key that checks signatures of one algorithm."""

    algorithm: Algorithm
    material: PublicMaterial


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that makes signatures of one algorithm."""

    algorithm: Algorithm
    material: PrivateMaterial


def _curve_algorithm(curve: ec.EllipticCurve) -> Algorithm:
    if isinstance(curve, ec.SECP256R1):
        return Algorithm.ECDSA_P256_SHA256
    if isinstance(curve, ec.SECP384R1):
        return Algorithm.ECDSA_P384_SHA384
    raise ValueError(f"curve {curve.name} has no algorithm in RFC 9421")


def _secret_algorithm(secret: bytes) -> Algorithm:
    if len(secret) < LEAST_SECRET_BYTES:
        raise ValueError(f"shared secrets need {LEAST_SECRET_BYTES} bytes")
    return Algorithm.HMAC_SHA256


def _pin(found: Algorithm, wanted: Algorithm | None) -> Algorithm:
    if wanted is not None and wanted is not found:
        raise ValueError(f"the key is for {found}, not for {wanted}")
    return found


def _rsa_pin(key_size_bits: int, wanted: Algorithm | None) -> Algorithm:
    if key_size_bits < LEAST_RSA_BITS:
        raise ValueError(f"RSA keys need {LEAST_RSA_BITS} bits")
    # An RSA key fits two algorithms, so the registration has to say which (RFC 9421 section 3.3.7).
    if wanted is Algorithm.RSA_V1_5_SHA256:
        return wanted
    return _pin(Algorithm.RSA_PSS_SHA512, wanted)


def verification_key(material: PublicMaterial, algorithm: Algorithm | None = None) -> VerificationKey:
    """Pin a public key (or shared secret) to its algorithm; RSA keys are ``rsa-pss-sha512`` unless told otherwise.

    Raises ``ValueError`` when the algorithm does not go with the key, or the key is too small.
    """
    match material:
        case Ed25519PublicKey():
            return VerificationKey(_pin(Algorithm.ED25519, algorithm), material)
        case ec.EllipticCurvePublicKey():
            return VerificationKey(_pin(_curve_algorithm(material.curve), algorithm), material)
        case rsa.RSAPublicKey():
            return VerificationKey(_rsa_pin(material.key_size, algorithm), material)
        case bytes():
            return VerificationKey(_pin(_secret_algorithm(material), algorithm), material)
        case _ as unreachable:
            assert_never(unreachable)


def signing_key(material: PrivateMaterial, algorithm: Algorithm | None = None) -> SigningKey:
    """Pin a private key (or shared secret) to its algorithm, as ``verification_key`` does."""
    match material:
        case Ed25519PrivateKey():
            return SigningKey(_pin(Algorithm.ED25519, algorithm), material)
        case ec.EllipticCurvePrivateKey():
            return SigningKey(_pin(_curve_algorithm(material.curve), algorithm), material)
        case rsa.RSAPrivateKey():
            return SigningKey(_rsa_pin(material.key_size, algorithm), material)
        case bytes():
            return SigningKey(_pin(_secret_algorithm(material), algorithm), material)
        case _ as unreachable:
            assert_never(unreachable)


def _pss() -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)


def _ecdsa_parts(algorithm: Algorithm) -> tuple[ec.ECDSA, int]:
    if algorithm is Algorithm.ECDSA_P256_SHA256:
        return ec.ECDSA(hashes.SHA256()), 32
    return ec.ECDSA(hashes.SHA384()), 48


def _check(key: VerificationKey, base: bytes, signature: bytes) -> bool:
    match key.material:
        case Ed25519PublicKey() as public:
            public.verify(signature, base)
        case ec.EllipticCurvePublicKey() as public:
            scheme, half = _ecdsa_parts(key.algorithm)
            if len(signature) != 2 * half:
                return False
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            public.verify(encode_dss_signature(r, s), base, scheme)
        case rsa.RSAPublicKey() as public:
            if key.algorithm is Algorithm.RSA_PSS_SHA512:
                public.verify(signature, base, _pss(), hashes.SHA512())
            else:
                public.verify(signature, base, padding.PKCS1v15(), hashes.SHA256())
        case bytes() as secret:
            return hmac.compare_digest(hmac.digest(secret, base, hashlib.sha256), signature)
        case _ as unreachable:
            assert_never(unreachable)
    return True


def verify_base(key: VerificationKey, base: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's over the base (RFC 9421 section 3.3)."""
    try:
        return _check(key, base, signature)
    except InvalidSignature:
        return False


def sign_base(key: SigningKey, base: bytes) -> bytes:
    """The signature over the base; ECDSA as r and s side by side (RFC 9421 section 3.3.4)."""
    match key.material:
        case Ed25519PrivateKey() as private:
            return private.sign(base)
        case ec.EllipticCurvePrivateKey() as private:
            scheme, half = _ecdsa_parts(key.algorithm)
            r, s = decode_dss_signature(private.sign(base, scheme))
            return r.to_bytes(half) + s.to_bytes(half)
        case rsa.RSAPrivateKey() as private:
            if key.algorithm is Algorithm.RSA_PSS_SHA512:
                return private.sign(base, _pss(), hashes.SHA512())
            return private.sign(base, padding.PKCS1v15(), hashes.SHA256())
        case bytes() as secret:
            return hmac.digest(secret, base, hashlib.sha256)
        case _ as unreachable:
            assert_never(unreachable)
