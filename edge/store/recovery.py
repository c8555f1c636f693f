"""Resolve what processes left behind that are gone: their open holds go back to the crawlers.

Rules of this file
- A hold without a resolution was never delivered completely, because its tail leaves only after the settle is
  durable (D1): voiding it is always right.
- First the dead writer is closed, by one conditional statement, so that it cannot commit any more; then its holds
  are voided; then it is marked as recovered. Whoever dies in between leaves the rest to the next one.
- A POST without a delivery mark keeps its right to be fetched again; nothing is done about it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Select, exists, select, update
from sqlalchemy.exc import DBAPIError

from edge.core.ledger import Entry, EntryKind, InvariantBroken, Step, Voided
from edge.core.ledger_operations import VoidAbandoned
from edge.store import writers
from edge.store.batch_reading import entry_of
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.database_errors import unavailable
from edge.store.tables import entry, writer

CHUNK = 64


def recover(database: Database, hand: BatchWriter, *, alone: bool = False) -> int:
    """Void the open holds of dead writers with ``hand``, and return how many there were.

    ``alone`` says that no other process sells from this database: then every other open writer is dead, whatever
    its lease. Raises ``LedgerUnavailable``, and ``InvariantBroken`` when the books have no place for a void.
    """
    spare = () if hand.writer_id is None else (hand.writer_id,)
    try:
        with database.write() as connection:
            writers.claim_abandoned(connection, spare=spare, alone=alone)
            unfinished = list(connection.execute(_unfinished()).scalars())
        voided = 0
        for number in unfinished:
            for chunk in _open_holds(database, number):
                _void(hand, chunk)
                voided += len(chunk)
            with database.write() as connection:
                _mark_recovered(connection, number)
    except DBAPIError as error:
        raise unavailable(error) from error
    return voided


def _void(hand: BatchWriter, openings: Sequence[Entry]) -> None:
    answers = hand.write([VoidAbandoned(opening) for opening in openings])
    for opening, answer in zip(openings, answers, strict=True):
        if not isinstance(answer, Voided):
            # The same hold would be found open for ever, and nothing sold meanwhile could be trusted.
            place = f"{opening.writer}/{opening.number}"
            raise InvariantBroken(f"the hold {place} of a dead process cannot be voided: {answer}")


def _unfinished() -> Select[int]:
    closed = writer.c.closed_at_micros.is_not(None)
    return select(writer.c.id).where(closed, writer.c.recovered_at_micros.is_(None)).order_by(writer.c.id)


def _open_holds(database: Database, writer_id: int) -> Iterator[list[Entry]]:
    """Yield the writer's unresolved holds in chunks; each is read after the one before was voided."""
    resolution = entry.alias("resolution")
    resolved = exists().where(
        resolution.c.key == entry.c.key,
        resolution.c.attempt == entry.c.attempt,
        resolution.c.step == Step.RESOLVE.value,
    )
    open_holds = (
        select(entry)
        .where(entry.c.writer_id == writer_id, entry.c.kind == EntryKind.HOLD.value, ~resolved)
        .order_by(entry.c.number)
        .limit(CHUNK)
    )
    while True:
        with database.read() as connection:
            chunk = [entry_of(row) for row in connection.execute(open_holds)]
        if not chunk:
            return
        yield chunk


def _mark_recovered(connection: Connection, writer_id: int) -> None:
    now = writers.clock_micros(connection)
    connection.execute(update(writer).where(writer.c.id == writer_id).values(recovered_at_micros=now))
