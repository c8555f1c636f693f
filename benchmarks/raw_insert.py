"""The least that a database can do for the ledger's rows: insert them, 64 a commit, and nothing else.

Rules of this file: the same rows into the same table, with the indexes and constraints it has, through the bare
driver, on a connection that is opened as farebox opens it (so `synchronous=FULL` on SQLite, and PostgreSQL's own
durability). Two plain ways are tried, because which one is faster depends on the driver; the faster one counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from edge.store.database import Database
from edge.store.tables import entry

ROWS_PER_COMMIT = 64

Row = tuple[Any, ...]


def read_entries(database: Database) -> list[Row]:
    """Every entry of the books, as the driver's own tuples."""
    with database.ledger_connection() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"SELECT {_names()} FROM entry ORDER BY writer_id, number")
        return [tuple(row) for row in cursor.fetchall()]


def row_by_row(mark: str) -> Callable[[Any, Sequence[Row]], None]:
    """One prepared statement, run for each row: ``executemany``."""
    statement = f"INSERT INTO entry ({_names()}) VALUES ({_marks(mark)})"
    return lambda cursor, rows: cursor.executemany(statement, rows)


def all_in_one(mark: str) -> Callable[[Any, Sequence[Row]], None]:
    """One statement that holds all rows of the commit."""
    head, one = f"INSERT INTO entry ({_names()}) VALUES ", f"({_marks(mark)})"

    def insert(cursor: Any, rows: Sequence[Row]) -> None:
        cursor.execute(head + ", ".join([one] * len(rows)), tuple(chain.from_iterable(rows)))

    return insert


def insert_rate(database: Database, rows: Sequence[Row], insert: Callable[[Any, Sequence[Row]], None]) -> float:
    """Insert ``rows`` into an empty table, a commit for each portion; return rows per second."""
    with database.ledger_connection() as connection:
        raw = connection.connection
        cursor = raw.cursor()
        began = time.perf_counter()
        for portion in _portions(rows):
            if database.is_sqlite:
                cursor.execute("BEGIN IMMEDIATE")  # psycopg begins by itself
            insert(cursor, portion)
            raw.commit()
        return len(rows) / (time.perf_counter() - began)


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + ROWS_PER_COMMIT] for start in range(0, len(rows), ROWS_PER_COMMIT))


def _names() -> str:
    return ", ".join(f'"{column.name}"' for column in entry.columns)


def _marks(mark: str) -> str:
    return ", ".join([mark] * len(entry.columns))
