"""Budgets beside the ledger's planner: what each charge takes from them and what each correction gives back.

Rules of this file
- A ``BudgetBook`` holds the budgets of the accounts that a batch touches, as they were read under lock, and follows
  the plan entry by entry; what it collected is written in the batch's own transaction (``edge.store.budget_rows``).
- Of several budgets that a price does not fit into, the one that resets last answers: coming again before that is of
  no use.
- A threshold is told once per window, also if money that was given back is spent again. The last one is told when a
  page does not fit any more, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from edge.core.budgets import Budget, BudgetExceeded, exceeded, reached, shares, used_up
from edge.core.ledger import Entry, InvariantBroken
from edge.core.money import Money

WindowKey = tuple[int, int]
"""A window by its budget's id and its start."""


@dataclass(slots=True)
class Spending:
    """What one window has taken, and which thresholds of it were told (bits of ``THRESHOLDS``)."""

    spent_micros: int
    told: int


@dataclass(frozen=True, slots=True)
class WindowChange:
    """What a batch does to one window. ``is_new`` asks for a row; ``crossed`` are shares in per cent, told now.

    With ``is_correction`` a person took again what had gone back: that is written also where it exceeds the limit.
    """

    budget: Budget
    start_micros: int
    is_new: bool
    is_correction: bool
    change_micros: int
    spent_micros: int
    told: int
    crossed: tuple[int, ...]


class BudgetBook:
    """The budgets of some accounts; ``spendings`` are the windows that have a row."""

    __slots__ = ("_before", "_budgets", "_corrected", "_now")

    def __init__(self, budgets: Iterable[Budget] = (), spendings: Mapping[WindowKey, Spending] | None = None) -> None:
        self._budgets: dict[int, list[Budget]] = {}
        for budget in budgets:
            self._budgets.setdefault(budget.account_id, []).append(budget)
        self._before = dict(spendings or {})
        self._now: dict[WindowKey, tuple[Budget, Spending]] = {}
        self._corrected: set[WindowKey] = set()

    @property
    def accounts(self) -> frozenset[int]:
        """The accounts that have budgets."""
        return frozenset(self._budgets)

    def refusal(self, account: int, site_id: int | None, price: Money, at_micros: int) -> BudgetExceeded | None:
        """The budget that a charge of ``price`` at that time would exceed; None when it fits into all of them."""
        refusals = []
        for budget in self._counting(account, site_id, at_micros):
            now = self._seen(budget, at_micros)
            refusal = exceeded(budget, now.spent_micros, price, at_micros)
            if refusal is None:
                continue
            refusals.append(refusal)
            if refusal.retry_after_seconds is not None and used_up(now.told) != now.told:
                self._window(budget, at_micros).told = used_up(now.told)
        return max(refusals, key=lambda one: (one.retry_after_seconds is None, one.resets_at_micros), default=None)

    def take(self, opening: Entry) -> None:
        """Count a charge that opens."""
        for budget in self._counting(opening.debit_account, opening.site_id, opening.recorded_at_micros):
            window = self._window(budget, opening.recorded_at_micros)
            window.spent_micros += opening.amount_micros
            window.told |= reached(window.spent_micros, budget.limit.amount_micros)

    def give_back(self, opening: Entry, amount_micros: int) -> None:
        """Count money that goes back to who paid for ``opening``, in the window in which that was opened.

        A negative amount is a person's correction of what went back: it counts whatever the limit says.
        """
        for budget in self._counting(opening.debit_account, opening.site_id, opening.recorded_at_micros):
            window = self._window(budget, opening.recorded_at_micros)
            window.spent_micros -= amount_micros
            if amount_micros < 0:
                self._corrected.add((budget.budget_id, budget.window(opening.recorded_at_micros).start_micros))
            if window.spent_micros < 0:
                raise InvariantBroken(f"budget {budget.budget_id}: more goes back to a window than it has taken")

    def changes(self) -> Iterator[WindowChange]:
        """What is to be written, one for each window that was touched."""
        for (number, start_micros), (budget, now) in self._now.items():
            before = self._before.get((number, start_micros))
            was = before or Spending(0, 0)
            yield WindowChange(
                budget,
                start_micros,
                before is None,
                (number, start_micros) in self._corrected,
                now.spent_micros - was.spent_micros,
                now.spent_micros,
                now.told,
                shares(now.told & ~was.told),
            )

    def _counting(self, account: int, site_id: int | None, at_micros: int) -> Iterator[Budget]:
        return (budget for budget in self._budgets.get(account, ()) if budget.counts(site_id, at_micros))

    def _seen(self, budget: Budget, at_micros: int) -> Spending:
        """The window as the plan sees it, to be read only."""
        key = (budget.budget_id, budget.window(at_micros).start_micros)
        return self._now[key][1] if key in self._now else self._before.get(key, Spending(0, 0))

    def _window(self, budget: Budget, at_micros: int) -> Spending:
        """The window as the plan sees it, to be changed; what was read stays as it was."""
        key = (budget.budget_id, budget.window(at_micros).start_micros)
        if key not in self._now:
            was = self._before.get(key, Spending(0, 0))
            self._now[key] = (budget, Spending(was.spent_micros, was.told))
        return self._now[key][1]
