"""Recorded requests for a backtest: a site's rows along the key, as lean as they can be read.

Rules of this file
- Everything but address, time and weight is put into one text by the database: it is by far the cheapest thing to
  group by, and the few different texts are taken apart at the end (``read_asker``).
- Rows come from the driver's own cursor: an object for each row would cost more than deciding.
- They are read a page at a time along the key, each in a transaction of its own, so that nobody waits for a reader.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from edge.core.backtest import Row
from edge.core.recorded import Asker
from edge.store.tables import activity

ROWS_AT_ONCE = 20_000
_SEPARATOR = "\x1f"  # in no name, header or code: they are visible characters

Place = tuple[int, int]
"""When a row was recorded and its number: where to read on."""


def read_recorded(
    connection: Connection, site_id: int, after: Place, until_micros: int, limit: int = ROWS_AT_ONCE
) -> list[Row]:
    """The next rows of a site behind a place and before a time, oldest first; fewer than a page at the end."""
    column = activity.c
    at_micros, number = after
    query = (
        select(_ASKER, column.at_micros, column.target, column.requests, column.number)
        .where(column.site_id == site_id, column.at_micros >= at_micros, column.at_micros < until_micros)
        .where((column.at_micros > at_micros) | (column.number > number))
        .order_by(column.at_micros, column.number)
        .limit(limit)
    )
    result = connection.execute(query)
    if result.cursor is None:
        raise AssertionError("a query has a cursor")
    try:
        rows: list[Row] = list(result.cursor.fetchall())
    finally:
        result.close()
    return rows


def place_of(row: Row) -> Place:
    """Behind which row to read on."""
    return row[1], row[4]


def first_recorded(connection: Connection, site_id: int) -> int | None:
    """When the oldest row of a site was recorded, microseconds; None without any."""
    found: int | None = connection.execute(
        select(activity.c.at_micros).where(activity.c.site_id == site_id).order_by(activity.c.at_micros).limit(1)
    ).scalar()
    return found


def read_asker(text: str) -> Asker:
    """Take a row's text apart."""
    crawler, rung, kind, operator, agent, facts, method, offer, outcome, price, status = text.split(_SEPARATOR)
    price_micros = int(price) if price else None
    return Asker(crawler, rung, kind, operator, agent, int(facts), method, offer, outcome, price_micros, int(status))


_NEEDED: tuple[ColumnElement[str], ...] = (
    activity.c.crawler,
    activity.c.rung,
    activity.c.kind,
    activity.c.operator,
    func.coalesce(activity.c.agent, ""),
    cast(activity.c.facts, Text),
    activity.c.method,
    func.coalesce(activity.c.offer, ""),
    activity.c.outcome,
    func.coalesce(cast(activity.c.price_micros, Text), ""),
    cast(activity.c.status, Text),
)
_ASKER = func.concat_ws(_SEPARATOR, *_NEEDED)
