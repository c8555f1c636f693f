"""Which entry of a batch was changed, when one bit of it was: a disk that forgets, or a hand that hoped.

A batch proves all its entries together, so a change shows in the batch and not in the entry. But whoever has the root
can try: with the one bit flipped back that was flipped, the tree comes to the root again, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from edge.core.chain import ChainFault, canonical, leaf_hash, node_hash
from edge.core.ledger import Entry

_INTEGER_BITS = 63


class FlippedBit(NamedTuple):
    """The entry as it is, the field that was changed, and what stood there."""

    entry: Entry
    field: str
    before: Any


def explain(fault: ChainFault) -> ChainFault:
    """Name the entry instead of its batch where that can be known: alone in it, or one bit away from what it was."""
    if not fault.suspects:
        return fault
    found = find_flipped_bit(fault.suspects, fault.root)
    if found is not None:
        return ChainFault(
            _place(found.entry), f"was changed: {found.field} was {_shown(found.before)}, one bit flipped"
        )
    if len(fault.suspects) == 1:
        return ChainFault(_place(fault.suspects[0]), f"was changed: it does not match {fault.place}")
    return fault


def find_flipped_bit(entries: Sequence[Entry], root: bytes) -> FlippedBit | None:
    """Find the single bit by which these entries differ from those of ``root``; None when it was more than one.

    Tries some two thousand changes an entry, a few milliseconds each: for batches that are known to be wrong.
    """
    leaves = [leaf_hash(canonical(one)) for one in entries]
    for place, one in enumerate(entries):
        path = _path(leaves, place)
        for number, name in enumerate(Entry._fields):
            for before in _one_bit_away(one[number]):
                if _climb(leaf_hash(canonical(_with(one, number, before))), path) == root:
                    return FlippedBit(one, name, before)
    return None


def _with(entry: Entry, number: int, value: Any) -> Entry:
    return Entry._make((*entry[:number], value, *entry[number + 1 :]))


def _place(entry: Entry) -> str:
    return f"entry {entry.writer}/{entry.number}"


def _shown(value: int | str | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)


def _one_bit_away(value: object) -> Iterator[int | str | bytes]:
    match value:
        case int():
            yield from (value ^ (1 << bit) for bit in range(_INTEGER_BITS))
        case bytes():
            yield from _flipped(value)
        case str():
            for data in _flipped(value.encode()):
                try:
                    yield data.decode()
                except UnicodeDecodeError:
                    continue  # no text that was ever written
        case _:
            return


def _flipped(data: bytes) -> Iterator[bytes]:
    for place, byte in enumerate(data):
        for bit in range(8):
            yield data[:place] + bytes([byte ^ (1 << bit)]) + data[place + 1 :]


def _path(leaves: Sequence[bytes], place: int) -> list[tuple[bytes, bool]]:
    """The neighbours on the way from a leaf to the root, each with whether it stands to the left."""
    path: list[tuple[bytes, bool]] = []
    level = list(leaves)
    while len(level) > 1:
        neighbour = place ^ 1
        if neighbour < len(level):
            path.append((level[neighbour], neighbour < place))
        pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - 1 :] * (len(level) % 2)
        place //= 2
    return path


def _climb(leaf: bytes, path: Sequence[tuple[bytes, bool]]) -> bytes:
    for neighbour, is_left in path:
        leaf = node_hash(neighbour, leaf) if is_left else node_hash(leaf, neighbour)
    return leaf
