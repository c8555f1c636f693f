"""Hold the books against everything that was signed: the checkpoints that are stored, and those that were kept.

Rules of this file
- A stored checkpoint is believed for its signature, its columns, its number and the hash of the one before. Then its
  heads must lie on the chains, and a writer that it lists as ended must still end there.
- A kept one must be the stored one of its number, to the byte. One that is not stored says by itself where the books
  do not bear it.
- Both are read once, in order, and looked up in chunks; what is remembered grows with writers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TypeVar

from sqlalchemy import Connection, select

from edge.core.chain import GENESIS, Head, heads_digest
from edge.core.checkpoint import Checkpoint, WriterEnd, fault_between, stated_number
from edge.core.keys import PublicKey
from edge.store.checkpoints import CheckpointRow, head_faults, stream_rows
from edge.store.faults import Fault
from edge.store.stored_checkpoints import CheckpointReader
from edge.store.tables import checkpoint

_CHUNK = 200
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Signed:
    """What the books are held against: the issuer's keys by thumbprint, and lines that were kept elsewhere.

    ``kept`` gives the lines anew at each call: a check may have to be begun again.
    """

    keys: Mapping[str, PublicKey]
    kept: Callable[[], Iterable[str]] = tuple
    kept_name: str = "the kept file"


@dataclass(slots=True)
class CheckpointReading:
    """Counts what went by, and names no writer's end twice."""

    stored: int = 0
    kept: int = 0
    _named: set[int] = field(default_factory=set)

    def faults(self, connection: Connection, heads: Sequence[Head], signed: Signed) -> Iterator[Fault]:
        """Everything in which the books are not what was signed. ``heads`` are all writers' ends now."""
        reader = CheckpointReader(signed.keys)
        now = {head.writer: head for head in heads}
        yield from self._stored_faults(connection, reader, now)
        yield from self._kept_faults(connection, reader, now, signed)

    def _stored_faults(
        self, connection: Connection, reader: CheckpointReader, now: Mapping[int, Head]
    ) -> Iterator[Fault]:
        links = _Links()
        ends: dict[int, WriterEnd] = {}
        last: Checkpoint | None = None
        for chunk in _chunks(stream_rows(connection)):
            self.stored += len(chunk)
            believed = []
            for row in chunk:
                read = reader.row(row)
                yield from links.faults(row, read)
                if isinstance(read, Checkpoint):
                    believed.append(read)
                    ends.update((end.head.writer, end) for end in read.ends)
            yield from self._head_faults(connection, (head for one in believed for head in one.heads), now)
            last = believed[-1] if believed else last
        yield from self._end_faults(ends, now)
        if last is not None:
            yield from _digest_faults(last, now, f"checkpoint {last.number}")

    def _kept_faults(
        self, connection: Connection, reader: CheckpointReader, now: Mapping[int, Head], signed: Signed
    ) -> Iterator[Fault]:
        for chunk in _chunks(_whole_lines(signed.kept())):
            self.kept += len(chunk)
            stored = _stored_tokens(connection, [stated_number(token) for token in chunk])
            for token in chunk:
                number = stated_number(token)
                if number is None or stored.get(number) != token:
                    place = f"checkpoint {number or 'of no number'} in {signed.kept_name}"
                    yield from self._strange_faults(connection, reader.token(token, place), place, stored, now)

    def _strange_faults(
        self,
        connection: Connection,
        read: Checkpoint | Fault,
        place: str,
        stored: Mapping[int, str],
        now: Mapping[int, Head],
    ) -> Iterator[Fault]:
        """A kept checkpoint that is not the stored one of its number: it says itself what the books lack."""
        if isinstance(read, Fault):
            yield read
            return
        if read.number in stored:
            yield Fault("I6", place, "is not the checkpoint of that number in the database")
        else:
            yield Fault("I6", place, "is not in the database: the books end before what was signed, or are others")
        yield from self._head_faults(connection, read.heads, now)
        yield from _digest_faults(read, now, place)

    def _head_faults(self, connection: Connection, heads: Iterable[Head], now: Mapping[int, Head]) -> Iterator[Fault]:
        """Heads that are not on their chains, the first of each writer."""
        unnamed = [head for head in heads if head.writer not in self._named]
        for writer, fault in head_faults(connection, unnamed):
            if writer not in self._named:
                self._named.add(writer)
                gone = Fault("I6", f"writer {writer}", "is missing: it was there when a checkpoint was signed")
                yield fault if writer in now else gone

    def _end_faults(self, ends: Mapping[int, WriterEnd], now: Mapping[int, Head]) -> Iterator[Fault]:
        for writer, end in sorted(ends.items()):
            if end.ended and now.get(writer) not in (None, end.head) and writer not in self._named:
                yield Fault("I6", f"writer {writer}", f"had ended at batch {end.head.batch} when that was signed")


@dataclass(slots=True)
class _Links:
    """Follows the checkpoints' own chain; after one that cannot be believed it goes on by the stored columns."""

    number: int = 0
    hash: bytes | None = GENESIS
    before: Checkpoint | None = None

    def faults(self, row: CheckpointRow, read: Checkpoint | Fault) -> Iterator[Fault]:
        """What is wrong with a row and its place in the chain."""
        place = f"checkpoint {row.number}"
        follows = type(row.number) is int and row.number == self.number + 1
        if isinstance(read, Fault):
            yield read
        elif not follows:
            yield Fault("I6", f"checkpoint {self.number + 1}", f"is missing: {place} comes next")
        elif self.hash is not None:
            wrong = fault_between(self.before, self.hash, read)
            if wrong is not None:
                yield Fault("I6", place, wrong)
        if isinstance(read, Checkpoint):
            self.number, self.hash, self.before = read.number, row.hash, read
        elif follows:
            self.number, self.hash, self.before = row.number, None, None


def _digest_faults(signed: Checkpoint, now: Mapping[int, Head], place: str) -> Iterator[Fault]:
    """The writers that it does not list had ended: with their ends of today the digest must be the signed one."""
    heads = signed.all_heads(now)
    if heads is None:
        missing = min(set(range(1, signed.writers + 1)) - now.keys())
        yield Fault("I6", f"writer {missing}", f"is missing: it was there when {place} was signed")
    elif heads_digest(heads) != signed.heads_digest:
        yield Fault("I6", place, "knew other ends of the writers that it does not list")


def _stored_tokens(connection: Connection, numbers: Iterable[int | None]) -> dict[int, str]:
    wanted = {number for number in numbers if number is not None}
    query = select(checkpoint.c.number, checkpoint.c.token).where(checkpoint.c.number.in_(wanted))
    return {row.number: row.token for row in connection.execute(query)}


def _whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Leave out what a crash cut short: it is the beginning of the line after it, which has it whole."""
    for line, following in pairwise(_with_end(lines)):
        if line is not None and not (following is not None and line != following and following.startswith(line)):
            yield line


def _with_end(lines: Iterable[str]) -> Iterator[str | None]:
    yield from lines
    yield None


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
