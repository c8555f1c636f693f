"""Alerts as the ledger keeps them: told once when an account's funds fall below an amount, until it is topped up.

What can still be spent is known from the plan, in the transaction that changes it and under the account's lock.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from edge.core.ledger_plan import Planner
from edge.core.money import money_document
from edge.core.webhooks import WebhookEvent
from edge.store import outbox
from edge.store.tables import account, account_alert, crawler


def tell_of_low(connection: Connection, planner: Planner, at_micros: int) -> None:
    """Tell of the accounts that the plan brings below their amount, and forget it for those that it lifts above."""
    watched = planner.watched
    if not watched:
        return
    for row in connection.execute(_alerts(), {"accounts": sorted(watched)}).all():
        left_micros = planner.available_micros(row.account_id)
        is_low = left_micros is not None and left_micros < row.below_micros
        if is_low == row.told:
            continue
        connection.execute(
            update(account_alert).where(account_alert.c.account_id == row.account_id).values(told=is_low)
        )
        if is_low and left_micros is not None:
            _tell(connection, row, left_micros, at_micros)


def _tell(connection: Connection, row: Row[Any], left_micros: int, at_micros: int) -> None:
    data = {
        "crawler": row.name,
        "available": money_document(left_micros, row.currency),
        "below": money_document(row.below_micros, row.currency),
    }
    event = WebhookEvent.ACCOUNT_LOW.value
    outbox.add(connection, event, f"crawler {row.name}", data, crawler_id=row.owner_id, at_micros=at_micros)


@cache
def _alerts() -> Select[Any]:
    joined = account_alert.join(account, account.c.id == account_alert.c.account_id).join(
        crawler, crawler.c.id == account.c.owner_id
    )
    columns = (*account_alert.c, account.c.currency, account.c.owner_id, crawler.c.name)
    theirs = account_alert.c.account_id.in_(bindparam("accounts", expanding=True))
    return select(*columns).select_from(joined).where(theirs).order_by(account_alert.c.account_id)
