"""Each key is pinned to its algorithm."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edge.core.keys import new_private_key
from edge.core.signature_algorithms import (
    Algorithm,
    PrivateMaterial,
    SigningKey,
    sign_base,
    signing_key,
    verification_key,
    verify_base,
)
from tests.support.vectors import rfc_signing_key, rfc_verification_key

P384 = ec.generate_private_key(ec.SECP384R1())
NAMES = ["test-key-ed25519", "test-key-ecc-p256", "test-key-rsa", "test-key-rsa-pss", "test-shared-secret"]


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_holds_for_its_key_and_base_only(name: str) -> None:
    private, public = rfc_signing_key(name), rfc_verification_key(name)
    signature = sign_base(private, b"base")
    assert verify_base(public, b"base", signature)
    assert not verify_base(public, b"other", signature)
    assert not verify_base(public, b"base", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify_base(public, b"base", signature[:-1])
    assert not verify_base(public, b"base", b"")
    others = [rfc_verification_key(other) for other in NAMES if other != name]
    assert not any(verify_base(other, b"base", signature) for other in others)


def test_p384_signatures_are_96_bytes() -> None:
    signature = sign_base(signing_key(P384), b"base")
    assert len(signature) == 96
    assert verify_base(verification_key(P384.public_key()), b"base", signature)


def test_the_algorithm_follows_from_the_key() -> None:
    assert signing_key(new_private_key()).algorithm is Algorithm.ED25519
    assert signing_key(P384).algorithm is Algorithm.ECDSA_P384_SHA384
    assert verification_key(rfc_verification_key("test-key-rsa").material).algorithm is Algorithm.RSA_PSS_SHA512
    assert verification_key(b"x" * 32).algorithm is Algorithm.HMAC_SHA256


@pytest.mark.parametrize(
    ("material", "algorithm"),
    [
        (new_private_key(), Algorithm.HMAC_SHA256),
        (P384, Algorithm.ECDSA_P256_SHA256),
        (ec.generate_private_key(ec.SECP521R1()), None),
        (rfc_signing_key("test-key-rsa").material, Algorithm.HMAC_SHA256),
        (rsa.generate_private_key(65537, 1024), None),
        (b"short", None),
        (b"x" * 32, Algorithm.ED25519),
    ],
)
def test_a_key_refuses_an_algorithm_that_is_not_its_own(material: PrivateMaterial, algorithm: Algorithm | None) -> None:
    with pytest.raises(ValueError, match=r"key|curve|secret"):
        signing_key(material, algorithm)
    public = material if isinstance(material, bytes) else material.public_key()
    with pytest.raises(ValueError, match=r"key|curve|secret"):
        verification_key(public, algorithm)


def test_a_public_key_is_never_used_as_a_shared_secret() -> None:
    """The classic downgrade: HMAC keyed with the public key's bytes."""
    private = new_private_key()
    raw = private.public_key().public_bytes_raw()
    forged = sign_base(SigningKey(Algorithm.HMAC_SHA256, raw), b"base")
    assert not verify_base(verification_key(private.public_key()), b"base", forged)
