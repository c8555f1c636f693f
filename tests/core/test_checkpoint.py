"""Checkpoints: anybody's library can check them, nothing in them can be changed, and they do not grow with age."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from edge.core.chain import GENESIS, Head, heads_digest
from edge.core.checkpoint import (
    CHECKPOINT_TYPE,
    Checkpoint,
    WriterEnd,
    balances_digest,
    checkpoint_claims,
    checkpoint_hash,
    checkpoint_sentence,
    fault_between,
    next_checkpoint,
    sign_checkpoint,
    stated_number,
    verify_checkpoint,
)
from edge.core.jws import JwsFault, sign_compact
from edge.core.keys import new_private_key, public_half, public_keys_to_jwks
from edge.core.receipts import verify_receipt

KEY = new_private_key()
KEYS = {public_half(KEY).thumbprint: public_half(KEY)}
NOW = 1_795_183_200_123_456
TOTALS = {"USD": {"crawler": 500, "internal": -1000, "publisher": 500}}


def end(writer: int, batch: int, *, ended: bool = False) -> WriterEnd:
    return WriterEnd(Head(writer, batch, 3 * batch, sha256(f"{writer} {batch}".encode()).digest()), ended)


def make(before: Checkpoint | None, *ends: WriterEnd) -> Checkpoint:
    before_hash = GENESIS if before is None else checkpoint_hash(sign_checkpoint(before, KEY))
    return next_checkpoint("example", before, before_hash, ends, balances_digest([(1, "USD", 500)]), TOTALS, NOW)


FIRST = make(None, end(1, 4), end(2, 9))


def test_a_stock_jose_library_verifies_a_checkpoint_offline_with_the_published_key_set() -> None:
    published = KeySet.import_key_set(orjson.loads(public_keys_to_jwks(KEYS.values())))
    with pytest.warns(match="EdDSA"):  # RFC 9864 renames the algorithm; what readers know today is EdDSA
        checked = jws.deserialize_compact(sign_checkpoint(FIRST, KEY), published, algorithms=["EdDSA"])
    claims = orjson.loads(checked.payload)
    assert (claims["number"], claims["previous"], claims["made_at"]) == (1, "0" * 64, "2026-11-20T14:00:00.123456Z")
    assert claims["heads"][1] == {
        "writer": 2, "batch": 9, "entry": 27, "hash": sha256(b"2 9").hexdigest(), "ended": False
    }  # fmt: skip
    assert claims["heads_digest"] == heads_digest(FIRST.heads)
    assert claims["totals"]["USD"] == {"crawler": 500, "internal": -1000, "publisher": 500}


@given(
    numbers=st.lists(st.integers(0, 2**53), min_size=1, max_size=5),
    at_micros=st.integers(0, 4_000_000_000_000_000),
    issuer=st.text("abc.-1", min_size=1, max_size=20),
    ended=st.booleans(),
)
def test_what_was_signed_is_what_is_read(numbers: list[int], at_micros: int, issuer: str, ended: bool) -> None:
    ends = tuple(end(writer, batch, ended=ended) for writer, batch in enumerate(numbers, start=1))
    signed = replace(FIRST, ends=ends, made_at_micros=at_micros, issuer=issuer)
    assert verify_checkpoint(sign_checkpoint(signed, KEY), KEYS) == signed


def test_any_flipped_bit_of_the_text_is_found() -> None:
    text = sign_checkpoint(FIRST, KEY)
    for place in range(len(text)):
        changed = text[:place] + chr(ord(text[place]) ^ (1 << place % 7)) + text[place + 1 :]
        assert isinstance(verify_checkpoint(changed, KEYS), JwsFault), place


@pytest.mark.parametrize(
    "change",
    [
        {"number": "1"},
        {"number": True},
        {"writers": -1},
        {"previous": "00"},
        {"made_at": "yesterday"},
        {"iat": 5},
        {"heads": [{"writer": 1}]},
        {"heads": None},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_good_signature_over_an_incomplete_statement_is_still_no_checkpoint(change: dict[str, object]) -> None:
    text = sign_compact(CHECKPOINT_TYPE, checkpoint_claims(FIRST) | change, KEY)
    assert verify_checkpoint(text, KEYS) is JwsFault.BAD_CLAIMS


def test_a_checkpoint_is_no_receipt_and_a_stranger_signs_none() -> None:
    text = sign_checkpoint(FIRST, KEY)
    assert verify_receipt(text, KEYS) is JwsFault.WRONG_TYPE
    assert verify_checkpoint(text, {}) is JwsFault.UNKNOWN_KEY
    assert stated_number(text) == 1
    assert stated_number("no checkpoint") is None


def test_a_writer_that_ended_is_listed_once_and_stays_in_the_digest() -> None:
    second = make(FIRST, end(1, 5, ended=True), end(2, 9), end(3, 1))
    third = make(second, end(1, 5, ended=True), end(2, 10), end(3, 1))
    assert [head.writer for head in second.heads] == [1, 2, 3]
    assert [head.writer for head in third.heads] == [2, 3]
    assert third.writers == 3
    everything = third.all_heads({1: end(1, 5).head})
    assert everything is not None
    assert heads_digest(everything) == third.heads_digest
    assert third.all_heads({}) is None


def test_checkpoints_follow_each_other_by_number_hash_and_reach() -> None:
    first_hash = checkpoint_hash(sign_checkpoint(FIRST, KEY))
    second = make(FIRST, end(1, 5), end(2, 9))
    assert fault_between(None, GENESIS, FIRST) is None
    assert fault_between(FIRST, first_hash, second) is None
    assert fault_between(FIRST, first_hash, replace(second, number=3)) == "does not follow checkpoint 1"
    assert "does not continue" in str(fault_between(FIRST, GENESIS, second))
    shorter = make(FIRST, end(1, 3), end(2, 9))
    assert fault_between(FIRST, first_hash, shorter) == "lists writer 1 at batch 3, after batch 4 had been reached"


def test_accounts_that_hold_nothing_do_not_change_the_digest_of_balances() -> None:
    some = balances_digest([(2, "USD", -5), (1, "USD", 5)])
    assert some == balances_digest([(1, "USD", 5), (2, "USD", -5), (3, "EUR", 0)])
    assert some != balances_digest([(1, "USD", 5), (2, "USD", -4)])


def test_every_fault_says_what_is_wrong() -> None:
    assert all(checkpoint_sentence(fault) for fault in JwsFault)
