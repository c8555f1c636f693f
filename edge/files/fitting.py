"""How a text fits into a column: cut where it ends, or on several lines, so that a name to look up is whole.

``measure`` says how wide a text is, in the unit of ``width``, in the letters that it will be set in.
"""

from __future__ import annotations

from collections.abc import Callable

Measure = Callable[[str], float]
ELLIPSIS = "…"


def cut(text: str, width: float, measure: Measure) -> str:
    """The text, cut where the column ends."""
    if measure(text) <= width:
        return text
    return text[: _fitting(text, width - measure(ELLIPSIS), measure)] + ELLIPSIS


def wrapped(text: str, width: float, measure: Measure, lines_max: int) -> list[str]:
    """The text on at most so many lines, broken at a space where there is one; only the last line is ever cut."""
    lines: list[str] = []
    rest = text
    while len(lines) + 1 < lines_max and measure(rest) > width:
        end = max(1, _fitting(rest, width, measure))
        space = rest.rfind(" ", 0, end + 1)
        end = space if space > 0 else end
        lines.append(rest[:end])
        rest = rest[end:].lstrip(" ")
    return [*lines, cut(rest, width, measure)]


def _fitting(text: str, width: float, measure: Measure) -> int:
    """How many letters of the beginning fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
