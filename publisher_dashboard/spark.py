"""Counts by day as numbers for an SVG: a small line for a table's cell, or bars with their table beside them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher_dashboard.grid import GridLine, make_grid

SPARK_WIDTH, SPARK_HEIGHT = 84, 22
WIDTH, HEIGHT = 720, 170
_BOTTOM, _TOP, _LEFT, _GAP = 24, 10, 56, 4


@dataclass(frozen=True, slots=True)
class CountBar:
    """One day: where its bar is, what it stands for, and when the day begins (microseconds since the epoch)."""

    start_micros: int
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class CountChart:
    """All that the picture needs; ``best`` is the day with the highest bar, None when nothing came."""

    width: int
    height: int
    left: int
    bars: tuple[CountBar, ...]
    lines: tuple[GridLine, ...]
    best: CountBar | None


def spark_points(counts: Sequence[int]) -> str:
    """The ``points`` of a polyline through the counts, the highest at the top."""
    most = max((*counts, 1))
    step = SPARK_WIDTH / max(len(counts) - 1, 1)
    room = SPARK_HEIGHT - 4
    return " ".join(
        f"{index * step:.1f},{SPARK_HEIGHT - 2 - room * count / most:.1f}" for index, count in enumerate(counts)
    )


def draw_counts(counts: Sequence[tuple[int, int]]) -> CountChart:
    """Draw a bar for each day, given as its start and its count."""
    most = max((count for _, count in counts), default=0)
    grid = make_grid(most, HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP)
    slot = (WIDTH - _LEFT) / max(len(counts), 1)
    bars = []
    for index, (start, count) in enumerate(counts):
        tall = grid.height(count)
        bars.append(CountBar(start, count, _LEFT + index * slot + _GAP / 2, grid.foot - tall, slot - _GAP, tall))
    best = max(bars, key=lambda bar: bar.count) if most else None
    return CountChart(WIDTH, HEIGHT, _LEFT, tuple(bars), grid.lines, best)
