"""The mark on accounts that somebody watches: with a budget, or an alert. Their charges are planned under lock."""

from __future__ import annotations

from sqlalchemy import Connection, exists, or_, select, update

from edge.store.tables import account, account_alert, budget


def lock_account(connection: Connection, number: int) -> None:
    """Hold the account's row, as every charge does: no charge slips in before this transaction ends."""
    connection.execute(select(account.c.id).where(account.c.id == number).with_for_update())


def mark_watched(connection: Connection, number: int) -> None:
    """Set the mark by what there is; the account is locked."""
    watched = or_(exists().where(budget.c.account_id == number), exists().where(account_alert.c.account_id == number))
    connection.execute(update(account).where(account.c.id == number).values(watched=watched))
