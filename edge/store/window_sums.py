"""What an account's charges of a window come to, summed from the entries: where a new budget begins.

Rules of this file
- A charge counts in the window in which it was opened, less what went back of it, whenever that was: by a void, a
  reversal, or credit notes with the debit notes that took them again.
- The long sum is made in a snapshot, before anything is locked; ``since`` adds the little that was written after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from edge.core.budgets import Window
from edge.core.ledger import EntryKind, Step, key_of_charge_id
from edge.store.tables import entry, writer

_OPENS = (EntryKind.POST.value, EntryKind.HOLD.value)
_GIVES_BACK = (EntryKind.VOID.value, EntryKind.REVERSE.value)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the books ended at one moment: the last writer, and how far each had come that could still write."""

    last_writer: int
    open_heads: Mapping[int, int]

    @classmethod
    def read(cls, connection: Connection) -> Snapshot:
        """Where the books end for this connection."""
        last: int = connection.execute(select(func.coalesce(func.max(writer.c.id), 0))).scalar_one()
        living = select(writer.c.id, writer.c.head_entry).where(writer.c.closed_at_micros.is_(None))
        return cls(last, {row.id: row.head_entry for row in connection.execute(living)})

    def later(self) -> ColumnElement[bool]:
        """What was written afterwards, by its place in the chains."""
        own = entry.c
        further = [(own.writer_id == one) & (own.number > head) for one, head in self.open_heads.items()]
        return or_(own.writer_id > self.last_writer, *further)


@dataclass(frozen=True, slots=True)
class WindowSums:
    """The sums of one account in one window, at one site unless ``site_id`` is None; in micro-units."""

    account: int
    site_id: int | None
    window: Window

    def until_now(self, connection: Connection) -> int:
        """What the window has taken, as this connection sees the books."""
        after = entry.alias("after")
        back = (after.c.key == entry.c.key) & (after.c.attempt == entry.c.attempt) & after.c.kind.in_(_GIVES_BACK)
        came = select(func.sum(entry.c.amount_micros)).where(*self._opened())
        went = select(func.sum(after.c.amount_micros)).select_from(entry.join(after, back)).where(*self._opened())
        return _sum(connection, came) - _sum(connection, went) - self._corrected(connection, true())

    def since(self, connection: Connection, snapshot: Snapshot) -> int:
        """What changed after a snapshot; charges from before it can have been given back since."""
        later = snapshot.later()
        came = select(func.sum(entry.c.amount_micros)).where(*self._opened(), later)
        given = select(entry.c.key, entry.c.attempt, entry.c.amount_micros).where(
            later, entry.c.credit_account == self.account, entry.c.kind.in_(_GIVES_BACK)
        )
        went: int = sum(
            row.amount_micros
            for row in connection.execute(given).all()
            if self._is_ours(connection, row.key, entry.c.attempt == row.attempt)
        )
        return _sum(connection, came) - went - self._corrected(connection, later)

    def _corrected(self, connection: Connection, read: ColumnElement[bool]) -> int:
        """What notes gave back of this window's charges, less what they took again."""
        own = entry.c
        of_account = or_(own.credit_account == self.account, own.debit_account == self.account)
        columns = (own.request_id, own.credit_account, own.amount_micros)
        notes = select(*columns).where(
            read, own.kind == EntryKind.ADJUST.value, own.request_id.is_not(None), of_account
        )
        return sum(
            note.amount_micros if note.credit_account == self.account else -note.amount_micros
            for note in self._ours(connection, connection.execute(notes).all())
        )

    def _ours(self, connection: Connection, notes: Iterable[Any]) -> list[Any]:
        keys = ((note, key_of_charge_id(note.request_id)) for note in notes)
        # A charge that has notes is not attempted again: what is in the window of now is what they correct.
        return [note for note, key in keys if key is not None and self._is_ours(connection, key, true())]

    def _is_ours(self, connection: Connection, key: bytes, attempt: ColumnElement[bool]) -> bool:
        """Whether a charge was opened in this window."""
        opening = select(entry.c.number).where(entry.c.key == key, attempt, *self._opened())
        return connection.execute(opening).first() is not None

    def _opened(self) -> list[ColumnElement[bool]]:
        """The account's charges of the window."""
        own = entry.c
        conditions = [
            own.step == Step.OPEN.value,
            own.kind.in_(_OPENS),
            own.debit_account == self.account,
            own.recorded_at_micros >= self.window.start_micros,
            own.recorded_at_micros < self.window.end_micros,
        ]
        return conditions if self.site_id is None else [*conditions, own.site_id == self.site_id]


def _sum(connection: Connection, query: Any) -> int:
    return int(connection.execute(query).scalar_one() or 0)
