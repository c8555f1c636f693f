"""What each reader's statement of a month has beside its lines: entries, receipts, top-ups, and what is in suspense.

Counted for everybody at once, by the ids that entries bear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from edge.core.budgets import DAY_MICROS
from edge.core.closing import Share, WriterPart
from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.particulars import Sums
from edge.core.report import Pocket
from edge.core.statement import Movements
from edge.store.month_reading import WHOLE, Move, Names, Part
from edge.store.month_sums import Reading, suspended_by_parties
from edge.store.tables import entry

_PAID = frozenset({EntryKind.POST, EntryKind.SETTLE, EntryKind.GRANT})
_HOLDS = {EntryKind.HOLD: 1, EntryKind.VOID: -1, EntryKind.SETTLE: -1}


@dataclass(slots=True)
class _Count:
    entries: int = 0
    receipts: int = 0
    topped_up: dict[str, int] = field(default_factory=dict)
    suspended: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    granted: dict[str, int] = field(default_factory=dict)
    fees_paid: dict[str, int] = field(default_factory=dict)

    def share(self) -> Share:
        movements = Movements(_sums(self.held), _sums(self.granted), _sums(self.fees_paid))
        return Share(self.entries, self.receipts, _sums(self.topped_up), _sums(self.suspended), movements=movements)

    def take(self, move: Move, names: Names) -> None:
        """Count entries that belong to the month's statement."""
        self.entries += move.entries
        self.receipts += move.entries if move.kind in _PAID else 0
        if move.kind is EntryKind.CREDIT:
            _add(self.topped_up, move.currency, move.amount_micros)
        if move.kind in _HOLDS:
            _add(self.held, move.currency, _HOLDS[move.kind] * move.amount_micros)
        if move.kind is EntryKind.ADJUST and move.publisher_id is None:
            gives = names.accounts[move.credit_account].pocket is Pocket.CRAWLER
            _add(self.granted, move.currency, move.amount_micros if gives else -move.amount_micros)


@dataclass(frozen=True, slots=True)
class ReaderCounts:
    """The shares of everything, of each publisher and of each crawler, by id."""

    whole: Share
    publishers: dict[int, Share]
    crawlers: dict[int, Share]


def count_readers(
    connection: Connection, month: Month, reading: Reading, names: Names, part: Part = WHOLE
) -> ReaderCounts:
    """Count for each reader what a reading of the month, or of a part of it, holds."""
    whole, publishers, crawlers = _Count(), dict[int, _Count](), dict[int, _Count]()

    def concerned(publisher_id: int | None, crawler_id: int | None) -> list[_Count]:
        found = [whole]
        if publisher_id is not None:
            found.append(publishers.setdefault(publisher_id, _Count()))
        if crawler_id is not None:
            found.append(crawlers.setdefault(crawler_id, _Count()))
        return found

    for move in (*reading.named, *reading.fees):
        for count in concerned(move.publisher_id, move.crawler_id):
            count.take(move, names)
    for move in reading.moved:
        if move.kind is EntryKind.FEE:
            for count in concerned(move.publisher_id, move.crawler_id):
                _add(count.fees_paid, move.currency, move.amount_micros)
    for publisher_id, crawler_id, currency, amount in suspended_by_parties(connection, month, part):
        for count in concerned(publisher_id, crawler_id):
            _add(count.suspended, currency, amount)
    return ReaderCounts(whole.share(), _shares(publishers), _shares(crawlers))


def writer_parts(connection: Connection, month: Month) -> tuple[WriterPart, ...]:
    """Which entries of each writer were recorded in the month, by writer; fees of earlier months are among them.

    Asked day by day: SQLite groups by sorting, in memory, and ten million entries of a month took 490 MiB at once.
    """
    recorded = entry.c.recorded_at_micros
    numbers = (func.min(entry.c.number), func.max(entry.c.number), func.count())
    parts: dict[int, WriterPart] = {}
    for start in range(month.start_micros, month.end_micros, DAY_MICROS):
        day = select(entry.c.writer_id, *numbers).where(recorded >= start, recorded < start + DAY_MICROS)
        for row in connection.execute(day.group_by(entry.c.writer_id)):
            part = WriterPart(*row)
            known = parts.get(part.writer)
            parts[part.writer] = part if known is None else known.joined(part)
    return tuple(parts[writer] for writer in sorted(parts))


def _add(sums: dict[str, int], currency: str, amount_micros: int) -> None:
    sums[currency] = sums.get(currency, 0) + amount_micros


def _sums(sums: dict[str, int]) -> Sums:
    return tuple(sorted(sums.items()))


def _shares(counts: dict[int, _Count]) -> dict[int, Share]:
    return {number: count.share() for number, count in sorted(counts.items())}
