"""Whose turn it is to delete what is over its time: one row, one process."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Table

from edge.store.tables.metadata import metadata

housekeeping = Table(
    "housekeeping",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: one row, one turn"),
    Column("due_at_micros", BigInteger, nullable=False, comment="who moves it does the round"),
    Column("ended_at_micros", BigInteger, comment="when the last round ended; null before the first"),
    Column("rows_gone", BigInteger, nullable=False, comment="how many rows that round deleted"),
    CheckConstraint("id = 1", name="one_row"),
)
