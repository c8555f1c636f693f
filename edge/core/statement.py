"""The value that every file of a month is made of: whose it is, its lines and totals, its accounts.

Rules of this file: a statement is complete, so that a closed month can be frozen and rendered again for ever; it holds
no clock and no promise: what is a draft says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.core.month import Month
from edge.core.particulars import NO_PARTICULARS, Particulars, Sums
from edge.core.report import CurrencyTotal, MonthReport, Pocket
from edge.core.report_files import FileDigest, Manifest, part_label


class Reader(StrEnum):
    """Whom a statement is for."""

    PUBLISHER = "publisher"
    CRAWLER = "crawler"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Party:
    """A side of a statement: its name, its number in the books, and how it is reached, a line each."""

    name: str
    number: int | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountMonth:
    """An account over a month, in micro-units: ``opening`` at its first instant, what came in and went out.

    Every entry recorded in the month counts here, whichever month's statement it belongs to (a fee is taken after the
    end of its month), so that ``closing`` is the balance at the month's end.
    """

    code: str
    pocket: Pocket
    owner: str | None
    currency: str
    opening_micros: int
    credited_micros: int
    debited_micros: int

    @property
    def closing_micros(self) -> int:
        """The balance at the first instant after the month."""
        return self.opening_micros + self.credited_micros - self.debited_micros


@dataclass(frozen=True, slots=True)
class Movements:
    """What moved a reader's accounts beside its lines and top-ups, by currency, in micro-units.

    ``held`` is how much more lies in holds for pages under way at the month's end than at its beginning, ``granted``
    what the operator's own notes gave a crawler, ``fees_paid`` the fees that were taken in the month, of earlier ones.
    """

    held: Sums = ()
    granted: Sums = ()
    fees_paid: Sums = ()


NO_MOVEMENTS = Movements()


@dataclass(frozen=True, slots=True)
class Statement:
    """A month for one reader.

    ``party`` is that reader, None for the operator, who sees everything. ``suspended_micros`` is what lies in suspense
    at the month's end, by currency. ``digest`` pins the lines: the SHA-256, in hexadecimal, of the JSON Lines file.
    ``verify_at`` says where a reader can check, None when no address is known. ``topped_up_micros`` is what was paid
    in, by currency, and ``receipts`` how many charges were paid for. ``movements`` is the rest of what its accounts
    tell, and ``particulars`` what it lists one by one.
    """

    report: MonthReport
    operator: Party
    reader: Reader
    party: Party | None
    accounts: tuple[AccountMonth, ...]
    suspended_micros: Sums
    digest: str
    verify_at: str | None = None
    topped_up_micros: Sums = ()
    receipts: int = 0
    movements: Movements = NO_MOVEMENTS
    particulars: Particulars = NO_PARTICULARS

    @property
    def month(self) -> Month:
        """The month."""
        return self.report.month

    @property
    def draft(self) -> bool:
        """Whether the month may still get entries."""
        return self.report.draft

    @property
    def number(self) -> str:
        """The statement's own name, unique at this operator: ``2026-11-P3``, ``2026-11-C12`` or ``2026-11-ALL``."""
        if self.party is None:
            return f"{self.month.label}-ALL"
        return f"{self.month.label}-{self.reader.value[0].upper()}{self.party.number}"

    @property
    def label(self) -> str:
        """What tells its files from those of others: ``2026-11-publisher-1-example-news``."""
        if self.party is None or self.party.number is None:
            return part_label(self.month)
        whose = (self.party.number, self.party.name)
        if self.reader is Reader.PUBLISHER:
            return part_label(self.month, publisher=whose)
        return part_label(self.month, crawler=whose)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Every currency that the statement says something in, in alphabetical order."""
        named = {total.currency for total in self.report.totals} | {each.currency for each in self.accounts}
        return tuple(sorted(named | {currency for currency, micros in self.suspended_micros if micros}))

    def total(self, currency: str) -> CurrencyTotal:
        """The total of one currency, zeros where there were no lines."""
        for total in self.report.totals:
            if total.currency == currency:
                return total
        return CurrencyTotal(currency, 0, 0, 0)

    def suspended(self, currency: str) -> int:
        """What lies in suspense at the month's end, in micro-units."""
        return dict(self.suspended_micros).get(currency, 0)

    def manifest(self, files: tuple[FileDigest, ...]) -> Manifest:
        """Describe the written files."""
        name = None if self.party is None else self.party.name
        return Manifest(
            self.number,
            self.month.label,
            self.draft,
            name if self.reader is Reader.PUBLISHER else None,
            name if self.reader is Reader.CRAWLER else None,
            self.report.entry_count,
            self.report.totals,
            self.digest,
            tuple(sorted(files, key=lambda file: file.name)),
        )
