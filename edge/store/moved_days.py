"""Sums of entries by the accounts that they moved, for screens: whole days as they were summed, the rest from entries.

Rules of this file
- A day is summed once, when nothing is recorded in it any more (``earned_days``), by everything that a report tells
  apart; so whatever is grouped or chosen by those columns is, to the last unit, what the entries give.
- A day whose groups do not hold all of its entries is not kept.
- Statements that are closed, sent as files or verified are added up from entries and never from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select
from sqlalchemy.sql.expression import FromClause

from edge.core.report import ReportMismatch
from edge.store.sliced_sums import DAY_MICROS, Sums, summed
from edge.store.tables import earned_until, entry, moved_day

MOVE = (
    *("kind", "currency", "debit_account", "credit_account", "publisher_id", "site_id", "crawler_id", "rule"),
    "licence",
)
Bounds = Callable[[FromClause], Iterable[ColumnElement[bool]]]
"""What is chosen, said of entries or of days: the table given has the columns of ``MOVE``."""


def everything(rows: FromClause) -> Iterable[ColumnElement[bool]]:
    """No bounds."""
    return ()


def summed_until(connection: Connection) -> int:
    """Every day before this time is summed (microseconds since the epoch); 0 where none is."""
    found: int | None = connection.execute(select(earned_until.c.until_micros)).scalar_one_or_none()
    return found or 0


def summed_by_days(
    connection: Connection, keys: Sequence[str], bounds: Bounds, since_micros: int, until_micros: int | None
) -> Sums:
    """What ``summed`` gives for the same columns of ``MOVE``; ``until_micros`` is exclusive."""
    first, last = -(-since_micros // DAY_MICROS) * DAY_MICROS, summed_until(connection)
    if until_micros is not None:
        last = min(last, until_micros // DAY_MICROS * DAY_MICROS)
    if first >= last:
        return summed_entries(connection, keys, bounds, since_micros, until_micros)
    sums = _summed_days(connection, keys, bounds, first, last)
    for since, until in ((since_micros, first), (last, until_micros)):
        for key, more in summed_entries(connection, keys, bounds, since, until).items():
            before = sums.get(key, (0, 0))
            sums[key] = (before[0] + more[0], before[1] + more[1])
    return sums


def summed_entries(
    connection: Connection, keys: Sequence[str], bounds: Bounds, since_micros: int, until_micros: int | None
) -> Sums:
    """The same, of entries alone."""
    return summed(connection, [entry.c[name] for name in keys], bounds(entry), since_micros, until_micros)


def read_day(connection: Connection, day: int) -> list[dict[str, Any]]:
    """The rows of a day that is over, added up from its entries. Raises ``ReportMismatch`` where they lack any."""
    recorded = entry.c.recorded_at_micros
    found = summed_entries(connection, MOVE, everything, day, day + DAY_MICROS)
    count = select(func.count(), cast(func.coalesce(func.sum(entry.c.amount_micros), 0), BigInteger))
    entries, amount = connection.execute(count.where(recorded >= day, recorded < day + DAY_MICROS)).one()
    hold_against(found, entries, int(amount))
    return [
        dict(zip(moved_day.columns.keys(), (day, position, *key, *sums), strict=True))
        for position, (key, sums) in enumerate(found.items())
    ]


def hold_against(found: Sums, entries: int, amount_micros: int) -> None:
    """Raise ``ReportMismatch`` where groups are not all that was counted without them."""
    held = (sum(one[0] for one in found.values()), sum(one[1] for one in found.values()))
    if held != (entries, amount_micros):
        raise ReportMismatch(f"the groups of a day hold {held[0]} entries, the ledger {entries}")


def _summed_days(connection: Connection, keys: Sequence[str], bounds: Bounds, first: int, last: int) -> Sums:
    names = [moved_day.c[name] for name in keys]
    # PostgreSQL sums bigints into numerics, which cross the wire as text.
    numbers = [cast(func.sum(moved_day.c[name]), BigInteger) for name in ("entries", "amount_micros")]
    day = moved_day.c.day_micros
    query = select(*names, *numbers).where(day >= first, day < last, *bounds(moved_day)).group_by(*names)
    return {tuple(key): (int(entries), int(amount)) for *key, entries, amount in connection.execute(query)}
