"""Granted pages held against the entries: what each count says was used is what its entries come to.

The entries are counted while ``verify`` reads them charge by charge; only the counts are kept, as in the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from edge.core.grant_plan import counter_of
from edge.core.grants import CounterKey
from edge.core.ledger import Entry, EntryKind
from edge.store.faults import Fault, RowTypes
from edge.store.tables import grant_count


@dataclass(slots=True)
class GrantSums:
    """How many pages were granted by each count; ``add`` takes the entries of one key, in order."""

    used: dict[CounterKey, int] = field(default_factory=dict)

    def add(self, life: Sequence[Entry], sign: int = 1) -> None:
        """Count the granted pages of one key, all its attempts; with a ``sign`` of -1 take that back.

        Raises ``InvariantBroken`` for a page that no term can have granted.
        """
        opening: Entry | None = None
        for entry in life:
            if entry.kind == EntryKind.GRANT:
                opening = entry
                self._count(opening, sign)
            elif entry.kind == EntryKind.WITHDRAW and opening is not None:
                self._count(opening, -sign)

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Counts that say something else than their entries, and counts that are missing."""
        unmatched = {key: used for key, used in self.used.items() if used}
        types = RowTypes(grant_count.columns)
        for row in connection.execute(select(grant_count).order_by(*grant_count.primary_key.columns)):
            key = CounterKey(row.account_id, row.name, row.site_id, row.start_micros)
            wrong = types.fault(row)
            if wrong is not None:
                yield Fault("I5", f"{row.name} of account {row.account_id}", wrong)
                continue
            used = unmatched.pop(key, 0)
            if row.used != used:
                yield _unlike(key, row.used, used)
            if row.used > row.allowed:
                yield Fault("I3", _place(key), f"has granted {row.used} pages of {row.allowed}")
        for key, used in sorted(unmatched.items()):
            yield _unlike(key, 0, used)

    def _count(self, opening: Entry, change: int) -> None:
        key = counter_of(opening)
        if key is not None:
            self.used[key] = self.used.get(key, 0) + change


def _unlike(key: CounterKey, said: int, counted: int) -> Fault:
    return Fault("I5", _place(key), f"says {said} pages, its entries are {counted}")


def _place(key: CounterKey) -> str:
    day = datetime.fromtimestamp(key.start_micros // 1_000_000, UTC).strftime("%Y-%m-%d")
    where = f" at site {key.site_id}" if key.site_id else ""
    return f"{key.name} of account {key.account}{where}, from {day}"
