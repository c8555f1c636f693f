"""How many rows of ``activity`` there are of each sort: so that nobody counts the rows themselves.

Rules of this file
- A row of ``activity`` and what it adds to these sums are written in one transaction; so the sums are the rows'.
- A day's sums go before its rows do: the oldest day that is summed is where the rows that count begin.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, SmallInteger, String, Table

from edge.store.tables.metadata import metadata


def _sums(name: str, start: str, of: str) -> Table:
    return Table(
        name,
        metadata,
        Column("site_id", BigInteger, nullable=False, comment="where"),
        Column(start, BigInteger, nullable=False, comment=f"start of the {of}, UTC"),
        Column("crawler", String(200), nullable=False, comment="as in activity"),
        Column("kind", String(16), nullable=False, comment="as in activity"),
        Column("rung", String(16), nullable=False, comment="as in activity"),
        Column("rule", String(200), nullable=False, comment="as in activity"),
        Column("outcome", String(64), nullable=False, comment="as in activity"),
        Column("status", SmallInteger, nullable=False, comment="as in activity"),
        Column("rows", BigInteger, nullable=False, comment="how many rows of activity"),
        Column("requests", BigInteger, nullable=False, comment="how many requests they stand for"),
        PrimaryKeyConstraint("site_id", start, "crawler", "kind", "rung", "rule", "outcome", "status"),
        sqlite_with_rowid=False,
    )


activity_hour = _sums("activity_hour", "hour_micros", "hour")
activity_day = _sums("activity_day", "day_micros", "day")
