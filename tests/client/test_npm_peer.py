"""The stock npm package ``web-bot-auth`` itself, run on Node.js: what it signs we verify, what we sign it verifies."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.client import Identity
from edge.client.identity import nonce_from
from edge.core.directory import build_directory, parse_directory, verify_directory_response
from edge.core.keys import public_half, public_key_to_jwk, public_keys_to_jwks
from edge.core.message import Request, Response
from edge.core.money import parse_price
from edge.core.request_signing import Dialect
from edge.core.terms import Offer, OfferKind
from edge.core.web_bot_auth import Invalid, KeyAnswer, KeyUnknown, Verified, examine
from tests.support.npm_packages import ask_npm

AGENT = "https://bot.example"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"a crawler that is no stranger...")
PUBLIC = public_half(PRIVATE)
URLS = ("https://news.example/", "https://news.example/a?b=2&a=%C3%A4&c=%2F", "https://news.example:8443/a%20b//c.html")
OFFER = Offer(OfferKind.MAX, parse_price("USD 0.01"))
PAYING = ["@method", "@authority", "@target-uri", "signature-agent", "crawler-max-price"]


def find_key(agent_url: str, thumbprint: str) -> KeyAnswer:
    return PUBLIC if thumbprint == PUBLIC.thumbprint else KeyUnknown()


def jwk(*, private: bool = False) -> dict[str, Any]:
    """The key as JavaScript reads it."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(public_key_to_jwk(PUBLIC)))
    if private:
        document["d"] = nonce_from(PRIVATE.private_bytes_raw())
    return document


def their_request(url: str, headers: dict[str, str], components: list[str] | None, now: int) -> dict[str, Any]:
    return {
        "kind": "sign", "url": url, "headers": headers, "key": jwk(private=True), "components": components,
        "created": now, "expires": now + 60,
    }  # fmt: skip


def our_request(url: str, dialect: Dialect, now: float, agent: str = AGENT) -> dict[str, str]:
    nonce = nonce_from(b"32 bytes that nobody has guessed")
    return Identity(PRIVATE, agent, dialect).sign(url, {"accept": "*/*"}, OFFER, now, nonce, seconds=300)


def their_verdict(url: str, headers: dict[str, str]) -> dict[str, Any]:
    return {"kind": "verify", "url": url, "headers": headers, "key": jwk()}


@pytest.mark.parametrize("components", [None, PAYING], ids=["its own choice", "with an offer"])
def test_what_the_package_signs_is_verified(components: list[str] | None) -> None:
    now = 1_795_209_000
    bare = {"signature-agent": f'"{AGENT}"', "crawler-max-price": "USD 0.01"}
    tasks = [their_request(url, bare, components, now) for url in URLS]
    for url, signature in zip(URLS, ask_npm(tasks), strict=True):
        fields = {**bare, **{name.lower(): value for name, value in signature.items()}}
        proof = examine(Request.from_parts("GET", url, fields.items()), find_key, now + 1)
        assert isinstance(proof, Verified), proof
        assert proof.agent_url.startswith(AGENT)
        other = url.replace("news.example", "other.example")
        assert isinstance(examine(Request.from_parts("GET", other, fields.items()), find_key, now + 1), Invalid)


def test_what_we_sign_is_verified_by_the_package() -> None:
    now = time.time()  # the package takes the time from its own clock
    signed = [(url, our_request(url, "A", now)) for url in URLS]
    dearer = [(url, {**headers, "crawler-max-price": "USD 9"}) for url, headers in signed]
    elsewhere = [(url.replace("news", "other"), headers) for url, headers in signed]
    verdicts = ask_npm([their_verdict(url, headers) for url, headers in (*signed, *dearer, *elsewhere)])
    assert [verdict["verified"] for verdict in verdicts] == [True] * 3 + [False] * 6, verdicts


def test_the_package_reads_the_bare_spelling_of_signature_agent_alone() -> None:
    """The guide says so; when a later version reads the others, this fails and the guide can say more."""
    spellings: tuple[Dialect, ...] = ("B", "C")
    tasks = [their_verdict(URLS[0], our_request(URLS[0], spelling, time.time())) for spelling in spellings]
    assert [verdict["verified"] for verdict in ask_npm(tasks)] == [False, False]


def test_a_directory_that_the_package_signed_proves_its_key() -> None:
    where = f"{AGENT}/.well-known/http-message-signatures-directory"
    body = public_keys_to_jwks([PUBLIC])
    now = 1_795_209_000
    task = {"kind": "directory", "url": where, "body": body.decode(), "key": jwk(private=True),
            "created": now, "expires": now + 60}  # fmt: skip
    [headers] = ask_npm([task])
    response = Response.from_parts(200, headers.items(), Request.from_parts("GET", where))
    keys = parse_directory(body)
    assert isinstance(keys, tuple)
    assert verify_directory_response(response, body, keys, now + 1).proved == {PUBLIC.thumbprint}


def test_the_package_takes_the_key_out_of_our_directory() -> None:
    now = int(time.time())
    ours = build_directory([PRIVATE], "bot.example", now, now + 60)
    [found] = orjson.loads(ours.body)["keys"]
    signed = our_request(URLS[0], "A", now)
    [verdict] = ask_npm([{**their_verdict(URLS[0], signed), "key": found}])
    assert verdict == {"verified": True}
