"""Sums over any number of entries in little memory: GROUP BY over a few hours at a time, added up on the way.

SQLite sorts to group, and the build that we run (pysqlite3) keeps what it sorts in memory, always: one GROUP BY over
ten million entries would hold them all. A slice of six hours is sorted in passing; what remains is one row a group.
Entries are found by the index over their time, so that all slices together read what one statement would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select

from edge.store.tables import entry

SLICE_MICROS = 6 * 3_600 * 1_000_000
DAY_MICROS = 4 * SLICE_MICROS
Sums = dict[tuple[Any, ...], tuple[int, int]]


def summed(
    connection: Connection,
    keys: Sequence[ColumnElement[Any]],
    conditions: Iterable[ColumnElement[bool]],
    since_micros: int,
    until_micros: int | None,
) -> Sums:
    """How many entries, and how much in micro-units, by the values of ``keys``; ``until_micros`` is exclusive.

    A key that is an expression must be labelled: it is grouped by its label.
    """
    sums: Sums = {}
    bounds = list(conditions)
    # PostgreSQL sums bigints into numerics, which cross the wire as text.
    amount = cast(func.sum(entry.c.amount_micros), BigInteger)
    grouped = [key if key.name in entry.c else key.name for key in keys]
    for start, end in _slices(connection, since_micros, until_micros):
        recorded = (entry.c.recorded_at_micros >= start, entry.c.recorded_at_micros < end)
        query = select(*keys, func.count(), amount).where(*recorded, *bounds).group_by(*grouped)
        for *values, count, micros in connection.execute(query):
            key = tuple(values)
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + count, before[1] + int(micros))
    return sums


def _slices(connection: Connection, since_micros: int, until_micros: int | None) -> Iterator[tuple[int, int]]:
    """From one entry to the next that is further away than a slice; times without entries cost nothing."""
    start = since_micros
    while True:
        ahead = select(func.min(entry.c.recorded_at_micros)).where(entry.c.recorded_at_micros >= start)
        found: int | None = connection.execute(ahead).scalar_one()
        if found is None or (until_micros is not None and found >= until_micros):
            return
        end = found + SLICE_MICROS
        yield found, end if until_micros is None else min(end, until_micros)
        start = end
