"""Fold a month's ledger entries into the lines that a publisher is paid by.

Rules of this file:

- a page is earned when its charge is final (``post`` or ``settle``); a reversal takes it back in the month in
  which it is recorded, even when the page was earned in an earlier one; a hold, a void, a free redelivery and a
  top-up are no pages;
- a line is publisher x site x crawler x rule x licence in one currency; amounts of different currencies are
  never added;
- a report is checked against sums that were made another way before anything is written;
- the same entries give the same report, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from edge.core.errors import EdgeError
from edge.core.ledger import EntryKind
from edge.core.money import format_signed
from edge.core.month import Month

DRAFT_MARGIN_MICROS = 60_000_000


class ReportMismatch(EdgeError):
    """A report and the ledger disagree: nothing may be written until somebody has found out why."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """What a report needs of one ledger entry, with names instead of numbers; None where it does not apply.

    ``amount_micros`` is never negative; the kind says which way it goes.
    """

    kind: EntryKind
    amount_micros: int
    currency: str
    publisher: str | None
    site: str | None
    crawler: str | None
    rule: str | None
    licence: str | None
    rule_version: int | None
    recorded_at_micros: int


@dataclass(frozen=True, slots=True)
class EntrySum:
    """How many entries of a kind and currency the ledger holds for the month, and their sum (never negative).

    ``publisher`` is who owns the account that they moved, None where that is nobody.
    """

    kind: EntryKind
    currency: str
    entries: int
    amount_micros: int
    publisher: str | None = None


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What one crawler owes one publisher for one site, rule and licence, in one currency.

    ``pages`` were earned and ``reversed_pages`` taken back this month; ``amount_micros`` is what remains:
    ``earned_micros - reversed_micros``, which may be negative.
    """

    publisher: str
    site: str
    crawler: str
    rule: str
    licence: str
    currency: str
    pages: int
    reversed_pages: int
    earned_micros: int
    reversed_micros: int

    @property
    def amount_micros(self) -> int:
        """What remains for the publisher."""
        return self.earned_micros - self.reversed_micros


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The sum of all lines in one currency."""

    currency: str
    pages: int
    reversed_pages: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class MonthReport:
    """A month's lines in a fixed order, their totals, and how many entries were read. A ``draft`` may still change."""

    month: Month
    lines: tuple[ReportLine, ...]
    totals: tuple[CurrencyTotal, ...]
    entry_count: int
    draft: bool


_LineKey = tuple[str, str, str, str, str, str]


@dataclass(slots=True)
class _Tally:
    pages: int = 0
    reversed_pages: int = 0
    earned_micros: int = 0
    reversed_micros: int = 0


def fold(month: Month, entries: Iterable[EntryRow], *, draft: bool = False) -> MonthReport:
    """Add up a month's entries. Raises ``ReportMismatch`` for an entry of another month."""
    tallies: dict[_LineKey, _Tally] = {}
    start_micros, end_micros = month.start_micros, month.end_micros
    count = 0
    for entry in entries:
        if not start_micros <= entry.recorded_at_micros < end_micros:
            raise ReportMismatch(f"an entry recorded at {entry.recorded_at_micros} does not belong to {month.label}")
        count += 1
        _count(tallies, entry)
    lines = tuple(_line(key, tally) for key, tally in sorted(tallies.items()))
    return MonthReport(month, lines, _totals(lines), count, draft)


def check(report: MonthReport, sums: Iterable[EntrySum]) -> None:
    """Hold a report against the ledger's own sums, per publisher and currency. Raises ``ReportMismatch``.

    That the ledger itself holds is for ``farebox verify`` to say.
    """
    entries = 0
    ledger: dict[tuple[str, str], _Tally] = {}
    for each in sums:
        entries += each.entries
        if each.kind is EntryKind.REVERSE or _earns(each.kind):
            _add(ledger.setdefault((each.publisher or "", each.currency), _Tally()), each)
    if entries != report.entry_count:
        raise ReportMismatch(f"the report has read {report.entry_count} entries, the ledger holds {entries}")
    reported: dict[tuple[str, str], _Tally] = {}
    for line in report.lines:
        tally = reported.setdefault((line.publisher, line.currency), _Tally())
        tally.pages += line.pages
        tally.reversed_pages += line.reversed_pages
        tally.earned_micros += line.earned_micros
        tally.reversed_micros += line.reversed_micros
    for publisher, currency in sorted(reported.keys() | ledger.keys()):
        key = (publisher, currency)
        _compare(publisher, currency, reported.get(key, _Tally()), ledger.get(key, _Tally()))
    if report.totals != _totals(report.lines):
        raise ReportMismatch("the report's totals are not the sums of its lines")


def _add(tally: _Tally, each: EntrySum) -> None:
    if each.kind is EntryKind.REVERSE:
        tally.reversed_pages += each.entries
        tally.reversed_micros += each.amount_micros
    else:
        tally.pages += each.entries
        tally.earned_micros += each.amount_micros


def _compare(publisher: str, currency: str, reported: _Tally, ledger: _Tally) -> None:
    whose = f" for {publisher}" if publisher else ""
    if (reported.earned_micros, reported.reversed_micros) != (ledger.earned_micros, ledger.reversed_micros):
        raise ReportMismatch(
            f"the report's lines{whose} sum to {_shown(reported, currency)}, "
            f"the ledger's entries to {_shown(ledger, currency)}"
        )
    if reported.pages != ledger.pages:
        raise ReportMismatch(
            f"the report counts {reported.pages} pages in {currency}{whose}, the ledger {ledger.pages}"
        )
    if reported.reversed_pages != ledger.reversed_pages:
        raise ReportMismatch(
            f"the report counts {reported.reversed_pages} reversed pages in {currency}{whose}, "
            f"the ledger {ledger.reversed_pages}"
        )


def _shown(tally: _Tally, currency: str) -> str:
    return (
        f"{format_signed(tally.earned_micros, currency)} earned and "
        f"{format_signed(tally.reversed_micros, currency)} reversed"
    )


def is_draft(month: Month, now_micros: int) -> bool:
    """Whether a month may still get entries.

    An entry bears the time at which its batch began, and clocks of machines differ: a minute after the month's end
    nothing is on its way any more.
    """
    return now_micros < month.end_micros + DRAFT_MARGIN_MICROS


def _count(tallies: dict[_LineKey, _Tally], entry: EntryRow) -> None:
    match entry.kind:
        case EntryKind.POST | EntryKind.SETTLE:
            tally = _tally(tallies, entry)
            tally.pages += 1
            tally.earned_micros += entry.amount_micros
        case EntryKind.REVERSE:
            tally = _tally(tallies, entry)
            tally.reversed_pages += 1
            tally.reversed_micros += entry.amount_micros
        case EntryKind.HOLD | EntryKind.VOID | EntryKind.REDELIVER | EntryKind.CREDIT:
            pass
        case _:
            assert_never(entry.kind)


def _tally(tallies: dict[_LineKey, _Tally], entry: EntryRow) -> _Tally:
    key = (
        entry.publisher or "",
        entry.site or "",
        entry.crawler or "",
        entry.rule or "",
        entry.licence or "",
        entry.currency,
    )
    return tallies.setdefault(key, _Tally())


def _line(key: _LineKey, tally: _Tally) -> ReportLine:
    return ReportLine(*key, tally.pages, tally.reversed_pages, tally.earned_micros, tally.reversed_micros)


def _totals(lines: Iterable[ReportLine]) -> tuple[CurrencyTotal, ...]:
    sums: dict[str, tuple[int, int, int]] = {}
    for line in lines:
        pages, reversed_pages, amount_micros = sums.get(line.currency, (0, 0, 0))
        sums[line.currency] = (
            pages + line.pages,
            reversed_pages + line.reversed_pages,
            amount_micros + line.amount_micros,
        )
    return tuple(CurrencyTotal(currency, *sums[currency]) for currency in sorted(sums))


def _earns(kind: EntryKind) -> bool:
    return kind in (EntryKind.POST, EntryKind.SETTLE)
