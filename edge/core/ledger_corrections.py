"""Ledger arithmetic: what people and months add to the books beside charges, each under a key of its own.

Rules of this file
- The key is a hash of the document's own name, so that the same document twice meets the first one's entry, on
  whichever machine: a credit note's number, a month's fee of one publisher, a note's number.
- A credit note that corrects a charge names it; the sum of a charge's credit notes never exceeds the charge. A charge
  that has one stays where it is: it is not suspended, reversed or refunded whole any more, because then the same
  money would go back twice.
- A note moves nothing. It is how a change of an account's terms, limit or suspension gets into the chain, with author
  and reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.ledger import Entry, digest_of, key_of_charge_id
from edge.core.money import Money


def fee_key(month: str, publisher_id: int, currency: str) -> bytes:
    """Name the fee of one publisher's month in one currency; ``month`` as ``2026-10``."""
    return digest_of(b"farebox fee 1", (month.encode(), str(publisher_id).encode(), currency.encode()))


@dataclass(frozen=True, slots=True)
class AdjustOrder:
    """A credit note (``credit_account`` is the crawler's) or a debit note (``debit_account`` is).

    The other side is the publisher's account or ``adjustments``. ``corrects`` is the charge's id when there is one;
    the names of what was sold are copied from that charge by the ledger. ``number`` is unique for ever.
    """

    number: str
    debit_account: int
    credit_account: int
    money: Money
    crawler_id: int
    publisher_id: int | None
    reason: str
    author: str
    corrects: str | None = None

    @property
    def key(self) -> bytes:
        """The key of this document number."""
        return digest_of(b"farebox adjust 1", (self.number.encode(),))

    @property
    def charge_key(self) -> bytes | None:
        """The key of the charge that it corrects."""
        return None if self.corrects is None else key_of_charge_id(self.corrects)


@dataclass(frozen=True, slots=True)
class FeeOrder:
    """The operator's share of one publisher's month, taken when the month is closed; ``month`` as ``2026-10``."""

    month: str
    publisher_account: int
    fees_account: int
    publisher_id: int
    money: Money
    author: str
    reason: str | None = None

    @property
    def key(self) -> bytes:
        """The key of this publisher's fee in this month and currency."""
        return fee_key(self.month, self.publisher_id, self.money.currency)


@dataclass(frozen=True, slots=True)
class NoteOrder:
    """A change that moves no money: which account, by whom, why, and ``what`` changed, for people and machines.

    ``counter_account`` is any other account of the same currency; an entry names two. ``number`` is unique.
    """

    number: str
    account: int
    counter_account: int
    currency: str
    crawler_id: int | None
    publisher_id: int | None
    what: str
    reason: str
    author: str

    @property
    def key(self) -> bytes:
        """The key of this note."""
        return digest_of(b"farebox note 1", (self.number.encode(),))


@dataclass(frozen=True, slots=True)
class Recorded:
    """The document is in the books, at this place; ``fresh`` False when it was before, word for word the same."""

    reference: str
    amount: Money
    writer: int
    number: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class NumberTaken:
    """The document's name belongs to another entry, which is this one; nothing was written."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class NotAdjusted:
    """The charge cannot be corrected by this amount, or the account cannot pay it; ``reason`` says why."""

    reason: str


AdjustOutcome = Recorded | NumberTaken | NotAdjusted
FeeOutcome = Recorded | NumberTaken
NoteOutcome = Recorded | NumberTaken
