"""The triggers by which the database itself refuses to change or delete what is in the books (I4).

Rules of this file
- A trigger counts when it is the very one that the migrations make: one of that name on another table, for other
  changes, under a condition or with an emptied function refuses nothing.
- There are no others. Whoever adds one can have balances moved by any statement, and leave no entry of it.
"""

from __future__ import annotations

from sqlalchemy import Connection

MONTHS = ("month_share", "month_close", "month_fee", "month_statement", "month_line")
_TABLES = ("entry", "batch", "checkpoint", *MONTHS)
_REFUSING = (*_TABLES, "audit_event")
_CHANGES = ("update", "delete", "change", "truncate")

# Bits of pg_trigger.tgtype (PostgreSQL, catalog/pg_trigger.h).
_ROW, _BEFORE, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 8, 16, 32
_POSTGRESQL_KINDS = {"change": _ROW | _BEFORE | _DELETE | _UPDATE, "truncate": _BEFORE | _TRUNCATE}
_POSTGRESQL_SOURCE = "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END"
_POSTGRESQL_TRIGGERS = """
    SELECT tgname, relname, tgtype, prosrc
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE tgenabled IN ('O', 'A') AND tgqual IS NULL AND tgattr::text = '' AND pg_table_is_visible(tgrelid)
"""
_POSTGRESQL_ALL = """
    SELECT tgname, relname, prosrc
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE NOT tgisinternal AND pg_table_is_visible(tgrelid)
"""


def missing_triggers(connection: Connection) -> list[str]:
    """The names of those that somebody took away, emptied, moved or turned off."""
    return _missing_on_sqlite(connection) if connection.dialect.name == "sqlite" else _missing_on_postgresql(connection)


def strange_triggers(connection: Connection) -> list[str]:
    """Those that no migration made, as ``name on table``; what refuses and does nothing else is known."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = [(name, table, _is_refusal_of_sqlite(table, text)) for name, table, text in rows]
    else:
        rows = connection.exec_driver_sql(_POSTGRESQL_ALL)
        found = [(row.tgname, row.relname, row.prosrc.strip() == _POSTGRESQL_SOURCE) for row in rows]
    return sorted(
        f"{name} on {table}"
        for name, table, refuses in found
        if not refuses or table not in _REFUSING or name not in {f"{table}_no_{change}" for change in _CHANGES}
    )


def _is_refusal_of_sqlite(table: str, text: str) -> bool:
    """Whether its whole body is to refuse; a condition before it may narrow that, as the audit log's does."""
    _, begun, body = text.partition(" BEGIN ")
    return bool(begun) and body.strip() == f"SELECT RAISE(ABORT, '{table} is append-only'); END"


def _missing_on_sqlite(connection: Connection) -> list[str]:
    texts = set(connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'").scalars())
    wanted = {
        f"{table}_no_{change.lower()}": f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in _TABLES
        for change in ("UPDATE", "DELETE")
    }
    return [name for name, text in wanted.items() if text not in texts]


def _missing_on_postgresql(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql(_POSTGRESQL_TRIGGERS)
    found = {(row.tgname, row.relname, row.tgtype) for row in rows if row.prosrc.strip() == _POSTGRESQL_SOURCE}
    wanted = [(f"{table}_no_{change}", table, kind) for table in _TABLES for change, kind in _POSTGRESQL_KINDS.items()]
    return [one[0] for one in wanted if one not in found]
