"""What waits in suspense, and when its time is over: found by age, concluded by the ledger's own hand.

Rules of this file
- Nothing is decided here: the ledger decides in its transaction, under the payer's lock, so that any number of nodes
  may sweep at once, and a crawler may collect meanwhile.
- A sweep goes from the oldest on and remembers how far everything is concluded, so that history is read once a life.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Select, exists, select
from sqlalchemy.exc import DBAPIError

from edge.core.budgets import DAY_MICROS
from edge.core.ledger import EntryKind, Step
from edge.core.ledger_operations import Conclude
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.database_errors import unavailable
from edge.store.tables import entry, site

SUSPENSE_MICROS = DAY_MICROS
"""How long a page can be collected before its price goes back, or stays where the site chose so."""

CHUNK = 64
CHUNKS_PER_SWEEP = 8
"""Bounds how long sales wait for a sweep; the rest is for the next one, seconds later."""

_Place = tuple[int, int, int]


class SuspenseSweep:
    """Concludes what has waited long enough; to be called again and again from the ledger's thread."""

    def __init__(self, database: Database, hand: BatchWriter, clock: Callable[[], int]) -> None:
        self._database = database
        self._hand = hand
        self._clock = clock
        self._concluded: _Place = (0, 0, 0)

    def sweep(self) -> int:
        """Conclude what is due and return how many charges that were; raises ``LedgerUnavailable``."""
        concluded = 0
        place, until_micros = self._concluded, self._clock() - SUSPENSE_MICROS
        for _ in range(CHUNKS_PER_SWEEP):
            due = self._due(place, until_micros)
            if due:
                self._hand.write([conclude for _, conclude in due])
                concluded += len(due)
                place = due[-1][0]
            if len(due) < CHUNK:
                # All is concluded up to here; a clock that is behind may still add what is a little older.
                self._concluded = (max(0, until_micros - DAY_MICROS), 0, 0)
                return concluded
        self._concluded = place
        return concluded

    def _due(self, after: _Place, until_micros: int) -> list[tuple[_Place, Conclude]]:
        try:
            with self._database.read() as connection:
                rows = connection.execute(_waiting(after, until_micros)).all()
        except DBAPIError as error:
            raise unavailable(error) from error
        return [
            ((row.recorded_at_micros, row.writer_id, row.number), Conclude(row.key, row.attempt, bool(row.keeps)))
            for row in rows
        ]


def _waiting(after: _Place, until_micros: int) -> Select[tuple[int, int, int, bytes, int, bool]]:
    """Suspensions that nothing followed, oldest first; the partial index of suspensions is all that is read."""
    later = entry.alias("later")
    concluded = exists().where(
        later.c.key == entry.c.key,
        later.c.attempt == entry.c.attempt,
        later.c.step.in_((Step.RELEASE.value, Step.REVERSE.value)),
    )
    recorded = entry.c.recorded_at_micros
    beyond = (
        (recorded > after[0])
        | ((recorded == after[0]) & (entry.c.writer_id > after[1]))
        | ((recorded == after[0]) & (entry.c.writer_id == after[1]) & (entry.c.number > after[2]))
    )
    return (
        select(
            recorded,
            entry.c.writer_id,
            entry.c.number,
            entry.c.key,
            entry.c.attempt,
            site.c.keep_unconfirmed.label("keeps"),
        )
        .select_from(entry.outerjoin(site, site.c.id == entry.c.site_id))
        .where(
            entry.c.kind == EntryKind.SUSPEND.value,
            recorded >= after[0],
            recorded <= until_micros,
            beyond,
            ~concluded,
        )
        .order_by(recorded, entry.c.writer_id, entry.c.number)
        .limit(CHUNK)
    )
