"""Delivery marks: which entries' pages are known to have arrived, as ranges of entry numbers.

Rules of this file
- Written lazily, a second late at most: a payment that is unmarked after a crash goes to suspense.
- A mark over an entry that pays for no page (a hold, a top-up) only says that nothing is waited for: so the gaps
  between the marks are what recovery has to look into.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from edge.store.tables import delivery

RANGE_LENGTH_MAX = 10_000
"""Bounds how far below an entry's number a range that covers it can begin."""

Position = tuple[int, int]


def ranges(positions: Iterable[Position]) -> list[tuple[int, int, int]]:
    """Merge (writer, number) positions into (writer, first, last) ranges, in order."""
    merged: list[tuple[int, int, int]] = []
    for writer, number in sorted(set(positions)):
        if merged:
            last_writer, first, last = merged[-1]
            if writer == last_writer and number == last + 1 and number - first < RANGE_LENGTH_MAX:
                merged[-1] = (writer, first, number)
                continue
        merged.append((writer, number, number))
    return merged


def mark_delivered(connection: Connection, positions: Iterable[Position], now_micros: int) -> None:
    """Write the marks; marking again is harmless."""
    rows = [
        {"writer_id": writer, "first_number": first, "last_number": last, "confirmed_at_micros": now_micros}
        for writer, first, last in ranges(positions)
    ]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite_insert(delivery).on_conflict_do_nothing(), rows)
    else:
        connection.execute(postgresql_insert(delivery).on_conflict_do_nothing(), rows)


def is_delivered(connection: Connection, position: Position) -> bool:
    """Whether a mark covers the entry."""
    writer, number = position
    covering = select(delivery.c.last_number).where(
        delivery.c.writer_id == writer,
        delivery.c.first_number <= number,
        delivery.c.first_number > number - RANGE_LENGTH_MAX,
        delivery.c.last_number >= number,
    )
    nearest = covering.order_by(delivery.c.first_number.desc()).limit(1)
    return connection.execute(nearest).first() is not None


def covering_mark(writer: ColumnElement[int], number: ColumnElement[int]) -> ColumnElement[int]:
    """For queries: the end of a mark that covers the entry, null without one. Nearest first: usually the first fits."""
    return (
        select(delivery.c.last_number)
        .where(
            delivery.c.writer_id == writer,
            delivery.c.first_number <= number,
            delivery.c.first_number > number - RANGE_LENGTH_MAX,
            delivery.c.last_number >= number,
        )
        .order_by(delivery.c.first_number.desc())
        .limit(1)
        .scalar_subquery()
    )
