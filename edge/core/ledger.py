"""Ledger arithmetic, first part: what a charge is called, what is ordered, what is written, what is answered.

Rules of this file
- A charge has one key for ever, made of what the crawler signed. The key names the charge on every node, on every
  retry and in every attempt; the charge id on the wire is the key in hexadecimal.
- An ``Entry`` is one transfer between two accounts and never changes once written. Its field order is the order of
  the columns and of the canonical form (``edge.core.chain``): adding a field is a new version of both.
- A balance is credits minus debits, so that per currency all balances sum to zero (I1).

The life of a charge, in entries of one key (``attempt`` counts the openings)::

    step 1  POST    crawler -> publisher      or   HOLD  crawler -> holds
            GRANT, amount 0: a page that a term made free (edge.core.grants); the reference names the term
    step 2                                         SETTLE  holds -> publisher   or   VOID  holds -> crawler
    step 3  SUSPEND publisher -> suspense     nobody knows whether the page arrived
    step 4  RELEASE suspense -> publisher     it was collected or confirmed, or its time is over
    step 5  REVERSE publisher or suspense -> crawler    a broken delivery, or a refund by an operator
            WITHDRAW, amount 0: a granted page whose delivery broke is given back to what it was counted in
    step 6  REDELIVER, amount 0               the one fetch for nothing that a broken delivery gives

CREDIT, ADJUST, FEE and NOTE open a key of their own and have no second step (``edge.core.ledger_corrections``).

``edge.core.ledger_state`` reads that life out of entries, ``edge.core.ledger_plan`` decides the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import NamedTuple

from edge.core.budgets import BudgetExceeded
from edge.core.errors import EdgeError
from edge.core.grants import Grant
from edge.core.money import Money
from edge.core.values import per_request

KEY_LENGTH = 16
CHARGE_ID_PREFIX = "ch_"


class LedgerUnavailable(EdgeError):
    """The ledger cannot be written just now: sell nothing, answer 503, try again later (D6)."""


class InvariantBroken(EdgeError):
    """The books contradict themselves: stop selling until an operator has looked. Never caught to carry on."""


class EntryKind(StrEnum):
    """What a transfer is for."""

    POST = "post"
    HOLD = "hold"
    GRANT = "grant"
    SETTLE = "settle"
    VOID = "void"
    SUSPEND = "suspend"
    RELEASE = "release"
    REVERSE = "reverse"
    WITHDRAW = "withdraw"
    REDELIVER = "redeliver"
    CREDIT = "credit"
    ADJUST = "adjust"
    FEE = "fee"
    NOTE = "note"


# Why a delivery is judged as it is: the reasons that a REVERSE, SUSPEND or VOID of ours bears.
LEFT_EARLY = "the client left with a part of the page"
BROKEN_OFF = "the connection broke before everything was acknowledged"
NOBODY_WAITED = "nobody waited for the answer any more"
PROCESS_ENDED = "its process ended before its delivery was known"
NOBODY_KNOWS = "the system could not tell whether everything was acknowledged"

MOVES_NOTHING = frozenset({EntryKind.GRANT, EntryKind.WITHDRAW, EntryKind.REDELIVER, EntryKind.NOTE})
"""The kinds whose amount is 0; every other kind moves something."""


class Step(IntEnum):
    """The place of an entry in its attempt; (key, attempt, step) is unique in the database (I2)."""

    OPEN = 1
    RESOLVE = 2
    SUSPEND = 3
    RELEASE = 4
    REVERSE = 5
    REDELIVER = 6


class Entry(NamedTuple):
    """One transfer as it is stored: a plain tuple, because it is the row, and there are millions.

    Amount in micro-units, time in microseconds since the epoch (UTC). Fields that do not apply are None.
    """

    writer: int
    number: int
    key: bytes
    attempt: int
    step: int
    kind: str
    debit_account: int
    credit_account: int
    amount_micros: int
    currency: str
    recorded_at_micros: int
    crawler_id: int | None
    publisher_id: int | None
    site_id: int | None
    rule: str | None
    rule_version: int | None
    licence: str | None
    target: str | None
    offer: str | None
    request_id: str | None
    status: int | None
    evidence: str | None
    reason: str | None
    reference: str | None
    author: str | None


@per_request
class ChargeOrder:
    """All that one charge needs and says: price, both accounts, and why it cost that.

    ``offer`` is the accepted header as text, None without one, ``status`` the origin's, ``evidence`` what the delivery
    will be judged by. With ``redelivery_only`` nothing new is ever charged: the order only collects what was paid for
    before, or gets what is free. ``grants`` are the terms that may make the page free, tried in this order;
    ``validator`` tells whether it is the page that was bought before.
    """

    key: bytes
    price: Money
    crawler_account: int
    publisher_account: int
    crawler_id: int
    publisher_id: int
    site_id: int
    rule: str
    rule_version: int
    licence: str | None
    target: str
    offer: str | None
    request_id: str
    status: int
    evidence: str | None = None
    redelivery_only: bool = False
    grants: tuple[Grant, ...] = ()
    validator: str | None = None

    @property
    def collects_only(self) -> bool:
        """Whether it can only get what an earlier one has paid for: its signature is old, or its offer too low."""
        return self.redelivery_only and not self.grants

    def __post_init__(self) -> None:
        if len(self.key) != KEY_LENGTH:
            raise ValueError(f"a charge key has {KEY_LENGTH} bytes, not {len(self.key)}")
        if self.price.amount_micros == 0:
            raise ValueError("a charge of nothing is not a charge")


@dataclass(frozen=True, slots=True)
class CreditOrder:
    """A top-up from outside: ``reference`` is the payment's own name and makes it unique for ever."""

    account: int
    funding_account: int
    crawler_id: int | None
    money: Money
    reference: str
    author: str
    reason: str | None = None

    @property
    def key(self) -> bytes:
        """The transfer key of this reference: a repeated reference meets the first one's entry."""
        return credit_key(self.reference)


# Answers


@per_request
class Posted:
    """The charge is live and durable. ``amount`` is what was charged, which is the first one's price for a retry.

    ``writer`` and ``number`` name the entry that paid; ``fresh`` says that this very order wrote it.
    """

    charge_id: str
    amount: Money
    writer: int
    number: int
    fresh: bool

    @property
    def position(self) -> tuple[int, int]:
        """What ``confirm_delivery`` takes."""
        return (self.writer, self.number)


@per_request
class Held:
    """The funds are taken and durable, but not earned: ``settle`` or ``void`` must follow, with this value.

    ``amount`` is what the headers must state. A second request of the same key shares the hold (``fresh`` False):
    whoever delivers completely first settles it for all.
    """

    charge_id: str
    amount: Money
    order: ChargeOrder
    attempt: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Serve it for nothing, and say no ``crawler-charged``: it was paid and reversed after a broken delivery."""

    charge_id: str


@dataclass(frozen=True, slots=True)
class NoRight:
    """An order with ``redelivery_only`` has nothing to collect; nothing was written."""


@dataclass(frozen=True, slots=True)
class InsufficientFunds:
    """The account's balance or limit does not cover the price; nothing was written."""


@dataclass(frozen=True, slots=True)
class AccountSuspended:
    """The operator suspended the account; nothing was written."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The hold was voided and cannot be replaced: the tail must not leave; cut the connection."""

    reason: str


@dataclass(frozen=True, slots=True)
class Voided:
    """The hold is resolved. ``settled`` says that another delivery of the same charge had settled it before."""

    settled: bool = False


@dataclass(frozen=True, slots=True)
class Reversed:
    """The crawler has its money back; ``fresh`` False when it had it before."""

    charge_id: str
    amount: Money
    fresh: bool


@dataclass(frozen=True, slots=True)
class NotReversed:
    """There is no live charge to reverse, or its delivery was confirmed meanwhile; ``reason`` says which."""

    reason: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """The money lies in suspense until the page is collected or the time is over; ``fresh`` False when it did."""

    charge_id: str
    amount: Money
    fresh: bool


@dataclass(frozen=True, slots=True)
class NotSuspended:
    """There is nothing to put into suspense, or to take out of it; ``reason`` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """The money in suspense is the publisher's."""

    charge_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Credited:
    """The top-up is in the ledger; ``fresh`` False when this reference was credited before, with this amount."""

    amount: Money
    writer: int
    number: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class ReferenceTaken:
    """The reference names another top-up: another amount or another account; nothing was written."""

    entry: Entry


ChargeRefusal = InsufficientFunds | AccountSuspended | BudgetExceeded
PostOutcome = Posted | Redelivery | NoRight | ChargeRefusal
HoldOutcome = Held | Posted | Redelivery | NoRight | ChargeRefusal
SettleOutcome = Posted | Lost
BreakOffOutcome = Voided | Suspended
ReverseOutcome = Reversed | Suspended | NotReversed
SuspendOutcome = Suspended | NotSuspended
ConcludeOutcome = Reversed | Released | NotSuspended
CreditOutcome = Credited | ReferenceTaken


# Names


def charge_key(account_id: int, signature: bytes, method: str, authority: str, target: str) -> bytes:
    """Name the charge of one signed request: 16 bytes, the same on every node.

    The parts are length-prefixed, so that no two requests can share an encoding. Ed25519 signatures are
    deterministic: two requests without a nonce signed in the same second are one charge, in the crawler's favour.
    """
    parts = (str(account_id).encode(), signature, method.encode(), authority.encode(), target.encode())
    return digest_of(b"farebox charge 1", parts)


def credit_key(reference: str) -> bytes:
    """Name the top-up of one external payment reference."""
    return digest_of(b"farebox credit 1", (reference.encode(),))


def charge_id(key: bytes) -> str:
    """Write a key as the charge id of headers, receipts and reports: ``ch_`` and 32 hexadecimal digits."""
    return CHARGE_ID_PREFIX + key.hex()


def key_of_charge_id(text: str) -> bytes | None:
    """Read a charge id; None for anything that is not one."""
    digits = text.removeprefix(CHARGE_ID_PREFIX)
    if digits == text or len(digits) != 2 * KEY_LENGTH or set(digits) - set("0123456789abcdef"):
        return None
    return bytes.fromhex(digits)


def digest_of(purpose: bytes, parts: Iterable[bytes]) -> bytes:
    """Make a key for one purpose out of parts, each with its length."""
    framed = [len(part).to_bytes(4, "big") + part for part in parts]
    return sha256(purpose + b"".join(framed)).digest()[:KEY_LENGTH]


# Sums


def balance_changes(entries: Iterable[Entry]) -> dict[tuple[int, str], int]:
    """Sum what entries do to balances: (account id, currency) to micro-units, positive where the balance grows."""
    changes: dict[tuple[int, str], int] = {}
    for entry in entries:
        amount, currency = entry.amount_micros, entry.currency
        giver, taker = (entry.debit_account, currency), (entry.credit_account, currency)
        changes[giver] = changes.get(giver, 0) - amount
        changes[taker] = changes.get(taker, 0) + amount
    return changes


def check_conservation(changes: Mapping[tuple[int, str], int]) -> None:
    """Insist that no money appears or vanishes, per currency (I1); raises ``InvariantBroken``."""
    totals: dict[str, int] = {}
    for (_, currency), change in changes.items():
        totals[currency] = totals.get(currency, 0) + change
    for currency, total in totals.items():
        if total != 0:
            raise InvariantBroken(f"the {currency} balance changes of one batch sum to {total}, not to zero")


def check_entry(entry: Entry) -> None:
    """Insist on what holds for each entry alone; raises ``InvariantBroken`` with the entry's place."""
    amount, kind = entry.amount_micros, entry.kind
    if type(amount) is not int or amount < 0:
        raise InvariantBroken(f"{_place(entry)}: {amount!r} is not an amount in micro-units")
    if (amount == 0) != (kind in MOVES_NOTHING):
        raise InvariantBroken(f"{_place(entry)}: a {kind} cannot have the amount {amount}")
    if entry.debit_account == entry.credit_account:
        raise InvariantBroken(f"{_place(entry)}: debits and credits the same account")


def _place(entry: Entry) -> str:
    return f"entry {entry.writer}/{entry.number}"
