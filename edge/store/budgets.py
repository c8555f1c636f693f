"""Budgets as people handle them: set, removed, looked at.

Rules of this file
- Setting one locks the account's row, as every charge does, so no charge slips in between.
- A budget begins with what its window has taken already. That is summed from the entries before the lock, and only
  what was written since is added under it: an account with millions of charges sells on meanwhile.
- A lower limit than what is spent is no mistake: the window takes nothing more. A new limit may reach thresholds, or
  leave them for another time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from edge.core.budgets import DAY_MICROS, Budget, Per, Window, reached, window_of
from edge.core.money import Money
from edge.store.account_rows import find_account
from edge.store.accounts import account_code
from edge.store.audit import change_noted
from edge.store.budget_rows import read_budgets
from edge.store.database import Database, now_micros
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import budget, budget_window, site
from edge.store.watching import lock_account, mark_watched
from edge.store.window_sums import Snapshot, WindowSums


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A budget as it stands: its window of now, and what that has taken."""

    budget: Budget
    window: Window
    spent_micros: int
    set_at_micros: int
    set_by: str

    @property
    def left_micros(self) -> int:
        """What may still be spent; nothing, where more was spent before the limit was lowered."""
        return max(0, self.budget.limit.amount_micros - self.spent_micros)


@dataclass(frozen=True, slots=True)
class BudgetPlace:
    """Which budget is meant: a crawler's in one currency, of one kind, at one site where the kind asks for it."""

    crawler_id: int
    currency: str
    per: Per
    site_id: int | None = None


def set_budget(
    database: Database,
    place: BudgetPlace,
    limit: Money,
    *,
    author: str,
    now: int | None = None,
    clock: Callable[[], int] = now_micros,
) -> None:
    """Set a budget or change its limit; ``clock`` is that of the note in the books.

    Raises ``InvalidValue``, and ``UnknownName`` without such an account.
    """
    if limit.amount_micros == 0:
        raise InvalidValue("a budget of nothing is not one; suspend the crawler, or remove the budget", "amount")
    if limit.currency != place.currency:
        raise InvalidValue(f"a budget of a {place.currency} account is in {place.currency}", "amount")
    at_micros = now_micros() if now is None else now
    window = window_of(place.per, at_micros)
    with database.read() as connection:
        number = _account(connection, place)
        sums = WindowSums(number, place.site_id, window)
        snapshot = Snapshot.read(connection)
        spent_micros = sums.until_now(connection)

    def change(connection: Connection) -> None:
        lock_account(connection, number)
        known = _find(connection, number, place)
        if known is not None:
            _change_limit(connection, known, limit.amount_micros, at_micros, author)
            return
        spent = spent_micros + sums.since(connection, snapshot)
        made = connection.execute(
            insert(budget)
            .values(
                account_id=number,
                per=place.per.value,
                site_id=place.site_id,
                limit_micros=limit.amount_micros,
                since_micros=window.start_micros,
                set_at_micros=at_micros,
                set_by=author,
            )
            .returning(budget.c.id)
        ).scalar_one()
        connection.execute(
            insert(budget_window).values(
                budget_id=made,
                start_micros=window.start_micros,
                spent_micros=spent,
                ceiling_micros=max(limit.amount_micros, spent),
                told=reached(spent, limit.amount_micros),
            )
        )
        mark_watched(connection, number)

    what = {"budget": place.per.value, "site_id": place.site_id, "limit": str(limit)}
    change_noted(database, [number], what, change, author=author, reason="a budget was set", clock=clock)


def remove_budget(database: Database, place: BudgetPlace, *, author: str = "command") -> None:
    """Remove a budget with its windows; what was spent stays in the entries. Raises ``UnknownName``."""
    with database.read() as connection:
        number = _account(connection, place)

    def change(connection: Connection) -> None:
        lock_account(connection, number)
        known = _find(connection, number, place)
        if known is None:
            raise UnknownName("there is no such budget; `farebox account show` lists them", "per")
        connection.execute(delete(budget_window).where(budget_window.c.budget_id == known))
        connection.execute(delete(budget).where(budget.c.id == known))
        mark_watched(connection, number)

    what = {"budget": place.per.value, "site_id": place.site_id, "limit": None}
    change_noted(database, [number], what, change, author=author, reason="a budget was removed")


def show_budgets(connection: Connection, accounts: Iterable[int], now: int | None = None) -> list[BudgetView]:
    """The budgets of these accounts as they stand."""
    at_micros = now_micros() if now is None else now
    views = []
    for one in read_budgets(connection, accounts):
        window = one.window(at_micros)
        here = (budget_window.c.budget_id == one.budget_id) & (budget_window.c.start_micros == window.start_micros)
        spent = connection.execute(select(budget_window.c.spent_micros).where(here)).scalar_one_or_none()
        said = connection.execute(
            select(budget.c.set_at_micros, budget.c.set_by).where(budget.c.id == one.budget_id)
        ).one()
        views.append(BudgetView(one, window, spent or 0, said.set_at_micros, said.set_by))
    return views


def _account(connection: Connection, place: BudgetPlace) -> int:
    number = find_account(connection, account_code(place.crawler_id, place.currency))
    if number is None:
        raise UnknownName(f"the crawler has no {place.currency} account; open one first", "amount")
    if place.site_id is not None:
        currency = connection.execute(select(site.c.currency).where(site.c.id == place.site_id)).scalar_one()
        if currency != place.currency:
            raise InvalidValue(f"that site sells in {currency}, so a budget there is in {currency}", "amount")
    return number


def _find(connection: Connection, number: int, place: BudgetPlace) -> int | None:
    site_id = budget.c.site_id.is_(None) if place.site_id is None else budget.c.site_id == place.site_id
    query = select(budget.c.id).where(budget.c.account_id == number, budget.c.per == place.per.value, site_id)
    return connection.execute(query).scalar_one_or_none()


def _change_limit(connection: Connection, number: int, limit_micros: int, at_micros: int, author: str) -> None:
    values = {"limit_micros": limit_micros, "set_at_micros": at_micros, "set_by": author}
    connection.execute(update(budget).where(budget.c.id == number).values(values))
    # Not only the window of now: a node whose clock is behind may still be selling in the one before.
    recent = budget_window.c.start_micros >= at_micros - 32 * DAY_MICROS
    for row in connection.execute(select(budget_window).where(budget_window.c.budget_id == number, recent)).all():
        here = (budget_window.c.budget_id == number) & (budget_window.c.start_micros == row.start_micros)
        changed = {
            "ceiling_micros": max(limit_micros, row.spent_micros),
            "told": reached(row.spent_micros, limit_micros),
        }
        connection.execute(update(budget_window).where(here).values(changed))
