"""The stock library of Standard Webhooks verifies what is signed here, and refuses what is not."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook, WebhookVerificationError

from edge.core.webhook_signing import SALT_BYTES, secret_of, signed_headers

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SECRET = secret_of(KEY, b"a" * SALT_BYTES)
OTHER = secret_of(KEY, b"b" * SALT_BYTES)
BODY = '{"type":"ledger.alarm","data":{"problem":"Ä"}}'


def now() -> int:
    """Of this moment: the library looks at the clock, and a long suite is minutes past its beginning."""
    return int(datetime.now(UTC).timestamp())


def test_the_published_example_is_signed_as_published() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, the libraries' common test vector."""
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', 1614265330
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_stock_library_takes_it() -> None:
    assert Webhook(SECRET).verify(BODY, signed_headers([SECRET], "evt_1", BODY, now()))["type"] == "ledger.alarm"


def test_while_a_secret_changes_each_of_both_verifies() -> None:
    headers = signed_headers([OTHER, SECRET], "evt_1", BODY, now())
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, signed_headers([OTHER], "evt_1", BODY, now()))


@pytest.mark.parametrize(
    "change",
    [
        lambda headers: headers | {"webhook-id": "evt_2"},
        lambda headers: headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)},
        lambda headers: headers | {"webhook-signature": "v1," + "A" * 43 + "="},
    ],
)
def test_whatever_is_changed_is_noticed(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    headers = signed_headers([SECRET], "evt_1", BODY, now())
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, change(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace("Ä", "A"), headers)


@pytest.mark.parametrize("away", [-301, 360])
def test_a_message_that_is_five_minutes_away_is_refused(away: int) -> None:
    with pytest.raises(WebhookVerificationError, match=r"too (old|new)"):
        Webhook(SECRET).verify(BODY, signed_headers([SECRET], "evt_1", BODY, now() + away))


def test_a_secret_is_made_of_the_key_and_the_salt_and_of_nothing_else() -> None:
    assert SECRET == secret_of(KEY, b"a" * SALT_BYTES) != OTHER
    assert secret_of(Ed25519PrivateKey.generate(), b"a" * SALT_BYTES) != SECRET
    assert len(b64decode(SECRET.removeprefix("whsec_"))) == 32
    with pytest.raises(ValueError, match="32 bytes"):
        secret_of(KEY, b"")


def test_nothing_is_sent_unsigned() -> None:
    with pytest.raises(ValueError, match="cannot be signed"):
        signed_headers([], "evt_1", BODY, now())
