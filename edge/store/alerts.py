"""Alerts as people handle them: below which amount an account's funds are told of.

Whoever sets an alert on an account that is below it already knows; it is told when it happens again. Setting one and
turning it off is in the log of the crawler's team, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from edge.core.money import Money
from edge.store.account_rows import find_account
from edge.store.accounts import account_code
from edge.store.audit_events import Action, record
from edge.store.database import Database, now_micros
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import account, account_alert
from edge.store.watching import lock_account, mark_watched


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert as it stands; ``told`` says that the account is below it, and that this was told."""

    account_id: int
    below: Money
    told: bool
    set_at_micros: int
    set_by: str


def set_alert(database: Database, crawler_id: int, below: Money, *, author: str) -> None:
    """Tell when less than ``below`` can still be spent. Raises ``InvalidValue``, ``UnknownName``."""
    if below.amount_micros == 0:
        raise InvalidValue("nothing falls below nothing; name an amount, or turn the alert off", "below")
    with database.write() as connection:
        number = _account(connection, crawler_id, below.currency)
        lock_account(connection, number)
        funds = connection.execute(
            select(account.c.balance_micros, account.c.floor_micros).where(account.c.id == number)
        ).one()
        connection.execute(delete(account_alert).where(account_alert.c.account_id == number))
        connection.execute(
            insert(account_alert).values(
                account_id=number,
                below_micros=below.amount_micros,
                told=funds.balance_micros - funds.floor_micros < below.amount_micros,
                set_at_micros=now_micros(),
                set_by=author,
            )
        )
        mark_watched(connection, number)
        _tell(connection, Action.ALERT_SET, crawler_id, author, below=str(below))


def remove_alert(database: Database, crawler_id: int, currency: str, *, author: str = "command") -> None:
    """Turn an account's alert off. Raises ``UnknownName`` when it has none."""
    with database.write() as connection:
        number = _account(connection, crawler_id, currency)
        lock_account(connection, number)
        gone = connection.execute(delete(account_alert).where(account_alert.c.account_id == number))
        if gone.rowcount != 1:
            raise UnknownName(f"the {currency} account has no alert; `farebox account show` says so", "currency")
        mark_watched(connection, number)
        _tell(connection, Action.ALERT_REMOVED, crawler_id, author, currency=currency)


def _tell(connection: Connection, action: Action, crawler_id: int, author: str, **details: object) -> None:
    record(connection, action, author=author, now_micros=now_micros(), crawler_id=crawler_id, details=details)


def show_alerts(connection: Connection, accounts: Iterable[int]) -> list[AlertView]:
    """The alerts of these accounts."""
    query = (
        select(account_alert, account.c.currency)
        .join(account, account.c.id == account_alert.c.account_id)
        .where(account_alert.c.account_id.in_(set(accounts)))
        .order_by(account_alert.c.account_id)
    )
    return [
        AlertView(row.account_id, Money(row.below_micros, row.currency), row.told, row.set_at_micros, row.set_by)
        for row in connection.execute(query)
    ]


def _account(connection: Connection, crawler_id: int, currency: str) -> int:
    number = find_account(connection, account_code(crawler_id, currency))
    if number is None:
        raise UnknownName(f"the crawler has no {currency} account; open one first", "below")
    return number
