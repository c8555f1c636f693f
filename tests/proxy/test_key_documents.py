"""What an agent's URL may serve, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.directory import build_directory
from edge.core.keys import new_private_key, public_half, public_key_to_jwk
from edge.proxy.directory_fetch import Fetched, FetchFailure, FetchFault
from edge.proxy.key_documents import (
    TTL_DEFAULT_SECONDS,
    TTL_MAX_SECONDS,
    TTL_MIN_SECONDS,
    KeySet,
    Unusable,
    read_keys,
    ttl_seconds,
)
from tests.support.fake_fetch import AGENT, HOST, FakeFetch, key_set, served

NOW = 1_800_000_000
KEY = new_private_key()
OTHER = new_private_key()
THUMBPRINT = public_half(KEY).thumbprint
JWK: Mapping[str, Any] = public_key_to_jwk(public_half(KEY))
RFC_TEST_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}
CARD = f"{HOST}/card"


def read(fetch: FakeFetch, url: str = AGENT, **options: Any) -> KeySet | Unusable:
    return asyncio.run(read_keys(url, fetch, NOW, **options))


def read_one(answer: Fetched | FetchFailure) -> KeySet | Unusable:
    return read(FakeFetch({AGENT: answer}))


def thumbprints(found: KeySet | Unusable) -> set[str]:
    assert isinstance(found, KeySet), found
    return set(found.keys)


def reason(found: KeySet | Unusable) -> str:
    assert isinstance(found, Unusable), found
    return found.reason


def test_a_key_set_gives_its_keys_by_their_computed_thumbprint() -> None:
    assert thumbprints(read_one(served({"keys": [{**JWK, "kid": "my key"}]}))) == {THUMBPRINT}


def test_a_bare_jwk_is_a_set_of_one() -> None:
    assert thumbprints(read_one(served(JWK))) == {THUMBPRINT}


def test_an_empty_set_is_a_good_answer_without_keys() -> None:
    assert thumbprints(read_one(served({"keys": []}))) == set()


def test_the_published_test_key_is_left_out_unless_allowed() -> None:
    fetch = FakeFetch({AGENT: served({"keys": [RFC_TEST_KEY, JWK]})})
    assert thumbprints(read(fetch)) == {THUMBPRINT}
    assert len(thumbprints(read(fetch, allow_test_keys=True))) == 2


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b'"keys"', b'{"keys":{}}', b'{"keys":null}', b"{}", b'{"keys":[]', b"\xff\xfe"],
)
def test_what_is_not_a_key_set_is_unusable(body: bytes) -> None:
    assert "key directory cannot be used" in reason(read_one(served(body)))


def test_33_keys_are_too_many_and_32_are_not() -> None:
    jwks = [public_key_to_jwk(public_half(new_private_key())) for _ in range(33)]
    assert len(thumbprints(read_one(served({"keys": jwks[:32]})))) == 32
    assert "too_many_keys" in reason(read_one(served({"keys": jwks})))


@given(st.binary(max_size=200) | st.builds(orjson.dumps, st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["keys", "kty", "crv", "x", "nbf", "client_id", "jwks", "jwks_uri"]), inner, max_size=4
    ),
)))  # fmt: skip
def test_no_document_raises(body: bytes) -> None:
    assert isinstance(read_one(served(body)), KeySet | Unusable)


@pytest.mark.parametrize(
    "content_type", ["text/html", "", "application/json", "application/jwk-set+json", "text/plain"]
)
def test_the_well_known_path_must_have_its_media_type(content_type: str) -> None:
    assert "media type" in reason(read_one(served({"keys": [JWK]}, content_type=content_type)))


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/jwk-set+json; charset=utf-8", "Application/JSON"]
)
def test_elsewhere_any_json_type_does(content_type: str) -> None:
    url = f"{HOST}/keys.json"
    fetch = FakeFetch({url: served({"keys": [JWK]}, url=url, content_type=content_type)})
    assert thumbprints(read(fetch, url)) == {THUMBPRINT}


def test_a_page_for_people_is_no_key_set_anywhere() -> None:
    url = f"{HOST}/keys.json"
    assert "text/html" in reason(
        read(FakeFetch({url: served({"keys": [JWK]}, url=url, content_type="text/html")}), url)
    )


def test_a_failed_fetch_is_unusable_with_the_servers_wish() -> None:
    found = read_one(FetchFailure(FetchFault.STATUS, "status 503 instead of 200", 90))
    assert found == Unusable("status: status 503 instead of 200", 90)


# Signed directories


def signed(**changes: str) -> Fetched:
    directory = build_directory([KEY], "bot.example", NOW - 10, NOW + 100)
    return served(directory.body, *({**directory.headers, **changes}).items())


def test_a_signed_directory_says_which_keys_signed_it() -> None:
    found = read_one(signed())
    assert isinstance(found, KeySet)
    assert found.proved == frozenset({THUMBPRINT})
    assert found.remarks == ()


def test_a_signature_that_does_not_hold_makes_the_answer_unusable() -> None:
    other = build_directory([OTHER], "bot.example", NOW - 10, NOW + 100)
    assert "does not hold" in reason(read_one(signed(signature=other.headers["signature"])))


def test_a_body_that_its_own_digest_contradicts_is_unusable() -> None:
    directory = build_directory([KEY], "bot.example", NOW - 10, NOW + 100)
    headers = {name: value for name, value in directory.headers.items() if not name.startswith("signature")}
    assert "content-digest" in reason(read_one(served({"keys": [JWK, RFC_TEST_KEY]}, *headers.items())))


def test_a_directory_signed_for_another_host_is_unusable() -> None:
    directory = build_directory([KEY], "other.example", NOW - 10, NOW + 100)
    assert "does not hold" in reason(read_one(served(directory.body, *directory.headers.items())))


def test_an_expired_signature_proves_nothing_and_harms_nothing() -> None:
    directory = build_directory([KEY], "bot.example", NOW - 100, NOW - 10)
    found = read_one(served(directory.body, *directory.headers.items()))
    assert thumbprints(found) == {THUMBPRINT}
    assert isinstance(found, KeySet)
    assert found.proved == frozenset()
    assert "expired" in found.remarks[0]


# Cards


def card(**members: object) -> Fetched:
    return served({"client_id": CARD, "client_name": "Bot", **members}, url=CARD, content_type="application/json")


def test_a_card_holds_its_keys() -> None:
    assert thumbprints(read(FakeFetch({CARD: card(jwks={"keys": [JWK]})}), CARD)) == {THUMBPRINT}


def test_a_card_leads_to_its_key_set_for_as_long_as_both_are_fresh() -> None:
    fetch = FakeFetch({CARD: card(jwks_uri=AGENT), AGENT: key_set([KEY], ("Cache-Control", "max-age=120"))})
    found = read(fetch, CARD)
    assert thumbprints(found) == {THUMBPRINT}
    assert isinstance(found, KeySet)
    assert found.ttl_seconds == 120
    assert fetch.asked == [CARD, AGENT]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"client_id": f"{HOST}/other", "jwks": {"keys": [JWK]}}, "client_id_differs"),
        ({"jwks_uri": AGENT, "jwks": {"keys": []}}, "both_keys_and_link"),
        ({}, "neither_keys_nor_link"),
        ({"jwks": []}, "not_a_key_set"),
    ],
)
def test_a_card_that_breaks_its_rules_is_unusable(members: dict[str, object], why: str) -> None:
    assert why in reason(read(FakeFetch({CARD: card(**members)}), CARD))


def test_a_card_never_leads_to_another_card() -> None:
    second = f"{HOST}/card2"
    fetch = FakeFetch({
        CARD: card(jwks_uri=second),
        second: served({"client_id": second, "jwks_uri": AGENT}, url=second, content_type="application/json"),
        AGENT: key_set([KEY]),
    })  # fmt: skip
    assert "not_a_key_set" in reason(read(fetch, CARD))
    assert AGENT not in fetch.asked


# Freshness


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], TTL_DEFAULT_SECONDS),
        ([("Cache-Control", "public")], TTL_DEFAULT_SECONDS),
        ([("Cache-Control", "max-age=600")], 600),
        ([("Cache-Control", "public, MAX-AGE=600 , immutable")], 600),
        ([("Cache-Control", 'max-age="600"')], 600),
        ([("Cache-Control", "x-max-age=600")], TTL_DEFAULT_SECONDS),
        ([("Cache-Control", "public"), ("Cache-Control", "max-age=600")], 600),
        ([("Cache-Control", "max-age=600"), ("Age", "200")], 400),
        ([("Cache-Control", "max-age=600"), ("Age", "9999")], TTL_MIN_SECONDS),
        ([("Cache-Control", "max-age=600"), ("Age", "soon")], 600),
        ([("Cache-Control", "max-age=0")], TTL_MIN_SECONDS),
        ([("Cache-Control", "no-store")], TTL_MIN_SECONDS),
        ([("Cache-Control", "no-cache, max-age=600")], TTL_MIN_SECONDS),
        ([("Cache-Control", "max-age=31536000")], TTL_MAX_SECONDS),
        ([("Cache-Control", "max-age=-5")], TTL_DEFAULT_SECONDS),
    ],
)
def test_freshness_is_max_age_within_bounds(headers: list[tuple[str, str]], seconds: int) -> None:
    assert ttl_seconds(served(b"", *headers)) == seconds


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_cache_control_leaves_the_bounds(text: str) -> None:
    assert TTL_MIN_SECONDS <= ttl_seconds(served(b"", ("Cache-Control", text))) <= TTL_MAX_SECONDS
