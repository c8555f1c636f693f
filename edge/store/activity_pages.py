"""Pages of a list of single requests, and how many there are, at a cost that does not grow with what is kept.

Rules of this file
- The sums say in which hours rows fit; only those are read, newest first, and no more than ``ROWS_READ_MAX`` rows of
  them for one page. Where that ends a page early, it says how far back it has looked.
- The count of a filter is that of the sums. Paths are not summed: where one is asked for, the rows are counted
  themselves if they are few enough, else there is no count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from edge.store.activity import Activity, ActivityFilter, newest_of_site, row_conditions
from edge.store.activity_sums import (
    HOUR_MICROS,
    ActivityCount,
    BusyHour,
    busy_hours,
    count_activity,
    oldest_day,
)
from edge.store.tables import activity

PAGE_LENGTH = 50
ROWS_READ_MAX = 60_000
ROWS_COUNTED_MAX = 60_000
ROWS_OF_ONE_STATEMENT = 20_000
_HOURS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """A page of a list, newest first. ``following`` is where the next one begins, None on the last.

    ``looked_back_to`` is set, in microseconds since the epoch, where the page ended before it was full: older rows
    may fit.
    """

    rows: tuple[Activity, ...]
    following: tuple[int, int] | None
    looked_back_to: int | None = None


def kept_part(connection: Connection, site_id: int, wanted: ActivityFilter) -> ActivityFilter | None:
    """The filter, begun where the rows of the site that count begin; None where there are none."""
    oldest = oldest_day(connection, site_id)
    return None if oldest is None else replace(wanted, since_micros=max(wanted.since_micros or 0, oldest))


def page_of_activity(
    connection: Connection,
    site_id: int,
    wanted: ActivityFilter,
    limit: int = PAGE_LENGTH,
    rows_read_max: int = ROWS_READ_MAX,
) -> ActivityPage:
    """The newest rows of a site that fit, after ``wanted.before`` if that is set."""
    kept = kept_part(connection, site_id, wanted)
    if kept is None:
        return ActivityPage((), None)
    rows: list[Activity] = []
    read = 0
    hours = busy_hours(connection, site_id, kept, _HOURS_MAX)
    for some in _together(hours):
        in_all = sum(hour.in_all for hour in some)
        first, end = some[-1].start_micros, some[0].start_micros + HOUR_MICROS
        if read and read + in_all > rows_read_max:
            return ActivityPage(tuple(rows), (end, 0), end)
        read += in_all
        within = replace(
            kept,
            since_micros=max(kept.since_micros or 0, first),
            until_micros=min(kept.until_micros or 2**63 - 1, end),
        )
        rows += newest_of_site(connection, site_id, within, limit + 1 - len(rows))
        if len(rows) > limit:
            last = rows[limit - 1]
            return ActivityPage(tuple(rows[:limit]), (last.at_micros, last.number))
    if len(hours) == _HOURS_MAX:
        end = hours[-1].start_micros
        return ActivityPage(tuple(rows), (end, 0), end)
    return ActivityPage(tuple(rows), None)


def _together(hours: list[BusyHour]) -> Iterator[list[BusyHour]]:
    """Hours that follow each other, the newest first, as many as one statement should read."""
    some: list[BusyHour] = []
    for hour in hours:
        follows = not some or some[-1].start_micros - hour.start_micros == HOUR_MICROS
        if some and (not follows or sum(one.in_all for one in some) + hour.in_all > ROWS_OF_ONE_STATEMENT):
            yield some
            some = []
        some.append(hour)
    if some:
        yield some


def count_rows(
    connection: Connection, site_id: int, wanted: ActivityFilter, rows_counted_max: int = ROWS_COUNTED_MAX
) -> ActivityCount | None:
    """How many rows of a site fit, all pages together; None where a path is asked for in too many rows.

    The filter's times begin and end with a day.
    """
    kept = kept_part(connection, site_id, replace(wanted, before=None))
    if kept is None:
        return ActivityCount(0, 0)
    if kept.path is None:
        return count_activity(connection, site_id, kept)
    if count_activity(connection, site_id, replace(kept, path=None)).rows > rows_counted_max:
        return None
    query = select(func.count(), func.sum(activity.c.requests))
    rows, requests = connection.execute(query.where(activity.c.site_id == site_id, *row_conditions(kept))).one()
    return ActivityCount(int(rows), int(requests or 0))
