"""What was ever signed is proved, offline and by a stock JOSE library, with the key set as it is published today."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from edge.core.chain import GENESIS, Head
from edge.core.checkpoint import WriterEnd, balances_digest, next_checkpoint, sign_checkpoint
from edge.core.money import Money
from edge.core.receipts import Receipt, sign_receipt
from edge.proxy.control import public_app
from edge.store.service_keys import load_service_keys, rotate_service_keys
from tests.support.asgi import ask

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECEIPT = Receipt(
    charge_id="ch_00112233445566778899aabbccddeeff",
    charged_at_micros=1_795_183_200_123_456,
    issuer="example",
    crawler="ExampleBot",
    agent_url="https://bot.example/.well-known/http-message-signatures-directory",
    site="news.example",
    target="/articles/one",
    rule="long reads",
    rule_version=3,
    licence=None,
    offer="max USD 0.05",
    price=Money(10_000, "USD"),
    writer=1,
    entry=2,
)
CHECKPOINT = next_checkpoint(
    "example",
    None,
    GENESIS,
    [WriterEnd(Head(1, 2, 3, bytes(32)), False)],
    balances_digest(()),
    {},
    1_795_183_200_000_000,
)


def published(data_dir: Path) -> KeySet:
    """The key set as the edge serves it."""
    app = public_app(load_service_keys(data_dir).jwks, lambda charge_id: None)
    status, body = ask(app, "/.well-known/farebox/jwks.json")
    assert status == 200
    return KeySet.import_key_set(orjson.loads(body))


def opened(text: str, keys: KeySet) -> dict[str, object]:
    with warnings.catch_warnings():
        # RFC 9864 renames the algorithm; what readers know today is EdDSA.
        warnings.filterwarnings("ignore", message="EdDSA")
        claims: dict[str, object] = orjson.loads(jws.deserialize_compact(text, keys, algorithms=["EdDSA"]).payload)
    return claims


def test_receipts_and_checkpoints_of_every_key_verify_after_two_rotations(tmp_path: Path) -> None:
    signed = []
    for hour in (12, 13, None):
        key = load_service_keys(tmp_path).current.private
        signed.append((sign_receipt(RECEIPT, key), sign_checkpoint(CHECKPOINT, key)))
        if hour is not None:
            rotate_service_keys(tmp_path, NOON.replace(hour=hour))
    keys = published(tmp_path)
    assert len(keys.keys) == 3
    for receipt, checkpoint in signed:
        assert opened(receipt, keys)["jti"] == RECEIPT.charge_id
        assert opened(checkpoint, keys)["number"] == 1
    assert len({receipt for receipt, _ in signed}) == 3, "each was signed with a key of its own"


def test_a_changed_receipt_or_checkpoint_fails_there_too(tmp_path: Path) -> None:
    key = load_service_keys(tmp_path).current.private
    keys = published(tmp_path)
    for text in (sign_receipt(RECEIPT, key), sign_checkpoint(CHECKPOINT, key)):
        header, claims, signature = text.split(".")
        forged = ("B" if signature[5] != "B" else "C").join((signature[:5], signature[6:]))
        with pytest.raises(BadSignatureError):
            opened(f"{header}.{claims}.{forged}", keys)
