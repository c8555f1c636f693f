"""Windows, what fits into them, and what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.budgets import DAY_MICROS, Budget, Per, exceeded, reached, shares, window_of
from edge.core.money import Money, parse_price

SECOND = 1_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def budget(per: Per = Per.DAY, limit: str = "USD 5", host: str | None = None) -> Budget:
    return Budget(1, 7, 7, per, parse_price(limit), 0, None if host is None else 1, host)


@pytest.mark.parametrize(
    ("per", "moment", "start", "end"),
    [
        (Per.DAY, "2026-11-20T00:00:00", "2026-11-20", "2026-11-21"),
        (Per.DAY, "2026-11-20T23:59:59", "2026-11-20", "2026-11-21"),
        (Per.MONTH, "2026-11-30T23:59:59", "2026-11-01", "2026-12-01"),
        (Per.MONTH, "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        (Per.SITE, "2024-02-29T12:00:00", "2024-02-01", "2024-03-01"),
    ],
)
def test_windows_are_calendar_days_and_months_in_utc(per: Per, moment: str, start: str, end: str) -> None:
    assert window_of(per, at(moment)) == (at(start), at(end))


@given(per=st.sampled_from(Per), moment=st.integers(0, at("2200-01-01")))
def test_every_moment_lies_in_its_window_and_the_next_window_begins_where_that_ends(per: Per, moment: int) -> None:
    window = window_of(per, moment)
    assert window.start_micros <= moment < window.end_micros
    assert window_of(per, window.end_micros).start_micros == window.end_micros
    assert window_of(per, window.end_micros - 1) == window


def test_a_price_fits_until_the_limit_is_reached_exactly() -> None:
    noon = at("2026-11-20T12:00:00")
    assert exceeded(budget(), 4_990_000, Money(10_000, "USD"), noon) is None
    over = exceeded(budget(), 4_990_000, Money(10_001, "USD"), noon)
    assert over is not None
    assert (over.resets_at, over.retry_after_seconds) == ("2026-11-21T00:00:00Z", 12 * 3600)


def test_coming_again_after_the_seconds_that_were_said_is_not_too_early() -> None:
    late = at("2026-11-20T23:59:59") + 1
    over = exceeded(budget(), 5_000_000, Money(1, "USD"), late)
    assert over is not None
    assert over.retry_after_seconds == 1
    assert late + over.retry_after_seconds * SECOND >= over.resets_at_micros


def test_a_price_above_the_whole_budget_does_not_say_to_come_again() -> None:
    over = exceeded(budget(limit="USD 0.01"), 0, Money(20_000, "USD"), 0)
    assert over is not None
    assert over.retry_after_seconds is None
    assert over.sentence == "the price is more than the whole budget of USD 0.01 a day"


def test_the_sentence_names_the_budget_what_is_spent_and_when_it_resets() -> None:
    over = exceeded(budget(Per.SITE, host="news.example"), 4_995_000, Money(10_000, "USD"), at("2026-11-20"))
    assert over is not None
    assert over.sentence == (
        "the budget of USD 5.00 a month at news.example has USD 4.995 spent; it resets at 2026-12-01T00:00:00Z"
    )


def test_a_budget_counts_from_its_first_window_on_and_at_its_site_alone() -> None:
    here = Budget(1, 7, 7, Per.SITE, parse_price("USD 5"), at("2026-11-01"), 3, "news.example")
    assert here.counts(3, at("2026-11-01"))
    assert not here.counts(4, at("2026-11-01"))
    assert not here.counts(3, at("2026-11-01") - 1)
    assert Budget(1, 7, 7, Per.DAY, parse_price("USD 5"), 0).counts(4, DAY_MICROS)


@pytest.mark.parametrize(
    ("spent", "told"),
    [(0, ()), (49, ()), (50, (50,)), (79, (50,)), (80, (50, 80)), (99, (50, 80)), (100, (50, 80, 100))],
)
def test_a_threshold_is_reached_at_its_share_and_not_before(spent: int, told: tuple[int, ...]) -> None:
    assert shares(reached(spent, 100)) == told
