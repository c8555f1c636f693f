"""The hash chain of one writer's batches: what makes a changed, swapped, removed or cut-off row show (I6).

Rules of this file
- An entry's canonical form is the JSON array of its fields in order, the key in hexadecimal, no spaces, UTF-8.
- Leaves and nodes of the Merkle tree are hashed with different first bytes, so that neither can pass for the other
  (RFC 6962, section 2.1, whose tree this is: an odd node moves up unchanged).
- A batch's hash binds its number, its range of entries, its time and the batch before it, from zeros on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

import orjson

from edge.core.ledger import Entry

GENESIS = bytes(32)
_PURPOSE = b"farebox batch 1"
_HEADS_PURPOSE = b"farebox heads 1\n"
_NUMBERS = Struct(">QQQQQ")


class Batch(NamedTuple):
    """One committed batch as it is stored; entries ``first_entry`` to ``last_entry`` are its content."""

    writer: int
    number: int
    previous_hash: bytes
    merkle_root: bytes
    hash: bytes
    first_entry: int
    last_entry: int
    committed_at_micros: int


@dataclass(frozen=True, slots=True)
class Head:
    """The end of one writer's chain: what the next batch continues, and what a cut-off end is found by."""

    writer: int
    batch: int
    entry: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first thing wrong with one writer's chain: ``place`` names the row, ``sentence`` says what.

    When one of a batch's entries was changed, ``suspects`` are all of them and ``root`` is what they should come to.
    """

    place: str
    sentence: str
    suspects: tuple[Entry, ...] = ()
    root: bytes = b""


def canonical(entry: Entry) -> bytes:
    """Write an entry in the one form that is hashed."""
    return orjson.dumps((entry[0], entry[1], entry[2].hex(), *entry[3:]))


def leaf_hash(form: bytes) -> bytes:
    """Hash one entry's canonical form."""
    return sha256(b"\0" + form).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours of the tree."""
    return sha256(b"\1" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Fold leaf hashes, at least one, into the root of their tree."""
    if not leaves:
        raise ValueError("an empty batch has no root")
    level = list(leaves)
    while len(level) > 1:
        # Neighbours pair up; the odd one at the end moves up, which gives RFC 6962's tree.
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def batch_hash(
    previous_hash: bytes,
    root: bytes,
    writer: int,
    number: int,
    first_entry: int,
    last_entry: int,
    committed_at_micros: int,
) -> bytes:
    """Hash a batch onto the one before."""
    numbers = _NUMBERS.pack(writer, number, first_entry, last_entry, committed_at_micros)
    return sha256(_PURPOSE + previous_hash + root + numbers).digest()


def next_batch(head: Head, forms: Sequence[bytes], committed_at_micros: int) -> Batch:
    """Continue a chain with the canonical forms of the next entries."""
    root = merkle_root([leaf_hash(form) for form in forms])
    number, first, last = head.batch + 1, head.entry + 1, head.entry + len(forms)
    sealed = batch_hash(head.hash, root, head.writer, number, first, last, committed_at_micros)
    return Batch(head.writer, number, head.hash, root, sealed, first, last, committed_at_micros)


def head_of(batch: Batch) -> Head:
    """Return the chain's end after ``batch``."""
    return Head(batch.writer, batch.number, batch.last_entry, batch.hash)


def heads_digest(heads: Iterable[Head]) -> str:
    """One number for all chains, in hexadecimal: whoever keeps it can tell whether the books still end there."""
    digest = sha256(_HEADS_PURPOSE)
    for head in sorted(heads, key=lambda one: one.writer):
        digest.update(f"{head.writer} {head.batch} {head.entry} {head.hash.hex()}\n".encode())
    return digest.hexdigest()


def check_kept(kept: Head, found: Batch | None) -> ChainFault | None:
    """Hold a head that somebody kept against the batch of that number, None when there is none.

    A chain that verifies and still has the kept hash at its place is, up to there, the chain of that day: what a
    shortened or rewritten chain cannot have, however well its own numbers agree.
    """
    place = f"batch {kept.writer}/{kept.batch}"
    if found is None:
        return ChainFault(place, "is missing: it was there when the heads were kept")
    if (found.last_entry, found.hash) != (kept.entry, kept.hash):
        return ChainFault(place, "is not the one that was there when the heads were kept")
    return None


def check_chain(
    head: Head, batches: Iterable[Batch], entries: Iterable[Entry], start: Head | None = None
) -> ChainFault | None:
    """Walk one writer's chain to ``head``, from the beginning or from ``start``; return the first fault, or None.

    ``batches`` and ``entries`` are that writer's rows after the start, in number order; both are read once, side by
    side.
    """
    end = start or Head(head.writer, 0, 0, GENESIS)
    rows = iter(entries)
    for batch in batches:
        fault = _check_batch(end, batch, rows)
        if fault is not None:
            return fault
        end = head_of(batch)
    left_over = next(rows, None)
    if left_over is not None:
        return ChainFault(f"entry {left_over.writer}/{left_over.number}", "belongs to no batch")
    if end != head and (end.batch, end.entry) == (head.batch, head.entry):
        last = f"batch {head.writer}/{end.batch}"
        return ChainFault(f"writer {head.writer}", f"does not bear the hash of its last batch, {last}")
    if end != head:
        cut = f"batch {head.writer}/{end.batch + 1}"
        return ChainFault(cut, f"is missing: the chain ends at batch {end.batch}, its writer had reached {head.batch}")
    return None


def _check_batch(end: Head, batch: Batch, rows: Iterator[Entry]) -> ChainFault | None:
    place = f"batch {batch.writer}/{batch.number}"
    if not _is_well_formed(batch):
        return ChainFault(place, "was changed: it holds what is no number or no hash")
    if batch.number != end.batch + 1:
        return ChainFault(f"batch {end.writer}/{end.batch + 1}", f"is missing: {place} comes next")
    if batch.first_entry != end.entry + 1 or batch.last_entry < batch.first_entry:
        return ChainFault(place, f"begins at entry {batch.first_entry}, not at {end.entry + 1}")
    # Before any entry is read: what the row says of them is then what was written, or this is its fault.
    sealed = batch_hash(end.hash, batch.merkle_root, *batch[:2], *batch[5:])
    if batch.previous_hash != end.hash or batch.hash != sealed:
        return ChainFault(place, "does not continue the chain: it was changed or replaced")
    entries: list[Entry] = []
    leaves: list[bytes] = []
    for number in range(batch.first_entry, batch.last_entry + 1):
        entry = next(rows, None)
        if entry is None or entry.number != number or entry.writer != batch.writer:
            return ChainFault(f"entry {batch.writer}/{number}", f"is missing from {place}")
        try:
            leaves.append(leaf_hash(canonical(entry)))
        except (AttributeError, TypeError):
            return ChainFault(f"entry {batch.writer}/{number}", "was changed: a column holds what cannot be there")
        entries.append(entry)
    if merkle_root(leaves) != batch.merkle_root:
        span = f"entries {batch.writer}/{batch.first_entry} to {batch.writer}/{batch.last_entry}"
        changed = f"does not match its content: one of {span} was changed"
        return ChainFault(place, changed, tuple(entries), batch.merkle_root)
    return None


def _is_well_formed(batch: Batch) -> bool:
    """A database that does not insist on types may hold anything in place of a number or a hash."""
    numbers = (batch.writer, batch.number, batch.first_entry, batch.last_entry, batch.committed_at_micros)
    hashes = (batch.previous_hash, batch.merkle_root, batch.hash)
    return all(type(one) is int and one >= 0 for one in numbers) and all(type(one) is bytes for one in hashes)
