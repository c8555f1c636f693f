"""The ledger's statements, as text made once from the tables: what runs for each batch runs without the ORM.

Rules of this file
- A statement that takes money names its condition, and whoever runs it compares the row count: that is where a race
  is decided.
- Entries go in by one statement a batch. On SQLite that is one step of the library, during which the interpreter
  is free for the event loop; on PostgreSQL it is one parameter, parsed by the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain as flatten
from typing import Any

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Connection,
    CursorResult,
    Dialect,
    Integer,
    SmallInteger,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg as postgresql_dialect
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from edge.core.chain import Batch
from edge.core.ledger import Entry
from edge.store.tables import account, batch, entry, writer

_INTEGERS = (Integer, BigInteger, SmallInteger)


@cache
def ledger_statements(*, is_sqlite: bool) -> LedgerStatements:
    """The statements of one database kind, made once: they are the same for every writer."""
    return LedgerStatements(is_sqlite=is_sqlite)


class LedgerStatements:
    """The statements of one database kind. Each method returns how many rows it touched."""

    __slots__ = ("_change_balance", "_entries_text", "_extend", "_insert_batch", "_is_sqlite")

    def __init__(self, *, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        dialect: Dialect = sqlite_dialect(paramstyle="named") if is_sqlite else postgresql_dialect()  # type: ignore[no-untyped-call]
        self._change_balance = _text(_change_balance(), dialect)
        self._insert_batch = _text(insert(batch), dialect)
        self._extend = _text(_extend(), dialect)
        self._entries_text = "" if is_sqlite else _text(_entries_from_json(), dialect)

    def change_balances(self, connection: Connection, changes: Sequence[dict[str, Any]]) -> int:
        """Add each ``change`` to its account if currency, floor and suspension allow it.

        Keys: ``account``, ``of_currency``, ``change`` (micro-units), ``charges`` (True for a crawler that is charged:
        a suspended account takes none), ``planned`` (False for what was assumed: an account with a budget takes
        nothing of that). Rows are locked in the order given.
        """
        return _count(connection.exec_driver_sql(self._change_balance, list(changes)))

    def insert_entries(self, connection: Connection, entries: Sequence[Entry], forms: Sequence[bytes]) -> int:
        """Insert the entries whose (key, attempt, step) is free; ``forms`` are their canonical forms."""
        if self._is_sqlite:
            parameters = tuple(flatten.from_iterable(entries))
            return _count(connection.exec_driver_sql(_entries_text(len(entries)), parameters))
        document = (b"[" + b",".join(forms) + b"]").decode()
        return _count(connection.exec_driver_sql(self._entries_text, {"entries": document}))

    def insert_batch(self, connection: Connection, sealed: Batch) -> int:
        """Add a batch to its writer's chain."""
        columns = [column.name for column in batch.columns]
        return _count(connection.exec_driver_sql(self._insert_batch, dict(zip(columns, sealed, strict=True))))

    def extend(self, connection: Connection, sealed: Batch) -> int:
        """Move the writer's head onto ``sealed``.

        No row when the writer was closed by somebody else, or the batch's time lies in a month that is closed.
        """
        values = {
            "writer": sealed.writer,
            "previous": sealed.number - 1,
            "new_batch": sealed.number,
            "new_entry": sealed.last_entry,
            "new_hash": sealed.hash,
            "recorded_at": sealed.committed_at_micros,
        }
        return _count(connection.exec_driver_sql(self._extend, values))


def _change_balance() -> ClauseElement:
    # The conditions close the race of two processes that both saw enough funds: whoever comes second waits for the
    # row, and then adds to what the first one left.
    change = bindparam("change", type_=BigInteger)
    left = account.c.balance_micros + change
    return (
        update(account)
        .where(
            account.c.id == bindparam("account"),
            account.c.currency == bindparam("of_currency"),
            or_(account.c.floor_micros.is_(None), left >= account.c.floor_micros),
            or_(account.c.suspended.is_(False), bindparam("charges").is_(False)),
            or_(account.c.watched.is_(False), bindparam("planned").is_(True)),
        )
        .values(balance_micros=left)
    )


def _extend() -> ClauseElement:
    # A process that was taken for dead finds its writer closed here, before it can commit anything.
    return (
        update(writer)
        .where(
            writer.c.id == bindparam("writer"),
            writer.c.head_batch == bindparam("previous"),
            writer.c.closed_at_micros.is_(None),
            # A month that was closed stays as it is: what comes late is recorded after its end.
            writer.c.not_before_micros <= bindparam("recorded_at"),
        )
        .values(head_batch=bindparam("new_batch"), head_entry=bindparam("new_entry"), head_hash=bindparam("new_hash"))
    )


def _entries_from_json() -> ClauseElement:
    item: Any = func.jsonb_array_elements(cast(bindparam("entries"), JSONB)).column_valued("item")
    values: list[Any] = []
    for index, column in enumerate(entry.columns):
        value = item.op("->>")(literal_column(str(index)))
        if column.name == "key":
            value = func.decode(value, literal_column("'hex'"))
        elif isinstance(column.type, _INTEGERS):
            value = cast(value, column.type)
        values.append(value)
    names = [column.name for column in entry.columns]
    return postgresql_insert(entry).from_select(names, select(*values)).on_conflict_do_nothing()


@cache
def _entries_text(count: int) -> str:
    """SQLite's insert of ``count`` entries: 25 parameters each, of the 32,766 that a statement may have."""
    one = _text(insert(entry), sqlite_dialect(paramstyle="qmark"))
    head, values = one.split(" VALUES ")
    return f"{head} VALUES {', '.join([values] * count)} ON CONFLICT DO NOTHING"


def _text(statement: ClauseElement, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _count(result: CursorResult[Any]) -> int:
    return result.rowcount
