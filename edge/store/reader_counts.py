"""What each reader's statement of a month has beside its lines: entries, receipts, top-ups, and what is in suspense.

Counted for everybody at once, by the ids that entries bear.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from edge.core.closing import Share, WriterPart
from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.store.month_reading import WHOLE, Part, recorded_in
from edge.store.month_sums import Reading, suspended_by_parties
from edge.store.tables import entry

_PAID = frozenset({EntryKind.POST, EntryKind.SETTLE})


@dataclass(slots=True)
class _Count:
    entries: int = 0
    receipts: int = 0
    topped_up: dict[str, int] = field(default_factory=dict)
    suspended: dict[str, int] = field(default_factory=dict)

    def share(self) -> Share:
        return Share(
            self.entries, self.receipts, tuple(sorted(self.topped_up.items())), tuple(sorted(self.suspended.items()))
        )


@dataclass(frozen=True, slots=True)
class ReaderCounts:
    """The shares of everything, of each publisher and of each crawler, by id."""

    whole: Share
    publishers: dict[int, Share]
    crawlers: dict[int, Share]


def count_readers(connection: Connection, month: Month, reading: Reading, part: Part = WHOLE) -> ReaderCounts:
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
            count.entries += move.entries
            count.receipts += move.entries if move.kind in _PAID else 0
            if move.kind is EntryKind.CREDIT:
                count.topped_up[move.currency] = count.topped_up.get(move.currency, 0) + move.amount_micros
    for publisher_id, crawler_id, currency, amount in suspended_by_parties(connection, month, part):
        for count in concerned(publisher_id, crawler_id):
            count.suspended[currency] = count.suspended.get(currency, 0) + amount
    return ReaderCounts(whole.share(), _shares(publishers), _shares(crawlers))


def writer_parts(connection: Connection, month: Month) -> tuple[WriterPart, ...]:
    """Which entries of each writer were recorded in the month, by writer; fees of earlier months are among them."""
    numbers = (func.min(entry.c.number), func.max(entry.c.number), func.count())
    query = select(entry.c.writer_id, *numbers).where(*recorded_in(month)).group_by(entry.c.writer_id)
    return tuple(WriterPart(*row) for row in connection.execute(query.order_by(entry.c.writer_id)))


def _shares(counts: dict[int, _Count]) -> dict[int, Share]:
    return {number: count.share() for number, count in sorted(counts.items())}
