"""What a rule asks of the query, and that no spelling of a query hides a parameter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import query_terms
from edge.core.query_terms import InvalidQuery, QueryTest, parse_query_terms


def _matches(terms: str, query: str | None, *, case_sensitive: bool = False) -> bool:
    return QueryTest(parse_query_terms(terms), case_sensitive=case_sensitive).matches(query)


@pytest.mark.parametrize(
    ("terms", "query"),
    [
        ("print", "print"),
        ("print", "print=1"),
        ("print", "x=1&print="),
        ("print=*", "print=anything"),
        ("page=1", "page=2&page=1"),
        ("page=1&print", "print&sort=a&page=1"),
        ("page=1", "page=%31"),
        ("page=1", "p%61ge=1"),
        ("page=1", "a=b;page=1"),
        ("q=a b", "q=a+b"),
        ("q=caf\u00e9", "q=caf%C3%A9"),
        ("id=*-draft", "id=x-y-draft"),
        ("id=a*b*c", "id=a1b2c"),
        ("Page=One", "pAGE=oNE"),
        ("page=one", "%EF%BD%90age=one"),
    ],
)
def test_a_parameter_is_found_in_any_order_spelling_and_company(terms: str, query: str) -> None:
    assert _matches(terms, query)


@pytest.mark.parametrize(
    ("terms", "query"),
    [("print", None), ("print", ""), ("print", "sprint=1"), ("page=1", "page=10"), ("page=1&print", "page=1"),
     ("id=*-draft", "id=draft"), ("page=1", "page=%2531"), ("a=[x]", "a=x")],
)  # fmt: skip
def test_a_parameter_that_is_not_there_does_not_match(terms: str, query: str | None) -> None:
    assert not _matches(terms, query)


def test_case_matters_where_the_site_says_so() -> None:
    assert not _matches("Page=One", "page=one", case_sensitive=True)
    assert _matches("Page=One", "Page=One", case_sensitive=True)


def test_a_query_is_read_once_for_all_rules_that_ask_of_it() -> None:
    query = "&".join(f"a={number}" for number in range(1500))
    tests = [QueryTest(parse_query_terms(f"a=z{number}"), case_sensitive=False) for number in range(50)]
    before = query_terms._sent.cache_info()
    assert not any(test.matches(query) for test in tests)
    after = query_terms._sent.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 49)


@pytest.mark.parametrize("text", ["", "?print", "=1", "a&&b", "*=1", "a" * 501])
def test_what_names_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery, match="write"):
        parse_query_terms(text)


@given(st.text(max_size=30))
def test_any_query_can_be_asked(query: str) -> None:
    assert _matches("page=1", f"page=1&{query}")
