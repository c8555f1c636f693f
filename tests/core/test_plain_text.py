"""Strangers' texts fit one line, with nothing invisible in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.core.plain_text import plain


@given(st.text(max_size=50), st.integers(1, 60))
def test_any_text_becomes_one_visible_line_of_bounded_length(text: str, length_max: int) -> None:
    shown = plain(text, length_max)
    assert shown.isprintable()
    assert len(shown) <= length_max


def test_what_cannot_be_seen_is_written_out_and_what_is_cut_says_so() -> None:
    assert plain("evil\u202egnp.exe") == "evil\\u{202e}gnp.exe"
    assert plain("two\nlines\x00") == "two\\u{a}lines\\u{0}"
    assert plain("x" * 10_000, 5) == "xxxx…"
    assert plain("Ωμέγα 新闻 ﷽") == "Ωμέγα 新闻 ﷽"
