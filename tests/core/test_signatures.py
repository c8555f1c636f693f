"""Signature-Input and Signature: the examples of RFC 9421, what is refused, and that both lanes read the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.keys import new_private_key
from edge.core.message import Request, Response
from edge.core.signature_base import Message, build_base
from edge.core.signatures import (
    Candidate,
    Flaw,
    FlawedSignature,
    LabelledSignature,
    SignatureFault,
    parse_signatures,
    parse_signatures_slowly,
    parse_usual_signature,
    sign_message,
    signing_key,
    verification_key,
    verify_signature,
)
from tests.support.vectors import rfc_signing_key, rfc_verification_key, vectors

VALUE = ":" + "A" * 86 + "==:"
USUAL = '("@method" "@authority" "signature-agent";key="s");created=1;expires=2;keyid="k";nonce="n";tag="t"'


def names(count: int) -> str:
    return " ".join(f'"x{number}"' for number in range(count))


def message(case: dict[str, Any]) -> Message:
    def request(part: dict[str, Any]) -> Request:
        return Request.from_wire(part["method"], part["target"], [(n, v) for n, v in part["headers"]])

    part = case["message"]
    if "status" not in part:
        return request(part)
    related = request(case["request"]) if "request" in case else None
    return Response.from_parts(part["status"], [(n, v) for n, v in part["headers"]], related)


def only(text: str, value: str = f"a={VALUE}") -> Candidate:
    parsed = parse_signatures(text, value)
    assert isinstance(parsed, tuple), parsed
    (candidate,) = parsed
    return candidate


def fault(text: str, value: str = f"a={VALUE}") -> SignatureFault:
    """The fault of the fields, or of their only label."""
    parsed = parse_signatures(text, value)
    if isinstance(parsed, Flaw):
        return parsed.fault
    (candidate,) = parsed
    assert isinstance(candidate, FlawedSignature)
    return candidate.flaw.fault


@pytest.mark.parametrize("case", vectors("rfc9421_signatures")["vectors"], ids=lambda case: case["id"])
def test_examples_of_the_rfc(case: dict[str, Any]) -> None:
    signature = only(case["signature_input"], case["signature"])
    assert isinstance(signature, LabelledSignature)
    assert (signature.label, signature.keyid) == (case["label"], case["params"].get("keyid"))
    assert [component.text for component in signature.components] == case["covered"]
    base = build_base(signature.components, signature.parameters_text, message(case))
    assert isinstance(base, bytes)
    assert base.decode() == case["signature_base"]
    flaw = verify_signature(signature, rfc_verification_key(case["keyid"]), message(case))
    assert (flaw is None) is case["expect_valid"]
    assert flaw is None or flaw.fault is SignatureFault.BAD_SIGNATURE


@pytest.mark.parametrize(
    "case",
    [case for case in vectors("rfc9421_signatures")["vectors"] if case["deterministic"] and case["expect_valid"]],
    ids=lambda case: case["id"],
)
def test_our_signer_makes_the_same_bytes_where_the_algorithm_allows(case: dict[str, Any]) -> None:
    signed = sign_message(
        message(case),
        rfc_signing_key(case["keyid"]),
        label=case["label"],
        components=case["covered"],
        parameters=case["params"],
    )
    assert (signed.signature_input, signed.signature) == (case["signature_input"], case["signature"])


def test_raw_spelling_is_reserialised_before_it_is_signed() -> None:
    candidate = only('a=(  "@method"   "@path" );  created=1;tag="\\"t"')
    assert isinstance(candidate, LabelledSignature)
    assert candidate.parameters_text == '("@method" "@path");created=1;tag="\\"t"'
    assert candidate.tag == '"t'


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a=(", f"a={VALUE}", SignatureFault.UNREADABLE),
        ("a=()", "a=:A:", SignatureFault.UNREADABLE),
        ("a=()" + " " * 9000, f"a={VALUE}", SignatureFault.UNREADABLE),
        ("a=(), a=()", f"a={VALUE}", SignatureFault.DUPLICATE_LABEL),
        ("a=()", f"a={VALUE}, a={VALUE}", SignatureFault.DUPLICATE_LABEL),
        ("a=(), b=(), c=(), d=(), e=()", f"a={VALUE}", SignatureFault.TOO_MANY_LABELS),
        ("a=()", "a=:AA==:, b=:AA==:, c=:AA==:, d=:AA==:, e=:AA==:", SignatureFault.TOO_MANY_LABELS),
        ('a="x"', f"a={VALUE}", SignatureFault.UNREADABLE),
        ("a=()", 'a="x"', SignatureFault.LABEL_WITHOUT_SIGNATURE),
        ("a=()", f"b={VALUE}", SignatureFault.LABEL_WITHOUT_SIGNATURE),
        ("a=();created=1;created=1", f"a={VALUE}", SignatureFault.DUPLICATE_PARAMETER),
        ('a=("x";sf;sf)', f"a={VALUE}", SignatureFault.DUPLICATE_PARAMETER),
        ('a=("x" "x")', f"a={VALUE}", SignatureFault.DUPLICATE_COMPONENT),
        ('a=("x";sf;key="k" "x";key="k";sf)', f"a={VALUE}", SignatureFault.DUPLICATE_COMPONENT),
        ('a=("X")', f"a={VALUE}", SignatureFault.UNKNOWN_COMPONENT),
        ("a=(x)", f"a={VALUE}", SignatureFault.UNKNOWN_COMPONENT),
        ('a=("")', f"a={VALUE}", SignatureFault.UNKNOWN_COMPONENT),
        ('a=("x";new)', f"a={VALUE}", SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ("a=();created=1.0", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ('a=();created="1"', f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();expires", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();expires=@1", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();tag=t", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();keyid=:AA==:", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();nonce=1", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        ("a=();alg=ed25519", f"a={VALUE}", SignatureFault.PARAMETER_TYPE),
        (f"a=({names(25)})", f"a={VALUE}", SignatureFault.TOO_MANY_COMPONENTS),
    ],
)
def test_what_is_refused_and_as_what(text: str, value: str, expected: SignatureFault) -> None:
    assert fault(text, value) is expected


def test_four_labels_and_twenty_four_components_are_fine() -> None:
    parsed = parse_signatures(", ".join(f"{label}=({names(24)})" for label in "abcd"), f"a={VALUE}, d={VALUE}")
    assert isinstance(parsed, tuple)
    assert [isinstance(candidate, LabelledSignature) for candidate in parsed] == [True, False, False, True]


def test_what_is_wrong_with_one_label_leaves_the_others_standing() -> None:
    parsed = parse_signatures(
        f'a={USUAL}, b=("x" "x");tag="t", c=();created=1;created=2;tag="t", d={USUAL}',
        ", ".join(f"{label}={VALUE}" for label in "abcd"),
    )
    assert isinstance(parsed, tuple)
    assert [candidate.label for candidate in parsed if isinstance(candidate, LabelledSignature)] == ["a", "d"]
    assert [candidate.tag for candidate in parsed] == ["t"] * 4


def test_unnamed_parameters_are_signed_but_not_kept() -> None:
    candidate = only('a=("@method");created=1;context="c"')
    assert isinstance(candidate, LabelledSignature)
    assert candidate.parameters_text.endswith(';context="c"')


def test_alg_must_agree_with_the_key() -> None:
    private, request = new_private_key(), Request.from_parts("GET", "https://a.test/")
    for alg, agrees in (("ed25519", True), ("hmac-sha256", False), ("EdDSA", False)):
        signed = sign_message(request, signing_key(private), label="a", components=["@method"], parameters={"alg": alg})
        candidate = only(signed.signature_input, signed.signature)
        assert isinstance(candidate, LabelledSignature)
        flaw = verify_signature(candidate, verification_key(private.public_key()), request)
        assert flaw is None if agrees else flaw is not None and flaw.fault is SignatureFault.ALGORITHM


def test_a_signature_over_what_the_message_lacks_does_not_hold() -> None:
    candidate = only('a=("x-missing")')
    assert isinstance(candidate, LabelledSignature)
    key = verification_key(new_private_key().public_key())
    flaw = verify_signature(candidate, key, Request.from_parts("GET", "https://a.test/"))
    assert flaw is not None
    assert flaw.fault is SignatureFault.COMPONENT_MISSING


@pytest.mark.parametrize("components", [["x-missing"], ["@nothing"], ["@method", "@method"], ['"x";new']])
def test_what_cannot_be_signed_raises(components: list[str]) -> None:
    key = signing_key(new_private_key())
    with pytest.raises(ValueError, match=r"\."):
        sign_message(Request.from_parts("GET", "https://a.test/"), key, label="a", components=components, parameters={})


# Both lanes. The pieces are mostly usual, sometimes not, so that examples sit on both sides of the fast lane's edge.
LABELS = st.sampled_from(["a", "sig1", "*b-", "A", "1a"])
NAMES = st.sampled_from(
    ["@method", "@authority", "date", "signature-agent", "Date", "", "a b", "x;y", 'q"', "\\", "é", "@query-param", "~"]
)
COMPONENTS = st.builds(
    lambda name, tail: f'"{name}"{tail}',
    NAMES,
    st.sampled_from(["", "", "", ';key="k"', ';key="a b"', ";sf", ';key="k";key="k"', ';key="\\""', ";key=k"]),
)
INTEGERS = st.sampled_from(["0", "1", "999999999999999", "1000000000000000", "01", "-1", "1.0", '"1"', "?1", ""])
STRINGS = st.sampled_from(['"x"', '""', '";created=5"', '"a b"', '"\\""', "x", "1", '"é"', '"\t"'])
PARAMETERS = st.one_of(
    st.builds("{}={}".format, st.sampled_from(["created", "expires"]), INTEGERS),
    st.builds("{}={}".format, st.sampled_from(["keyid", "nonce", "alg", "tag", "other"]), STRINGS),
)
LISTS = st.builds(
    lambda label, items, gap, parameters: f"{label}=({gap.join(items)})" + "".join(f";{p}" for p in parameters),
    LABELS,
    st.lists(COMPONENTS, max_size=5),
    st.sampled_from([" ", " ", " ", "  ", ","]),
    st.lists(PARAMETERS, max_size=6),
)
VALUES = st.builds(
    "{}={}".format,
    LABELS,
    st.sampled_from([VALUE, VALUE, VALUE, ":" + "A" * 86 + ":", ":" + "B" * 86 + "==:", ":AA==:", '"x"', VALUE + ";p"]),
)


def lanes_agree(text: str, value: str) -> bool:
    """Whether the fast lane took it; fails when it says something else than the slow one."""
    usual = parse_usual_signature(text, value)
    if usual is not None:
        assert parse_signatures_slowly(text, value) == (usual,)
    return usual is not None


@settings(max_examples=400)
@given(LISTS, VALUES)
def test_the_fast_lane_reads_what_the_slow_one_reads(text: str, value: str) -> None:
    lanes_agree(text, value)


@settings(max_examples=400)
@given(st.data())
def test_a_mutated_signature_is_read_alike_in_both_lanes(data: st.DataObject) -> None:
    text, value = f"a={USUAL}", f"a={VALUE}"
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 2))
        text = (
            text[:at]
            + data.draw(st.sampled_from([*list('";=() a1,\\é\t'), "", "@method", "created"]))
            + text[at + cut :]
        )
    lanes_agree(text, value)


def test_the_fast_lane_is_taken_for_the_usual_spelling() -> None:
    assert lanes_agree(f"a={USUAL}", f"a={VALUE}")
    assert not lanes_agree('a=("x" "x")', f"a={VALUE}")
    assert not lanes_agree(f"a={USUAL}", f"b={VALUE}")
    assert not lanes_agree(f"a=({names(25)})", f"a={VALUE}")
    assert not lanes_agree(f'a=("x");nonce="{"n" * 2100}"', f"a={VALUE}")
