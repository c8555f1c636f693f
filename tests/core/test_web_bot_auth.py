"""Who signed: verified, and never the wrong agent; for how long, with which key, over what."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.keys import PublicKey, new_private_key, public_half, public_key_from_jwk
from edge.core.message import Request
from edge.core.signature_base import build_base
from edge.core.signatures import LabelledSignature, parse_signatures, verify_signature
from edge.core.web_bot_auth import (
    DirectoryDown,
    Invalid,
    KeyAnswer,
    KeyLookup,
    KeyUnknown,
    SignatureFault,
    Unverified,
    Verified,
    charge_freshness,
    covers_target,
    examine,
)
from tests.support.signed_requests import (
    AGENT,
    AGENT_URL,
    COVERED,
    NOW,
    PUBLIC,
    URL,
    find_key,
    holding,
    invalid_fault,
    raw,
    signed,
    unsigned,
)
from tests.support.vectors import rfc_verification_key, vectors

# --- the published vectors


@pytest.mark.parametrize("case", vectors("wba_requests")["vectors"], ids=lambda case: case["id"])
def test_published_requests(case: dict[str, Any]) -> None:
    request = Request.from_parts(case["method"], case["url"], [(name, text) for name, text in case["headers"]])
    parsed = parse_signatures(request.fields["signature-input"], request.fields["signature"])
    assert isinstance(parsed, tuple)
    (signature,) = parsed
    assert isinstance(signature, LabelledSignature)
    base = build_base(signature.components, signature.parameters_text, request)
    assert isinstance(base, bytes)
    assert base.decode() == case["signature_base"]
    holds = verify_signature(signature, rfc_verification_key(case["test_key"]), request) is None
    assert holds is case["crypto_valid"]


@pytest.mark.parametrize("case", vectors("wba_requests")["vectors"], ids=lambda case: case["id"])
def test_the_verdict_on_published_requests(case: dict[str, Any]) -> None:
    """The draft's verdict, but that we take Ed25519 only, and the older spelling too."""
    request = Request.from_parts(case["method"], case["url"], [(name, text) for name, text in case["headers"]])
    jwk = {key: text for key, text in vectors("rfc9421_keys")["keys"]["test-key-ed25519"]["jwk"].items() if key != "d"}
    key = public_key_from_jwk(jwk, allow_test_keys=True)
    assert isinstance(key, PublicKey)
    agent_url = "https://signature-agent.test/.well-known/http-message-signatures-directory"
    outcome = examine(request, holding((agent_url, key)), case["created"] + 10)
    if case["alg"] != "ed25519":
        assert invalid_fault(outcome) is SignatureFault.ALGORITHM
    elif case["wg_draft_verdict"].startswith("unverified"):
        assert outcome == Unverified(None, case["keyid"], SignatureFault.AGENT_MISSING)
    else:
        assert isinstance(outcome, Verified)
        assert (outcome.agent_url, outcome.thumbprint) == (agent_url, case["keyid"])


# --- verified


@pytest.mark.parametrize("dialect", ["A", "B", "C"])
def test_a_signed_request_names_its_agent_in_every_dialect(dialect: str) -> None:
    outcome = examine(signed(dialect=dialect), find_key, NOW + 1)
    assert isinstance(outcome, Verified)
    assert (outcome.agent_url, outcome.thumbprint, outcome.label) == (AGENT_URL, PUBLIC.thumbprint, "sig1")
    assert (outcome.created, outcome.expires, outcome.nonce, len(outcome.signature)) == (NOW, NOW + 60, "n", 64)
    assert set(COVERED) < outcome.covered
    assert ("signature-agent" if dialect == "A" else '"signature-agent";key="sig1"') in outcome.covered


def test_a_key_set_url_is_an_identity_of_its_own() -> None:
    url = "https://bot.example/keys.json"
    for dialect in ("B", "C"):
        outcome = examine(signed(agent=url, dialect=dialect), holding((url, PUBLIC)), NOW)
        assert isinstance(outcome, Verified)
        assert outcome.agent_url == url
        assert isinstance(examine(signed(agent=url, dialect=dialect), find_key, NOW), Unverified)


def test_a_price_header_counts_as_covered_only_as_itself() -> None:
    plain = examine(signed(), find_key, NOW)
    wrapped = examine(signed(covered=("@authority", '"crawler-max-price";bs')), find_key, NOW)
    assert isinstance(plain, Verified)
    assert isinstance(wrapped, Verified)
    assert "crawler-max-price" in plain.covered
    assert "crawler-max-price" not in wrapped.covered


def test_the_member_comes_through_the_covered_key_not_the_label() -> None:
    header = f'other="https://evil.example", a2="{AGENT}"'
    text = (
        f'("@authority" "signature-agent";key="a2");created={NOW};expires={NOW + 60}'
        f';keyid="{PUBLIC.thumbprint}";tag="web-bot-auth"'
    )
    outcome = examine(raw(text, agent=header, label="other"), find_key, NOW)
    assert isinstance(outcome, Verified)
    assert outcome.agent_url == AGENT_URL


def test_loopback_agents_take_part_in_development_only() -> None:
    request = signed(agent="http://127.0.0.1:9000", allow_loopback_http=True)
    url = "http://127.0.0.1:9000/.well-known/http-message-signatures-directory"
    assert isinstance(examine(request, holding((url, PUBLIC)), NOW, allow_loopback_http=True), Verified)
    assert invalid_fault(examine(request, holding((url, PUBLIC)), NOW)) is SignatureFault.AGENT_URL_REFUSED


# --- nobody is taken for somebody else


def test_a_key_counts_only_for_the_agent_that_publishes_it() -> None:
    """An attacker lists the victim's key, or signs with its own key under the victim's URL."""
    evil = new_private_key()
    lookup = holding((AGENT_URL, PUBLIC), ("https://evil.example/keys", public_half(evil)))
    outcome = examine(signed(private_key=evil), lookup, NOW)
    assert outcome == Unverified(AGENT_URL, public_half(evil).thumbprint, SignatureFault.KEY_UNKNOWN)
    borrowed = examine(signed(private_key=evil, keyid=PUBLIC.thumbprint), lookup, NOW)
    assert invalid_fault(borrowed) is SignatureFault.BAD_SIGNATURE


def test_a_lookup_that_answers_with_another_key_is_not_believed() -> None:
    other = public_half(new_private_key())
    outcome = examine(signed(), lambda agent_url, thumbprint: other, NOW)
    assert outcome == Unverified(AGENT_URL, PUBLIC.thumbprint, SignatureFault.KEY_UNKNOWN)


def test_an_alias_of_the_key_is_not_a_keyid() -> None:
    assert isinstance(examine(signed(keyid="my-key"), find_key, NOW), Unverified)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "HEAD"},
        {"authority": "other.example"},
        {"path": "/other"},
        {"query": "q=2"},
        {"query": None},
        {"scheme": "http"},
        {"fields": {"crawler-max-price": "USD 9.99"}},
        {"fields": {"signature-agent": 'sig1="https://evil.example"'}},
        {"fields": {"signature-agent": 'sig1="https://bot.example/"'}},
    ],
)
def test_any_change_of_what_is_covered_is_found(change: dict[str, Any]) -> None:
    request = signed()
    if "fields" in change:
        change = {"fields": {**request.fields, **change["fields"]}}
    lookup: KeyLookup = lambda agent_url, thumbprint: PUBLIC  # noqa: E731
    assert invalid_fault(examine(replace(request, **change), lookup, NOW)) is SignatureFault.BAD_SIGNATURE


@given(st.integers(0, 511), st.sampled_from(["signature-input", "signature", "signature-agent"]), st.data())
def test_no_mutation_of_the_fields_verifies_as_something_else(position: int, name: str, data: st.DataObject) -> None:
    request = signed()
    text = request.fields[name]
    at = position % len(text)
    other = text[:at] + data.draw(st.characters(min_codepoint=32, max_codepoint=126)) + text[at + 1 :]
    outcome = examine(replace(request, fields={**request.fields, name: other}), find_key, NOW)
    if isinstance(outcome, Verified):
        # The unused bits of the last base64 digit have many spellings and one meaning; all else must be unchanged.
        assert outcome == examine(request, find_key, NOW)


# --- times


@pytest.mark.parametrize(
    ("now", "verified"), [(NOW - 61, False), (NOW - 60, True), (NOW + 59.9, True), (NOW + 60, False)]
)
def test_a_signature_holds_from_a_minute_before_created_until_expires(now: float, verified: bool) -> None:
    assert isinstance(examine(signed(), find_key, now), Verified) is verified


def test_an_expired_signature_keeps_what_it_proved() -> None:
    outcome = examine(signed(), find_key, NOW + 3600)
    good = examine(signed(), find_key, NOW)
    assert isinstance(outcome, Invalid)
    assert isinstance(good, Verified)
    assert (outcome.fault, outcome.verified) == (SignatureFault.EXPIRED, replace(good, signature=good.signature))


def test_an_expired_signature_that_does_not_hold_proves_nothing() -> None:
    forged = replace(signed(), path="/other")
    assert examine(forged, find_key, NOW + 3600) == Invalid(SignatureFault.BAD_SIGNATURE, "label sig1")
    unknown = examine(signed(), holding(), NOW + 3600)
    assert isinstance(unknown, Invalid)
    assert (unknown.fault, unknown.verified) == (SignatureFault.EXPIRED, None)


@pytest.mark.parametrize(("age", "fault"), [(-60, None), (0, None), (300, None), (300.1, SignatureFault.STALE)])
def test_a_charge_needs_a_fresh_signature_whatever_its_window(age: float, fault: SignatureFault | None) -> None:
    outcome = examine(signed(expires=NOW + 3600), find_key, NOW + age)
    assert isinstance(outcome, Verified)
    assert charge_freshness(outcome, NOW + age) is fault


# --- keys


@pytest.mark.parametrize(
    ("answer", "fault", "retry"),
    [
        (KeyUnknown(), SignatureFault.KEY_UNKNOWN, None),
        (DirectoryDown(30), SignatureFault.DIRECTORY_DOWN, 30),
        (replace(PUBLIC, not_before=NOW + 61), SignatureFault.KEY_NOT_YET_VALID, None),
        (replace(PUBLIC, expires_at=NOW), SignatureFault.KEY_EXPIRED, None),
    ],
)
def test_without_a_key_it_is_unverified_never_that_crawler(
    answer: KeyAnswer, fault: SignatureFault, retry: int | None
) -> None:
    outcome = examine(signed(), lambda agent_url, thumbprint: answer, NOW)
    assert outcome == Unverified(AGENT_URL, PUBLIC.thumbprint, fault, retry)


def test_a_key_inside_its_own_times_is_good() -> None:
    key = replace(PUBLIC, not_before=NOW + 60, expires_at=NOW + 1)
    assert isinstance(examine(signed(), lambda agent_url, thumbprint: key, NOW), Verified)


# --- coverage of the target


@pytest.mark.parametrize(
    ("covered", "bound"),
    [
        (("@authority",), False),
        (("@authority", "@path"), False),
        (("@authority", "@query"), False),
        (("@authority", "@path", "@query"), True),
        (("@target-uri",), True),
        (("@authority", "@request-target"), False),
        (("@authority", "@path", '"@query-param";name="q"'), False),
    ],
)
def test_which_coverage_binds_a_signature_to_its_target(covered: tuple[str, ...], bound: bool) -> None:
    outcome = examine(signed(covered=covered), find_key, NOW)
    assert isinstance(outcome, Verified)
    assert covers_target(outcome) is bound


@pytest.mark.parametrize("text", ['("@authority" "é', "x" * 5000, f'("{"y" * 1500}")', '("a\x00b"', "=("])
def test_a_detail_is_fit_for_a_header_field(text: str) -> None:
    fields = [("signature-input", f"sig1={text}"), ("signature", "sig1=:AA==:")]
    outcome = examine(unsigned(URL, *fields), find_key, NOW)
    assert isinstance(outcome, Invalid)
    assert re.fullmatch(r"[ -~]{0,200}", outcome.detail)


def test_every_fault_has_one_sentence() -> None:
    sentences = [fault.sentence for fault in SignatureFault]
    assert all(re.fullmatch(r"[^\n]+[.]", sentence) for sentence in sentences)
    assert len(set(sentences)) == len(sentences)
