"""The hourly sums of what came and what became of it: flushed in batches off the request, read by pages.

Rules of this file: rows are only ever added to, never replaced, so that several processes can flush the same hour;
they are written in one order, so that two flushes cannot wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.tables import traffic

HOUR_MICROS = 3_600_000_000
ROWS_PER_STATEMENT = 500


class TrafficKey(NamedTuple):
    """What one sum counts; a plain tuple, because the gate counts with it on every request.

    ``hour_micros`` is the start of the hour since the epoch; ``outcome`` is why a request passed (``AdmitReason``),
    how a sale ended (``SaleEnd``) or a refusal code. ``crawler`` and ``rule`` are empty where there is none,
    ``site_id`` 0 for a host that is not ours.
    """

    hour_micros: int
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


def hour_of(at_micros: int) -> int:
    """The start of the hour that a time falls into."""
    return at_micros - at_micros % HOUR_MICROS


def flush_traffic(connection: Connection, counts: Mapping[TrafficKey, int]) -> None:
    """Add a batch of counts to the stored sums."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{**key._asdict(), "requests": requests} for key, requests in sorted(counts.items())]
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        statement = insert(traffic).values(rows[start : start + ROWS_PER_STATEMENT])
        added = traffic.c.requests + statement.excluded.requests
        keys = list(traffic.primary_key.columns)
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"requests": added}))


def read_traffic(
    connection: Connection, since_micros: int, until_micros: int, site_ids: frozenset[int] | None = None
) -> list[TrafficSum]:
    """The sums between two times (start included, end not), over all hours between them, the largest first.

    ``site_ids`` limits the answer to those sites. The keys' hour is the first of the period.
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
