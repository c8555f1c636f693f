"""What a line of a statement says on paper, for each reader: whose it is, where and for what, and its three amounts."""

from __future__ import annotations

from typing import Any

from edge.core.report import ReportLine
from edge.core.statement import Reader


def party_word(reader: Reader) -> str:
    """The heading above whose lines they are."""
    return {Reader.PUBLISHER: "Crawler", Reader.CRAWLER: "Publisher", Reader.OPERATOR: "Crawler and publisher"}[reader]


def line_words(reader: Reader, line: ReportLine) -> tuple[str, str]:
    """Whose line it is, and for what was paid there."""
    first = {
        Reader.PUBLISHER: line.crawler,
        Reader.CRAWLER: line.publisher,
        Reader.OPERATOR: " · ".join(name for name in (line.crawler, line.publisher) if name),
    }[reader]
    named = " · ".join(name for name in (line.site, line.rule, line.licence) if name)
    return first or "–", named or "of no single page"


def shown_amounts(reader: Reader, line: Any, fees: bool) -> tuple[int, int, int]:
    """The three amounts of a line: net, fee and payable where there are fees, else gross, corrections and net."""
    if reader is not Reader.CRAWLER and fees:
        return line.amount_micros, -line.fee_micros, line.payable_micros
    return line.earned_micros, line.amount_micros - line.earned_micros, line.amount_micros


def all_amounts(reader: Reader, line: Any) -> tuple[int, ...]:
    """Every amount that a line may show, to choose the decimals by."""
    return (*shown_amounts(reader, line, True), *shown_amounts(reader, line, False))
