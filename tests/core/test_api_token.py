"""Tokens: read strictly, kept as digests, and in force where and while they were made for."""

from __future__ import annotations

import pytest

from edge.core.api_token import (
    ApiToken,
    TokenFault,
    is_in_the_clear,
    make_token,
    purchase_name,
    read_token,
    token_digest,
)
from edge.core.identity import CrawlerKind, RegisteredCrawler

OWNER = RegisteredCrawler(1, "LateBot", "Late Inc.", CrawlerKind.TRAINING, "https://late.example/")
TOKEN = make_token(b"\x01" * 32)


def test_a_token_says_whose_it_is_and_hides_256_bits() -> None:
    assert TOKEN.startswith("farebox_")
    assert len(TOKEN) == len("farebox_") + 43
    assert token_digest(TOKEN) != token_digest(make_token(b"\x02" * 32))
    with pytest.raises(AssertionError):
        make_token(b"short")


@pytest.mark.parametrize("written", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN}"])
def test_a_bearer_token_of_ours_is_read(written: str) -> None:
    assert read_token(written) == TOKEN


@pytest.mark.parametrize(
    "written",
    ["", "Bearer abc", "Basic dXNlcjpwYXNz", TOKEN, f"Bearer {TOKEN}, Bearer {TOKEN}", f"Bearer {TOKEN} x", "Bearer "],
)
def test_every_other_authorization_is_the_origins_business(written: str) -> None:
    assert read_token(written) is None


def test_a_token_counts_at_its_sites_until_it_expires() -> None:
    token = ApiToken(1, OWNER, frozenset({"news.example"}), 100.0)
    assert token.fault_at("news.example", 99.9) is None
    assert token.fault_at("news.example", 100.0) is TokenFault.EXPIRED
    assert token.fault_at("other.example", 1.0) is TokenFault.OTHER_SITE
    assert ApiToken(1, OWNER, frozenset(), None).fault_at("other.example", 1e12) is None


def test_a_purchase_is_named_by_its_idempotency_key_or_else_by_the_request() -> None:
    named = purchase_name({"idempotency-key": "8e03978e"}, "request-1")
    assert named == purchase_name({"idempotency-key": '"8e03978e"'}, "request-2")
    assert named != purchase_name({"idempotency-key": "8e03978f"}, "request-1")
    assert purchase_name({}, "request-1") == purchase_name({"idempotency-key": ""}, "request-1")
    assert purchase_name({}, "request-1") != purchase_name({}, "request-2")
    assert purchase_name({"idempotency-key": "x"}, "x") != purchase_name({}, "x")


def test_a_name_in_other_letters_is_a_name_too() -> None:
    assert purchase_name({"idempotency-key": "caf\xe9"}, "r") != purchase_name({"idempotency-key": "cafe"}, "r")


@pytest.mark.parametrize(
    ("scheme", "peer", "is_clear"),
    [
        ("http", "198.51.100.7", True),
        ("http", "10.0.0.7", True),
        ("http", "::ffff:198.51.100.7", True),
        ("https", "198.51.100.7", False),
        ("http", "127.0.0.1", False),
        ("http", "::1", False),
        ("http", "", False),
    ],
)
def test_plain_http_is_for_this_machine(scheme: str, peer: str, is_clear: bool) -> None:
    assert is_in_the_clear(scheme, peer) is is_clear
