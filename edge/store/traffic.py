"""The sums of what came and what became of it: flushed in batches off the request, read by pages.

Rules of this file: rows are only ever added to, never replaced, so that several processes can flush the same period;
they are written in one order, so that two flushes cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, Connection, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.tables import traffic, traffic_day, traffic_minute

MINUTE_MICROS = 60_000_000
HOUR_MICROS = 60 * MINUTE_MICROS
DAY_MICROS = 24 * HOUR_MICROS


class Span(StrEnum):
    """For which periods sums are kept."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def micros(self) -> int:
        """How long one is."""
        return {Span.MINUTE: MINUTE_MICROS, Span.HOUR: HOUR_MICROS, Span.DAY: DAY_MICROS}[self]

    @property
    def table(self) -> Table:
        """Where its sums are."""
        return {Span.MINUTE: traffic_minute, Span.HOUR: traffic, Span.DAY: traffic_day}[self]


class TrafficKey(NamedTuple):
    """What one sum counts; a plain tuple, because the gate counts with it on every request.

    ``start_micros`` is the start of the period since the epoch; ``outcome`` is why a request passed (``AdmitReason``),
    how a sale ended (``SaleEnd``) or a refusal code. ``crawler`` and ``rule`` are empty where there is none,
    ``site_id`` 0 for a host that is not ours.
    """

    start_micros: int
    site_id: int
    crawler: str
    rung: str
    rule: str
    outcome: str


@dataclass(frozen=True, slots=True)
class TrafficSum:
    """How many requests one key stands for."""

    key: TrafficKey
    requests: int


def start_of(span: Span, at_micros: int) -> int:
    """The start of the period that a time falls into."""
    return at_micros - at_micros % span.micros


def hour_of(at_micros: int) -> int:
    """The start of the hour that a time falls into."""
    return start_of(Span.HOUR, at_micros)


def flush_traffic(connection: Connection, counts: Mapping[TrafficKey, int]) -> None:
    """Add a batch of counts to the sums of their minutes, hours and days."""
    for span in Span:
        sums = Counter[TrafficKey]()
        for key, requests in counts.items():
            sums[key._replace(start_micros=start_of(span, key.start_micros))] += requests
        _add(connection, span.table, sums)


def read_traffic(
    connection: Connection, since_micros: int, until_micros: int, site_ids: frozenset[int] | None = None
) -> list[TrafficSum]:
    """The sums between two times (start included, end not), over all hours between them, the largest first.

    ``site_ids`` limits the answer to those sites. The keys' start is that of the period.
    """
    keys = (traffic.c.site_id, traffic.c.crawler, traffic.c.rung, traffic.c.rule, traffic.c.outcome)
    requests = func.sum(traffic.c.requests)
    query = (
        select(*keys, requests.label("requests"))
        .where(traffic.c.hour_micros >= since_micros, traffic.c.hour_micros < until_micros)
        .group_by(*keys)
        .order_by(requests.desc(), *keys)
    )
    if site_ids is not None:
        query = query.where(traffic.c.site_id.in_(site_ids))
    return [TrafficSum(TrafficKey(since_micros, *row[:5]), int(row.requests)) for row in connection.execute(query)]


def traffic_by(
    connection: Connection,
    span: Span,
    since_micros: int,
    until_micros: int,
    *,
    site_id: int | None = None,
    crawler: str | None = None,
) -> Iterator[TrafficSum]:
    """The sums of each minute, hour or day that starts between two times, in order; the connection is busy so long."""
    table = span.table
    start = _start(table)
    query = select(table).where(start >= since_micros, start < until_micros).order_by(*table.primary_key.columns)
    if site_id is not None:
        query = query.where(table.c.site_id == site_id)
    if crawler is not None:
        query = query.where(table.c.crawler == crawler)
    for row in connection.execute(query):
        yield TrafficSum(TrafficKey(*row[:6]), row.requests)


def _add(connection: Connection, table: Table, counts: Mapping[TrafficKey, int]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, (*key, requests), strict=True)) for key, requests in sorted(counts.items())]
    if not rows:
        return
    # One statement for each row, and not one for all: its text is made once, and that is most of the cost.
    statement = insert(table)
    added = table.c.requests + statement.excluded.requests
    keys = list(table.primary_key.columns)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"requests": added}), rows)


def _start(table: Table) -> Column[int]:
    return next(iter(table.columns))
