"""Writers: one row per process life that writes entries, with a lease that others can see has lapsed.

Rules of this file
- Ids count up without gaps, so that a writer that vanished with all its entries shows.
- A writer that is closed can never write again: each batch moves the head under ``closed_at_micros IS NULL``.
- Nothing is recorded before ``not_before_micros``, which the close of a month sets for all writers; a new one takes it
  over from the others.
- Leases are compared with one clock for all: the server's on PostgreSQL, this machine's on SQLite.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from edge.core.chain import GENESIS, Head
from edge.store.database import now_micros
from edge.store.tables import writer

LEASE_SECONDS = 15
_TRIES = 50
_SERVER_CLOCK = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)")


def register(connection: Connection, node: str) -> Head:
    """Add a writer and return the beginning of its chain. Several processes may do so at once."""
    for _ in range(_TRIES):
        try:
            with connection.begin_nested():
                return _insert(connection, node)
        except IntegrityError:
            continue  # somebody else took that number between our looking and our writing
    raise AssertionError(f"{_TRIES} processes in a row took the next writer's number")


def _insert(connection: Connection, node: str) -> Head:
    last: int = connection.execute(select(func.coalesce(func.max(writer.c.id), 0))).scalar_one()
    not_before: int = connection.execute(select(func.coalesce(func.max(writer.c.not_before_micros), 0))).scalar_one()
    now = clock_micros(connection)
    connection.execute(
        insert(writer).values(
            id=last + 1,
            node=node[:200],
            started_at_micros=now,
            lease_until_micros=now + LEASE_SECONDS * 1_000_000,
            head_batch=0,
            head_entry=0,
            head_hash=GENESIS,
            not_before_micros=not_before,
        )
    )
    return Head(last + 1, 0, 0, GENESIS)


def renew(connection: Connection, writer_id: int) -> bool:
    """Lengthen the lease; False when the writer was closed by somebody who thought it dead."""
    until = clock_micros(connection) + LEASE_SECONDS * 1_000_000
    mine = (writer.c.id == writer_id, writer.c.closed_at_micros.is_(None))
    return connection.execute(update(writer).where(*mine).values(lease_until_micros=until)).rowcount == 1


def close(connection: Connection, writer_id: int) -> None:
    """Close a writer for ever; harmless when it is closed."""
    mine = (writer.c.id == writer_id, writer.c.closed_at_micros.is_(None))
    connection.execute(update(writer).where(*mine).values(closed_at_micros=clock_micros(connection)))


def fence(connection: Connection, node: str, not_before_micros: int) -> None:
    """Let no writer record anything before that time any more, nor any that registers from now on.

    A writer of our own is registered first and closed at once: whoever registers at this moment wants the same number,
    waits for us or we for it, and so either is there to be told, or reads it from our row. Batches that are under way
    hold their writer's row: they come in before this, or are refused after it.
    """
    made = register(connection, node)
    earlier = writer.c.not_before_micros < not_before_micros
    connection.execute(update(writer).where(earlier).values(not_before_micros=not_before_micros))
    close(connection, made.writer)


def claim_abandoned(connection: Connection, *, spare: Sequence[int] = (), alone: bool = False) -> list[int]:
    """Close the writers whose lease has lapsed and return their ids: one conditional statement, one claimant.

    ``alone`` claims every open writer except those in ``spare``: for SQLite, where one process sells.
    """
    now = clock_micros(connection)
    conditions: list[ColumnElement[bool]] = [
        writer.c.closed_at_micros.is_(None),
        writer.c.id.not_in(spare),
    ]
    if not alone:
        conditions.append(writer.c.lease_until_micros < now)
    claimed = connection.execute(
        update(writer).where(*conditions).values(closed_at_micros=now).returning(writer.c.id)
    ).scalars()
    return sorted(claimed)


def not_before_micros(connection: Connection, writer_id: int) -> int:
    """Return the end of the last closed month: nothing may be recorded before it."""
    found: int = connection.execute(select(writer.c.not_before_micros).where(writer.c.id == writer_id)).scalar_one()
    return found


def head_batch(connection: Connection, writer_id: int) -> int:
    """Return how far a writer's chain reaches, waiting for a transaction that is still at it."""
    found: int = connection.execute(
        select(writer.c.head_batch).where(writer.c.id == writer_id).with_for_update()
    ).scalar_one()
    return found


def clock_micros(connection: Connection) -> int:
    """Return the time that leases are compared by."""
    if connection.dialect.name == "sqlite":
        return now_micros()
    now: int = connection.execute(_SERVER_CLOCK).scalar_one()
    return now
