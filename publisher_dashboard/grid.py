"""The lines behind the bars of a chart: at round distances, from nothing to no lower than the highest bar. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GridLine:
    """Where a line is, and the count or the micro-units at it."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A scale from nothing at ``foot`` up to ``top`` at ``foot - room``, in the units of a picture."""

    foot: float
    room: float
    top: int
    lines: tuple[GridLine, ...]

    def height(self, value: int) -> float:
        """How tall a bar of so much is."""
        return self.room * value / self.top


def make_grid(most: int, foot: float, room: float) -> Grid:
    """Two to five lines that have room for bars of up to ``most``."""
    step = round_step(most)
    top = max(-(-most // step) * step, step)
    lines = tuple(GridLine(foot - room * value / top, value) for value in range(0, top + 1, step))
    return Grid(foot, room, top, lines)


def round_step(most: int) -> int:
    """A round distance between two to four lines: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 4 * factor * power:
                return factor * power
        power *= 10
