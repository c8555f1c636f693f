"""Key directories: what real ones look like, what is refused, and ours reads back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.core.content_digest import make_content_digest
from edge.core.directory import (
    MAX_KEYS,
    TAG,
    DirectoryFault,
    build_directory,
    parse_directory,
    verify_directory_response,
)
from edge.core.keys import PublicKey, new_private_key, public_half, public_key_to_jwk, public_keys_to_jwks
from edge.core.message import Request, Response
from edge.core.signature_faults import SignatureFault
from edge.core.signatures import sign_message, signing_key
from tests.support.vectors import vectors

VECTORS = vectors("wba_directory")
SIGNED = VECTORS["signed_response"]
KEYS = [new_private_key() for _ in range(6)]
NOW = 1_800_000_000


def published() -> tuple[Response, bytes]:
    request = Request.from_wire("GET", SIGNED["request"]["target"], SIGNED["request"]["headers"])
    response = Response.from_parts(SIGNED["response"]["status"], SIGNED["response"]["headers"], request)
    return response, SIGNED["response"]["body"].encode()


def ours(authority: str = "bot.example", count: int = 2) -> tuple[Response, bytes, tuple[PublicKey, ...]]:
    built = build_directory(KEYS[:count], "bot.example", NOW, NOW + 60)
    request = Request.from_parts("GET", f"https://{authority}/.well-known/http-message-signatures-directory")
    keys = parse_directory(built.body)
    assert isinstance(keys, tuple)
    return Response.from_parts(200, built.headers.items(), request), built.body, keys


def test_the_published_signed_directory_proves_its_key() -> None:
    response, body = published()
    keys = parse_directory(body, allow_test_keys=True)
    assert isinstance(keys, tuple)
    proof = verify_directory_response(response, body, keys, NOW)
    assert proof.proved == {"poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"}
    assert proof.flaws == ()
    assert parse_directory(body) == ()


@pytest.mark.parametrize(
    "case", [case for case in VECTORS["directory_examples"] if "body" in case], ids=lambda case: case["origin"]
)
def test_directories_as_found_in_the_wild(case: dict[str, Any]) -> None:
    keys = parse_directory(json.dumps(case["body"]).encode(), allow_test_keys=True)
    assert isinstance(keys, tuple)
    assert len(keys) == len(case["body"]["keys"])
    for key, jwk in zip(keys, case["body"]["keys"], strict=True):
        assert (key.thumbprint == jwk["kid"]) is case.get("kid_is_thumbprint", True)
        assert (key.not_before, key.expires_at) == (jwk["nbf"], jwk["exp"])


def test_a_bare_key_is_a_directory_of_one() -> None:
    key = public_half(KEYS[0])
    assert parse_directory(json.dumps(public_key_to_jwk(key)).encode()) == (key,)


def test_keys_without_kid_other_types_and_broken_ones_are_sorted_out() -> None:
    good = public_key_to_jwk(public_half(KEYS[0]))
    del good["kid"]
    listed: list[Any] = [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, 7, None, {}, good, {**good, "x": "AA"}, good]
    assert parse_directory(json.dumps({"keys": listed, "purpose": "ai"}).encode()) == (public_half(KEYS[0]),)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b" " * (64 * 1024 + 1), DirectoryFault.TOO_LARGE),
        (b"", DirectoryFault.NOT_JSON),
        (b"<html>", DirectoryFault.NOT_JSON),
        (b"[" * 2000 + b"]" * 2000, DirectoryFault.NOT_JSON),
        (b"[]", DirectoryFault.NOT_A_KEY_SET),
        (b"{}", DirectoryFault.NOT_A_KEY_SET),
        (b'{"keys":{}}', DirectoryFault.NOT_A_KEY_SET),
        (b'{"keys":null}', DirectoryFault.NOT_A_KEY_SET),
        (json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode(), DirectoryFault.TOO_MANY_KEYS),
    ],
)
def test_what_is_no_directory_is_told_apart_from_an_empty_one(body: bytes, fault: DirectoryFault) -> None:
    assert parse_directory(body) is fault
    assert parse_directory(b'{"keys":[]}') == ()


def test_our_directory_proves_each_of_its_keys_even_many() -> None:
    for count in (1, 2, 6):
        response, body, keys = ours(count=count)
        proof = verify_directory_response(response, body, keys, NOW)
        assert proof.proved == {key.thumbprint for key in keys}
        assert len(keys) == count
        assert proof.flaws == ()


def test_a_directory_for_another_host_proves_nothing() -> None:
    response, body, keys = ours("evil.example")
    proof = verify_directory_response(response, body, keys, NOW)
    assert proof.proved == frozenset()
    assert {flaw.fault for flaw in proof.flaws} == {SignatureFault.BAD_SIGNATURE}


def test_a_changed_body_proves_nothing() -> None:
    response, _, keys = ours()
    other = public_keys_to_jwks([public_half(new_private_key())])
    proof = verify_directory_response(response, other, keys, NOW)
    assert proof.proved == frozenset()
    assert {flaw.fault for flaw in proof.flaws} == {SignatureFault.COMPONENT_VALUE}


@pytest.mark.parametrize(
    ("now", "fault"), [(NOW - 61, SignatureFault.CREATED_IN_FUTURE), (NOW + 60, SignatureFault.EXPIRED)]
)
def test_a_directory_out_of_its_time_proves_nothing(now: int, fault: SignatureFault) -> None:
    response, body, keys = ours()
    proof = verify_directory_response(response, body, keys, now)
    assert (proof.proved, {flaw.fault for flaw in proof.flaws}) == (frozenset(), {fault})


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"@authority";req ', "", SignatureFault.AUTHORITY_NOT_COVERED),
        (f";created={NOW}", "", SignatureFault.NO_CREATED),
        (f";expires={NOW + 60}", "", SignatureFault.NO_EXPIRES),
        (';keyid="', ';keyid="x', SignatureFault.KEY_UNKNOWN),
        (";created=", ";created=1;created=", SignatureFault.DUPLICATE_PARAMETER),
        ("binding1=(", "binding1=((", SignatureFault.UNREADABLE),
    ],
)
def test_each_missing_part_is_named(old: str, new: str, fault: SignatureFault) -> None:
    response, body, keys = ours(count=1)
    changed = response.fields["signature-input"].replace(old, new)
    proof = verify_directory_response(
        replace(response, fields={**response.fields, "signature-input": changed}), body, keys, NOW
    )
    assert (proof.proved, [flaw.fault for flaw in proof.flaws]) == (frozenset(), [fault])


def test_an_unsigned_directory_proves_nothing_and_is_not_at_fault() -> None:
    response, body, keys = ours()
    bare = {name: text for name, text in response.fields.items() if not name.startswith("signature")}
    assert verify_directory_response(replace(response, fields=bare), body, keys, NOW).flaws == ()
    half = {**bare, "signature": response.fields["signature"]}
    proof = verify_directory_response(replace(response, fields=half), body, keys, NOW)
    assert [flaw.fault for flaw in proof.flaws] == [SignatureFault.HALF_SIGNED]


def test_signatures_for_other_purposes_are_passed_over() -> None:
    response, body, keys = ours()
    other = response.fields["signature-input"].replace("http-message-signatures-directory", "web-bot-auth")
    proof = verify_directory_response(
        replace(response, fields={**response.fields, "signature-input": other}), body, keys, NOW
    )
    assert (proof.proved, proof.flaws) == (frozenset(), ())


def test_a_digest_covered_in_another_form_is_compared_too() -> None:
    request = Request.from_parts("GET", "https://bot.example/.well-known/http-message-signatures-directory")
    body, keys = public_keys_to_jwks([public_half(KEYS[0])]), [public_half(KEYS[0])]
    digest = [("content-digest", make_content_digest(b"other"))]
    for form in ('"content-digest";bs', '"content-digest";sf', '"content-digest";key="sha-256"'):
        signed = sign_message(
            Response.from_parts(200, digest, request),
            signing_key(KEYS[0]),
            label="a",
            components=('"@authority";req', form),
            parameters={"created": NOW, "expires": NOW + 60, "keyid": keys[0].thumbprint, "tag": TAG},
        )
        fields = [*digest, ("signature-input", signed.signature_input), ("signature", signed.signature)]
        proof = verify_directory_response(Response.from_parts(200, fields, request), body, keys, NOW)
        assert [flaw.fault for flaw in proof.flaws] == [SignatureFault.COMPONENT_VALUE]


def test_a_directory_may_publish_when_its_keys_are_good() -> None:
    built = build_directory(
        KEYS[:1],
        "bot.example",
        NOW,
        NOW + 60,
        publish=lambda key: replace(public_half(key), not_before=1, expires_at=2),
    )
    keys = parse_directory(built.body)
    assert isinstance(keys, tuple)
    assert (keys[0].not_before, keys[0].expires_at) == (1, 2)
