"""Checkpoints in the database: made from one snapshot of the books, one at a time, never changed.

Rules of this file
- A checkpoint says what one read transaction saw of heads and balances, so the two belong together.
- Several nodes may make one at the same moment: all name the same number, the primary key lets one of them in, and
  the others drop theirs. Nobody waits for anybody.
- Nothing is signed over a broken end: the checkpoint before, and the heads that it and this one list, must lie on the
  chains. What lies between is for ``farebox verify``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Select, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from edge.core.chain import GENESIS, Batch, Head, check_kept
from edge.core.checkpoint import (
    Checkpoint,
    Totals,
    WriterEnd,
    balances_digest,
    checkpoint_hash,
    checkpoint_sentence,
    next_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from edge.core.jws import JwsFault
from edge.core.ledger import InvariantBroken
from edge.core.webhooks import WebhookEvent
from edge.store import outbox
from edge.store.database import Database
from edge.store.faults import Fault
from edge.store.service_keys import ServiceKeys
from edge.store.tables import account, batch, checkpoint, writer

_STREAM_CHUNK = 200
_LOOKUP_CHUNK = 400


class CheckpointRow(NamedTuple):
    """A checkpoint as it is stored, in the order of the columns; what it says is in ``token``."""

    number: int
    made_at_micros: int
    hash: bytes
    token: str


class BooksBroken(InvariantBroken):
    """The books are not what was signed; ``faults`` say where."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        super().__init__(f'{faults[0]}{more}; run `farebox verify`, and see docs/operations.md, "Broken books"')
        self.faults = tuple(faults)


def make_checkpoint(
    database: Database, keys: ServiceKeys, operator: str, now_micros: int, *, unless_since_micros: int | None = None
) -> Checkpoint | None:
    """Sign where the chains end now; None when nothing was written since the last one, or another node was faster.

    ``unless_since_micros``: nothing is made when there is a checkpoint from then or later. Raises ``BooksBroken``
    when the books do not bear what was signed before.
    """
    with database.read() as connection:
        row = last_row(connection)
        if row is not None and unless_since_micros is not None and row.made_at_micros >= unless_since_micros:
            return None
        before = None if row is None else _believed(row, keys)
        ends = read_ends(connection)
        before_hash = GENESIS if row is None else row.hash
        balances = read_balances(connection)
        made = next_checkpoint(
            operator, before, before_hash, ends, balances_digest(balances), _totals(connection), now_micros
        )
        if not any(end.head.batch for end in ends) or (before is not None and before.heads_digest == made.heads_digest):
            return None
        faults = [fault for _, fault in head_faults(connection, [*(before.heads if before else ()), *made.heads])]
    if faults:
        raise BooksBroken(faults)
    token = sign_checkpoint(made, keys.current.private)
    row = CheckpointRow(made.number, made.made_at_micros, checkpoint_hash(token), token)
    try:
        with database.write() as connection:
            connection.execute(insert(checkpoint).values(row._asdict()))
            data = {"number": made.number, "hash": row.hash.hex(), "checkpoint": token}
            subject = f"checkpoint {made.number}"
            outbox.add(connection, WebhookEvent.LEDGER_CHECKPOINT, subject, data, at_micros=now_micros)
    except IntegrityError:
        return None  # another node took this number between our reading and our writing
    return made


def last_row(connection: Connection) -> CheckpointRow | None:
    """The newest checkpoint, None when there is none yet."""
    row = connection.execute(_rows().order_by(checkpoint.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else CheckpointRow._make(row)


def row_at(connection: Connection, number: int) -> CheckpointRow | None:
    """The checkpoint of that number, None when there is none."""
    row = connection.execute(_rows().where(checkpoint.c.number == number)).one_or_none()
    return None if row is None else CheckpointRow._make(row)


def stream_rows(connection: Connection, after: int = 0) -> Iterator[CheckpointRow]:
    """The checkpoints after a number, in order; the connection is busy until the end."""
    query = _rows().where(checkpoint.c.number > after).order_by(checkpoint.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        yield from map(CheckpointRow._make, rows)


def read_ends(connection: Connection) -> list[WriterEnd]:
    """Where every writer's chain ends, by number, as the writers' own rows say."""
    query = select(writer.c.id, writer.c.head_batch, writer.c.head_entry, writer.c.head_hash, writer.c.closed_at_micros)
    rows = connection.execute(query.order_by(writer.c.id))
    return [WriterEnd(Head(*row[:4]), row.closed_at_micros is not None) for row in rows]


def read_balances(connection: Connection) -> list[tuple[int, str, int]]:
    """Every account's (id, currency, micro-units)."""
    rows = connection.execute(select(account.c.id, account.c.currency, account.c.balance_micros))
    return [(row.id, row.currency, row.balance_micros) for row in rows]


def head_faults(connection: Connection, heads: Iterable[Head]) -> Iterator[tuple[int, Fault]]:
    """What is wrong with heads that were written down, with their writers: each must still lie on its chain."""
    reached = [head for head in heads if head.batch > 0]
    for place in range(0, len(reached), _LOOKUP_CHUNK):
        chunk = reached[place : place + _LOOKUP_CHUNK]
        wanted = {(head.writer, head.batch) for head in chunk}
        rows = connection.execute(select(batch).where(tuple_(batch.c.writer_id, batch.c.number).in_(wanted)))
        found = {(row.writer_id, row.number): Batch._make(row) for row in rows}
        for head in chunk:
            fault = check_kept(head, found.get((head.writer, head.batch)))
            if fault is not None:
                yield head.writer, Fault("I6", fault.place, fault.sentence)


def _rows() -> Select[tuple[int, int, bytes, str]]:
    return select(checkpoint.c.number, checkpoint.c.made_at_micros, checkpoint.c.hash, checkpoint.c.token)


def _believed(row: CheckpointRow, keys: ServiceKeys) -> Checkpoint:
    found = verify_checkpoint(row.token, keys.by_thumbprint)
    if isinstance(found, JwsFault):
        raise BooksBroken([Fault("I6", f"checkpoint {row.number}", checkpoint_sentence(found))])
    return found


def _totals(connection: Connection) -> Totals:
    """Sums of balances by currency and kind of owner: made here, because a database may overflow."""
    totals: dict[str, dict[str, int]] = {}
    query = select(account.c.currency, account.c.owner_kind, account.c.balance_micros)
    for currency, kind, amount_micros in connection.execute(query.order_by(account.c.currency, account.c.owner_kind)):
        sums = totals.setdefault(currency, {})
        sums[kind] = sums.get(kind, 0) + amount_micros
    return totals
