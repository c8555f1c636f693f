"""A month is a calendar month in UTC, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.month import InvalidMonth, Month

MONTHS = st.builds(Month, st.integers(1970, 9998), st.integers(1, 12))


def test_the_bounds_are_midnights_in_utc() -> None:
    month = Month.parse("2026-11")
    assert month.start_micros == int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert month.end_micros == int(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 1_000_000


@given(MONTHS)
def test_months_follow_each_other_without_gap_or_overlap(month: Month) -> None:
    assert Month.parse(month.label) == month
    assert month.end_micros == month.following.start_micros > month.start_micros
    assert Month.of(month.start_micros) == month
    assert Month.of(month.end_micros - 1) == month
    assert month < month.following


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "2026/11", " 2026-11", "1969-12", "9999-12", "",
     "\u0662\u0660\u0662\u0666-11"],
)  # fmt: skip
def test_anything_else_is_not_a_month(text: str) -> None:
    with pytest.raises(InvalidMonth, match="write it like 2026-11"):
        Month.parse(text)
