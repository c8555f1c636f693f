"""A crawler's budgets: what it may spend in a window of time, which window that is, and what its answer says.

Rules of this file
- Windows are UTC: a calendar day, a calendar month, or a calendar month at one site.
- A charge counts in the window in which its opening was recorded, for as long as it stands; whatever gives the money
  back gives it back to that window, also when that is over.
- A budget is decided with the charge, in its transaction (``edge.core.budget_plan``); nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from edge.core.money import Money, format_signed
from edge.core.month import Month

DAY_MICROS = 86_400_000_000
THRESHOLDS = (50, 80, 100)
"""Shares of a budget, in per cent, whose reaching is told, once per window."""

_NEAR_THE_END, _USED_UP = 1 << 1, 1 << 2


class Per(StrEnum):
    """What a budget is for."""

    DAY = "day"
    MONTH = "month"
    SITE = "site"
    """A calendar month at one site."""


class Window(NamedTuple):
    """A stretch of time in microseconds since the epoch, its end excluded."""

    start_micros: int
    end_micros: int


@lru_cache(maxsize=256)
def window_of(per: Per, at_micros: int) -> Window:
    """The window of that kind which contains an instant; remembered, because a batch asks for one again and again."""
    if per is Per.DAY:
        start = at_micros - at_micros % DAY_MICROS
        return Window(start, start + DAY_MICROS)
    month = Month.of(at_micros)
    return Window(month.start_micros, month.end_micros)


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``limit`` in each window from ``since_micros`` on, which is the start of the first one that counts.

    ``site_id`` and ``host`` are those of a budget per site, else None. ``crawler_id`` owns the account.
    """

    budget_id: int
    account_id: int
    crawler_id: int
    per: Per
    limit: Money
    since_micros: int
    site_id: int | None = None
    host: str | None = None

    def counts(self, site_id: int | None, at_micros: int) -> bool:
        """Whether what was opened then, at that site, is spent from this budget."""
        return at_micros >= self.since_micros and self.site_id in (None, site_id)

    def window(self, at_micros: int) -> Window:
        """The window in which something opened then is spent."""
        return window_of(self.per, at_micros)

    @property
    def name(self) -> str:
        """For people: ``USD 5.00 a day``."""
        match self.per:
            case Per.DAY:
                return f"{self.limit} a day"
            case Per.MONTH:
                return f"{self.limit} a month"
            case Per.SITE:
                return f"{self.limit} a month at {self.host}"


@dataclass(frozen=True, slots=True)
class BudgetExceeded:
    """The price does not fit into what is left of this budget; nothing was written.

    ``spent_micros`` is what the window has taken. ``retry_after_seconds`` is None when waiting is of no use: the
    price is more than the whole budget.
    """

    budget: Budget
    spent_micros: int
    resets_at_micros: int
    retry_after_seconds: int | None

    @property
    def sentence(self) -> str:
        """Which budget, and when it resets, in plain ASCII."""
        if self.retry_after_seconds is None:
            return f"the price is more than the whole budget of {self.budget.name}"
        spent = format_signed(self.spent_micros, self.budget.limit.currency)
        return f"the budget of {self.budget.name} has {spent} spent; it resets at {self.resets_at}"

    @property
    def resets_at(self) -> str:
        """The end of the window as RFC 3339, in UTC."""
        return datetime.fromtimestamp(self.resets_at_micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exceeded(budget: Budget, spent_micros: int, price: Money, at_micros: int) -> BudgetExceeded | None:
    """Refuse a price that does not fit into the window of ``at_micros``, of which ``spent_micros`` are taken."""
    limit_micros = budget.limit.amount_micros
    if spent_micros + price.amount_micros <= limit_micros:
        return None
    end_micros = budget.window(at_micros).end_micros
    seconds = -((at_micros - end_micros) // 1_000_000)
    return BudgetExceeded(budget, spent_micros, end_micros, seconds if price.amount_micros <= limit_micros else None)


def reached(spent_micros: int, limit_micros: int) -> int:
    """The thresholds that a window has reached, as a bit for each of ``THRESHOLDS``."""
    bits = 0
    for place, share in enumerate(THRESHOLDS):
        if spent_micros * 100 >= limit_micros * share:
            bits |= 1 << place
    return bits


def used_up(told: int) -> int:
    """The thresholds that are told when a page does not fit any more: prices seldom add up to a limit exactly.

    Near the end that is the end; before, the page was dear, and others may fit.
    """
    return told | _USED_UP if told & _NEAR_THE_END else told


def shares(bits: int) -> tuple[int, ...]:
    """The thresholds that bits stand for, in per cent."""
    return tuple(share for place, share in enumerate(THRESHOLDS) if bits >> place & 1)
