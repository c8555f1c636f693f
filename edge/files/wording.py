"""What statements call things, in every format that people read; the figures of each currency in their order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from edge.core.balance_story import Figure
from edge.core.month import Month
from edge.core.report import CurrencyTotal, Pocket
from edge.core.statement import AccountMonth, Reader, Statement

TITLES = {
    Reader.PUBLISHER: "Publisher statement",
    Reader.CRAWLER: "Crawler statement",
    Reader.OPERATOR: "Operator report",
}
POCKETS = {
    Pocket.CRAWLER: "Crawler's balance",
    Pocket.PUBLISHER: "Owed to publisher",
    Pocket.HOLDS: "Held for pages under way",
    Pocket.SUSPENSE: "In suspense",
    Pocket.FUNDING: "Paid in from outside",
    Pocket.ADJUSTMENTS: "Credit notes paid by the operator",
    Pocket.FEES: "Operator's fees",
}


def figures(statement: Statement, currency: str) -> Iterator[Figure]:
    """The summary of one currency, each sum below what it is the sum of."""
    total = statement.total(currency)
    crawler = statement.reader is Reader.CRAWLER
    yield Figure(_pages_words("Charged for pages" if crawler else "Paid for pages", total), total.earned_micros)
    if total.reversed_micros:
        yield Figure("Given back", -total.reversed_micros)
    if total.adjusted_micros:
        yield Figure("Credit and debit notes", -total.adjusted_micros)
    yield Figure("Spent" if crawler else "Earned", total.amount_micros, sum=True)
    if not crawler:
        fee = "Operator's fee (taken when the month is closed)" if statement.draft else "Operator's fee"
        yield Figure(fee, -total.fee_micros)
        yield Figure(_payable_words(statement, total), total.payable_micros, sum=True)
    yield Figure("In suspense at the end of the month", statement.suspended(currency))


def _payable_words(statement: Statement, total: CurrencyTotal) -> str:
    """What is left to pay out; of a draft it is said where a fee will still come off."""
    words = "Payable" if statement.reader is Reader.PUBLISHER else "Payable to publishers"
    expected = statement.draft and any(
        share.basis.fee_micros for share in statement.particulars.shares if share.basis.currency == total.currency
    )
    return f"{words}, before the fee" if expected else words


def _pages_words(words: str, total: CurrencyTotal) -> str:
    """What the first figure counts, said where suspense changed it: without that, a sum below zero is a riddle."""
    if total.suspended_pages > 0:
        return f"{words}, less those put into suspense"
    return f"{words}, with those out of suspense" if total.earned_micros and total.suspended_pages < 0 else words


def account_title(account: AccountMonth) -> str:
    """What an account is, with its owner's name where it has one."""
    words = POCKETS[account.pocket]
    return f"{words}: {account.owner}" if account.owner else words


def period(month: Month) -> str:
    """The days of a month, both included: ``1 to 30 November 2026 (UTC)``."""
    first = datetime.fromtimestamp(month.start_micros // 1_000_000, UTC)
    last = datetime.fromtimestamp(month.end_micros // 1_000_000 - 1, UTC)
    return f"1 to {last.day} {first:%B} {first.year} (UTC)"


def decided_at(month: Month) -> datetime:
    """The date that a file of the month bears inside: the month's end, so that its bytes are the same for ever."""
    return datetime.fromtimestamp(month.end_micros // 1_000_000, UTC)


def how_to_check(statement: Statement) -> str:
    """How a reader can hold the statement against the books."""
    words = (
        "The lines of this statement are pinned by the SHA-256 of its JSON Lines file, which stands in its manifest: "
        "whoever holds the books makes the same bytes with the command farebox report."
    )
    if statement.verify_at is None:
        return words
    return f"{words} Each charge has a signed receipt, under its number below {statement.verify_at}"
