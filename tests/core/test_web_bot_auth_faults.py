"""What is wrong with a signature, or with one of several: each with its own reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.keys import new_private_key
from edge.core.message import Request
from edge.core.signature_algorithms import signing_key
from edge.core.signatures import sign_message
from edge.core.web_bot_auth import (
    DirectoryDown,
    Invalid,
    SignatureFault,
    Unsigned,
    Unverified,
    Verified,
    examine,
)
from tests.support.signed_requests import (
    AGENT_COVERED,
    AGENT_URL,
    NOW,
    PUBLIC,
    URL,
    find_key,
    invalid_fault,
    parameters,
    raw,
    signed,
    unsigned,
)

# --- unsigned, half signed, not for us


def test_no_signature_at_all_is_unsigned() -> None:
    assert examine(unsigned(), find_key, NOW) == Unsigned()
    assert examine(unsigned(URL, ("signature-agent", '"https://bot.example"')), find_key, NOW) == Unsigned()


@pytest.mark.parametrize("name", ["signature", "signature-input"])
def test_half_a_signature_is_invalid(name: str) -> None:
    request = signed()
    fields = {key: text for key, text in request.fields.items() if key != name}
    assert invalid_fault(examine(replace(request, fields=fields), find_key, NOW)) is SignatureFault.HALF_SIGNED


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
