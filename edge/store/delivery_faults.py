"""Delivery marks held against the books: what ``farebox verify`` knows of marks that somebody took away (D2).

When a writer's end was resolved, each of its payments either has a mark that its page arrived, or its money went to
suspense or back. One of which neither is said has lost its mark: the next check of the kind would pay it back. The
exception is a payment that a credit note corrects, which is never suspended.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from edge.core.ledger import EntryKind, charge_id
from edge.store.batch_reading import entry_of
from edge.store.faults import Fault
from edge.store.recovery import gaps_between_marks, unresolved
from edge.store.tables import entry, writer


def delivery_faults(connection: Connection) -> Iterator[Fault]:
    """Payments of resolved writers of which nobody knows whether they arrived; only the gaps between marks are read."""
    resolved = select(writer.c.id).where(writer.c.recovered_at_micros.is_not(None)).order_by(writer.c.id)
    for number in list(connection.execute(resolved).scalars()):
        for first, last in gaps_between_marks(connection, number):
            yield from _in_gap(connection, number, first - 1, last)


def _in_gap(connection: Connection, writer_id: int, before: int, last: int) -> Iterator[Fault]:
    while before < last:
        chunk = [entry_of(row) for row in connection.execute(unresolved(writer_id, before, last))]
        if not chunk:
            return
        corrected = _corrected(connection, [charge_id(one.key) for one in chunk])
        for one in chunk:
            if charge_id(one.key) not in corrected:
                told = "its delivery mark is gone: nobody can say that its page arrived, and its money was not kept"
                yield Fault("D2", charge_id(one.key), told)
        before = chunk[-1].number


def _corrected(connection: Connection, charges: list[str]) -> set[str]:
    """Those that a credit note corrects."""
    noted = (entry.c.kind == EntryKind.ADJUST.value) & entry.c.request_id.in_(charges)
    return {text for text in connection.execute(select(entry.c.request_id).where(noted)).scalars() if text is not None}
