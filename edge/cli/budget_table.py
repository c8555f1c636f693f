"""Budgets in tables and JSON: a crawler's, with what is spent, what is left and when each resets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from edge.cli.terminal import Column, time_text
from edge.core.money import format_signed
from edge.store.accounts import show as accounts_of
from edge.store.budgets import BudgetView, show_budgets
from edge.store.crawlers import Crawler

BUDGET_COLUMNS = (
    Column("BUDGET", "name"),
    Column("SPENT", "spent", numeric=True),
    Column("LEFT", "left", numeric=True),
    Column("RESETS", "resets_at"),
)


def budgets_of(connection: Connection, known: Crawler) -> list[BudgetView]:
    """A crawler's budgets as they stand, in all its currencies."""
    return show_budgets(connection, [account.account_id for account in accounts_of(connection, known.crawler_id)])


def budget_row(view: BudgetView) -> dict[str, Any]:
    """A budget for tables and JSON: amounts as text and in micro-units."""
    one, currency = view.budget, view.budget.limit.currency
    return {
        "name": one.name,
        "per": one.per.value,
        "site": one.host,
        "currency": currency,
        "limit": str(one.limit),
        "limit_micros": one.limit.amount_micros,
        "spent": format_signed(view.spent_micros, currency),
        "spent_micros": view.spent_micros,
        "left": format_signed(view.left_micros, currency),
        "left_micros": view.left_micros,
        "resets_at": time_text(view.window.end_micros),
        "set_by": view.set_by,
        "set_at": time_text(view.set_at_micros),
    }
