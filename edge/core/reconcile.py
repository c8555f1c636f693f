"""A crawler's receipt log held against the books, charge by charge.

Rules of this file
- Both sides come sorted by charge id and pass one by one; nothing but sums is kept.
- The books' rows of a charge are folded to what it comes to now: a charge that was given back, credited in full or
  lies in suspense comes to nothing, as in the crawler's statement.
- In a period, the books' time of the sale decides what belongs to it: clocks differ, and a log is written later. A line
  of the log that the books place elsewhere is left out and counted.
- What the log counts less what the books count is the sum of the differences, per currency; that is asserted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar

from edge.core.ledger import EntryKind, InvariantBroken
from edge.core.receipt_log import BadLine, LogLine

DAY_MICROS = 86_400_000_000
_SALES = (EntryKind.POST, EntryKind.SETTLE, EntryKind.GRANT)


class BookRow(NamedTuple):
    """One entry of a charge: what it adds to the crawler's statement in micro-units, negative where it takes back."""

    charge_id: str
    at_micros: int
    kind: str
    amount_micros: int
    currency: str
    where: str


class DifferenceKind(StrEnum):
    """What can be wrong with a charge; ``here`` are the books, ``there`` is the log."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    DIFFERENT_AMOUNT = "different_amount"
    REVERSED = "reversed"
    CREDITED = "credited"
    SUSPENDED = "suspended"
    NOT_COUNTED_THERE = "not_counted_there"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"


class Amount(NamedTuple):
    """What one side counts; unlike a price it may be the rest of something."""

    micros: int
    currency: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One charge that the two sides do not agree on. ``line`` is its place in the log, None where it is not in it."""

    kind: DifferenceKind
    charge_id: str
    here: Amount | None
    there: Amount | None
    at_micros: int | None
    where: str
    line: int | None
    says: str


@dataclass(slots=True)
class Total:
    """One currency: charges and micro-units that the books count, lines and micro-units that the log counts."""

    here: int = 0
    here_micros: int = 0
    there: int = 0
    there_micros: int = 0
    matched: int = 0
    matched_micros: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """From and until (exclusive), in microseconds; None leaves an end open."""

    since_micros: int | None = None
    until_micros: int | None = None

    def holds(self, at_micros: int | None, margin_micros: int = 0) -> bool:
        """Whether a time lies in it, or within the margin of it; an unknown time may."""
        if at_micros is None:
            return True
        since, until = self.since_micros, self.until_micros
        return (since is None or at_micros >= since - margin_micros) and (
            until is None or at_micros < until + margin_micros
        )


class Elsewhere(StrEnum):
    """What is known of a charge that the books do not hold in this period: its sentence, or that it is left out."""

    OUTSIDE = "the books hold it outside of the period"
    NEVER_CHARGED = "the page was held and never charged"
    OTHER_CRAWLER = "the books hold it for another crawler"


Find = Callable[[LogLine], Elsewhere | None]
_Row = TypeVar("_Row", bound=tuple[object, ...])


class _State(StrEnum):
    CHARGED = "charged"
    CREDITED = "credited"
    REVERSED = "reversed"
    SUSPENDED = "suspended"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class _Booked:
    """A charge as the books hold it now: what it cost and what it comes to."""

    sale: BookRow
    net_micros: int
    state: _State

    @property
    def counts(self) -> bool:
        """Whether the books count it: it costs something, or it was free and stands."""
        return self.net_micros != 0 or self.state is _State.CHARGED


_BACK = {
    _State.REVERSED: (DifferenceKind.REVERSED, "it was given back, and is counted there"),
    _State.SUSPENDED: (DifferenceKind.SUSPENDED, "it is in suspense, and is counted there"),
}


@dataclass(slots=True)
class Reconciliation:
    """Goes through both sides once; the sums are complete when ``differences`` is at its end."""

    period: Period
    find: Find
    totals: dict[str, Total] = field(default_factory=dict)
    kinds: dict[DifferenceKind, int] = field(default_factory=dict)
    outside: int = 0
    _gaps: dict[str, int] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not self.kinds

    def differences(
        self, log: Iterable[LogLine], books: Iterable[BookRow], bad_lines: Iterable[BadLine] = ()
    ) -> Iterator[Difference]:
        """Every difference, by charge id, after the lines that cannot be read. Both sides are sorted by charge id.

        Raises ``InvariantBroken`` when the differences do not explain the sums.
        """
        for bad in bad_lines:
            yield self._tell(Difference(DifferenceKind.UNREADABLE, "", None, None, None, "", bad.line, bad.reason))
        for lines, rows in _side_by_side(log, books):
            for found in self._judge(lines, _fold(rows, self.period)):
                yield self._tell(found)
        for currency, total in self.totals.items():
            if total.there_micros - total.here_micros != self._gaps.get(currency, 0):
                raise InvariantBroken(f"the differences in {currency} do not explain what the two sides count")

    def _tell(self, found: Difference) -> Difference:
        self.kinds[found.kind] = self.kinds.get(found.kind, 0) + 1
        for amount, sign in ((found.there, 1), (found.here, -1)):
            if amount is not None:
                self._gaps[amount.currency] = self._gaps.get(amount.currency, 0) + sign * amount.micros
        return found

    def _total(self, currency: str) -> Total:
        return self.totals.setdefault(currency, Total())

    def _judge(self, lines: list[LogLine], booked: _Booked | None) -> Iterator[Difference]:
        counted = [line for line in lines if line.counts]
        says: str | None = None
        if booked is None and counted:
            known = self._known(counted[0])
            says = "the books do not hold it" if known is None else known.value
        if says == Elsewhere.OUTSIDE or (booked is not None and booked.state is _State.OUTSIDE):
            self.outside += len(lines)
            return
        for line in counted:
            total = self._total(line.currency)
            total.there += 1
            total.there_micros += line.amount_micros
        if booked is not None and booked.counts:
            total = self._total(booked.sale.currency)
            total.here += 1
            total.here_micros += booked.net_micros
        if booked is None:
            if says is not None:
                yield _difference(DifferenceKind.MISSING_HERE, counted[0], None, says)
        elif counted:
            yield from self._compare(counted[0], booked)
        elif booked.counts:
            yield _uncounted(lines, booked)
        for line in counted[1:]:
            yield _difference(DifferenceKind.DUPLICATE, line, None, f"line {counted[0].line} counts it already")

    def _known(self, line: LogLine) -> Elsewhere | None:
        """Ask for a charge that the books' part does not hold; a time far from the period needs no question."""
        if not self.period.holds(line.at_micros, DAY_MICROS):
            return Elsewhere.OUTSIDE
        known = self.find(line)
        return Elsewhere.OUTSIDE if known is None and not self.period.holds(line.at_micros) else known

    def _compare(self, line: LogLine, booked: _Booked) -> Iterator[Difference]:
        same_currency = line.currency == booked.sale.currency
        if same_currency and line.amount_micros == booked.net_micros:
            total = self._total(line.currency)
            total.matched += 1
            total.matched_micros += line.amount_micros
            return
        kind, says = DifferenceKind.DIFFERENT_AMOUNT, "the amounts differ"
        if booked.state in _BACK:
            kind, says = _BACK[booked.state]
        elif booked.state is _State.CREDITED and same_currency and line.amount_micros == booked.sale.amount_micros:
            kind, says = DifferenceKind.CREDITED, "a credit note corrects it, and it is counted in full there"
        yield _difference(kind, line, booked, says)


def _difference(kind: DifferenceKind, line: LogLine, booked: _Booked | None, says: str) -> Difference:
    here = None if booked is None else Amount(booked.net_micros, booked.sale.currency)
    there = Amount(line.amount_micros, line.currency)
    where = line.url or ("" if booked is None else booked.sale.where)
    return Difference(kind, line.charge_id, here, there, line.at_micros, where, line.line, says)


def _uncounted(lines: list[LogLine], booked: _Booked) -> Difference:
    sale, here = booked.sale, Amount(booked.net_micros, booked.sale.currency)
    place = (sale.at_micros, sale.where)
    if not lines:
        says = "the log does not hold it"
        return Difference(DifferenceKind.MISSING_THERE, sale.charge_id, here, None, *place, None, says)
    says = f"the log calls it {lines[-1].state} and does not count it"
    return Difference(DifferenceKind.NOT_COUNTED_THERE, sale.charge_id, here, None, *place, lines[-1].line, says)


def _fold(rows: list[BookRow], period: Period) -> _Booked | None:
    """What a charge comes to now. Its last sale is its price: one that was reversed may have been bought again."""
    sales = [row for row in rows if row.kind in _SALES]
    if not rows:
        return None
    if not sales or not period.holds(min(row.at_micros for row in sales)):
        return _Booked(rows[0], 0, _State.OUTSIDE)
    sale = max(sales, key=itemgetter(1))
    net = sum(row.amount_micros for row in rows)
    return _Booked(sale, net, _state(rows, sale, net))


def _state(rows: list[BookRow], sale: BookRow, net_micros: int) -> _State:
    if sale.kind == EntryKind.GRANT:
        withdrawn = sum(row.kind == EntryKind.WITHDRAW for row in rows)
        granted = sum(row.kind == EntryKind.GRANT for row in rows)
        return _State.REVERSED if withdrawn == granted else _State.CHARGED
    if net_micros == sale.amount_micros:
        return _State.CHARGED
    if net_micros:
        return _State.CREDITED
    # A reversal out of suspense takes nothing more: its amount is 0.
    kinds = [(row.kind, row.amount_micros == 0) for row in rows]
    left = kinds.count((EntryKind.RELEASE, False)) + kinds.count((EntryKind.REVERSE, True))
    if kinds.count((EntryKind.SUSPEND, False)) > left:
        return _State.SUSPENDED
    return _State.REVERSED if any(row.kind == EntryKind.REVERSE for row in rows) else _State.CREDITED


def _side_by_side(log: Iterable[LogLine], books: Iterable[BookRow]) -> Iterator[tuple[list[LogLine], list[BookRow]]]:
    """The groups of one charge on both sides, in the order of the ids; a side may have none."""
    left, right = _groups(log), _groups(books)
    lines, rows = next(left, None), next(right, None)
    while lines is not None or rows is not None:
        if rows is None or (lines is not None and lines[0].charge_id < rows[0].charge_id):
            yield lines or [], []
            lines = next(left, None)
        elif lines is None or rows[0].charge_id < lines[0].charge_id:
            yield [], rows
            rows = next(right, None)
        else:
            yield lines, rows
            lines, rows = next(left, None), next(right, None)


def _groups(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    for _, group in groupby(rows, key=itemgetter(0)):
        yield list(group)
