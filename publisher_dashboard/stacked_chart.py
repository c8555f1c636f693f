"""Several counts of each day as one bar, in parts that stand on each other; a table is its twin. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from publisher_dashboard.grid import GridLine, make_grid

WIDTH, HEIGHT = 720, 222
_BOTTOM, _TOP, _LEFT, _GAP = 24, 10, 52, 3
_SEAM = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar: which series it is of, and where."""

    series: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One day, counted from 0."""

    day: int
    x: float
    width: float
    parts: tuple[Part, ...]
    count: int


@dataclass(frozen=True, slots=True)
class StackedChart:
    """All that the picture needs. ``labelled`` are the days that have their date below them."""

    width: int
    height: int
    left: int
    bars: tuple[Bar, ...]
    lines: tuple[GridLine, ...]
    labelled: frozenset[int]


def stack(days: Sequence[Sequence[int]], series: Sequence[str]) -> StackedChart:
    """Draw a bar for each day; each day is one count for each of ``series``, the first at the foot."""
    most = max((sum(counts) for counts in days), default=0)
    grid = make_grid(most, HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP)
    slot = (WIDTH - _LEFT) / max(len(days), 1)
    gap = min(_GAP, slot / 4)
    bars = []
    for number, counts in enumerate(days):
        parts, foot = [], grid.foot
        for name, count in zip(series, counts, strict=True):
            tall = grid.height(count)
            if count:
                # A seam of paper between two parts, unless the part is no more than the seam.
                parts.append(Part(name, foot - tall, max(tall - _SEAM, tall / 2)))
                foot -= tall
        bars.append(Bar(number, _LEFT + number * slot + gap / 2, slot - gap, tuple(parts), sum(counts)))
    every = max(-(-len(days) // 7), 1)
    return StackedChart(WIDTH, HEIGHT, _LEFT, tuple(bars), grid.lines, frozenset(range(0, len(days), every)))
