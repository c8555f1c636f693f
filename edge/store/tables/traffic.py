"""How many requests came, from whom, and what became of them: hourly sums, written in batches off the request."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table

from edge.store.tables.metadata import metadata

traffic = Table(
    "traffic",
    metadata,
    Column("hour_micros", BigInteger, nullable=False, comment="start of the hour, UTC"),
    Column("site_id", BigInteger, nullable=False, comment="where; 0 for hosts that are not ours"),
    Column("crawler", String(200), nullable=False, comment="the name claimed or proved; empty for people"),
    Column("rung", String(16), nullable=False, comment="how well the name was proved"),
    Column("rule", String(200), nullable=False, comment="the rule that matched; empty for none"),
    Column("outcome", String(64), nullable=False, comment="why it passed, how its sale ended, or a refusal code"),
    Column("requests", BigInteger, nullable=False, comment="how many"),
    PrimaryKeyConstraint("hour_micros", "site_id", "crawler", "rung", "rule", "outcome"),
)
