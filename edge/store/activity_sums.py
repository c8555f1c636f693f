"""Count the rows of ``activity`` without reading them: sums by the hour and the day, written with the rows.

Rules of this file
- What is added is added in the transaction that writes the rows, and only for rows that were not there yet; so a sum
  of whole days is that of the rows, to the last one (a property test holds this).
- Sums are upserted in the order of their keys, so that two processes cannot wait for each other in a circle.
- A day's sums are deleted before its first row is: what is older than the oldest day that is summed does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.tables import activity_day, activity_hour

if TYPE_CHECKING:
    from edge.store.activity import Activity, ActivityFilter

HOUR_MICROS = 3_600_000_000
DAY_MICROS = 24 * HOUR_MICROS


@dataclass(frozen=True, slots=True)
class ActivityCount:
    """How many rows fit, and how many requests they stand for: more, where they are a sample."""

    rows: int
    requests: int


@dataclass(frozen=True, slots=True)
class BusyHour:
    """One hour in which rows fit, and how many rows of any sort lie in it."""

    start_micros: int
    fitting: int
    in_all: int


def add_to_sums(connection: Connection, rows: Iterable[Activity]) -> None:
    """Add rows that were just written to the sums of their hours and days."""
    written = list(rows)
    for table, length in ((activity_hour, HOUR_MICROS), (activity_day, DAY_MICROS)):
        sums: dict[tuple[Any, ...], list[int]] = {}
        for one in written:
            start = one.at_micros - one.at_micros % length
            key = (one.site_id, start, one.crawler, one.kind, one.rung, one.rule, one.outcome, one.status)
            total = sums.setdefault(key, [0, 0])
            total[0] += 1
            total[1] += one.requests
        _upsert(connection, table, sums)


def oldest_day(connection: Connection, site_id: int) -> int | None:
    """Where the rows of a site that count begin, in microseconds since the epoch; None where there are none."""
    found: int | None = connection.execute(
        select(func.min(activity_day.c.day_micros)).where(activity_day.c.site_id == site_id)
    ).scalar_one()
    return found


def count_activity(connection: Connection, site_id: int, wanted: ActivityFilter) -> ActivityCount:
    """How many rows of whole days fit. The filter's times begin and end with a day; its path must not be set."""
    assert wanted.path is None, "paths are not summed"
    assert not (wanted.since_micros or 0) % DAY_MICROS, "the first day is not whole"
    assert not (wanted.until_micros or 0) % DAY_MICROS, "the last day is not whole"
    query = select(func.sum(activity_day.c.rows), func.sum(activity_day.c.requests)).where(
        activity_day.c.site_id == site_id, *sum_conditions(activity_day, "day_micros", wanted)
    )
    rows, requests = connection.execute(query).one()
    return ActivityCount(int(rows or 0), int(requests or 0))


def busy_hours(connection: Connection, site_id: int, wanted: ActivityFilter, limit: int) -> list[BusyHour]:
    """The newest hours in which rows fit, newest first. Only the hours of the filter's times are looked at."""
    start = activity_hour.c.hour_micros
    fitting = (
        select(start, func.sum(activity_hour.c.rows).label("fitting"))
        .where(activity_hour.c.site_id == site_id, *sum_conditions(activity_hour, "hour_micros", wanted))
        .group_by(start)
        .order_by(start.desc())
        .limit(limit)
        .subquery()
    )
    others = activity_hour.alias("others")
    in_all = (
        select(func.sum(others.c.rows))
        .where(others.c.site_id == site_id, others.c.hour_micros == fitting.c.hour_micros)
        .scalar_subquery()
    )
    query = select(fitting.c.hour_micros, fitting.c.fitting, in_all).order_by(fitting.c.hour_micros.desc())
    return [BusyHour(int(hour), int(some), int(all_)) for hour, some, all_ in connection.execute(query)]


def known_values(connection: Connection, site_id: int, name: str, since_micros: int) -> list[str]:
    """Which crawlers, kinds or rules the rows of a site hold since a day, in order; empty ones left out."""
    column = activity_day.c[name]
    query = (
        select(column).distinct().where(activity_day.c.site_id == site_id, activity_day.c.day_micros >= since_micros)
    )
    found: list[str] = [value for value in connection.execute(query).scalars() if value != ""]
    return sorted(found, key=str)


def sweep_sums(connection: Connection, site_id: int, before_micros: int) -> None:
    """Delete a site's sums of every day that began before a time, and of its hours."""
    until = -(-before_micros // DAY_MICROS) * DAY_MICROS
    connection.execute(delete(activity_day).where(activity_day.c.site_id == site_id, activity_day.c.day_micros < until))
    connection.execute(
        delete(activity_hour).where(activity_hour.c.site_id == site_id, activity_hour.c.hour_micros < until)
    )


def sum_conditions(table: Table, start: str, wanted: ActivityFilter) -> Iterator[ColumnElement[bool]]:
    """What a filter asks of a row of sums; a period counts when it holds any of the filter's times."""
    column = table.c
    length = DAY_MICROS if table is activity_day else HOUR_MICROS
    yield from wanted.conditions(column)
    if wanted.since_micros is not None:
        yield column[start] > wanted.since_micros - length
    if wanted.until_micros is not None:
        yield column[start] < wanted.until_micros
    if wanted.before is not None:
        yield column[start] <= wanted.before[0]


def _upsert(connection: Connection, table: Table, sums: dict[tuple[Any, ...], list[int]]) -> None:
    if not sums:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, (*key, *total), strict=True)) for key, total in sorted(sums.items())]
    statement = insert(table)
    added = {name: table.c[name] + statement.excluded[name] for name in ("rows", "requests")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=added), rows
    )
