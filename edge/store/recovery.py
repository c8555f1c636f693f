"""Resolve what processes left behind that are gone: open holds go back, and what nobody knows of waits in suspense.

Rules of this file
- A hold without a resolution was never delivered completely, because its tail leaves only after the settle is
  durable (D1): voiding it is always right.
- A payment whose delivery was followed, and that has neither a mark nor a reversal, may have arrived or not: its money
  goes to suspense, and the same signed request may fetch the page for nothing more.
- First the dead writer is closed, by one conditional statement, so that it cannot commit any more; then its holds
  are voided, then its payments suspended; then it is marked as recovered. Whoever dies in between leaves the rest to
  the next one.
- Only the gaps between a writer's delivery marks are looked into, never all that it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select, update
from sqlalchemy.exc import DBAPIError

from edge.core.ledger import PROCESS_ENDED, Entry, EntryKind, InvariantBroken, Step, Suspended, Voided
from edge.core.ledger_operations import Suspend, VoidAbandoned
from edge.store import writers
from edge.store.batch_reading import entry_of
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.database_errors import unavailable
from edge.store.tables import delivery, entry, writer

CHUNK = 64


def recover(database: Database, hand: BatchWriter, *, alone: bool = False) -> int:
    """Void the open holds of dead writers with ``hand`` and suspend their unconfirmed payments; return how many.

    ``alone`` says that no other process sells from this database: then every other open writer is dead, whatever
    its lease. Raises ``LedgerUnavailable``, and ``InvariantBroken`` when the books have no place for a void.
    """
    spare = () if hand.writer_id is None else (hand.writer_id,)
    try:
        with database.write() as connection:
            writers.claim_abandoned(connection, spare=spare, alone=alone)
            unfinished = list(connection.execute(_unfinished()).scalars())
        resolved = 0
        for number in unfinished:
            for chunk in _open_holds(database, number):
                _void(hand, chunk)
                resolved += len(chunk)
            for payments in _unconfirmed(database, number):
                answers = hand.write([Suspend(one.key, PROCESS_ENDED, (one.writer, one.number)) for one in payments])
                resolved += sum(isinstance(answer, Suspended) and answer.fresh for answer in answers)
            with database.write() as connection:
                _mark_recovered(connection, number)
    except DBAPIError as error:
        raise unavailable(error) from error
    return resolved


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


def _unconfirmed(database: Database, writer_id: int) -> Iterator[list[Entry]]:
    """Yield the writer's payments of which nobody knows whether they arrived, in chunks, by number."""
    for first, last in unmarked_gaps(database, writer_id):
        before = first - 1
        while before < last:
            with database.read() as connection:
                chunk = [entry_of(row) for row in connection.execute(unresolved(writer_id, before, last))]
            if not chunk:
                break
            yield chunk
            before = chunk[-1].number


def unmarked_gaps(database: Database, writer_id: int) -> list[tuple[int, int]]:
    """The ranges of a writer's entry numbers that no delivery mark covers."""
    with database.read() as connection:
        return gaps_between_marks(connection, writer_id)


def gaps_between_marks(connection: Connection, writer_id: int) -> list[tuple[int, int]]:
    """The same; one pass over the marks, which are far fewer than entries."""
    marks = delivery.c
    covered = func.max(marks.last_number).over(order_by=(marks.first_number, marks.last_number), rows=(None, -1))
    before = (
        select(func.coalesce(covered, 0).label("covered"), marks.first_number)
        .where(marks.writer_id == writer_id)
        .subquery()
    )
    between = select(before.c.covered + 1, before.c.first_number - 1).where(
        before.c.first_number > before.c.covered + 1
    )
    end = select(func.coalesce(func.max(marks.last_number), 0)).where(marks.writer_id == writer_id)
    gaps = [(first, last) for first, last in connection.execute(between.order_by(before.c.first_number))]
    last_mark: int = connection.execute(end).scalar_one()
    head: int = connection.execute(select(writer.c.head_entry).where(writer.c.id == writer_id)).scalar_one()
    return [*gaps, (last_mark + 1, head)] if head > last_mark else gaps


def unresolved(writer_id: int, before: int, last: int) -> Select[Any]:
    """The payments in a gap whose delivery was followed and that were neither suspended nor given back, by number."""
    later = entry.alias("later")
    concluded = exists().where(
        later.c.key == entry.c.key,
        later.c.attempt == entry.c.attempt,
        later.c.step.in_((Step.SUSPEND.value, Step.REVERSE.value)),
    )
    return (
        select(entry)
        .where(
            entry.c.writer_id == writer_id,
            entry.c.number > before,
            entry.c.number <= last,
            entry.c.kind.in_((EntryKind.POST.value, EntryKind.SETTLE.value)),
            entry.c.evidence.is_not(None),
            ~concluded,
        )
        .order_by(entry.c.number)
        .limit(CHUNK)
    )


def _mark_recovered(connection: Connection, writer_id: int) -> None:
    now = writers.clock_micros(connection)
    connection.execute(update(writer).where(writer.c.id == writer_id).values(recovered_at_micros=now))
