"""The regular expression for many words finds what looking for each of them would."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.literal_search import words_regex

WORDS = st.lists(st.text("ab.(|", min_size=1, max_size=5), max_size=8)


@given(WORDS, st.text("ab.(|", max_size=12))
def test_a_word_is_found_where_it_first_stands_and_the_longest_of_those(words: list[str], text: str) -> None:
    found = re.search(words_regex(words), text)
    places = [(text.find(word), -len(word)) for word in words if word in text]
    assert (None if found is None else (found.start(), -len(found[0]))) == min(places, default=None)


@pytest.mark.parametrize("text", ["", "a", "\n"])
def test_no_words_match_nothing(text: str) -> None:
    assert re.search(words_regex([]), text) is None
