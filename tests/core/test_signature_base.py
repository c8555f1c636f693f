"""Component values and the signature base, against the examples of RFC 9421 and at their edges."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.fields import STRUCTURED_TYPES
from edge.core.message import Request, Response
from edge.core.signature_base import Component, Message, build_base, component_line, component_value, parse_component
from edge.core.signature_faults import Flaw, SignatureFault
from tests.support.vectors import vectors

# The RFC's example fields are structured because its text says so.
TYPES = {**STRUCTURED_TYPES, "example-dict": "dictionary"}
VECTORS = vectors("rfc9421_components")


def component(text: str) -> Component:
    parsed = parse_component(text)
    assert isinstance(parsed, Component), parsed
    return parsed


def value(text: str, message: Message, **options: Any) -> str | Flaw:
    return component_value(component(text), message, structured_types=TYPES, **options)


def fault(text: str, message: Message) -> SignatureFault:
    """The fault of a component, whether it shows when it is read or when it is resolved."""
    parsed = parse_component(text)
    found = parsed if isinstance(parsed, Flaw) else component_line(parsed, message, structured_types=TYPES)
    assert isinstance(found, Flaw), found
    return found.fault


def get(url: str = "https://example.com/", *headers: tuple[str, str]) -> Request:
    return Request.from_parts("GET", url, headers)


@pytest.mark.parametrize("case", VECTORS["fields"])
def test_field_examples_of_the_rfc(case: dict[str, Any]) -> None:
    request = get("https://example.com/", *[(name, text) for name, text in case["headers"]])
    for text, expected in case["expect"].items():
        assert value(text, request) == expected
    for text in case.get("error", []):
        assert fault(text, request) is SignatureFault.COMPONENT_MISSING


@pytest.mark.parametrize("case", [case for case in VECTORS["derived"] if "method" in case])
def test_derived_examples_of_the_rfc(case: dict[str, Any]) -> None:
    request = Request.from_wire(case["method"], case["target"], [("Host", case["host"])], scheme=case["scheme"])
    for text, expected in case.get("expect", {}).items():
        assert value(text, request) == expected
    for name, expected in case.get("expect_query_param", {}).items():
        assert value(f'"@query-param";name="{name}"', request) == expected
    for text in case.get("error", []):
        assert fault(text, request) is SignatureFault.COMPONENT_VALUE


def test_status_is_the_response_s_own() -> None:
    case = next(case for case in VECTORS["derived"] if "status" in case)
    response = Response.from_parts(case["status"], (), get())
    assert value("@status", response) == case["expect"]["@status"]
    assert fault("@status", get()) is SignatureFault.UNKNOWN_COMPONENT
    assert fault('"@status";sf', response) is SignatureFault.UNKNOWN_COMPONENT_PARAMETER
    assert fault('"@status";req', response) is SignatureFault.UNKNOWN_COMPONENT


def test_a_response_speaks_of_its_request_only_with_req() -> None:
    request = get("https://example.com/a?b", ("Date", "then"))
    response = Response.from_parts(200, [("Date", "now")], request)
    assert value('"@path";req', response) == "/a"
    assert value('"date";req', response) == "then"
    assert value("date", response) == "now"
    assert fault("@path", response) is SignatureFault.UNKNOWN_COMPONENT
    assert fault('"@path";req', request) is SignatureFault.UNKNOWN_COMPONENT_PARAMETER
    assert fault('"@path";req', Response.from_parts(200)) is SignatureFault.UNKNOWN_COMPONENT_PARAMETER


def test_trailers_are_asked_for_by_name() -> None:
    request = get("https://example.com/", ("expires", "header"))
    assert value('"expires";tr', request, trailers={"expires": "trailer"}) == "trailer"
    assert value("expires", request, trailers={"expires": "trailer"}) == "header"
    assert fault('"expires";tr', request) is SignatureFault.COMPONENT_MISSING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SignatureFault.UNKNOWN_COMPONENT),
        ("Date", SignatureFault.UNKNOWN_COMPONENT),
        ('"date', SignatureFault.UNKNOWN_COMPONENT),
        ('"date";x', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"date";sf=?0', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"date";key', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"date";name="a"', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"dict";bs;sf', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"dict";bs;key="a"', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@method";sf', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@method";key="a"', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@query-param"', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@query-param";name="a";sf', SignatureFault.UNKNOWN_COMPONENT_PARAMETER),
        ('"@query-param";name="zz"', SignatureFault.COMPONENT_MISSING),
        ("@signature-params", SignatureFault.UNKNOWN_COMPONENT),
        ("@request-response", SignatureFault.UNKNOWN_COMPONENT),
        ("missing", SignatureFault.COMPONENT_MISSING),
        ('"date";sf', SignatureFault.COMPONENT_VALUE),
        ('"date";key="a"', SignatureFault.COMPONENT_VALUE),
        ('"cache-control";sf', SignatureFault.COMPONENT_VALUE),
        ("broken", SignatureFault.COMPONENT_VALUE),
        ("control", SignatureFault.COMPONENT_VALUE),
        ("latin", SignatureFault.COMPONENT_VALUE),
        ('"dict";key="b"', SignatureFault.COMPONENT_MISSING),
        ('"twice";key="a"', SignatureFault.COMPONENT_VALUE),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(text: str, expected: SignatureFault) -> None:
    request = get(
        "https://example.com/?a=1",
        ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
        ("Cache-Control", "max-age=(60"),
        ("Broken", "a\nb"),
        ("Control", "a\x0bb"),
        ("Latin", "caf\xe9"),
        ("Dict", "a=1"),
        ("Twice", "a=1, a=2"),
    )
    assert fault(text, request) is expected


def test_a_tab_inside_a_field_is_signed_as_it_is() -> None:
    assert component_line(component("x"), get("https://example.com/", ("X", "a\tb"))) == '"x": a\tb'


def test_binary_wrapping_carries_bytes_that_plain_text_cannot() -> None:
    assert value('"x";bs', get("https://example.com/", ("X", "caf\xe9"))) == ":Y2Fm6Q==:"
    assert fault('"x";bs', get("https://example.com/", ("X", "€"))) is SignatureFault.COMPONENT_VALUE


def test_cookies_in_several_lines_need_binary_wrapping() -> None:
    response = Response.from_parts(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert fault("set-cookie", response) is SignatureFault.COMPONENT_VALUE
    assert value('"set-cookie";bs', response) == ":YT0x:, :Yj0y:"


def test_parameter_order_does_not_tell_two_components_apart() -> None:
    assert component('"a";sf;key="k"').identity == component('"a";key="k";sf').identity
    assert component('"a";key="k"').identity != component('"a";key="l"').identity


def test_plain_names_stay_plain_and_others_keep_their_parameters() -> None:
    assert component("@path").plain == "@path"
    assert component('"signature-agent";key="sig1"').plain == '"signature-agent";key="sig1"'


def test_the_base_is_one_line_a_component_and_no_line_break_at_the_end() -> None:
    base = build_base([component("@method"), component("@query")], '("@method" "@query");created=1', get())
    assert base == b'"@method": GET\n"@query": ?\n"@signature-params": ("@method" "@query");created=1'


def test_no_value_can_forge_a_line_of_the_base() -> None:
    forged = get("https://example.com/", ("X", 'a\n"@path": /other'))
    base = build_base([component("x")], '("x")', forged)
    assert isinstance(base, Flaw)
    assert base.fault is SignatureFault.COMPONENT_VALUE
