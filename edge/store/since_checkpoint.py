"""What is checked before selling begins: the books since the last checkpoint, and that checkpoint itself.

Rules of this file
- The time it takes depends on what was written since the last checkpoint, about a minute's worth, and on the number
  of writers and accounts; never on the age of the books. What lies before, ``farebox verify`` reads.
- The kept file is read before the database: a checkpoint is committed before it is copied, so the file can be ahead
  only of books that are not what they were.
- Balances are held against the signed ones: what the entries since then moved is taken off again, and the digest must
  be the signed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from edge.core.chain import GENESIS, Batch, Head, check_chain, heads_digest
from edge.core.checkpoint import Checkpoint, balances_digest, stated_number
from edge.core.flipped_bit import explain
from edge.core.keys import PublicKey
from edge.core.ledger import Entry, InvariantBroken, check_entry
from edge.store.append_only import missing_triggers
from edge.store.batch_reading import entry_of
from edge.store.checkpoint_file import last_token
from edge.store.checkpoints import CheckpointRow, head_faults, last_row, read_balances, read_ends, row_at
from edge.store.database import Database
from edge.store.faults import Fault
from edge.store.odd_rows import guarded, reading_any_text
from edge.store.stored_checkpoints import CheckpointReader
from edge.store.tables import batch, entry
from edge.store.writer_faults import missing_writers

_STREAM_CHUNK = 2_000


def check_since_checkpoint(database: Database, keys: Mapping[str, PublicKey], kept_file: Path) -> list[Fault]:
    """Return what is wrong with the books as far as a start can tell; nothing means that selling may begin.

    Raises ``CheckpointFileProblem`` when there is a kept file that cannot be read.
    """
    kept = last_token(kept_file, lambda token: stated_number(token) is not None)
    reader = CheckpointReader(keys)
    return reading_any_text(database, lambda connection: list(_faults(connection, reader, kept, kept_file)))


def _faults(connection: Connection, reader: CheckpointReader, kept: str | None, kept_file: Path) -> Iterator[Fault]:
    for name in missing_triggers(connection):
        yield Fault("I4", f"trigger {name}", "is missing: without it the books can be changed and deleted")
    row = last_row(connection)
    if kept is not None:
        yield from guarded("I6", str(kept_file), _kept_faults(connection, reader, kept, kept_file))
    last = None if row is None else reader.row(row)
    if isinstance(last, Fault):
        yield last
        return
    yield from guarded("I6", "chains", _chain_faults(connection, row, last))


def _kept_faults(connection: Connection, reader: CheckpointReader, kept: str, kept_file: Path) -> Iterator[Fault]:
    """The last line of the kept file is one of the checkpoints that are stored."""
    place = f"checkpoint {stated_number(kept)} in {kept_file}"
    read = reader.token(kept, place)
    if isinstance(read, Fault):
        yield read
        return
    row = row_at(connection, read.number)
    if row is None:
        yield Fault("I6", place, "is not in the database: the books end before what was signed, or are others")
    elif row.token != kept:
        yield Fault("I6", place, f"is not the checkpoint {read.number} of the database")


def _chain_faults(connection: Connection, row: CheckpointRow | None, last: Checkpoint | None) -> Iterator[Fault]:
    ends = {end.head.writer: end.head for end in read_ends(connection)}
    cut_off = last is not None and last.writers > max(ends, default=0)
    yield from missing_writers([*ends, last.writers + 1] if last and cut_off else ends)
    if last is not None and row is not None:
        yield from _link_faults(connection, row, last)
        yield from (fault for _, fault in head_faults(connection, last.heads))
        heads = last.all_heads(ends)
        if heads is not None and heads_digest(heads) != last.heads_digest:
            yield Fault("I6", f"checkpoint {last.number}", "knew other ends of the writers that it does not list")
    since, starts = _Since(), _starts(ends, last)
    faults = [fault for head in ends.values() for fault in _writer_faults(connection, starts[head.writer], head, since)]
    yield from faults or _balance_faults(connection, last, since)


def _link_faults(connection: Connection, row: CheckpointRow, last: Checkpoint) -> Iterator[Fault]:
    before = row_at(connection, row.number - 1)
    if last.previous != (GENESIS if row.number == 1 else None if before is None else before.hash):
        yield Fault("I6", f"checkpoint {row.number}", f"does not continue checkpoint {row.number - 1}")


def _starts(ends: Mapping[int, Head], last: Checkpoint | None) -> dict[int, Head]:
    """Where the checkpoint left each chain; a writer that it does not list had ended where it ends now."""
    known = 0 if last is None else last.writers
    starts = {number: end if number <= known else Head(number, 0, 0, GENESIS) for number, end in ends.items()}
    return starts | {head.writer: head for head in (last.heads if last else ()) if head.writer in ends}


@dataclass(slots=True)
class _Since:
    """What the entries since the checkpoint moved, by (account, currency)."""

    changes: dict[tuple[int, str], int] = field(default_factory=dict)

    def passing(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for one in entries:
            check_entry(one)
            for account, sign in ((one.debit_account, -1), (one.credit_account, 1)):
                key = (account, one.currency)
                self.changes[key] = self.changes.get(key, 0) + sign * one.amount_micros
            yield one


def _writer_faults(connection: Connection, start: Head, head: Head, since: _Since) -> Iterator[Fault]:
    batches = map(Batch._make, _rows_after(connection, batch, start.writer, start.batch))
    entries = since.passing(map(entry_of, _rows_after(connection, entry, start.writer, start.entry)))
    try:
        fault = check_chain(head, batches, entries, start)
    except InvariantBroken as broken:
        yield Fault("I2", f"writer {head.writer}", str(broken))
        return
    if fault is not None:
        fault = explain(fault)
        yield Fault("I6", fault.place, fault.sentence)


def _rows_after(connection: Connection, table: Table, writer_id: int, number: int) -> Iterator[Row[Any]]:
    query = select(table).where(table.c.writer_id == writer_id, table.c.number > number).order_by(table.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        yield from rows


def _balance_faults(connection: Connection, last: Checkpoint | None, since: _Since) -> Iterator[Fault]:
    """Without the entries since then, balances are the signed ones; without a checkpoint they are nothing."""
    then = dict(since.changes)
    for number, currency, amount_micros in read_balances(connection):
        then[number, currency] = amount_micros - then.get((number, currency), 0)
    signed = balances_digest(()) if last is None else last.balances_digest
    if balances_digest((number, currency, amount) for (number, currency), amount in then.items()) != signed:
        since_when = f"checkpoint {last.number}" if last else "the beginning"
        yield Fault("I5", "accounts", f"do not hold what {since_when} and the entries since then give them")
