"""Read the whole of the books and say what is wrong with them, by name; nothing is changed.

Everything is read in one snapshot, so an edge may go on selling meanwhile. What is checked is what docs/money
promises: I1 (sums), I2 (one live charge), I3 (floors), I5 (balances equal entries), I6 (the chain).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, select

from edge.core.chain import Batch, Head, check_chain
from edge.core.ledger import Entry, InvariantBroken, charge_id, check_entry
from edge.core.ledger_state import fold_charge
from edge.core.money import format_signed
from edge.store.batch_reading import entry_of
from edge.store.database import Database
from edge.store.tables import account, batch, entry, writer

FAULTS_MAX = 100
_STREAM_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: which promise is broken, where, and how."""

    invariant: str
    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.place}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read, and the faults found, at most ``FAULTS_MAX``; none means that the books verify."""

    writers: int
    batches: int
    entries: int
    charges: int
    faults: tuple[Fault, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as promised."""
        return not self.faults


def verify(database: Database) -> Verification:
    """Check the whole of the books."""
    with database.read() as connection:
        heads = _heads(connection)
        reading = _Reading()
        faults: list[Fault] = []
        for fault in _all_faults(connection, heads, reading):
            faults.append(fault)
            if len(faults) >= FAULTS_MAX:
                break
        batches = connection.execute(select(func.count()).select_from(batch)).scalar_one()
    return Verification(len(heads), batches, reading.entries, reading.charges, tuple(faults))


@dataclass(slots=True)
class _Reading:
    """Counts what went by."""

    entries: int = 0
    charges: int = 0


def _all_faults(connection: Connection, heads: list[Head], reading: _Reading) -> Iterator[Fault]:
    yield from _writer_faults(connection, heads)
    for head in heads:
        fault = check_chain(head, _batches(connection, head.writer), _entries(connection, head.writer))
        if fault is not None:
            yield Fault("I6", fault.place, fault.sentence)
    yield from _charge_faults(connection, reading)
    yield from _balance_faults(connection)


def _heads(connection: Connection) -> list[Head]:
    columns = (writer.c.id, writer.c.head_batch, writer.c.head_entry, writer.c.head_hash)
    return [Head(*row) for row in connection.execute(select(*columns).order_by(writer.c.id))]


def _writer_faults(connection: Connection, heads: list[Head]) -> Iterator[Fault]:
    """Writers count up without gaps, and nothing was written by one that is not there."""
    known = {head.writer for head in heads}
    for table in (batch, entry):
        found = set(connection.execute(select(table.c.writer_id).distinct()).scalars())
        for missing in sorted(found - known):
            yield Fault("I6", f"writer {missing}", f"is missing, but not what it wrote (table {table.name})")
        known |= found
    for missing in sorted(set(range(1, max(known, default=0) + 1)) - known):
        yield Fault("I6", f"writer {missing}", "is missing, with all that it wrote")


def _batches(connection: Connection, writer_id: int) -> Iterator[Batch]:
    query = select(batch).where(batch.c.writer_id == writer_id).order_by(batch.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        yield from map(Batch._make, rows)


def _entries(connection: Connection, writer_id: int) -> Iterator[Entry]:
    query = select(entry).where(entry.c.writer_id == writer_id).order_by(entry.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        yield from map(entry_of, rows)


def _charge_faults(connection: Connection, reading: _Reading) -> Iterator[Fault]:
    """Every entry holds for itself, and the entries of each key are a life that a charge can have (I1, I2)."""
    query = select(entry).order_by(entry.c.key, entry.c.attempt, entry.c.step)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for key, group in groupby(map(entry_of, rows), lambda one: one.key):
            life = list(group)
            reading.entries += len(life)
            reading.charges += 1
            try:
                for one in life:
                    check_entry(one)
                fold_charge(life)
            except InvariantBroken as broken:
                yield Fault("I2", charge_id(key), str(broken))


def _balance_faults(connection: Connection) -> Iterator[Fault]:
    """Each balance is the fold of its entries (I5), none is below its floor (I3), and all sum to zero (I1)."""
    folded = _folded_balances(connection)
    totals: dict[str, int] = {}
    for row in connection.execute(select(account).order_by(account.c.id)):
        expected = folded.pop((row.id, row.currency), 0)
        totals[row.currency] = totals.get(row.currency, 0) + row.balance_micros
        if row.balance_micros != expected:
            shown, summed = format_signed(row.balance_micros, row.currency), format_signed(expected, row.currency)
            yield Fault("I5", f"account {row.code}", f"says {shown}, its entries sum to {summed}")
        if row.floor_micros is not None and row.balance_micros < row.floor_micros:
            yield Fault("I3", f"account {row.code}", "is below its floor")
    for number, currency in sorted(folded):
        yield Fault("I5", f"account {number}", f"does not exist in {currency}, but entries name it")
    for currency, total in sorted(totals.items()):
        if total != 0:
            yield Fault("I1", f"all {currency} accounts", f"sum to {format_signed(total, currency)}, not to zero")


def _folded_balances(connection: Connection) -> dict[tuple[int, str], int]:
    folded: dict[tuple[int, str], int] = {}
    for column, sign in ((entry.c.debit_account, -1), (entry.c.credit_account, 1)):
        total: Any = func.sum(entry.c.amount_micros)
        for number, currency, amount in connection.execute(
            select(column, entry.c.currency, total).group_by(column, entry.c.currency)
        ):
            folded[number, currency] = folded.get((number, currency), 0) + sign * int(amount)
    return folded
