"""Codes of an authenticator app: the RFC's own vectors, once each, one step around; recovery codes in any spelling."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.one_time_codes import (
    app_address,
    code_at,
    matching_step,
    recovery_code,
    recovery_hash,
    secret_text,
    totp_secret,
)

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_the_codes_are_those_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds) == code
    assert matching_step(SECRET, f"{code[:3]} {code[3:]}", seconds) == seconds // 30


@pytest.mark.parametrize(("later", "counts"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_clocks_may_differ_by_one_step(later: int, counts: bool) -> None:
    code = code_at(SECRET, 1_800_000_000)
    assert (matching_step(SECRET, code, 1_800_000_000 + later) is not None) == counts


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "000000"])
def test_nothing_else_is_a_code(typed: str) -> None:
    assert matching_step(SECRET, typed, 1_800_000_000) is None


def test_a_secret_is_made_of_a_key_and_a_salt() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    made = totp_secret(key, b"s" * 16)
    assert made == totp_secret(key, b"s" * 16)
    assert len({made, totp_secret(key, b"t" * 16), totp_secret(other, b"s" * 16)}) == 3
    with pytest.raises(ValueError, match="16 bytes"):
        totp_secret(key, b"short")


def test_an_app_reads_account_issuer_and_secret() -> None:
    address = app_address(SECRET, "me@news.example", "farebox harbour & co")
    assert address.startswith("otpauth://totp/farebox%20harbour%20%26%20co:me%40news.example?secret=GEZDGNBV")
    assert secret_text(SECRET).startswith("GEZD GNBV")


def test_a_recovery_code_is_known_in_any_spelling() -> None:
    code = recovery_code(bytes(range(10)))
    assert len(code.split("-")) == 4
    assert recovery_hash(f" {code.upper().replace('-', ' ')} ") == recovery_hash(code)
    assert recovery_hash(recovery_code(bytes(10))) != recovery_hash(code)
