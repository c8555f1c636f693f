"""A token is money: it goes to the hosts that it is for, privately, and is written nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.client import Identity, SpendPolicy, TokenIdentity, Wallet
from edge.client.answers import Answer
from edge.client.errors import NotAllowed, PaymentInDoubt
from edge.client.identity import IdentityProblem
from edge.client.spend_rows import State
from edge.client.wallet import is_own
from edge.core.api_token import IDEMPOTENCY_SECONDS, make_token
from edge.core.keys import new_private_key
from edge.core.money import parse_price

TOKEN, NEWER = make_token(b"\x05" * 32), make_token(b"\x06" * 32)
HOSTS = ["news.example", "shop.example:8443", "localhost:8402", "[::1]:8402"]
URL = "https://news.example/articles/1"
CENT = parse_price("USD 0.01")
START = 1_800_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


def wallet_of(folder: Path, identity: Identity | TokenIdentity, clock: Clock | None = None) -> Wallet:
    return Wallet(identity, SpendPolicy(per_request="USD 0.02"), folder / "spend.db", clock=clock or Clock())


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        (URL, True),
        ("https://NEWS.example:443/", True),
        ("https://shop.example:8443/", True),
        ("http://localhost:8402/a", True),
        ("http://[::1]:8402/a", True),
        ("http://news.example/articles/1", False),
        ("https://www.news.example/", False),
        ("https://news.example.evil.example/", False),
        ("https://news.example:8443/", False),
        ("https://shop.example/", False),
        ("https://news.example@evil.example/", False),
        ("http://localhost.evil.example:8402/", False),
        ("ftp://news.example/", False),
        ("", False),
    ],
)
def test_a_token_goes_to_its_own_hosts_and_privately(tmp_path: Path, url: str, goes: bool) -> None:
    identity = TokenIdentity(TOKEN, HOSTS)
    assert identity.speaks_to(url) is goes
    wallet = wallet_of(tmp_path, identity)
    ready = wallet.prepare(url, CENT)
    assert (dict(ready.headers).get("authorization") == f"Bearer {TOKEN}") is goes
    assert (ready.purchase is not None) is goes
    if not goes:
        with pytest.raises(ValueError, match="not for"):
            identity.sign(url, {}, None, START, "n")


def test_a_price_elsewhere_is_not_paid(tmp_path: Path) -> None:
    wallet = wallet_of(tmp_path, TokenIdentity(TOKEN, HOSTS))
    elsewhere = "https://other.example/"
    answer = Answer(402, {"crawler-price": "USD 0.01", "crawler-error": "MissingCrawlerPrice"})
    with pytest.raises(NotAllowed, match="your token is not for this address"):
        wallet.judge(wallet.prepare(elsewhere), answer)
    assert wallet.spent() == {}


def test_a_wish_for_a_larger_signature_is_nothing_to_a_token(tmp_path: Path) -> None:
    wallet = wallet_of(tmp_path, TokenIdentity(TOKEN, HOSTS))
    wish = {"accept-signature": 'sig1=("@path");tag="web-bot-auth"', "crawler-price": "USD 0.01"}
    verdict = wallet.judge(wallet.prepare(URL), Answer(402, {**wish, "crawler-error": "MissingCrawlerPrice"}))
    assert getattr(verdict, "price", None) == CENT


def test_what_is_kept_of_a_purchase_is_not_the_token_and_a_newer_one_goes_on_with_it(tmp_path: Path) -> None:
    first = wallet_of(tmp_path, TokenIdentity(TOKEN, HOSTS)).prepare(URL, CENT)
    assert TOKEN.encode() not in (tmp_path / "spend.db").read_bytes()
    wallet = wallet_of(tmp_path, TokenIdentity(NEWER, HOSTS))
    again = wallet.prepare(URL, CENT)
    assert dict(again.headers) == {**dict(first.headers), "authorization": f"Bearer {NEWER}"}
    assert again.purchase == first.purchase
    wallet.judge(again, Answer(200, {"crawler-charged": "USD 0.01", "crawler-receipt": "ch_1"}))
    repeated = wallet.prepare(URL)
    assert dict(repeated.headers)["idempotency-key"] == dict(first.headers)["idempotency-key"]
    assert dict(repeated.headers)["authorization"] == f"Bearer {NEWER}"


def test_a_purchase_that_a_signature_began_does_not_get_a_token(tmp_path: Path) -> None:
    """With one it could be another purchase: the edge would not find the signature's charge."""
    signer = Identity(new_private_key(), "https://bot.example")
    first = wallet_of(tmp_path, signer).prepare(URL, CENT)
    again = wallet_of(tmp_path, TokenIdentity(TOKEN, HOSTS)).prepare(URL, CENT)
    assert again.headers == first.headers


def test_a_key_that_is_used_up_lapses(tmp_path: Path) -> None:
    """The edge says 409 for what it charged more than a day ago: it counts as spent."""
    clock = Clock()
    wallet = wallet_of(tmp_path, TokenIdentity(TOKEN, HOSTS), clock)
    wallet.prepare(URL, CENT)
    clock.now += IDEMPOTENCY_SECONDS + 1
    again = wallet.prepare(URL, CENT)
    with pytest.raises(PaymentInDoubt, match="counts as spent"):
        wallet.judge(again, Answer(409, {}, b'{"code": "idempotency_key_spent"}'))
    assert wallet.store.purchase(1).state is State.LAPSED
    assert wallet.spent() == {"USD": CENT}


@pytest.mark.parametrize(
    ("token", "hosts"), [("abc", HOSTS), ("", HOSTS), (TOKEN, []), (TOKEN, ["https://a"]), (TOKEN, "*")]
)
def test_what_is_no_token_or_for_no_host_is_refused(token: str, hosts: list[str]) -> None:
    with pytest.raises(IdentityProblem):
        TokenIdentity(token, hosts)


def test_a_token_comes_from_a_file_and_shows_itself_nowhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    identity = TokenIdentity.load(tmp_path / "token", "news.example")
    assert identity == TokenIdentity(TOKEN, ["news.example"])
    assert TOKEN not in repr(identity)
    with pytest.raises(IdentityProblem, match="cannot be read"):
        TokenIdentity.load(tmp_path / "none", HOSTS)


def test_the_callers_own_authorization_is_the_callers() -> None:
    assert is_own("Authorization", f"Bearer {TOKEN}")
    assert is_own("Crawler-Max-Price", "USD 1")
    assert not is_own("authorization", "Basic dXNlcjpwYXNz")
