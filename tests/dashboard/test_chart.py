"""The month's bars: in the frame, in proportion, on round lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.store.earnings import Earned
from publisher_dashboard.chart import HEIGHT, WIDTH, draw


def earned(amounts: dict[int, int]) -> dict[int, Earned]:
    return {day: Earned("USD", 1, 0, amount) for day, amount in amounts.items()}


@given(st.dictionaries(st.integers(0, 30), st.integers(-(10**9), 10**12)), st.integers(28, 31))
def test_every_bar_stays_in_the_frame_and_is_as_high_as_its_amount(amounts: dict[int, int], days: int) -> None:
    kept = {day: amount for day, amount in amounts.items() if day < days}
    chart = draw(earned(kept), "USD", days, today=3)
    assert len(chart.bars) == days
    assert 1 <= len(chart.lines) <= 6
    for bar in chart.bars:
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT + 1e-9
        assert chart.left <= bar.x < bar.x + bar.width <= WIDTH
        assert (bar.height > 0) == (kept.get(bar.day - 1, 0) > 0)
    highest = max(chart.bars, key=lambda bar: bar.height)
    assert (chart.best is None) == (highest.height == 0)
    if chart.best is not None:
        assert chart.best.height == highest.height
        assert all(
            bar.height * highest.earned.amount_micros
            == pytest.approx(highest.height * max(bar.earned.amount_micros, 0))
            for bar in chart.bars
        )


@pytest.mark.parametrize("most", [0, 1, 7, 149_500, 10_000_000, 999_999_999_999])
def test_lines_stand_at_round_amounts_above_the_highest_bar(most: int) -> None:
    chart = draw(earned({0: most}), "USD", 30, today=0)
    amounts = [line.value for line in chart.lines]
    assert amounts[0] == 0
    assert amounts[-1] >= most
    step = amounts[1]
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert amounts == list(range(0, amounts[-1] + 1, step))


def test_only_today_is_marked_as_under_way() -> None:
    chart = draw(earned({1: 5, 2: 6}), "USD", 30, today=2)
    assert [bar.day for bar in chart.bars if bar.is_today] == [3]
