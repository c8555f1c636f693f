"""What each site's robots.txt said and when, and how many requests of each crawler went against it.

Rules of this file: a request is judged when it is written down, by the version in force then; only the sums are kept.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from edge.store.tables.metadata import metadata

robots_file = Table(
    "robots_file",
    metadata,
    Column("site_id", Integer, nullable=False, comment="whose"),
    Column("since_micros", BigInteger, nullable=False, comment="when it was first read so"),
    Column("text", Text, nullable=False, comment="what the origin said; empty where it has none"),
    PrimaryKeyConstraint("site_id", "since_micros"),
)

robots_day = Table(
    "robots_day",
    metadata,
    Column("site_id", Integer, nullable=False, comment="where"),
    Column("day_micros", BigInteger, nullable=False, comment="start of the day, UTC"),
    Column("crawler", String(200), nullable=False, comment="the name claimed or proved"),
    Column("judged", BigInteger, nullable=False, comment="requests that were held against robots.txt"),
    Column("against", BigInteger, nullable=False, comment="of those: for pages that it does not allow"),
    PrimaryKeyConstraint("site_id", "day_micros", "crawler"),
    Index("ix_robots_day_day", "day_micros"),
    sqlite_with_rowid=False,
)
