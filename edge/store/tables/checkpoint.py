"""Signed checkpoints of the books. Append-only, like entries and batches."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Table, Text

from edge.store.tables.metadata import metadata

checkpoint = Table(
    "checkpoint",
    metadata,
    Column(
        "number", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, ... without gaps; one node wins"
    ),
    Column("made_at_micros", BigInteger, nullable=False, comment="as in the signed text: says when the next is due"),
    Column("hash", LargeBinary(32), nullable=False, comment="SHA-256 of the signed text: the next one names it"),
    Column("token", Text, nullable=False, comment="the signed text (JWS): where all chains ended, and the balances"),
    CheckConstraint("number > 0", name="number"),
)
