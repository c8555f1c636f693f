"""A crawler's key file and what it signs, checked by the verifier that the edge uses."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge.client.identity import (
    Identity,
    IdentityProblem,
    check_agent,
    load_key,
    make_key_file,
    nonce_from,
)
from edge.core.keys import new_private_key, public_half
from edge.core.message import Request
from edge.core.money import parse_price
from edge.core.request_signing import Dialect
from edge.core.signature_agent import normalise_agent_url
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown, Verified, examine

URL = "https://news.example/articles/1?page=2"
NOW = 1_800_000_000.75
OFFER = Offer(OfferKind.MAX, parse_price("USD 0.01"))
PLAIN = {"accept": "*/*"}


def examined(identity: Identity, headers: dict[str, str], url: str = URL) -> object:
    def find_key(agent_url: str, thumbprint: str) -> KeyAnswer:
        known = (normalise_agent_url(identity.agent, allow_loopback_http=True), identity.thumbprint)
        return public_half(identity.key) if (agent_url, thumbprint) == known else KeyUnknown()

    return examine(Request.from_parts("GET", url, headers.items()), find_key, NOW, allow_loopback_http=True)


def test_a_key_file_is_private_and_comes_back(tmp_path: Path) -> None:
    key = make_key_file(tmp_path / "bot.pem")
    assert stat.S_IMODE((tmp_path / "bot.pem").stat().st_mode) == 0o600
    assert load_key(tmp_path / "bot.pem").private_bytes_raw() == key.private_bytes_raw()


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    make_key_file(tmp_path / "bot.pem")
    before = (tmp_path / "bot.pem").read_bytes()
    with pytest.raises(IdentityProblem, match="exists already"):
        make_key_file(tmp_path / "bot.pem")
    assert (tmp_path / "bot.pem").read_bytes() == before


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(IdentityProblem, match="cannot be written"):
        make_key_file(tmp_path / "missing" / "bot.pem")


def test_a_file_that_holds_no_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(IdentityProblem, match="keygen"):
        load_key(tmp_path / "missing.pem")
    (tmp_path / "other.pem").write_text("not a key")
    with pytest.raises(IdentityProblem, match="holds no Ed25519 key"):
        load_key(tmp_path / "other.pem")


@pytest.mark.parametrize("dialect", ["A", "B", "C"])
def test_a_signed_request_verifies_and_covers_all_that_a_sale_is_about(dialect: Dialect) -> None:
    identity = Identity(new_private_key(), "https://bot.example", dialect)
    headers = identity.sign(URL, PLAIN, OFFER, NOW, "n-1")
    outcome = examined(identity, headers)
    assert isinstance(outcome, Verified)
    names = {name.split(";")[0].strip('"') for name in outcome.covered}
    assert names == {"@method", "@authority", "@target-uri", "signature-agent", "crawler-max-price"}
    assert (outcome.nonce, outcome.created, outcome.expires) == ("n-1", 1_800_000_000, 1_800_000_060)
    assert headers["crawler-max-price"] == "USD 0.01"
    assert headers["accept"] == "*/*"


def test_without_an_offer_no_price_is_sent() -> None:
    identity = Identity(new_private_key(), "https://bot.example")
    headers = identity.sign(URL, PLAIN, None, NOW, "n-1")
    assert isinstance(examined(identity, headers), Verified)
    assert not any(name.startswith("crawler-") for name in headers)


def test_a_signature_is_worth_nothing_at_another_address_or_price() -> None:
    identity = Identity(new_private_key(), "https://bot.example")
    headers = identity.sign(URL, PLAIN, OFFER, NOW, "n-1")
    assert not isinstance(examined(identity, headers, "https://news.example/articles/2"), Verified)
    assert not isinstance(examined(identity, {**headers, "crawler-max-price": "USD 9"}), Verified)


@pytest.mark.parametrize("agent", ["https://bot.example", "https://bot.example/keys.json", "http://127.0.0.1:9000"])
def test_an_agent_is_a_host_a_key_set_or_a_development_server(agent: str) -> None:
    identity = Identity(new_private_key(), agent)
    assert isinstance(examined(identity, identity.sign(URL, PLAIN, OFFER, NOW, "n")), Verified)


@pytest.mark.parametrize(
    "agent", ["", "bot.example", "http://bot.example", "https://10.0.0.1", "https://bot.example:8443"]
)
def test_an_agent_that_no_edge_would_accept_is_refused_at_once(agent: str) -> None:
    with pytest.raises(IdentityProblem, match="cannot be an agent"):
        check_agent(agent)
    with pytest.raises(IdentityProblem):
        Identity(new_private_key(), agent)


def test_the_key_is_not_shown() -> None:
    identity = Identity(new_private_key(), "https://bot.example")
    assert "key=" not in repr(identity).replace("keyid=", "")


def test_a_nonce_is_base64url_without_padding() -> None:
    assert nonce_from(b"\xff\xfe\xfd\xfc") == "__79_A"
