"""A bar for each day of a month, drawn on the server as numbers for an SVG; its table stands beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.store.earnings import Earned

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
class Line:
    """One line of the grid and the amount at it."""

    y: float
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Chart:
    """All that the picture needs; ``best`` is the day with the highest bar, None when nothing was earned."""

    width: int
    height: int
    left: int
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    best: Bar | None


def draw(earned: Mapping[int, Earned], currency: str, days: int, today: int) -> Chart:
    """Draw ``days`` bars, counted from 0; ``today`` is still under way."""
    most = max((one.amount_micros for one in earned.values()), default=0)
    step = _step(most)
    top = max(-(-most // step) * step, step)
    slot = (WIDTH - _LEFT) / days
    room = HEIGHT - _BOTTOM - _TOP
    bars = []
    for day in range(days):
        one = earned.get(day, Earned(currency, 0, 0, 0))
        tall = room * max(one.amount_micros, 0) / top
        x = _LEFT + day * slot + _GAP / 2
        bars.append(Bar(day + 1, x, HEIGHT - _BOTTOM - tall, slot - _GAP, tall, one, day == today))
    lines = tuple(Line(HEIGHT - _BOTTOM - room * amount / top, amount) for amount in range(0, top + 1, step))
    best = max(bars, key=lambda bar: bar.earned.amount_micros) if most > 0 else None
    return Chart(WIDTH, HEIGHT, _LEFT, tuple(bars), lines, best)


def _step(most: int) -> int:
    """A round distance between two to four lines: 1, 2 or 5 times a power of ten micro-units."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 4 * factor * power:
                return factor * power
        power *= 10
