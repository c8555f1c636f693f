"""Receipts: verifiable by anybody's library, unchangeable, and the same bytes each time."""

from __future__ import annotations

import base64
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from edge.core.jws import JwsFault
from edge.core.keys import new_private_key, private_key_from_pem, private_key_to_pem, public_half, public_keys_to_jwks
from edge.core.money import AMOUNT_MICROS_MAX, Money
from edge.core.receipts import Receipt, ReceiptState, receipt_sentence, sign_receipt, verify_receipt

KEY = new_private_key()
KEYS = {public_half(KEY).thumbprint: public_half(KEY)}

RECEIPT = Receipt(
    charge_id="ch_00112233445566778899aabbccddeeff",
    charged_at_micros=1_795_183_200_123_456,
    issuer="example",
    crawler="ExampleBot",
    agent_url="https://bot.example/.well-known/http-message-signatures-directory",
    site="news.example",
    target="/articles/one?page=2",
    rule="long reads",
    rule_version=3,
    licence="ai-train",
    offer="max USD 0.05",
    price=Money(10_000, "USD"),
    writer=7,
    entry=42,
)


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def test_a_stock_jose_library_verifies_a_receipt_offline_with_the_published_key_set() -> None:
    published = KeySet.import_key_set(orjson.loads(public_keys_to_jwks(KEYS.values())))
    with pytest.warns(match="EdDSA"):  # RFC 9864 renames the algorithm; what readers know today is EdDSA
        checked = jws.deserialize_compact(sign_receipt(RECEIPT, KEY), published, algorithms=["EdDSA"])
    claims = orjson.loads(checked.payload)
    assert claims["jti"] == RECEIPT.charge_id
    assert (claims["amount_micros"], claims["currency"], claims["price"]) == (10_000, "USD", "USD 0.01")
    assert claims["charged_at"] == "2026-11-20T14:00:00.123456Z"
    assert (claims["writer"], claims["entry"]) == (7, 42)


@given(
    amount_micros=st.integers(0, AMOUNT_MICROS_MAX),
    at_micros=st.integers(0, 4_000_000_000_000_000),
    target=st.text(max_size=50).map(lambda text: "/" + text),
    licence=st.none() | st.text(max_size=10),
    state=st.sampled_from(ReceiptState),
)
def test_what_was_signed_is_what_is_read(
    amount_micros: int, at_micros: int, target: str, licence: str | None, state: ReceiptState
) -> None:
    receipt = replace(
        RECEIPT,
        price=Money(amount_micros, "EUR"),
        charged_at_micros=at_micros,
        target=target,
        licence=licence,
        state=state,
    )
    assert verify_receipt(sign_receipt(receipt, KEY), KEYS) == receipt


def test_the_same_charge_gives_the_same_bytes() -> None:
    again = private_key_from_pem(private_key_to_pem(KEY))
    assert sign_receipt(RECEIPT, KEY) == sign_receipt(RECEIPT, again)


def test_any_changed_character_is_found() -> None:
    text = sign_receipt(RECEIPT, KEY)
    for place in range(0, len(text), 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert isinstance(verify_receipt(changed, KEYS), JwsFault), place


def test_a_key_that_is_not_in_the_set_proves_nothing() -> None:
    assert verify_receipt(sign_receipt(RECEIPT, new_private_key()), KEYS) is JwsFault.UNKNOWN_KEY


def test_another_key_under_a_known_name_is_found() -> None:
    header, claims, _ = sign_receipt(RECEIPT, KEY).split(".")
    forged = base64.urlsafe_b64encode(new_private_key().sign(f"{header}.{claims}".encode())).rstrip(b"=").decode()
    assert verify_receipt(f"{header}.{claims}.{forged}", KEYS) is JwsFault.BAD_SIGNATURE


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "farebox-receipt+jws"},
        {"alg": "HS256", "typ": "farebox-receipt+jws"},
        {"alg": "EdDSA", "typ": "JWT"},
        {"alg": "EdDSA", "typ": "farebox-receipt+jws", "crit": ["b64"], "b64": False},
    ],
)
def test_another_algorithm_or_type_is_refused_before_any_key_is_used(header: dict[str, object]) -> None:
    _, claims, signature = sign_receipt(RECEIPT, KEY).split(".")
    text = f"{encode({**header, 'kid': next(iter(KEYS))})}.{claims}.{signature}"
    assert verify_receipt(text, KEYS) is JwsFault.WRONG_TYPE


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "....", "é.é.é", "bnVsbA.bnVsbA.bnVsbA", "x" * 40_000])
def test_what_is_not_a_receipt_is_unreadable(text: str) -> None:
    assert verify_receipt(text, KEYS) is JwsFault.UNREADABLE


@pytest.mark.parametrize(
    "change",
    [
        {"amount_micros": -1},
        {"amount_micros": 1.5},
        {"price": "USD 9.99"},
        {"jti": 5},
        {"state": "imagined"},
        {"charged_at": "yesterday"},
        {"extra": 1},
    ],
)
def test_a_good_signature_over_an_incomplete_statement_is_still_no_receipt(change: dict[str, object]) -> None:
    header, claims, _ = sign_receipt(RECEIPT, KEY).split(".")
    content = orjson.loads(base64.urlsafe_b64decode(claims + "=="))
    signing_input = f"{header}.{encode({**content, **change})}"
    signature = base64.urlsafe_b64encode(KEY.sign(signing_input.encode())).rstrip(b"=").decode()
    assert verify_receipt(f"{signing_input}.{signature}", KEYS) is JwsFault.BAD_CLAIMS


def test_every_fault_says_what_is_wrong() -> None:
    assert all(receipt_sentence(fault).endswith(".") for fault in JwsFault)
