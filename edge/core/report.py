"""Fold a month's ledger entries into the lines that a publisher is paid by.

Rules of this file:

- a page is earned when its charge is final (``post`` or ``settle``); a reversal takes it back in the month in
  which it is recorded, even when the page was earned in an earlier one; a hold, a void, a free redelivery and a
  top-up are no pages;
- what goes into suspense is not earned any more, and is earned again when it is released, each in its month; a
  reversal out of suspense takes nothing from the publisher;
- a credit note takes from the publisher that pays it, and changes no number of pages; a fee is no line here;
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
SUSPENSE = "suspense"


class ReportMismatch(EdgeError):
    """A report and the ledger disagree: nothing may be written until somebody has found out why."""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """What a report needs of one ledger entry, with names instead of numbers; None where it does not apply.

    ``amount_micros`` is never negative; the kind says which way it goes, and where that leaves it open, whose account
    it ``debits``: ``crawler``, ``publisher``, ``suspense``, ``adjustments`` and so on.
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
    debits: str = "publisher"


@dataclass(frozen=True, slots=True)
class EntrySum:
    """How many entries of a kind and currency the ledger holds for the month, and their sum (never negative).

    ``publisher`` is who owns the account that they moved, None where that is nobody; ``debits`` as in ``EntryRow``.
    """

    kind: EntryKind
    currency: str
    entries: int
    amount_micros: int
    publisher: str | None = None
    debits: str = "publisher"


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What one crawler owes one publisher for one site, rule and licence, in one currency.

    ``pages`` were earned and ``reversed_pages`` taken back this month, ``adjusted_micros`` given back by credit notes;
    ``amount_micros`` is what remains: ``earned_micros - reversed_micros - adjusted_micros``, which may be negative.
    Earned is without what went into suspense and with what came out of it, so that in a month that only suspends it is
    negative. ``suspended_pages`` and ``suspended_micros`` are how much more lies in suspense at the month's end than
    at its beginning; nobody has earned or spent that.
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
    adjusted_micros: int = 0
    suspended_pages: int = 0
    suspended_micros: int = 0

    @property
    def amount_micros(self) -> int:
        """What remains for the publisher."""
        return self.earned_micros - self.reversed_micros - self.adjusted_micros


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The sum of all lines in one currency."""

    currency: str
    pages: int
    reversed_pages: int
    amount_micros: int
    adjusted_micros: int = 0
    suspended_pages: int = 0
    suspended_micros: int = 0


@dataclass(frozen=True, slots=True)
class MonthReport:
    """A month's lines in a fixed order, their totals, and how many entries were read. A ``draft`` may still change."""

    month: Month
    lines: tuple[ReportLine, ...]
    totals: tuple[CurrencyTotal, ...]
    entry_count: int
    draft: bool


_LineKey = tuple[str, str, str, str, str, str]
_TOTALLED = (
    "pages", "reversed_pages", "amount_micros", "adjusted_micros", "suspended_pages", "suspended_micros",
)  # fmt: skip
_COUNTED = ("earned_micros", "reversed_micros", *(name for name in _TOTALLED if name != "amount_micros"))
_IN_LINES = frozenset({EntryKind.POST, EntryKind.SETTLE, EntryKind.SUSPEND, EntryKind.RELEASE, EntryKind.REVERSE})


@dataclass(slots=True)
class _Tally:
    pages: int = 0
    reversed_pages: int = 0
    earned_micros: int = 0
    reversed_micros: int = 0
    adjusted_micros: int = 0
    suspended_pages: int = 0
    suspended_micros: int = 0

    def count(self, kind: EntryKind, debits: str, entries: int, amount_micros: int) -> None:
        """Add ``entries`` of one kind; those that are nobody's page add nothing."""
        match kind:
            case EntryKind.POST | EntryKind.SETTLE:
                self.pages += entries
                self.earned_micros += amount_micros
            case EntryKind.SUSPEND:
                self.pages -= entries
                self.earned_micros -= amount_micros
                self._wait(entries, amount_micros)
            case EntryKind.RELEASE:
                self.pages += entries
                self.earned_micros += amount_micros
                self._wait(-entries, -amount_micros)
            case EntryKind.REVERSE if debits == SUSPENSE:
                self._wait(-entries, -amount_micros)
            case EntryKind.REVERSE:
                self.reversed_pages += entries
                self.reversed_micros += amount_micros
            case EntryKind.ADJUST if debits == "publisher":
                self.adjusted_micros += amount_micros
            case EntryKind.ADJUST if debits == "crawler":
                self.adjusted_micros -= amount_micros
            case EntryKind.HOLD | EntryKind.VOID | EntryKind.REDELIVER | EntryKind.CREDIT:
                pass
            case EntryKind.ADJUST | EntryKind.FEE | EntryKind.NOTE:
                pass
            case _:
                assert_never(kind)

    def _wait(self, pages: int, micros: int) -> None:
        self.suspended_pages += pages
        self.suspended_micros += micros


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
        if is_counted(each.kind, each.publisher):
            tally = ledger.setdefault((each.publisher or "", each.currency), _Tally())
            tally.count(each.kind, each.debits, each.entries, each.amount_micros)
    if entries != report.entry_count:
        raise ReportMismatch(f"the report has read {report.entry_count} entries, the ledger holds {entries}")
    reported: dict[tuple[str, str], _Tally] = {}
    for line in report.lines:
        tally = reported.setdefault((line.publisher, line.currency), _Tally())
        for name in _COUNTED:
            setattr(tally, name, getattr(tally, name) + getattr(line, name))
    for publisher, currency in sorted(reported.keys() | ledger.keys()):
        key = (publisher, currency)
        _compare(publisher, currency, reported.get(key, _Tally()), ledger.get(key, _Tally()))
    if report.totals != _totals(report.lines):
        raise ReportMismatch("the report's totals are not the sums of its lines")


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

    if reported != ledger:
        raise ReportMismatch(f"the report and the ledger differ{whose} in suspense or credit notes in {currency}")


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
    if is_counted(entry.kind, entry.publisher):
        _tally(tallies, entry).count(entry.kind, entry.debits, 1, entry.amount_micros)


def is_counted(kind: EntryKind, publisher: str | None) -> bool:
    """Whether entries of this kind are in somebody's line; a credit note that no publisher pays is in none."""
    return kind in _IN_LINES or (kind is EntryKind.ADJUST and publisher is not None)


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
    return ReportLine(*key, **{name: getattr(tally, name) for name in _COUNTED})


def _totals(lines: Iterable[ReportLine]) -> tuple[CurrencyTotal, ...]:
    sums: dict[str, CurrencyTotal] = {}
    for line in lines:
        before = sums.get(line.currency, CurrencyTotal(line.currency, 0, 0, 0))
        added = {name: getattr(before, name) + getattr(line, name) for name in _TOTALLED}
        sums[line.currency] = CurrencyTotal(line.currency, **added)
    return tuple(sums[currency] for currency in sorted(sums))
