"""Parts stand on each other, to scale, and every bar is in the picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from publisher_dashboard.stacked_chart import HEIGHT, WIDTH, stack

SERIES = ("paid", "unpaid", "blocked")
DAYS = st.lists(st.tuples(*[st.integers(0, 10**9)] * len(SERIES)), min_size=1, max_size=90)


@given(DAYS)
def test_parts_stand_on_each_other_inside_the_picture(days: list[tuple[int, ...]]) -> None:
    chart = stack(days, SERIES)
    assert [bar.count for bar in chart.bars] == [sum(counts) for counts in days]
    for bar, counts in zip(chart.bars, days, strict=True):
        assert [part.series for part in bar.parts] == [
            name for name, count in zip(SERIES, counts, strict=True) if count
        ]
        foot = chart.lines[0].y
        for part in bar.parts:
            assert part.y + part.height <= foot + 1e-6
            assert part.y >= -1e-6
            foot = part.y
        assert chart.left <= bar.x
        assert bar.x + bar.width <= WIDTH
    assert all(0 <= line.y <= HEIGHT for line in chart.lines)
    assert chart.lines[-1].value >= max(map(sum, days))
    assert len(chart.labelled) <= 8


def test_twice_as_many_stand_twice_as_high() -> None:
    one, two = (bar.parts[0] for bar in stack([(50, 0, 0), (100, 0, 0)], SERIES).bars)
    assert round(two.height - 2 * one.height, 6) == 1  # the seam of paper between parts
