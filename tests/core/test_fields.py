"""Field lines to values, structured values to and from text."""

from __future__ import annotations

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.fields import (
    STRUCTURED_TYPES,
    InnerList,
    Malformed,
    collect,
    parse_dictionary,
    parse_item,
    parse_repeating_dictionary,
    reserialise,
    serialise_dictionary,
    serialise_member,
    serialise_parameters,
    serialise_string,
    split_members,
    unfold,
)


def test_lines_of_one_name_are_joined_in_order_and_kept_apart() -> None:
    fields, repeated = collect([("Cache-Control", "max-age=60"), ("X", " a "), ("cache-control", "  must-revalidate")])
    assert fields == {"cache-control": "max-age=60, must-revalidate", "x": "a"}
    assert repeated == {"cache-control": ("max-age=60", "must-revalidate")}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("  a  ", "a"),
        ("\ta\t", "a"),
        ("Obsolete\r\n    line folding.", "Obsolete line folding."),
        ("a \t\r\n b", "a b"),
        ("a\nb", "a\nb"),
    ],
)
def test_whitespace_is_stripped_and_folds_become_one_space(raw: str, value: str) -> None:
    assert unfold(raw) == value


@pytest.mark.parametrize("text", ["a=1, a=2", "a=1;x=1;x=2", "a=(1;x;x)", "a=", "A=1", "a=1,", 'a="\x7f"', "a=€"])
def test_a_dictionary_that_repeats_itself_or_does_not_parse_is_malformed(text: str) -> None:
    assert isinstance(parse_dictionary(text), Malformed)


def test_repetition_is_told_apart_by_where_it_is() -> None:
    outcome = parse_repeating_dictionary("a=1, a=2;x;x")
    assert not isinstance(outcome, Malformed)
    assert (outcome[1].keys, outcome[1].parameters) == (("a",), ("x",))


def test_an_item_is_a_value_with_parameters() -> None:
    assert parse_item('"a";b=1') == ("a", {"b": 1})
    assert isinstance(parse_item('"a";b;b'), Malformed)
    assert isinstance(parse_item('"a'), Malformed)


def test_members_are_cut_at_commas_outside_of_strings() -> None:
    assert split_members('a=("x,y" "z\\",");q, b=:AA==:,\tc') == ['a=("x,y" "z\\",");q', "b=:AA==:", "c"]


def test_a_structured_value_has_one_strict_spelling() -> None:
    assert reserialise("a=1,    b=2;x=1;y=2,   c=(a   b   c)", "dictionary") == "a=1, b=2;x=1;y=2, c=(a b c)"
    assert isinstance(reserialise("", "dictionary"), Malformed)
    assert isinstance(reserialise("a=", "dictionary"), Malformed)


def test_the_fields_of_this_protocol_are_known_to_be_structured() -> None:
    assert STRUCTURED_TYPES["content-digest"] == "dictionary"
    assert STRUCTURED_TYPES["signature-input"] == "dictionary"
    # A bare string in one dialect, a dictionary in the others: it has no one type.
    assert "signature-agent" not in STRUCTURED_TYPES


def test_serialising() -> None:
    assert serialise_member((True, {})) == "?1"
    inner_list: InnerList = ([("a", {"k": True})], {"x": 1})
    assert serialise_member(inner_list) == '("a";k);x=1'
    assert serialise_string('a"\\') == '"a\\"\\\\"'
    assert serialise_dictionary({"a": (b"\x00", {}), "b": (True, {})}) == "a=:AA==:, b"
    assert serialise_parameters({"created": 1, "tag": "t"}) == ';created=1;tag="t"'
    assert serialise_parameters({}) == ""
    with pytest.raises(ValueError, match="disallowed"):
        serialise_string("é")


PRINTABLE = st.text(st.characters(min_codepoint=31, max_codepoint=128), max_size=8)
NEARLY_PLAIN = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "a=", "sig1=", "A=", "*=", "=", " a="]),
    st.sampled_from(['"', ""]),
    PRINTABLE,
    st.sampled_from(['"', '";x', '"\n', '" ', ""]),
)


@settings(max_examples=400)
@given(NEARLY_PLAIN)
def test_the_short_way_to_read_a_plain_string_reads_what_the_parser_reads(text: str) -> None:
    for field_type, read in (("dictionary", parse_dictionary), ("item", parse_item)):
        try:
            expected: object = http_sf.parse(text.encode("latin-1"), tltype=field_type)
        except http_sf.StructuredFieldError:
            assert isinstance(read(text), Malformed)
        else:
            assert read(text) == expected


@given(PRINTABLE)
def test_the_short_way_to_write_a_plain_string_writes_what_the_library_writes(text: str) -> None:
    try:
        expected = http_sf.ser(text)
    except ValueError:
        with pytest.raises(ValueError):
            serialise_member((text, {}))
    else:
        assert serialise_member((text, {})) == expected
