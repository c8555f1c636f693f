"""Ledger arithmetic: what can be asked of the books, as values.

An operation is queued, decided and answered; ``edge.core.ledger_plan`` decides it, ``edge.store`` writes what was
decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from edge.core.errors import EdgeError
from edge.core.ledger import (
    BreakOffOutcome,
    ChargeOrder,
    ConcludeOutcome,
    CreditOrder,
    CreditOutcome,
    Entry,
    Held,
    HoldOutcome,
    PostOutcome,
    ReverseOutcome,
    SettleOutcome,
    SuspendOutcome,
    Voided,
)
from edge.core.ledger_corrections import AdjustOrder, AdjustOutcome, FeeOrder, FeeOutcome, NoteOrder, NoteOutcome
from edge.core.values import per_request


class OrderImpossible(EdgeError):
    """The order names an account that does not exist or holds another currency: a mistake of the caller."""


@per_request
class Post:
    """Charge at once: the whole answer is in hand."""

    order: ChargeOrder


@per_request
class Hold:
    """Take the funds, and decide when the last byte is in."""

    order: ChargeOrder


@per_request
class Settle:
    """The held charge was earned."""

    held: Held


@per_request
class Void:
    """The held charge was not earned."""

    held: Held
    reason: str


@dataclass(frozen=True, slots=True)
class BreakOff:
    """The client left with a part of a large page; ``held`` is the hold, or what had paid for it before."""

    held: Held


@dataclass(frozen=True, slots=True)
class VoidAbandoned:
    """The hold of a writer that is gone goes back; ``opening`` is its entry."""

    opening: Entry


@dataclass(frozen=True, slots=True)
class Reverse:
    """The crawler gets its money back. With ``position``, only if that very entry is what paid."""

    key: bytes
    reason: str
    position: tuple[int, int] | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """Money comes in from outside."""

    order: CreditOrder


@dataclass(frozen=True, slots=True)
class Suspend:
    """Nobody knows whether what the entry at ``position`` paid for arrived: the money waits."""

    key: bytes
    reason: str
    position: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Conclude:
    """The time in suspense is over: back to the crawler, or with ``keep`` to the publisher."""

    key: bytes
    attempt: int
    keep: bool


@dataclass(frozen=True, slots=True)
class Adjust:
    """A credit note, or a debit note."""

    order: AdjustOrder


@dataclass(frozen=True, slots=True)
class Fee:
    """The operator's share of a publisher's month."""

    order: FeeOrder


@dataclass(frozen=True, slots=True)
class Note:
    """A change that moves no money."""

    order: NoteOrder


Operation = (
    Post | Hold | Settle | Void | BreakOff | VoidAbandoned | Reverse | Suspend | Conclude | Credit | Adjust | Fee | Note
)
Outcome = (
    PostOutcome
    | HoldOutcome
    | SettleOutcome
    | Voided
    | BreakOffOutcome
    | ReverseOutcome
    | SuspendOutcome
    | ConcludeOutcome
    | CreditOutcome
    | AdjustOutcome
    | FeeOutcome
    | NoteOutcome
)


def key_of(operation: Operation) -> bytes:
    """Return the key that the operation is about."""
    match operation:
        case Post(order) | Hold(order):
            return order.key
        case Credit() | Adjust() | Fee() | Note():
            return operation.order.key
        case Settle(held) | Void(held) | BreakOff(held):
            return held.order.key
        case VoidAbandoned(opening):
            return opening.key
        case Reverse(key) | Suspend(key) | Conclude(key):
            return key
        case _:
            assert_never(operation)
