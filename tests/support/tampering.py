"""What somebody can do to the books who has the database in hand and knows how they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table, select, update

from edge.core.chain import GENESIS, Head, canonical, head_of, next_batch
from edge.store.batch_reading import entry_of
from edge.store.database import Database
from edge.store.tables import batch, entry, writer


@contextmanager
def tampering(database: Database) -> Iterator[Connection]:
    """Change the books as somebody can who owns the database, and leave the locks as they were."""
    with database.write() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
            return
        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers: dict[str, str] = {row.name: row.sql for row in found}
        for name in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        yield connection
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        for text in triggers.values():
            connection.exec_driver_sql(text)


def delete(connection: Connection, table: Table, writer_id: int, numbers: range) -> None:
    own = (table.c.writer_id == writer_id) & table.c.number.in_(numbers)
    assert connection.execute(table.delete().where(own)).rowcount == len(numbers)


def reseal(connection: Connection, writer_id: int) -> None:
    """Hash a writer's chain anew, as somebody can who knows the format."""
    rows = connection.execute(select(entry).where(entry.c.writer_id == writer_id).order_by(entry.c.number))
    written = [entry_of(row) for row in rows]
    head = Head(writer_id, 0, 0, GENESIS)
    for row in connection.execute(select(batch).where(batch.c.writer_id == writer_id).order_by(batch.c.number)).all():
        own = [canonical(one) for one in written[row.first_entry - 1 : row.last_entry]]
        sealed = next_batch(head, own, row.committed_at_micros)
        here = (batch.c.writer_id == writer_id) & (batch.c.number == sealed.number)
        values = {"previous_hash": sealed.previous_hash, "merkle_root": sealed.merkle_root, "hash": sealed.hash}
        connection.execute(update(batch).where(here).values(values))
        head = head_of(sealed)
    connection.execute(update(writer).where(writer.c.id == writer_id).values(head_hash=head.hash))


def rewrite_one_that_ended(connection: Connection) -> None:
    """Change what the first writer wrote, and hash its chain anew: it agrees with itself again."""
    connection.execute(update(entry).where(entry.c.writer_id == 1).values(author="nobody"))
    reseal(connection, 1)
