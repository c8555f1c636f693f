"""Budgets held against the entries: what each window says was spent is what its charges come to.

The entries are summed while ``verify`` reads them charge by charge; only the sums of accounts with budgets are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from edge.core.budgets import Budget
from edge.core.ledger import Entry, EntryKind, Step
from edge.core.money import format_signed
from edge.store.budget_rows import read_budgets
from edge.store.faults import Fault, RowTypes
from edge.store.tables import account, budget, budget_window

_CHARGES = frozenset({EntryKind.POST.value, EntryKind.HOLD.value})
_GIVES_BACK = frozenset({EntryKind.VOID.value, EntryKind.REVERSE.value})


@dataclass(slots=True)
class BudgetSums:
    """What the charges of each budget's windows come to; ``add`` takes the entries of one key, in order."""

    budgets: dict[int, list[Budget]]
    sums: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: Connection) -> BudgetSums:
        """Begin with the budgets that there are."""
        by_account: dict[int, list[Budget]] = {}
        for one in read_budgets(connection, connection.execute(select(budget.c.account_id).distinct()).scalars()):
            by_account.setdefault(one.account_id, []).append(one)
        return cls(by_account)

    def add(self, life: Sequence[Entry], sign: int = 1) -> None:
        """Count the charges of one key, all its attempts; with a ``sign`` of -1 take that back."""
        opening = life[0]
        if opening.debit_account not in self.budgets or opening.kind not in _CHARGES:
            return
        for entry in life:
            if entry.step == Step.OPEN:
                opening = entry
                self._count(opening, sign * entry.amount_micros)
            elif entry.kind in _GIVES_BACK:
                self._count(opening, -sign * entry.amount_micros)

    def give_back(self, opening: Entry, amount_micros: int) -> None:
        """Count what credit notes gave back of a charge."""
        if opening.debit_account in self.budgets:
            self._count(opening, -amount_micros)

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Windows that say something else, windows that are missing, and accounts whose budgets nobody looks at."""
        known = {one.budget_id: one for budgets in self.budgets.values() for one in budgets}
        unmatched = {key: total for key, total in self.sums.items() if total}
        types = RowTypes(budget_window.columns)
        order = (budget_window.c.budget_id, budget_window.c.start_micros)
        for row in connection.execute(select(budget_window).order_by(*order)):
            wrong = types.fault(row)
            one = known.get(row.budget_id)
            if wrong is not None or one is None:
                yield Fault("I5", f"budget {row.budget_id}", wrong or "has windows, but does not exist")
                continue
            total = unmatched.pop((row.budget_id, row.start_micros), 0)
            if row.spent_micros != total:
                yield _unlike(one, row.start_micros, row.spent_micros, total)
            if row.spent_micros > row.ceiling_micros:
                yield Fault("I3", _place(one, row.start_micros), "has spent more than its ceiling")
        for (number, start_micros), total in sorted(unmatched.items()):
            yield _unlike(known[number], start_micros, 0, total)
        owners = account.c.id.in_(self.budgets) & account.c.watched.is_(False)
        for code in connection.execute(select(account.c.code).where(owners).order_by(account.c.code)).scalars():
            yield Fault("I3", f"account {code}", "has budgets, but is not marked: they are not looked at")

    def _count(self, opening: Entry, amount_micros: int) -> None:
        at_micros = opening.recorded_at_micros
        for one in self.budgets[opening.debit_account]:
            if one.counts(opening.site_id, at_micros):
                key = (one.budget_id, one.window(at_micros).start_micros)
                self.sums[key] = self.sums.get(key, 0) + amount_micros


def _unlike(one: Budget, start_micros: int, said_micros: int, summed_micros: int) -> Fault:
    currency = one.limit.currency
    said, summed = format_signed(said_micros, currency), format_signed(summed_micros, currency)
    return Fault("I5", _place(one, start_micros), f"says {said} spent, its entries sum to {summed}")


def _place(one: Budget, start_micros: int) -> str:
    day = datetime.fromtimestamp(start_micros // 1_000_000, UTC).strftime("%Y-%m-%d")
    return f"budget {one.budget_id} ({one.name}), window from {day}"
