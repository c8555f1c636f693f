"""Rows of the budget tables as the ledger needs them: read under lock, changed in the transaction of the entries.

Whoever reads or writes here has locked the account's row before, so what was read stays true until that transaction
ends. The statements name their conditions all the same, and the table has its ceiling: an overrun cannot be written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Update, case, insert, literal, select, update

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
    joined = budget.join(account, account.c.id == budget.c.account_id).outerjoin(site, site.c.id == budget.c.site_id)
    columns = (*budget.c, account.c.currency, account.c.owner_id, site.c.host)
    query = select(*columns).select_from(joined).where(budget.c.account_id.in_(set(accounts))).order_by(budget.c.id)
    return [budget_of(row) for row in connection.execute(query)]


def budget_of(row: Row[Any]) -> Budget:
    """Turn a row of ``read_budgets`` into what the core works on."""
    limit = Money(row.limit_micros, row.currency)
    return Budget(row.id, row.account_id, row.owner_id, Per(row.per), limit, row.since_micros, row.site_id, row.host)


def write_changes(connection: Connection, changes: Iterable[WindowChange], at_micros: int) -> None:
    """Write what a batch took from windows and gave back to them, and tell of the thresholds that it reached.

    Raises ``InvariantBroken`` for a row that is not as it was read.
    """
    for change in changes:
        if change.is_new:
            _insert(connection, change)
        elif connection.execute(_taking(change) if change.change_micros > 0 else _giving(change)).rowcount != 1:
            raise InvariantBroken(f"budget {change.budget.budget_id}: a window is not as it was read under lock")
        for share in change.crossed:
            _tell(connection, change, share, at_micros)


def _tell(connection: Connection, change: WindowChange, share: int, at_micros: int) -> None:
    """Write the event of a threshold, in the transaction that reached it."""
    one = change.budget
    name = connection.execute(select(crawler.c.name).where(crawler.c.id == one.crawler_id)).scalar_one()
    window = window_of(one.per, change.start_micros)
    data = {
        "crawler": name,
        "budget": {"per": one.per.value, "site": one.host, "limit": money_document(one.limit)},
        "percent": share,
        "spent": money_document(Money(change.spent_micros, one.limit.currency)),
        "window": {"start": timestamp_text(window.start_micros), "end": timestamp_text(window.end_micros)},
    }
    event = WebhookEvent.BUDGET_THRESHOLD.value
    outbox.add(connection, event, f"crawler {name}", data, crawler_id=one.crawler_id, at_micros=at_micros)


def _read_spendings(connection: Connection, budgets: list[int], starts: set[int]) -> dict[WindowKey, Spending]:
    if not budgets:
        return {}
    windows = budget_window.c
    query = select(budget_window).where(windows.budget_id.in_(budgets), windows.start_micros.in_(starts))
    return {
        (row.budget_id, row.start_micros): Spending(row.spent_micros, row.told) for row in connection.execute(query)
    }


def _insert(connection: Connection, change: WindowChange) -> None:
    connection.execute(
        insert(budget_window).values(
            budget_id=change.budget.budget_id,
            start_micros=change.start_micros,
            spent_micros=change.spent_micros,
            ceiling_micros=change.budget.limit.amount_micros,
            told=change.told,
        )
    )


def _taking(change: WindowChange) -> Update:
    """Take more: the limit of this very moment decides, and the ceiling cannot be moved by it."""
    limit = select(budget.c.limit_micros).where(budget.c.id == change.budget.budget_id).scalar_subquery()
    spent = budget_window.c.spent_micros + literal(change.change_micros)
    return _of(change).where(spent <= limit).values(spent_micros=spent, told=change.told)


def _giving(change: WindowChange) -> Update:
    """Give back: a ceiling above the limit comes down with what is spent."""
    limit = literal(change.budget.limit.amount_micros)
    spent = budget_window.c.spent_micros + literal(change.change_micros)
    ceiling = case((spent > limit, spent), else_=limit)
    return _of(change).values(spent_micros=spent, ceiling_micros=ceiling, told=change.told)


def _of(change: WindowChange) -> Update:
    before = change.spent_micros - change.change_micros
    return update(budget_window).where(
        budget_window.c.budget_id == change.budget.budget_id,
        budget_window.c.start_micros == change.start_micros,
        budget_window.c.spent_micros == before,
    )
