"""Fold a month's ledger entries into the lines that a publisher is paid by.

Rules of this file:

- a page is earned when its charge is final (``post`` or ``settle``); a reversal takes it back in the month in
  which it is recorded, even when the page was earned in an earlier one; a hold, a void, a free redelivery and a
  top-up are no pages;
- what goes into suspense is not earned any more, and is earned again when it is released, each in its month; a
  reversal out of suspense takes nothing from the publisher;
- a page that was granted is counted apart, as free, and changes no amount;
- a credit note takes from the publisher that pays it, and changes no number of pages; the operator's fee of the month
  is told apart and never part of a line's own amount;
- a line is publisher x site x crawler x rule x licence in one currency; amounts of different currencies are
  never added;
- a report is checked against sums that were made another way before anything is written;
- the same entries give the same report, in whatever order they come, one by one or summed by the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from edge.core.errors import EdgeError
from edge.core.ledger import EntryKind
from edge.core.money import format_signed
from edge.core.month import Month
from edge.core.shares import split

DRAFT_MARGIN_MICROS = 60_000_000


class ReportMismatch(EdgeError):
    """A report and the ledger disagree: nothing may be written until somebody has found out why."""


class Pocket(StrEnum):
    """What kind of account an entry takes from or gives to: the first word of the account's code."""

    CRAWLER = "crawler"
    PUBLISHER = "publisher"
    HOLDS = "holds"
    FUNDING = "funding"
    SUSPENSE = "suspense"
    ADJUSTMENTS = "adjustments"
    FEES = "fees"


@dataclass(frozen=True, slots=True)
class EntryRow:
    """What a report needs of ledger entries, with names instead of numbers; None where it does not apply.

    One entry, or as many of one kind as agree in all of this: ``entries`` says how many, ``amount_micros`` their sum,
    never negative, and ``recorded_at_micros`` the first. The kind says which way the money goes, and where that leaves
    it open, whose account it ``debits``: ``crawler``, ``publisher``, ``suspense``, ``adjustments`` and so on.
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
    entries: int = 1


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


class Effect(NamedTuple):
    """What an entry adds to a line: each number is a factor, of the count for pages, else of the amount."""

    pages: int = 0
    reversed_pages: int = 0
    suspended_pages: int = 0
    earned: int = 0
    reversed: int = 0
    suspended: int = 0
    adjusted: int = 0
    fee: int = 0
    free_pages: int = 0

    @property
    def amount(self) -> int:
        """The factor of what the line comes to: 1 where it grows, -1 where it falls."""
        return self.earned - self.reversed - self.adjusted

    @property
    def is_listed(self) -> bool:
        """Whether the list of a statement's entries holds it: it changes an amount, or is a page for nothing."""
        return bool(self.amount or self.free_pages)


NOTHING = Effect()
_SALE = Effect(pages=1, earned=1)
# The one table that says what a kind of entry is to a report, with what only the debited account can tell apart.
EFFECTS: Mapping[str, Effect] = {
    "post": _SALE,
    "settle": _SALE,
    "hold": NOTHING,
    "grant": Effect(free_pages=1),
    "withdraw": Effect(free_pages=-1),
    "void": NOTHING,
    "suspend": Effect(pages=-1, suspended_pages=1, earned=-1, suspended=1),
    "release": Effect(pages=1, suspended_pages=-1, earned=1, suspended=-1),
    "reverse": Effect(reversed_pages=1, reversed=1),
    "redeliver": NOTHING,
    "credit": NOTHING,
    "adjust": NOTHING,
    "fee": Effect(fee=1),
    "note": NOTHING,
}
_BY_DEBIT: Mapping[tuple[str, str], Effect] = {
    ("reverse", "suspense"): Effect(suspended_pages=-1, suspended=-1),
    ("adjust", "publisher"): Effect(adjusted=1),
    ("adjust", "crawler"): Effect(adjusted=-1),
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What one crawler owes one publisher for one site, rule and licence, in one currency.

    ``pages`` were earned and ``reversed_pages`` taken back this month, ``adjusted_micros`` given back by credit notes.
    Earned is without what went into suspense and with what came out of it, so that in a month that only suspends it is
    negative. ``suspended_pages`` and ``suspended_micros`` are how much more lies in suspense at the month's end than
    at its beginning; nobody has earned or spent that. ``fee_micros`` is the operator's share. ``free_pages`` were had
    for nothing by the rule's terms or a subscription, and are not among ``pages``.
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
    fee_micros: int = 0
    free_pages: int = 0

    @property
    def amount_micros(self) -> int:
        """What the crawler spent and the publisher earned, before the operator's fee; it may be negative."""
        return self.earned_micros - self.reversed_micros - self.adjusted_micros

    @property
    def payable_micros(self) -> int:
        """What remains for the publisher."""
        return self.amount_micros - self.fee_micros


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """The sum of all lines in one currency; the parts mean what they mean in a line."""

    currency: str
    pages: int
    reversed_pages: int
    amount_micros: int
    adjusted_micros: int = 0
    suspended_pages: int = 0
    suspended_micros: int = 0
    earned_micros: int = 0
    reversed_micros: int = 0
    fee_micros: int = 0
    free_pages: int = 0

    @property
    def payable_micros(self) -> int:
        """What remains for publishers after the fee."""
        return self.amount_micros - self.fee_micros


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
    adjusted_micros: int = 0
    suspended_pages: int = 0
    suspended_micros: int = 0
    fee_micros: int = 0
    free_pages: int = 0

    def add(self, effect: Effect, entries: int, amount_micros: int) -> None:
        self.pages += effect.pages * entries
        self.reversed_pages += effect.reversed_pages * entries
        self.earned_micros += effect.earned * amount_micros
        self.reversed_micros += effect.reversed * amount_micros
        self.suspended_pages += effect.suspended_pages * entries
        self.suspended_micros += effect.suspended * amount_micros
        self.adjusted_micros += effect.adjusted * amount_micros
        self.fee_micros += effect.fee * amount_micros
        self.free_pages += effect.free_pages * entries


def effect_of(kind: EntryKind, debits: str, publisher: str | None) -> Effect:
    """What an entry is to a report; a note that no publisher is part of is in no line.

    Raises ``ReportMismatch`` for a kind that nobody has said it of.
    """
    if kind == "adjust" and publisher is None:
        return NOTHING
    effect = _BY_DEBIT.get((kind, debits)) or EFFECTS.get(kind)
    if effect is None:
        raise ReportMismatch(f"no report knows what an entry of kind {str(kind)!r} is")
    return effect


class Folding:
    """A report in the making: entries go in one by one or summed, ``report`` gives what they come to."""

    __slots__ = ("_count", "_fees", "_month", "_tallies")

    def __init__(self, month: Month) -> None:
        self._month = month
        self._tallies: dict[_LineKey, _Tally] = {}
        self._fees: dict[tuple[str, str], int] = {}
        self._count = 0

    def add(self, row: EntryRow) -> None:
        """Count entries. Raises ``ReportMismatch`` for those of another month; a fee names its month itself."""
        self._count += row.entries
        effect = effect_of(row.kind, row.debits, row.publisher)
        if effect.fee:
            whose = (row.publisher or "", row.currency)
            self._fees[whose] = self._fees.get(whose, 0) + effect.fee * row.amount_micros
            return
        if not self._month.start_micros <= row.recorded_at_micros < self._month.end_micros:
            moment, label = row.recorded_at_micros, self._month.label
            raise ReportMismatch(f"an entry recorded at {moment} does not belong to {label}")
        if effect is not NOTHING:
            self._tally(_line_key(row)).add(effect, row.entries, row.amount_micros)

    def report(self, *, draft: bool = False) -> MonthReport:
        """Return what was added, in a fixed order, each fee shared out over the lines that it was taken of."""
        fees = self._shared_fees()
        for key, fee_micros in fees.items():
            self._tally(key).fee_micros = fee_micros
        lines = tuple(_line(key, tally) for key, tally in sorted(self._tallies.items()))
        return MonthReport(self._month, lines, totals_of(lines), self._count, draft)

    def _tally(self, key: _LineKey) -> _Tally:
        return self._tallies.setdefault(key, _Tally())

    def _shared_fees(self) -> dict[_LineKey, int]:
        """Each publisher's fee, split by what its lines came to; a fee without such lines has one of its own."""
        shared: dict[_LineKey, int] = {}
        for (publisher, currency), fee_micros in sorted(self._fees.items()):
            weights = {
                key: max(_net(tally), 0)
                for key, tally in sorted(self._tallies.items())
                if key[0] == publisher and key[-1] == currency
            }
            if not sum(weights.values()):
                weights = {(publisher, "", "", "", "", currency): 1}
            shared.update(zip(weights, split(fee_micros, list(weights.values())), strict=True))
        return shared


def fold(month: Month, entries: Iterable[EntryRow], *, draft: bool = False) -> MonthReport:
    """Add up a month's entries. Raises ``ReportMismatch`` for an entry of another month."""
    folding = Folding(month)
    for entry in entries:
        folding.add(entry)
    return folding.report(draft=draft)


def check(report: MonthReport, sums: Iterable[EntrySum]) -> None:
    """Hold a report against the ledger's own sums, per publisher and currency. Raises ``ReportMismatch``.

    That the ledger itself holds is for ``farebox verify`` to say.
    """
    entries = 0
    ledger: dict[tuple[str, str], _Tally] = {}
    for each in sums:
        entries += each.entries
        effect = effect_of(each.kind, each.debits, each.publisher)
        if effect is not NOTHING:
            tally = ledger.setdefault((each.publisher or "", each.currency), _Tally())
            tally.add(effect, each.entries, each.amount_micros)
    if entries != report.entry_count:
        raise ReportMismatch(f"the report has read {report.entry_count} entries, the ledger holds {entries}")
    reported: dict[tuple[str, str], _Tally] = {}
    for line in report.lines:
        tally = reported.setdefault((line.publisher, line.currency), _Tally())
        for name in _Tally.__slots__:
            setattr(tally, name, getattr(tally, name) + getattr(line, name))
    for publisher, currency in sorted(reported.keys() | ledger.keys()):
        key = (publisher, currency)
        _compare(publisher, currency, reported.get(key, _Tally()), ledger.get(key, _Tally()))
    if report.totals != totals_of(report.lines):
        raise ReportMismatch("the report's totals are not the sums of its lines")


_COMPARED = {
    "earned_micros": "earned",
    "reversed_micros": "reversed",
    "adjusted_micros": "given back by credit notes",
    "suspended_micros": "put into suspense",
    "fee_micros": "taken as fee",
}


def _compare(publisher: str, currency: str, reported: _Tally, ledger: _Tally) -> None:
    whose = f" for {publisher}" if publisher else ""
    if any(getattr(reported, name) != getattr(ledger, name) for name in _COMPARED):
        raise ReportMismatch(
            f"the report's lines{whose} sum to {_shown(reported, ledger, currency)}, "
            f"the ledger's entries to {_shown(ledger, reported, currency)}"
        )
    for name in ("pages", "reversed_pages", "free_pages"):
        ours, theirs = getattr(reported, name), getattr(ledger, name)
        if ours != theirs:
            words = name.replace("_", " ")
            raise ReportMismatch(f"the report counts {ours} {words} in {currency}{whose}, the ledger {theirs}")
    if reported != ledger:
        raise ReportMismatch(f"the report and the ledger differ{whose} in the pages in suspense in {currency}")


def _shown(tally: _Tally, other: _Tally, currency: str) -> str:
    """Earned and reversed, and whatever else the two differ in."""
    told = [
        f"{format_signed(getattr(tally, name), currency)} {word}"
        for name, word in _COMPARED.items()
        if name in ("earned_micros", "reversed_micros") or getattr(tally, name) != getattr(other, name)
    ]
    return " and ".join(told)


def is_draft(month: Month, now_micros: int) -> bool:
    """Whether a month may still get entries.

    An entry bears the time at which its batch began, and clocks of machines differ: a minute after the month's end
    nothing is on its way any more.
    """
    return now_micros < month.end_micros + DRAFT_MARGIN_MICROS


def _line_key(row: EntryRow) -> _LineKey:
    return (row.publisher or "", row.site or "", row.crawler or "", row.rule or "", row.licence or "", row.currency)


def _line(key: _LineKey, tally: _Tally) -> ReportLine:
    return ReportLine(*key, **{name: getattr(tally, name) for name in _Tally.__slots__})


def _net(tally: _Tally) -> int:
    return tally.earned_micros - tally.reversed_micros - tally.adjusted_micros


def totals_of(lines: Iterable[ReportLine]) -> tuple[CurrencyTotal, ...]:
    """The sums of lines, by currency."""
    names = ("amount_micros", *_Tally.__slots__)
    sums: dict[str, dict[str, int]] = {}
    for line in lines:
        so_far = sums.setdefault(line.currency, dict.fromkeys(names, 0))
        for name in names:
            so_far[name] += getattr(line, name)
    return tuple(CurrencyTotal(currency, **sums[currency]) for currency in sorted(sums))
