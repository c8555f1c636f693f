"""Ed25519 keys: read tolerantly, refused when weak, named by their thumbprint."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from edge.core.keys import (
    TEST_KEY_THUMBPRINTS,
    KeyFault,
    PublicKey,
    jwk_thumbprint,
    new_private_key,
    private_key_from_pem,
    private_key_to_pem,
    public_half,
    public_key_from_jwk,
    public_key_from_raw,
    public_key_to_jwk,
    public_keys_to_jwks,
    thumbprint_of,
)
from edge.core.signature_algorithms import verify_base
from edge.core.signatures import verification_key
from tests.support.vectors import vectors

FRESH = public_half(new_private_key())
P = 2**255 - 19


def jwk(**members: object) -> dict[str, object]:
    return {**public_key_to_jwk(FRESH), **members}


@pytest.mark.parametrize("case", vectors("jwk_thumbprints")["vectors"], ids=lambda case: case["name"])
def test_published_thumbprints(case: dict[str, Any]) -> None:
    assert jwk_thumbprint(case["jwk"]) == case["thumbprint"]


@pytest.mark.parametrize("name", [name for name in vectors("rfc9421_keys")["keys"] if name.startswith("test-key")])
def test_thumbprints_of_the_rfc_9421_keys(name: str) -> None:
    entry = vectors("rfc9421_keys")["keys"][name]
    assert jwk_thumbprint(entry["jwk"]) == entry["jwk_thumbprint_sha256"]


@pytest.mark.parametrize("bad", [{}, {"kty": "oct", "k": "AA"}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": ["OKP"]}])
def test_a_key_without_its_public_members_has_no_thumbprint(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JWK"):
        jwk_thumbprint(bad)


def test_every_wycheproof_signature_is_judged_as_published() -> None:
    judged = 0
    for group in vectors("wycheproof_ed25519_test")["testGroups"]:
        key = public_key_from_raw(bytes.fromhex(group["publicKey"]["pk"]))
        assert isinstance(key, PublicKey)
        for case in group["tests"]:
            holds = verify_base(verification_key(key.key), bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert holds is (case["result"] == "valid"), case["tcId"]
            if len(case["sig"]) == 128:
                assert key.verifies(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])) is holds, case["tcId"]
            judged += 1
    assert judged == 151


@given(message=st.binary(max_size=200), place=st.integers(0, 63), flip=st.integers(0, 255))
def test_both_libraries_judge_a_signature_alike(message: bytes, place: int, flip: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = public_half(private)
    signature = bytearray(private.sign(message))
    signature[place] ^= flip
    holds = verify_base(verification_key(key.key), message, bytes(signature))
    assert key.verifies(bytes(signature), message) is holds
    assert holds is (flip == 0)


def test_small_order_keys_of_speccheck_are_refused_when_loaded() -> None:
    refused = [
        number
        for number, case in enumerate(vectors("speccheck_cases"))
        if public_key_from_raw(bytes.fromhex(case["pub_key"])) is KeyFault.SMALL_ORDER
    ]
    # 0 and 1 small order, 10 and 11 small order in a non-canonical spelling of its sign.
    assert refused == [0, 1, 10, 11]


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [0, 1, P - 1])
def test_points_of_order_one_two_and_four_are_refused(y: int, sign: int) -> None:
    assert public_key_from_raw((y | sign).to_bytes(32, "little")) is KeyFault.SMALL_ORDER


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_a_second_spelling_of_a_point_is_refused(y: int) -> None:
    assert public_key_from_raw(y.to_bytes(32, "little")) is KeyFault.NON_CANONICAL


def test_bytes_that_are_no_point_are_refused() -> None:
    assert public_key_from_raw((2).to_bytes(32, "little")) is KeyFault.NOT_ON_CURVE


def test_every_fresh_key_is_accepted() -> None:
    for _ in range(50):
        private = new_private_key()
        loaded = public_key_from_raw(private.public_key().public_bytes_raw())
        assert isinstance(loaded, PublicKey)
        assert loaded.thumbprint == thumbprint_of(private)


def test_the_published_test_key_is_refused_unless_it_is_allowed() -> None:
    published = dict(vectors("rfc9421_keys")["keys"]["test-key-ed25519"]["jwk"].items())
    del published["d"]
    assert public_key_from_jwk(published) is KeyFault.TEST_KEY
    allowed = public_key_from_jwk(published, allow_test_keys=True)
    assert isinstance(allowed, PublicKey)
    assert allowed.thumbprint in TEST_KEY_THUMBPRINTS


@pytest.mark.parametrize("alg", [None, "EdDSA", "ed25519", "RS256", 7])
def test_alg_and_a_wrong_kid_are_not_looked_at(alg: object) -> None:
    loaded = public_key_from_jwk(jwk(alg=alg, kid="any label"))
    assert isinstance(loaded, PublicKey)
    assert loaded.thumbprint == FRESH.thumbprint


def test_a_missing_kid_is_fine() -> None:
    bare = {name: value for name, value in public_key_to_jwk(FRESH).items() if name in ("kty", "crv", "x")}
    assert public_key_from_jwk(bare) == FRESH


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(1735689600, 1735689600), (1735689600000, 1735689600), (1735689600.5, 1735689600), ("soon", None), (True, None),
     (float("inf"), None), (10**400, None)],
)  # fmt: skip
def test_times_in_milliseconds_are_brought_to_seconds(given: object, seconds: int | None) -> None:
    loaded = public_key_from_jwk(jwk(nbf=given, exp=given))
    assert isinstance(loaded, PublicKey)
    assert (loaded.not_before, loaded.expires_at) == (seconds, seconds)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("text", KeyFault.NOT_A_KEY),
        ({}, KeyFault.NOT_A_KEY),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, KeyFault.NOT_ED25519),
        ({"kty": "OKP", "crv": "X25519", "x": "AA"}, KeyFault.NOT_ED25519),
        (jwk(d="AA"), KeyFault.PRIVATE_HALF_PUBLISHED),
        (jwk(x=None), KeyFault.BAD_ENCODING),
        (jwk(x="AA"), KeyFault.BAD_ENCODING),
        (jwk(x="A" * 41), KeyFault.BAD_ENCODING),
        (jwk(x="é" * 43), KeyFault.BAD_ENCODING),
        (jwk(x="A+" * 21 + "A"), KeyFault.BAD_ENCODING),
        (jwk(x="A" * 42 + "B"), KeyFault.BAD_ENCODING),
    ],
)
def test_what_is_not_an_ed25519_key_is_refused_with_the_reason(bad: object, fault: KeyFault) -> None:
    assert public_key_from_jwk(bad) is fault


def test_a_padded_x_is_tolerated() -> None:
    padded = base64.urlsafe_b64encode(FRESH.raw).decode()
    assert padded.endswith("=")
    assert public_key_from_jwk(jwk(x=padded)) == FRESH


def test_every_fault_has_its_sentence() -> None:
    assert all(fault.sentence.endswith(".") for fault in KeyFault)


def test_a_private_key_survives_its_file() -> None:
    private = new_private_key()
    again = private_key_from_pem(private_key_to_pem(private))
    assert thumbprint_of(again) == thumbprint_of(private)


def test_only_a_plain_ed25519_file_is_read() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    locked = new_private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    for pem, message in ((other, "Ed25519"), (locked, "passphrase"), (b"nonsense", "PEM")):
        with pytest.raises(ValueError, match=message):
            private_key_from_pem(pem)


def test_an_exported_key_reads_back_with_its_times() -> None:
    key = public_key_from_raw(FRESH.raw, not_before=1, expires_at=2)
    assert isinstance(key, PublicKey)
    assert public_key_from_jwk(public_key_to_jwk(key)) == key
    assert public_key_to_jwk(key)["kid"] == key.thumbprint
    assert public_keys_to_jwks([]) == b'{"keys":[]}'
