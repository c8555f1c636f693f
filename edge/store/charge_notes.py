"""What credit notes gave back of charges: a part of a charge that stands is not earned, and not spent either.

Rules of this file
- A note names the charge that it corrects, and bears its publisher, site, crawler and rule; only notes that the
  publisher pays count, as in the month's report. Debit notes count against credit notes.
- Of a charge of several attempts the notes are of the last: one that has a note is not opened again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select

from edge.core.ledger import EntryKind, Step, key_of_charge_id
from edge.store.earned_sums import CREDITED
from edge.store.tables import entry

# As text, and not as a parameter: only so is the small index of notes found.
_IS_NOTE = entry.c.kind == literal_column(f"'{EntryKind.ADJUST.value}'")
_KEYS_AT_ONCE = 500


def credited_of(connection: Connection, charge_ids: Collection[str]) -> dict[str, int]:
    """What was given back of each of these charges, in micro-units; those without a note are left out."""
    if not charge_ids:
        return {}
    found = connection.execute(_notes([entry.c.request_id.in_(list(charge_ids))]))
    return {charge: int(micros) for charge, _, micros in found}


def credited_by_charge(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> dict[str, tuple[str, int]]:
    """Of every charge with a note whose entry meets the conditions: its currency, and what was given back."""
    found = connection.execute(_notes([entry.c.request_id.is_not(None), *conditions]))
    return {charge: (currency, int(micros)) for charge, currency, micros in found}


def opened_at(connection: Connection, charge_ids: Iterable[str]) -> dict[str, int]:
    """When the last attempt of each charge was opened (microseconds since the epoch)."""
    keys = {key: one for one in charge_ids if (key := key_of_charge_id(one)) is not None}
    wanted, found = list(keys), {}
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        query = (
            select(entry.c.key, entry.c.recorded_at_micros)
            .where(entry.c.key.in_(wanted[start : start + _KEYS_AT_ONCE]), entry.c.step == Step.OPEN.value)
            .order_by(entry.c.attempt)
        )
        found.update({keys[bytes(key)]: at for key, at in connection.execute(query)})
    return found


def _notes(conditions: Iterable[ColumnElement[bool]]) -> Select[Any]:
    return (
        select(entry.c.request_id, entry.c.currency, CREDITED)
        .where(_IS_NOTE, entry.c.publisher_id.is_not(None), *conditions)
        .group_by(entry.c.request_id, entry.c.currency)
    )
