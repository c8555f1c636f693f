"""Credit notes held against the charges that they correct: what ``farebox verify`` knows of them (I2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from edge.core.ledger import Entry, EntryKind, key_of_charge_id
from edge.core.ledger_state import Phase
from edge.store.batch_reading import read_charges
from edge.store.faults import Fault

_CHUNK = 500


@dataclass(slots=True)
class Corrections:
    """The adjustments that went by; there are few, because people make them."""

    credited: list[tuple[Entry, int]] = field(default_factory=list)
    """Each corrected charge's opening with what its notes gave back, less what they took; filled by ``faults``."""
    _notes: dict[str, list[Entry]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Keep an entry that corrects a charge."""
        if entry[5] == EntryKind.ADJUST and entry.request_id is not None:
            self._notes.setdefault(entry.request_id, []).append(entry)

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Every charge that does not exist, was given back as well, or has more given back than it cost."""
        named = sorted(self._notes)
        for start in range(0, len(named), _CHUNK):
            chunk = named[start : start + _CHUNK]
            keys = {text: key for text in chunk if (key := key_of_charge_id(text)) is not None}
            charges = read_charges(connection, set(keys.values()))
            for text in chunk:
                state = charges.get(keys[text]) if text in keys else None
                if state is None:
                    yield Fault("I2", text, "has a credit note, but does not exist")
                    continue
                if state.phase is not Phase.LIVE:
                    yield Fault("I2", text, f"has a credit note, but is {state.phase}")
                payer, price = state.opening.debit_account, state.opening.amount_micros
                notes = self._notes[text]
                credited = sum(note.amount_micros for note in notes if note.credit_account == payer)
                given = credited - sum(note.amount_micros for note in notes if note.debit_account == payer)
                self.credited.append((state.opening, given))
                if not 0 <= given <= price:
                    yield Fault("I2", text, "has credit notes over more than it cost")
