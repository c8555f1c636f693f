"""Read the whole of the books and say what is wrong with them, by name; nothing is changed.

Everything is read in one snapshot, so an edge may go on selling meanwhile. What is checked is what docs/money
promises: I1 (sums), I2 (one live charge), I3 (floors), I4 (the triggers), I5 (accounts and budgets equal entries), I6
(the chain). Closed months are held against what was signed of them. Each check runs for itself: what stops one is a
fault, and does not hide what the others find.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, func, select

from edge.core.chain import Batch, Head, check_chain, heads_digest
from edge.core.flipped_bit import explain
from edge.core.ledger import Entry
from edge.store.append_only import missing_triggers, strange_triggers
from edge.store.batch_reading import entry_of
from edge.store.budget_faults import BudgetSums
from edge.store.checkpoints import head_faults
from edge.store.database import Database
from edge.store.delivery_faults import delivery_faults
from edge.store.faults import Fault, RowTypes
from edge.store.odd_rows import guarded, reading_any_text
from edge.store.tables import batch, entry, writer
from edge.store.verify_checkpoints import CheckpointReading, Signed
from edge.store.verify_closes import CloseReading
from edge.store.verify_entries import EntryReading
from edge.store.writer_faults import missing_writers

FAULTS_MAX = 100
Progress = Callable[[int, int], None]
_STREAM_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read, and the faults found, at most ``FAULTS_MAX``; none means that the books verify.

    ``heads`` are the ends of all chains: kept elsewhere, they show a later cut. ``open_holds`` sums what is taken but
    not earned, ``in_suspense`` what waits until it is known whether the page arrived, in micro-units by currency: (how
    many, how much).
    """

    batches: int
    entries: int
    charges: int
    open_holds: dict[str, tuple[int, int]]
    in_suspense: dict[str, tuple[int, int]]
    heads: tuple[Head, ...]
    faults: tuple[Fault, ...]
    checkpoints: int = 0
    kept_checkpoints: int = 0
    closed_months: int = 0

    @property
    def holds(self) -> bool:
        """Whether everything is as promised."""
        return not self.faults

    @property
    def writers(self) -> int:
        """How many writers there are."""
        return len(self.heads)

    @property
    def digest(self) -> str:
        """One number for all heads, short enough to be kept on paper."""
        return heads_digest(self.heads)


def verify(
    database: Database,
    kept: Sequence[Head] = (),
    signed: Signed | None = None,
    faults_max: int = FAULTS_MAX,
    progress: Progress | None = None,
) -> Verification:
    """Check the whole of the books, and that heads ``kept`` from an earlier time still lie on the chains.

    ``signed`` holds the books against every checkpoint; without it none is looked at. ``progress`` hears from time to
    time how many entries were read, and how many there should be.
    """
    return reading_any_text(database, lambda connection: _verify(connection, kept, signed, faults_max, progress))


def _verify(
    connection: Connection, kept: Sequence[Head], signed: Signed | None, faults_max: int, progress: Progress | None
) -> Verification:
    faults: list[Fault] = []
    heads = _heads(connection, faults)
    total = sum(max(0, head.entry) for head in heads)
    reading, checkpoints, closes = _reading(connection, total, progress), CheckpointReading(), CloseReading()
    found = chain(
        _all_faults(connection, heads, kept, reading, checkpoints, signed),
        guarded("I5", "closed months", closes.faults(connection, None if signed is None else signed.keys)),
    )
    for fault in found:
        faults.append(fault)
        if len(faults) >= faults_max:
            break
    batches = connection.execute(select(func.count()).select_from(batch)).scalar_one()
    return Verification(
        batches,
        reading.entries,
        reading.charges,
        reading.open_holds,
        reading.in_suspense,
        tuple(heads),
        tuple(faults),
        checkpoints.stored,
        checkpoints.kept,
        closes.months,
    )


def _reading(connection: Connection, total: int, progress: Progress | None) -> EntryReading:
    def tell(read: int) -> None:
        if progress is not None:
            progress(read, total)

    return EntryReading(BudgetSums.read(connection), tell)


def _all_faults(
    connection: Connection,
    heads: list[Head],
    kept: Sequence[Head],
    reading: EntryReading,
    checkpoints: CheckpointReading,
    signed: Signed | None,
) -> Iterator[Fault]:
    yield from guarded("I4", "triggers", _trigger_faults(connection))
    yield from guarded("I6", "writers", _writer_faults(connection, heads, reading))
    for head in heads:
        yield from guarded("I6", f"writer {head.writer}", _chain_faults(connection, head, reading))
    yield from guarded("I6", "kept heads", _kept_faults(connection, heads, kept))
    if signed is not None:
        yield from guarded("I6", "checkpoints", checkpoints.faults(connection, heads, signed))
    yield from guarded("I2", "charges", reading.faults(connection))
    yield from guarded("I2", "credit notes", reading.corrections.faults(connection))
    yield from guarded("I5", "accounts", reading.transfers.faults(connection))
    for opening, credited_micros in reading.corrections.credited:
        reading.budgets.give_back(opening, credited_micros)
    yield from guarded("I5", "budgets", reading.budgets.faults(connection))
    yield from guarded("I5", "granted pages", reading.grants.faults(connection))
    yield from guarded("I4", "what notes tell of", reading.noted.faults(connection))
    yield from guarded("D2", "deliveries", delivery_faults(connection))


def _trigger_faults(connection: Connection) -> Iterator[Fault]:
    for name in missing_triggers(connection):
        yield Fault("I4", f"trigger {name}", "is missing: without it entries can be changed and deleted")
    for name in strange_triggers(connection):
        yield Fault("I4", f"trigger {name}", "is none of ours: what it does to the books is in no entry")


def _heads(connection: Connection, faults: list[Fault]) -> list[Head]:
    """The writers' own word on where their chains end; a head that is none is a fault, and never matches."""
    columns = (writer.c.id, writer.c.head_batch, writer.c.head_entry, writer.c.head_hash)
    types = RowTypes(columns)
    heads = []
    for row in connection.execute(select(*columns).order_by(writer.c.id)):
        wrong = types.fault(row)
        if wrong is not None:
            faults.append(Fault("I6", f"writer {row.id}", wrong))
        heads.append(Head(*row) if wrong is None else Head(row.id, -1, -1, b""))
    return heads


def _writer_faults(connection: Connection, heads: list[Head], reading: EntryReading) -> Iterator[Fault]:
    """Writers count up without gaps, and nothing was written by one that is not there.

    What such a one wrote is in no chain, but it moved money: it is read here.
    """
    listed = {head.writer for head in heads}
    known = set(listed)
    for table in (batch, entry):
        found = set(connection.execute(select(table.c.writer_id).distinct()).scalars())
        for missing in sorted(found - known, key=str):
            yield Fault("I6", f"writer {missing}", f"is missing, but not what it wrote (table {table.name})")
        known |= {number for number in found if type(number) is int}
        for missing in found - listed if table is entry else ():
            with _rows(connection, entry, missing) as rows:
                _drain(reading.passing(map(entry_of, rows)))
    yield from missing_writers(known)


def _chain_faults(connection: Connection, head: Head, reading: EntryReading) -> Iterator[Fault]:
    """Walk one writer's chain to its first fault; its entries are read to the end all the same."""
    with _rows(connection, batch, head.writer) as batches, _rows(connection, entry, head.writer) as rows:
        entries = reading.passing(map(entry_of, rows))
        fault = check_chain(head, map(Batch._make, batches), entries)
        if fault is not None:
            if fault.suspects and reading.explanations_left > 0:
                reading.explanations_left -= 1
                fault = explain(fault)
            yield Fault("I6", fault.place, fault.sentence)
        _drain(entries)


def _drain(entries: Iterator[Entry]) -> None:
    """Read what is left, for the sums."""
    deque(entries, maxlen=0)


def _rows(connection: Connection, table: Table, writer_id: int) -> Any:
    query = select(table).where(table.c.writer_id == writer_id).order_by(table.c.number)
    return connection.execute(query.execution_options(yield_per=_STREAM_CHUNK))


def _kept_faults(connection: Connection, heads: Iterable[Head], kept: Iterable[Head]) -> Iterator[Fault]:
    """What was kept elsewhere must still be there: this finds an end that was cut off together with its head."""
    known = {head.writer for head in heads}
    for head in kept:
        if head.writer not in known:
            yield Fault("I6", f"writer {head.writer}", "is missing: it was there when the heads were kept")
    yield from (fault for _, fault in head_faults(connection, [head for head in kept if head.writer in known]))
