"""The run as one SVG: how far each ratio is from its target, and the rates beside each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from benchmarks.measures import Result, Verdict
from benchmarks.samples import Figure

WIDTH = 860
_LEFT, _RIGHT, _ROW, _TOP = 262, 166, 26, 44
_STYLE = """\
svg { font: 13px system-ui, sans-serif; background: #fff; }
text { fill: #1d2330; } .quiet { fill: #667; } .head { font-weight: 600; font-size: 15px; }
.met { fill: #2f7d5b; } .missed { fill: #b4552d; } .ours { fill: #2f5d9b; } .other { fill: #9aa6b8; }
.rule { stroke: #1d2330; stroke-width: 1.5; } .stretch { stroke: #667; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
 svg { background: #12161f; } text { fill: #e6e9f0; } .quiet { fill: #98a0b3; }
 .rule { stroke: #e6e9f0; } .stretch { stroke: #98a0b3; }
}"""


def plot(results: Iterable[Result], figures: Iterable[Figure]) -> str:
    """Draw both panels."""
    judged = [result for result in results if result.ratio is not None]
    rates = list(figures)
    upper = _ratios(judged, _TOP)
    lower_top = _TOP + _ROW * len(judged) + 70
    lower = _rates(rates, lower_top)
    height = lower_top + _ROW * len(rates) + 24
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    title = "<title>farebox: ratios against their targets, and rates</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *upper, *lower, "</svg>"]) + "\n"


def _ratios(results: Sequence[Result], top: int) -> list[str]:
    """Bars from nothing to ratio / target; the line at 1 is the target, the dashed mark the moonshot."""
    shares = [(result, (result.ratio or 0.0) / result.measure.target) for result in results]
    stretches = [result.measure.moonshot / result.measure.target for result in results]
    reach = max([1.0, *(share for _, share in shares), *stretches]) * 1.05
    scale = (WIDTH - _LEFT - _RIGHT) / reach
    drawn = [_text(16, top - 20, "Ratio over target (the line is the target, dashes the moonshot)", "head")]
    for row, ((result, share), stretch) in enumerate(zip(shares, stretches, strict=True)):
        y = top + row * _ROW
        kind = "missed" if result.verdict is Verdict.MISSED else "met"
        drawn.append(_text(16, y + 14, f"{result.measure.key}  {_short(result.measure.what)}"))
        drawn.append(_bar(_LEFT, y, share * scale, kind))
        drawn.append(_line(_LEFT + stretch * scale, y, y + _ROW - 8, "stretch"))
        said = f"{result.ratio or 0.0:.2f} of {result.measure.target:g}"
        drawn.append(_text(WIDTH - _RIGHT + 12, y + 14, said, "quiet"))
    drawn.append(_line(_LEFT + scale, top - 6, top + len(results) * _ROW, "rule"))
    return drawn


def _rates(figures: Sequence[Figure], top: int) -> list[str]:
    """Bars on a logarithmic scale: an equal step to the right is an equal factor."""
    drawn = [_text(16, top - 20, "Rates (logarithmic), median of the rounds", "head")]
    if not figures:
        return drawn
    low = math.log10(min(one.value for one in figures)) - 0.5
    high = math.log10(max(one.value for one in figures)) + 0.02
    scale = (WIDTH - _LEFT - _RIGHT) / (high - low)
    for row, one in enumerate(figures):
        y = top + row * _ROW
        kind = "ours" if one.series.value.startswith(("farebox", "ledger")) else "other"
        drawn.append(_text(16, y + 14, one.series.value))
        drawn.append(_bar(_LEFT, y, (math.log10(one.value) - low) * scale, kind))
        unit = "requests/s" if one.series.unit.startswith("req") else one.series.unit
        drawn.append(_text(WIDTH - _RIGHT + 12, y + 14, f"{one.value:,.0f} {unit}", "quiet"))
    return drawn


def _short(text: str, room: int = 30) -> str:
    return text if len(text) <= room else text[: room - 1].rstrip(" ,:") + "…"


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{_class(kind)}>{escape(text)}</text>'


def _bar(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect x="{x:.0f}" y="{y}" width="{max(width, 1):.1f}" height="{_ROW - 8}" rx="2"{_class(kind)}/>'


def _line(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"{_class(kind)}/>'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
