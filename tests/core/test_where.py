"""Address patterns: what they mean, and that they mean what the URL Pattern Standard says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from urlpattern import URLPattern

from edge.core import where
from edge.core.where import InvalidWhere, PathTest, needs_engine, parse_where

SEGMENT = st.sampled_from(["a", "b", "ab", "a.b", "1", "22", "a-b", "caf%C3%A9"])
PATHS = st.lists(SEGMENT, min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))
PIECES = ["/a", "/b", "/ab", "/:x", "/:y", "/:z?", "*", "/*", "/*?", ".b", "-:n", "/(\\d+)", "(b)?", "{/a}?", "{b}*",
          "a", "/caf%C3%A9"]  # fmt: skip
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4, unique_by=lambda piece: piece.strip("/?-")).map(
    "".join
)


@pytest.mark.parametrize(
    ("text", "exact", "prefix", "head", "tail"),
    [
        ("/", "/", None, "/", ""),
        ("/about", "/about", None, "/about", ""),
        ("/wiki/C\\+\\+_\\(x\\)", "/wiki/C++_(x)", None, "/wiki/C++_(x)", ""),
        ("/caf\u00e9", "/caf%C3%A9", None, "/caf%C3%A9", ""),
        ("/a b|c", "/a%20b%7Cc", None, "/a%20b%7Cc", ""),
        ("*", None, "", "", ""),
        ("/*", None, "/", "/", ""),
        ("/articles/*", None, "/articles/", "/articles/", ""),
        ("/art*", None, "/art", "/art", ""),
        ("*.pdf", None, None, "", ".pdf"),
        ("/a/:id/print", None, None, "/a/", "/print"),
        ("/a/:id?", None, None, "/a", ""),
        ("/a/*?", None, None, "/a", ""),
        ("/a/(\\d+)", None, None, "/a/", ""),
        ("{/en}?/news", None, None, "", "/news"),
    ],
)
def test_a_pattern_says_what_every_match_starts_and_ends_with(
    text: str, exact: str | None, prefix: str | None, head: str, tail: str
) -> None:
    where = parse_where(text)
    assert (where.exact, where.prefix, where.head, where.tail) == (exact, prefix, head, tail)


@pytest.mark.parametrize(
    ("text", "help_text"),
    [
        ("", "write an address"),
        ("/" + "a" * 1000, "at most 1000 characters"),
        ("articles/*", "does not start with a slash"),
        ("/a?b=1", "leave the query out"),
        ("/c++", r"write \\\+"),
        ("/a:1", "after a colon"),
        ("/a(", "not closed"),
        ("/a\\", "backslash"),
        ("/{a", "not an address pattern"),
        ("/a}", "not an address pattern"),
        ("/(?:a)", "not an address pattern"),
        ("/:a/:a?", "not an address pattern"),
        ("/a/../b", "dot segment"),
        ("/a//b", "empty path segment"),
        ("/a;b", "parameter"),
        ("/a%2Fb", "encoded slash"),
        ("/a\\/b", "needs no backslash"),
    ],
)
def test_what_is_not_a_pattern_is_explained(text: str, help_text: str) -> None:
    with pytest.raises(InvalidWhere, match=help_text):
        parse_where(text)


@given(PATTERNS, PATHS)
@settings(max_examples=200)
def test_a_pattern_matches_as_the_standard_says(text: str, path: str) -> None:
    try:
        where = parse_where(text)
    except InvalidWhere:
        return
    expected = URLPattern({"pathname": text}).test({"pathname": path})
    assert PathTest(where, case_sensitive=True).matches(path) == expected
    assert not expected or (path.startswith(where.head) and path.endswith(where.tail))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/News/:id", "/news/5"),
        ("/([A-Z]+)/x", "/abc/x"),
        ("{/EN}?/News", "/en/news"),
        ("/Caf\u00c9/*", "/caf%C3%A9/x"),
    ],
)
def test_case_is_ignored_unless_the_site_says_that_it_matters(text: str, path: str) -> None:
    assert PathTest(parse_where(text), case_sensitive=False).matches(path)
    assert not PathTest(parse_where(text), case_sensitive=True).matches(path)


@pytest.mark.parametrize("text", ["*a*a*a*a*a*a*b", "/*a/:x/*a/:y/*b", "/(a+)+b", "/:x-:y-:z-b"])
def test_no_address_makes_a_pattern_backtrack(text: str) -> None:
    test = PathTest(parse_where(text), case_sensitive=False)
    test.matches("/warm/up")
    # Some power of the length, or of two: that would not return within a lifetime.
    assert not test.matches("/" + "a-" * 2000 + "/" + "a" * 4000)


ANY_PIECES = st.sampled_from(
    ["/", "/", "a", "1", ":id", ":x", "*", "(\\d+)", "{b}", "?", "+", "-", ".", "\\:", "\\?", "é"]
)


@given(st.lists(ANY_PIECES, min_size=1, max_size=7).map(lambda parts: "/" + "".join(parts)))
@settings(max_examples=300)
def test_which_patterns_need_the_engine_is_told_without_reading_most_of_them(text: str) -> None:
    try:
        parts = parse_where(text).parts
    except InvalidWhere:
        return
    assert needs_engine(text) == where._needs_library(parts)
