"""Who signed: verified, invalid, unverified or unsigned, and never the wrong agent."""

# long: every way in which `examine` can judge a signature, on one set of keys and requests

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.keys import PublicKey, new_private_key, public_half, public_key_from_jwk
from edge.core.message import Request
from edge.core.signature_algorithms import signing_key
from edge.core.signature_base import build_base
from edge.core.signatures import LabelledSignature, parse_signatures, sign_message, verify_signature
from edge.core.web_bot_auth import (
    DirectoryDown,
    Examination,
    Invalid,
    KeyAnswer,
    KeyLookup,
    KeyUnknown,
    SignatureFault,
    Unsigned,
    Unverified,
    Verified,
    charge_freshness,
    covers_target,
    examine,
    sign_request,
)
from tests.support.vectors import rfc_verification_key, vectors

NOW = 1_800_000_000
AGENT = "https://bot.example"
AGENT_URL = "https://bot.example/.well-known/http-message-signatures-directory"
PRIVATE = new_private_key()
PUBLIC = public_half(PRIVATE)
COVERED = ("@method", "@authority", "@target-uri", "crawler-max-price")
URL = "https://site.example/page?q=1"


def holding(*keys: tuple[str, PublicKey]) -> KeyLookup:
    held = {(agent_url, key.thumbprint): key for agent_url, key in keys}
    return lambda agent_url, thumbprint: held.get((agent_url, thumbprint), KeyUnknown())


find_key = holding((AGENT_URL, PUBLIC))


def unsigned(url: str = URL, *more: tuple[str, str]) -> Request:
    return Request.from_parts("GET", url, [("crawler-max-price", "USD 0.01"), *more])


def signed_headers(**changes: Any) -> dict[str, str]:
    given = {"agent": AGENT, "covered": COVERED, "created": NOW, "expires": NOW + 60, "nonce": "n", **changes}
    return sign_request(unsigned(), given.pop("private_key", PRIVATE), **given)


def signed(**changes: Any) -> Request:
    return unsigned(URL, *signed_headers(**changes).items())


def raw(text: str, *, agent: str | None = 'sig1="https://bot.example"', label: str = "sig1") -> Request:
    """A request signed over exactly this inner list, whatever it says."""
    fields = [] if agent is None else [("signature-agent", agent)]
    request = unsigned(URL, *fields)
    parsed = parse_signatures(f"{label}={text}", f"{label}=:AA==:")
    assert isinstance(parsed, tuple)
    value = b"\0" * 64
    if isinstance(parsed[0], LabelledSignature):
        base = build_base(parsed[0].components, parsed[0].parameters_text, request)
        value = PRIVATE.sign(base) if isinstance(base, bytes) else value
    encoded = base64.b64encode(value).decode()
    return unsigned(URL, *fields, ("signature-input", f"{label}={text}"), ("signature", f"{label}=:{encoded}:"))


def invalid_fault(outcome: Examination) -> SignatureFault:
    assert isinstance(outcome, Invalid), outcome
    return outcome.fault


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


# --- unsigned, half signed, not for us


def test_no_signature_at_all_is_unsigned() -> None:
    assert examine(unsigned(), find_key, NOW) == Unsigned()
    assert examine(unsigned(URL, ("signature-agent", '"https://bot.example"')), find_key, NOW) == Unsigned()


@pytest.mark.parametrize("name", ["signature", "signature-input"])
def test_half_a_signature_is_invalid(name: str) -> None:
    request = signed()
    fields = {key: text for key, text in request.fields.items() if key != name}
    assert invalid_fault(examine(replace(request, fields=fields), find_key, NOW)) is SignatureFault.HALF_SIGNED


def parameters(**changes: str | None) -> str:
    given: dict[str, str | None] = {
        "created": str(NOW),
        "expires": str(NOW + 60),
        "keyid": f'"{PUBLIC.thumbprint}"',
        "tag": '"web-bot-auth"',
        **changes,
    }
    return "".join(f";{name}={text}" for name, text in given.items() if text is not None)


AGENT_COVERED = '"signature-agent";key="sig1"'


@pytest.mark.parametrize(
    ("components", "changes", "fault"),
    [
        ('"@authority" AGENT', {"created": None}, SignatureFault.NO_CREATED),
        ('"@authority" AGENT', {"expires": None}, SignatureFault.NO_EXPIRES),
        ('"@authority" AGENT', {"keyid": None}, SignatureFault.NO_KEYID),
        ('"@authority" AGENT', {"keyid": '""'}, SignatureFault.NO_KEYID),
        ('"@authority" AGENT', {"tag": None}, SignatureFault.NO_TAG),
        ('"@authority" AGENT', {"tag": '"other"'}, SignatureFault.NO_TAG),
        ('"@authority" AGENT', {"tag": "web-bot-auth"}, SignatureFault.NO_TAG),
        ('"@authority" AGENT', {"created": f"{NOW}.0"}, SignatureFault.PARAMETER_TYPE),
        ('"@authority" AGENT', {"expires": f'"{NOW}"'}, SignatureFault.PARAMETER_TYPE),
        ('"@authority" AGENT', {"created": f"{NOW};created={NOW}"}, SignatureFault.DUPLICATE_PARAMETER),
        ('"@authority" "@authority" AGENT', {}, SignatureFault.DUPLICATE_COMPONENT),
        ('"@authority";new AGENT', {}, SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@authority";req AGENT', {}, SignatureFault.AUTHORITY_NOT_COVERED),
        ('"@authority" "@method";req AGENT', {}, SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@authority" "@status" AGENT', {}, SignatureFault.UNKNOWN_COMPONENT),
        ('"@authority" "@new" AGENT', {}, SignatureFault.UNKNOWN_COMPONENT),
        ('"@authority" "missing" AGENT', {}, SignatureFault.COMPONENT_MISSING),
        ('"@authority" "missing";tr AGENT', {}, SignatureFault.COMPONENT_MISSING),
        ('"@method" AGENT', {}, SignatureFault.AUTHORITY_NOT_COVERED),
        ('"@authority"', {}, SignatureFault.AGENT_NOT_COVERED),
        ("", {}, SignatureFault.AUTHORITY_NOT_COVERED),
        ('"@authority" "signature-agent";key="x"', {}, SignatureFault.AGENT_UNREADABLE),
        ('"@authority" AGENT', {"alg": '"hmac-sha256"'}, SignatureFault.ALGORITHM),
        ('"@authority" AGENT', {"alg": '"rsa-pss-sha512"'}, SignatureFault.ALGORITHM),
        ('"@authority" AGENT', {"expires": str(NOW)}, SignatureFault.WINDOW),
        ('"@authority" AGENT', {"created": str(NOW + 61), "expires": str(NOW + 90)}, SignatureFault.CREATED_IN_FUTURE),
    ],
)
def test_each_broken_shape_is_invalid_with_its_reason(
    components: str, changes: dict[str, str | None], fault: SignatureFault
) -> None:
    text = f"({components.replace('AGENT', AGENT_COVERED)}){parameters(**changes)}"
    assert invalid_fault(examine(raw(text), find_key, NOW)) is fault


def test_the_same_shape_unbroken_is_verified() -> None:
    text = f'("@authority" {AGENT_COVERED})' + parameters(alg='"ed25519"')
    assert isinstance(examine(raw(text), find_key, NOW), Verified)


@pytest.mark.parametrize(
    ("agent", "fault"),
    [
        ("https://bot.example", SignatureFault.AGENT_UNREADABLE),
        ('sig1="http://bot.example"', SignatureFault.AGENT_URL_REFUSED),
        ('sig1="https://10.0.0.1"', SignatureFault.AGENT_URL_REFUSED),
        ('sig1="https://bot.example";type=unknown', SignatureFault.AGENT_UNREADABLE),
        ("sig1=https", SignatureFault.AGENT_UNREADABLE),
        ('sig1="https://a.example", sig1="https://bot.example"', SignatureFault.AGENT_UNREADABLE),
    ],
)
def test_an_agent_that_cannot_be_named_is_invalid(agent: str, fault: SignatureFault) -> None:
    text = f'("@authority" {AGENT_COVERED}){parameters()}'
    assert invalid_fault(examine(raw(text, agent=agent), find_key, NOW)) is fault


def test_a_signature_of_another_length_is_of_another_algorithm() -> None:
    request = signed()
    for value in ("AA==", "A" * 128):
        fields = {**request.fields, "signature": f"sig1=:{value}:"}
        assert invalid_fault(examine(replace(request, fields=fields), find_key, NOW)) is SignatureFault.ALGORITHM


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


# --- several signatures


def with_extra(request: Request, input_text: str, value: str) -> Request:
    fields = dict(request.fields)
    fields["signature-input"] = f"{input_text}, {fields['signature-input']}"
    fields["signature"] = f"{value}, {fields['signature']}"
    return replace(request, fields=fields)


@pytest.mark.parametrize(
    ("extra", "value"),
    [
        (f'x=("@authority" {AGENT_COVERED}){parameters()}', f"x=:{'A' * 86}==:"),
        (f'x=("@authority" {AGENT_COVERED}){parameters(created=None)}', "x=:AA==:"),
        (f'x=("@authority" "@authority"){parameters()}', "x=:AA==:"),
        (f'x=("@authority"){parameters()};created=1', "x=:AA==:"),
        ('x=1;tag="web-bot-auth"', "x=:AA==:"),
        ('x=("@method");tag="other"', "x=:AA==:"),
        (f'x=("@authority"){parameters()}', "y=:AA==:"),
    ],
)
def test_a_bad_extra_signature_harms_neither_a_good_one_nor_one_to_be_had_later(extra: str, value: str) -> None:
    assert isinstance(examine(with_extra(signed(), extra, value), find_key, NOW), Verified)
    later = examine(with_extra(signed(), extra, value), lambda agent_url, thumbprint: DirectoryDown(9), NOW)
    assert later == Unverified(AGENT_URL, PUBLIC.thumbprint, SignatureFault.DIRECTORY_DOWN, 9)
    expired = examine(with_extra(signed(), extra, value), find_key, NOW + 100)
    assert isinstance(expired, Invalid)
    assert expired.verified is not None


def test_of_two_equally_bad_signatures_the_first_is_reported() -> None:
    request = with_extra(replace(signed(), path="/other"), f'x=("@method"){parameters()}', f"x=:{'A' * 86}==:")
    assert invalid_fault(examine(request, find_key, NOW)) is SignatureFault.AUTHORITY_NOT_COVERED


def test_two_lines_of_a_label_refuse_everything() -> None:
    request = signed()
    doubled = with_extra(request, request.fields["signature-input"], "x=:AA==:")
    assert invalid_fault(examine(doubled, find_key, NOW)) is SignatureFault.DUPLICATE_LABEL


def test_a_fifth_signature_refuses_everything() -> None:
    extra = ", ".join(f"x{number}=()" for number in range(4))
    request = with_extra(signed(), extra, "x1=:AA==:")
    assert invalid_fault(examine(request, find_key, NOW)) is SignatureFault.TOO_MANY_LABELS


def test_an_agent_and_a_proxy_may_both_sign() -> None:
    request = signed()
    proxy = sign_message(
        request,
        signing_key(new_private_key()),
        label="proxy",
        components=["@authority", '"signature";key="sig1"'],
        parameters={"created": NOW, "tag": "proxy"},
    )
    both = with_extra(request, proxy.signature_input, proxy.signature)
    assert isinstance(examine(both, find_key, NOW), Verified)


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
