"""Rows of the budget tables as the ledger needs them: read under lock, changed in the transaction of the entries.

Whoever reads or writes here has locked the account's row before, so what was read stays true until that transaction
ends. The statements name their conditions all the same, and the table has its ceiling: an overrun cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Insert, Row, Select, Update, bindparam, case, insert, select, update

from edge.core.budget_plan import BudgetBook, Spending, WindowChange, WindowKey
from edge.core.budgets import Budget, Per, window_of
from edge.core.ledger import Entry, InvariantBroken
from edge.core.money import Money, money_document
from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.tables import account, budget, budget_window, crawler, site


def read_book(connection: Connection, accounts: Iterable[int], at_micros: int, openings: Iterable[Entry]) -> BudgetBook:
    """The budgets of these accounts, with their windows of now and of the charges that may be given back."""
    budgets = read_budgets(connection, accounts)
    times = {at_micros, *(opening.recorded_at_micros for opening in openings)}
    starts = {one.window(time).start_micros for one in budgets for time in times}
    return BudgetBook(budgets, _read_spendings(connection, [one.budget_id for one in budgets], starts))


def read_budgets(connection: Connection, accounts: Iterable[int]) -> list[Budget]:
    """The budgets of these accounts, in the order in which they were made."""
    return [budget_of(row) for row in connection.execute(_budgets(), {"accounts": sorted(accounts)})]


def budget_of(row: Row[Any]) -> Budget:
    """Turn a row of ``read_budgets`` into what the core works on."""
    limit = Money(row.limit_micros, row.currency)
    return Budget(row.id, row.account_id, row.owner_id, Per(row.per), limit, row.since_micros, row.site_id, row.host)


def write_changes(connection: Connection, changes: Iterable[WindowChange], at_micros: int) -> bool:
    """Write what a batch took from windows and gave back to them, and tell of the thresholds that it reached.

    Returns whether anything was written. Raises ``InvariantBroken`` for a row that is not as it was read.
    """
    written = False
    for change in changes:
        written = True
        moved = connection.execute(_statement(change), _values(change)).rowcount
        if moved != 1 and not change.is_new:
            raise InvariantBroken(f"budget {change.budget.budget_id}: a window is not as it was read under lock")
        for share in change.crossed:
            _tell(connection, change, share, at_micros)
    return written


def _statement(change: WindowChange) -> Insert | Update:
    if change.is_new:
        return _opening()
    return _taking() if change.change_micros > 0 and not change.is_correction else _moving()


def _values(change: WindowChange) -> dict[str, int]:
    return {
        "of_budget": change.budget.budget_id,
        "start": change.start_micros,
        "before": change.spent_micros - change.change_micros,
        "change": change.change_micros,
        "now": change.spent_micros,
        "limit": change.budget.limit.amount_micros,
        "new_told": change.told,
    }


def _tell(connection: Connection, change: WindowChange, share: int, at_micros: int) -> None:
    """Write the event of a threshold, in the transaction that reached it."""
    one = change.budget
    name = connection.execute(select(crawler.c.name).where(crawler.c.id == one.crawler_id)).scalar_one()
    window = window_of(one.per, change.start_micros)
    data = {
        "crawler": name,
        "budget": {
            "per": one.per.value,
            "site": one.host,
            "limit": money_document(one.limit.amount_micros, one.limit.currency),
        },
        "percent": share,
        "spent": money_document(change.spent_micros, one.limit.currency),
        "window": {"start": timestamp_text(window.start_micros), "end": timestamp_text(window.end_micros)},
    }
    event = WebhookEvent.BUDGET_THRESHOLD.value
    outbox.add(connection, event, f"crawler {name}", data, crawler_id=one.crawler_id, at_micros=at_micros)


def _read_spendings(connection: Connection, budgets: list[int], starts: set[int]) -> dict[WindowKey, Spending]:
    if not budgets:
        return {}
    rows = connection.execute(_windows(), {"budgets": budgets, "starts": sorted(starts)})
    return {(row.budget_id, row.start_micros): Spending(row.spent_micros, row.told) for row in rows}


# The statements, made once: each runs for every batch that charges an account with a budget.


@cache
def _budgets() -> Select[Any]:
    joined = budget.join(account, account.c.id == budget.c.account_id).outerjoin(site, site.c.id == budget.c.site_id)
    columns = (*budget.c, account.c.currency, account.c.owner_id, site.c.host)
    theirs = budget.c.account_id.in_(bindparam("accounts", expanding=True))
    return select(*columns).select_from(joined).where(theirs).order_by(budget.c.id)


@cache
def _windows() -> Select[Any]:
    return select(budget_window).where(
        budget_window.c.budget_id.in_(bindparam("budgets", expanding=True)),
        budget_window.c.start_micros.in_(bindparam("starts", expanding=True)),
    )


@cache
def _opening() -> Insert:
    return insert(budget_window).values(
        budget_id=bindparam("of_budget"),
        start_micros=bindparam("start"),
        spent_micros=bindparam("now"),
        ceiling_micros=bindparam("limit"),
        told=bindparam("new_told"),
    )


@cache
def _taking() -> Update:
    """Take more: the limit of this very moment decides, and the ceiling cannot be moved by it."""
    limit = select(budget.c.limit_micros).where(budget.c.id == bindparam("of_budget")).scalar_subquery()
    spent = budget_window.c.spent_micros + bindparam("change", type_=BigInteger)
    return _unmoved().where(spent <= limit).values(spent_micros=spent, told=bindparam("new_told"))


@cache
def _moving() -> Update:
    """Give back, or take again what a person says: the ceiling is the limit, or what is spent where that is more."""
    limit, now = bindparam("limit", type_=BigInteger), bindparam("now", type_=BigInteger)
    ceiling = case((now > limit, now), else_=limit)
    return _unmoved().values(spent_micros=now, ceiling_micros=ceiling, told=bindparam("new_told"))


def _unmoved() -> Update:
    return update(budget_window).where(
        budget_window.c.budget_id == bindparam("of_budget"),
        budget_window.c.start_micros == bindparam("start"),
        budget_window.c.spent_micros == bindparam("before"),
    )
