"""The triggers by which the database itself refuses to change or delete what is in the books (I4)."""

from __future__ import annotations

from sqlalchemy import Connection

MONTHS = ("month_share", "month_close", "month_fee", "month_statement", "month_line")
_TABLES = ("entry", "batch", "checkpoint", *MONTHS)


def missing_triggers(connection: Connection) -> list[str]:
    """The names of those that somebody took away, emptied or turned off."""
    if connection.dialect.name == "sqlite":
        changes = ("update", "delete")
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%RAISE(ABORT%'"
    else:
        changes = ("change", "truncate")
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
    found = set(connection.exec_driver_sql(query).scalars())
    return [name for table in _TABLES for change in changes if (name := f"{table}_no_{change}") not in found]
