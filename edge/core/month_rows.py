"""What the files of a month are read from besides its lines: transfers and charges summed by day, and each entry.

Every value is a plain row of the books with names instead of numbers, so that a database, a frozen month and a test
can all be its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edge.core.ledger import EntryKind
from edge.core.report import EntryRow, Pocket


@dataclass(frozen=True, slots=True)
class DayTransfers:
    """All transfers of one kind from one account to another on one day of a month (0 is its first, UTC)."""

    day: int
    kind: EntryKind
    debit: str
    credit: str
    currency: str
    entries: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class DayCharges:
    """The entries of one day that agree in all of this, price included: ``entries`` times ``unit_micros`` is their sum.

    ``corrects_earlier`` says that they change what an earlier month's statement said.
    """

    day: int
    kind: EntryKind
    debit: Pocket
    credit: Pocket
    publisher: str
    site: str
    crawler: str
    crawler_account: str
    rule: str
    licence: str
    currency: str
    unit_micros: int
    entries: int
    corrects_earlier: bool


class EntryDetail(NamedTuple):
    """One entry in full, as it is exported: a plain tuple, because there are millions. Times in microseconds (UTC)."""

    recorded_at_micros: int
    kind: EntryKind
    debit: Pocket
    credit: Pocket
    key: bytes
    attempt: int
    publisher: str
    site: str
    crawler: str
    target: str
    rule: str
    rule_version: int | None
    licence: str
    currency: str
    amount_micros: int
    offer: str
    status: int | None
    evidence: str
    request_id: str
    reference: str
    reason: str
    author: str
    writer: int
    number: int

    def row(self) -> EntryRow:
        """The part of it that a report adds up."""
        return EntryRow(
            self.kind,
            self.amount_micros,
            self.currency,
            self.publisher or None,
            self.site,
            self.crawler,
            self.rule,
            self.licence,
            self.rule_version,
            self.recorded_at_micros,
            self.debit,
        )
