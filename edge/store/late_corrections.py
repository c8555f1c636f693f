"""What a month's entries correct of earlier months: each with the charge and the month that it corrects.

The entries never change, so a closed month's corrections are read from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from edge.core.ledger import EntryKind, Step, charge_id, key_of_charge_id
from edge.core.month import Month
from edge.store.month_reading import WHOLE, Part, recorded_in
from edge.store.tables import account, entry

SHOWN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Correction:
    """One entry of a month that changes what an earlier one's statement said.

    ``given_back_micros`` is positive where the crawler gets money back, negative for a debit note.
    """

    charge: str
    month: Month
    kind: EntryKind
    currency: str
    given_back_micros: int
    reference: str | None
    reason: str | None
    author: str | None


def late_corrections(connection: Connection, month: Month, part: Part = WHOLE) -> list[Correction]:
    """Reversals, refunds and notes of the month on charges of earlier ones, oldest first; at most ``SHOWN_MAX``."""
    return [each for _, each in sorted(_corrections(connection, month, part), key=lambda pair: pair[0])][:SHOWN_MAX]


def _corrections(connection: Connection, month: Month, part: Part) -> Iterator[tuple[tuple[int, int, int], Correction]]:
    here = [*recorded_in(month), *part.conditions()]
    opening = entry.alias("opening")
    opened = (opening.c.key == entry.c.key) & (opening.c.attempt == entry.c.attempt)
    first = (opening.c.step == Step.OPEN.value) & (opening.c.recorded_at_micros < month.start_micros)
    reversals = select(entry, opening.c.recorded_at_micros.label("opened_at")).join(opening, opened & first)
    found = reversals.where(*here, entry.c.kind == EntryKind.REVERSE.value).order_by(entry.c.recorded_at_micros)
    for row in connection.execute(found.limit(SHOWN_MAX)):
        yield _place(row), _correction(row, charge_id(bytes(row.key)), row.opened_at, row.amount_micros)
    pays = select(account.c.id).where(account.c.owner_kind == "crawler")
    notes = select(entry, entry.c.credit_account.in_(pays).label("gives_back")).where(
        *here, entry.c.kind == EntryKind.ADJUST.value, entry.c.request_id.is_not(None)
    )
    for row in connection.execute(notes.order_by(entry.c.recorded_at_micros).limit(SHOWN_MAX)).all():
        opened_at = _opened_at(connection, row.request_id)
        if opened_at is not None and opened_at < month.start_micros:
            amount = row.amount_micros if row.gives_back else -row.amount_micros
            yield _place(row), _correction(row, row.request_id, opened_at, amount)


def _opened_at(connection: Connection, charge: str) -> int | None:
    key = key_of_charge_id(charge)
    query = select(entry.c.recorded_at_micros).where(entry.c.key == key, entry.c.step == Step.OPEN.value)
    return connection.execute(query.order_by(entry.c.attempt.desc()).limit(1)).scalar_one_or_none()


def _place(row: Any) -> tuple[int, int, int]:
    return (row.recorded_at_micros, row.writer_id, row.number)


def _correction(row: Any, charge: str, opened_at: int, amount: int) -> Correction:
    kind, month = EntryKind(row.kind), Month.of(opened_at)
    return Correction(charge, month, kind, row.currency, amount, row.reference, row.reason, row.author)
