"""Delete a few rows at a time, so that nobody waits for it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select

ROWS_AT_ONCE = 200
"""Rows of one transaction: some milliseconds, which is what the ledger waits at most."""


def delete_some(connection: Connection, table: Table, where: ColumnElement[bool], limit: int = ROWS_AT_ONCE) -> int:
    """Delete up to ``limit`` rows that fit; return how many were found, so that 0 is the end.

    They are looked up first and deleted by key: SQLite has no DELETE with a limit, and either database finds a row by
    its key.
    """
    keys = list(table.primary_key.columns)
    found = connection.execute(select(*keys).where(where).limit(limit)).all()
    if found:
        this = [column == bindparam(f"key_{column.name}") for column in keys]
        rows = [{f"key_{column.name}": value for column, value in zip(keys, row, strict=True)} for row in found]
        connection.execute(delete(table).where(*this), rows)
    return len(found)
