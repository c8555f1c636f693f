"""How an account came from what it held at the month's beginning to what it held at the end, in a statement's words.

The steps are the statement's own totals; whatever they leave unexplained is a step by the name of ``OTHER``, so that
the steps always sum to the balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge.core.particulars import Sums
from edge.core.report import Pocket
from edge.core.statement import AccountMonth, Statement

OPENING, CLOSING, OTHER = "Balance at the beginning", "Balance at the end", "Other movements"
EARNED, PAID_IN, SPENT = "Earned in the month", "Paid in", "Spent in the month"
_ALWAYS = (EARNED, PAID_IN, SPENT)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a summary: what it is and how much, in micro-units. A ``sum`` is set apart from what it sums."""

    name: str
    micros: int
    sum: bool = False


def balance_story(statement: Statement, account: AccountMonth) -> Iterator[Figure]:
    """The steps of one account of a publisher's or crawler's statement; of the rare ones, those that are something."""
    yield Figure(OPENING, account.opening_micros, sum=True)
    told = account.opening_micros
    for step in _steps(statement, account):
        told += step.micros
        if step.micros or step.name in _ALWAYS:
            yield step
    if told != account.closing_micros:
        yield Figure(OTHER, account.closing_micros - told)
    yield Figure(CLOSING, account.closing_micros, sum=True)


def _steps(statement: Statement, account: AccountMonth) -> Iterator[Figure]:
    currency, moved = account.currency, statement.movements
    total = statement.total(currency)
    if account.pocket is Pocket.PUBLISHER:
        yield Figure(EARNED, total.amount_micros)
        yield Figure("Operator's fees of earlier months", -_of(moved.fees_paid, currency))
        return
    yield Figure(PAID_IN, _of(statement.topped_up_micros, currency))
    yield Figure(SPENT, -total.amount_micros)
    yield Figure("Credit and debit notes of the operator", _of(moved.granted, currency))
    yield Figure("Held for pages under way, change", -_of(moved.held, currency))
    yield Figure("In suspense, change", -total.suspended_micros)


def _of(sums: Sums, currency: str) -> int:
    return dict(sums).get(currency, 0)
