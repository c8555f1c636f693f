"""A row that is there already stays as it is, and whoever came second is told so."""

from __future__ import annotations

from sqlalchemy import select

from edge.store.database import Database
from edge.store.insertion import insert_new
from edge.store.tables import webhook_cursor


def test_whoever_comes_second_is_told(database: Database) -> None:
    row = {"writer_id": 1, "number": 5, "folded_at_micros": 7}
    with database.write() as connection:
        assert insert_new(connection, webhook_cursor, row)
        assert not insert_new(connection, webhook_cursor, row | {"number": 6})
        assert insert_new(connection, webhook_cursor, row | {"writer_id": 2})
        assert list(connection.execute(select(webhook_cursor.c.number)).scalars()) == [5, 5]
