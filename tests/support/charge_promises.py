"""What the ledger's answers have promised, and whether books that outlived a power loss keep it.

A charge's life is told in the kinds of its entries, in order: ``("hold", "settle", "reverse")``. An answer makes what
it says certain; an order that was not answered yet may be in the books or not. A hold that nobody resolved before the
power went is voided by the next start, and a payment of which nobody knows whether it arrived may go to suspense and
come back: that is still the charge (D1). Rows are compared as they are, without the code that folds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from edge.core.ledger import Credited, Held, Posted, Redelivery, Reversed, Voided, charge_id
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.store.tables import entry

Life = tuple[str, ...]
SUSPENSE = frozenset({"suspend", "release"})


class Line(NamedTuple):
    """What the books say of one entry."""

    kind: str
    amount_micros: int
    position: tuple[int, int]


Lines = Mapping[bytes, list[Line]]
"""The entries of each key, in the order of the life of a charge."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An order went to the ledger: from now on what it may write may be there."""

    key: bytes
    kinds: tuple[str, ...]
    amount_micros: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The ledger's answer went out; ``kind`` is what it wrote, if anything, ``position`` the entry that it named."""

    key: bytes
    kind: str | None
    position: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A ledger was opened: what the one before had held has gone back."""


@dataclass(slots=True)
class Promise:
    """One key: what is certain, what else may be, and the entries that answers have named."""

    certain: Life = ()
    possible: set[Life] = field(default_factory=set)
    amount_micros: int | None = None
    named: set[tuple[int, int]] = field(default_factory=set)

    def allows(self, life: Life) -> bool:
        """Whether the books may say so after the next start."""
        return life in {after_recovery(one) for one in {self.certain, *self.possible}}


class Promises:
    """All promises up to a moment; ``take`` moves that moment on."""

    def __init__(self, written: Lines | None = None) -> None:
        """``written`` are the books to begin with: all of it is certain."""
        self._by_key = {
            key: Promise(_life(lines), set(), lines[0].amount_micros, {line.position for line in lines})
            for key, lines in (written or {}).items()
        }

    def take(self, event: Asked | Answered | Recovered) -> None:
        """Hear of an order, of its answer, or of a start."""
        if isinstance(event, Recovered):
            for promise in self._by_key.values():
                promise.certain = after_recovery(promise.certain)
            return
        promise = self._by_key.setdefault(event.key, Promise())
        if isinstance(event, Asked):
            promise.possible |= {(*promise.certain, kind) for kind in event.kinds}
            promise.amount_micros = promise.amount_micros or event.amount_micros
            return
        promise.possible.clear()
        if event.kind is not None:
            promise.certain += (event.kind,)
        if event.position is not None:
            promise.named.add(event.position)

    def copy(self) -> Promises:
        """As they are now."""
        return deepcopy(self)

    def life_of(self, key: bytes) -> Life:
        """What is certain of a key."""
        promise = self._by_key.get(key)
        return () if promise is None else promise.certain

    @property
    def open_holds(self) -> int:
        """How many holds the next start has to void."""
        return sum(promise.certain[-1:] == ("hold",) and not promise.possible for promise in self._by_key.values())

    @property
    def unanswered(self) -> int:
        """How many orders may be in the books or not."""
        return sum(bool(promise.possible) for promise in self._by_key.values())

    def wrongs(self, lines: Lines) -> Iterator[str]:
        """What the books do not keep, a sentence each."""
        for key, promise in self._by_key.items():
            yield from _wrongs_of(charge_id(key), promise, lines.get(key, []))
        for key in lines.keys() - self._by_key.keys():
            yield f"{charge_id(key)} is in the books, and nobody asked for it"

    def settle(self, lines: Lines) -> None:
        """Take what the books say, and were found to keep, for certain."""
        for key, promise in self._by_key.items():
            promise.certain = _life(lines.get(key, []))
            promise.possible.clear()


def after_recovery(life: Life) -> Life:
    """What the next start makes of it."""
    return (*life, "void") if life[-1:] == ("hold",) else life


def _life(lines: list[Line]) -> Life:
    return tuple(line.kind for line in lines if line.kind not in SUSPENSE)


def read_lines(connection: Connection) -> dict[bytes, list[Line]]:
    """Read all entries."""
    columns = (entry.c.key, entry.c.kind, entry.c.amount_micros, entry.c.writer_id, entry.c.number)
    lines: dict[bytes, list[Line]] = {}
    for key, kind, amount, writer, number in connection.execute(
        select(*columns).order_by(entry.c.key, entry.c.attempt, entry.c.step)
    ):
        lines.setdefault(key, []).append(Line(kind, amount, (writer, number)))
    return lines


def _wrongs_of(charge: str, promise: Promise, lines: list[Line]) -> Iterator[str]:
    life = _life(lines)
    if not promise.allows(life):
        yield f"{charge} was promised as {promise.certain or 'nothing'}, and the books have {life or 'nothing'}"
    if lost := promise.named - {line.position for line in lines}:
        yield f"{charge} was promised as the entries {sorted(lost)}, which it does not have"
    for line in lines:
        if line.amount_micros != (0 if line.kind == "redeliver" else promise.amount_micros):
            yield f"{charge} is a matter of {promise.amount_micros}, and its {line.kind} moves {line.amount_micros}"


# What operations and their answers mean


def asked(operation: Operation) -> Asked:
    """What an operation may write."""
    match operation:
        case Post(order):
            return Asked(order.key, ("post", "redeliver"), order.price.amount_micros)
        case Hold(order):
            return Asked(order.key, ("hold", "redeliver"), order.price.amount_micros)
        case Settle(held):
            return Asked(held.order.key, ("settle",), None)
        case Void(held):
            return Asked(held.order.key, ("void",), None)
        case Reverse(key):
            return Asked(key, ("reverse",), None)
        case Credit(order):
            return Asked(order.key, ("credit",), order.money.amount_micros)
        case _:
            raise AssertionError(f"{operation} is not asked for here")


def answered(operation: Operation, outcome: Any) -> Answered:
    """What an answer says was written."""
    key = asked(operation).key
    match outcome:
        case Posted():
            kind = "settle" if isinstance(operation, Settle) else "post"
            return Answered(key, kind if outcome.fresh else None, outcome.position)
        case Held():
            return Answered(key, "hold" if outcome.fresh else None, None)
        case Redelivery():
            return Answered(key, "redeliver", None)
        case Voided():
            return Answered(key, "void", None)
        case Reversed():
            return Answered(key, "reverse" if outcome.fresh else None, None)
        case Credited():
            return Answered(key, "credit" if outcome.fresh else None, (outcome.writer, outcome.number))
        case _:
            return Answered(key, None, None)
