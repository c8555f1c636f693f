"""What a statement tells one by one beside its lines: top-ups, corrections of earlier months, and the operator's share.

Rules of this file
- They are read from entries and from what was kept at the close, neither of which ever changes.
- A list ends at ``SHOWN_MAX``; its sums and its count are of everything, so that they agree with the statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from edge.core.fees import FeeBasis
from edge.core.ledger import EntryKind
from edge.core.month import Month

SHOWN_MAX = 1_000
Item = TypeVar("Item")
Sums = tuple[tuple[str, int], ...]
"""By currency in alphabetical order, in micro-units."""


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """The first of some things, how many there are, and what all of them come to."""

    items: tuple[Item, ...] = ()
    count: int = 0
    sums_micros: Sums = ()

    @property
    def more(self) -> int:
        """How many are not in the list."""
        return self.count - len(self.items)

    def sum(self, currency: str) -> int:
        """What all of them come to in one currency, in micro-units."""
        return dict(self.sums_micros).get(currency, 0)


@dataclass(frozen=True, slots=True)
class Correction:
    """One entry of a month that changes what an earlier one's statement said.

    ``given_back_micros`` is positive where the crawler gets money back, negative for a debit note.
    """

    charge: str
    month: Month
    kind: EntryKind
    currency: str
    given_back_micros: int
    reference: str | None
    reason: str | None
    author: str | None

    @property
    def why(self) -> str:
        """What it was done for, in a few words."""
        words = self.reason or ("credit note" if self.kind is EntryKind.ADJUST else "given back")
        return f"{self.reference}: {words}" if self.reference else words


@dataclass(frozen=True, slots=True)
class TopUp:
    """Money that was paid in for a crawler, under the payment's own reference."""

    at_micros: int
    crawler: str
    currency: str
    amount_micros: int
    reference: str


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """A credit or debit note between the operator and a crawler; ``given_micros`` of a debit note is below 0."""

    at_micros: int
    crawler: str
    currency: str
    given_micros: int
    reference: str
    reason: str

    @property
    def why(self) -> str:
        """Its number, and what it was written for."""
        return f"{self.reference}: {self.reason}" if self.reason else self.reference


@dataclass(frozen=True, slots=True)
class ShareTaken:
    """What the operator's fee of one publisher's month was taken of; before the close, what it would be now."""

    publisher: str
    basis: FeeBasis


@dataclass(frozen=True, slots=True)
class Particulars:
    """All of it, for one reader; a crawler is told nothing of shares, a publisher nothing of top-ups and notes."""

    corrections: Listed[Correction] = Listed()
    top_ups: Listed[TopUp] = Listed()
    shares: tuple[ShareTaken, ...] = ()
    notes: Listed[OperatorNote] = Listed()


NO_PARTICULARS = Particulars()
