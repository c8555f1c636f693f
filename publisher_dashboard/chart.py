"""A bar for each day of a month, drawn on the server as numbers for an SVG; its table stands beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.store.earnings import Earned
from publisher_dashboard.grid import GridLine, make_grid

WIDTH, HEIGHT = 720, 190
_BOTTOM, _TOP, _LEFT = 24, 10, 56
_GAP = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: where its bar is, and what it stands for."""

    day: int
    x: float
    y: float
    width: float
    height: float
    earned: Earned
    is_today: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """All that the picture needs; ``best`` is the day with the highest bar, None when nothing was earned."""

    width: int
    height: int
    left: int
    bars: tuple[Bar, ...]
    lines: tuple[GridLine, ...]
    best: Bar | None


def draw(earned: Mapping[int, Earned], currency: str, days: int, today: int) -> Chart:
    """Draw ``days`` bars, counted from 0; ``today`` is still under way."""
    most = max((one.amount_micros for one in earned.values()), default=0)
    grid = make_grid(most, HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP)
    slot = (WIDTH - _LEFT) / days
    bars = []
    for day in range(days):
        one = earned.get(day, Earned(currency, 0, 0, 0))
        tall = grid.height(max(one.amount_micros, 0))
        x = _LEFT + day * slot + _GAP / 2
        bars.append(Bar(day + 1, x, grid.foot - tall, slot - _GAP, tall, one, day == today))
    best = max(bars, key=lambda bar: bar.earned.amount_micros) if most > 0 else None
    return Chart(WIDTH, HEIGHT, _LEFT, tuple(bars), grid.lines, best)
