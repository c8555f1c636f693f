"""Rows of the account table: found by code, made once. Opening is idempotent, also against other processes.

Codes: ``crawler:<id>:<currency>``, ``publisher:<id>:<currency>``, and those of ours, one for each currency:
``holds:<currency>``, ``suspense:``, ``funding:``, ``adjustments:``, ``fees:``.
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from edge.store.tables import account


def open_account(
    connection: Connection,
    code: str,
    currency: str,
    *,
    owner_kind: str = "internal",
    owner_id: int | None = None,
    terms: str = "internal",
    floor_micros: int | None = None,
) -> int:
    """Return the id of the account of that code, made with a balance of zero when there is none.

    Two processes may open it at once: the unique code decides, and both get the same id.
    """
    found = find_account(connection, code)
    if found is not None:
        return found
    values = {
        "code": code,
        "currency": currency,
        "owner_kind": owner_kind,
        "owner_id": owner_id,
        "terms": terms,
        "balance_micros": 0,
        "floor_micros": floor_micros,
        "suspended": False,
    }
    try:
        with connection.begin_nested():
            made: int = connection.execute(insert(account).values(values).returning(account.c.id)).scalar_one()
            return made
    except IntegrityError:
        found = find_account(connection, code)
        if found is None:
            raise
        return found


def find_account(connection: Connection, code: str) -> int | None:
    """Return the id of the account of that code, or None."""
    return connection.execute(select(account.c.id).where(account.c.code == code)).scalar_one_or_none()


def holds_account(connection: Connection, currency: str) -> int:
    """Return the account where holds of a currency lie; it is zero when no delivery is under way."""
    return open_account(connection, f"holds:{currency}", currency)


def funding_account(connection: Connection, currency: str) -> int:
    """Return the account that top-ups come out of: minus what was ever paid in."""
    return open_account(connection, f"funding:{currency}", currency)


def suspense_account(connection: Connection, currency: str) -> int:
    """Return the account where money waits until it is known whether a page arrived."""
    return open_account(connection, f"suspense:{currency}", currency)


def adjustments_account(connection: Connection, currency: str) -> int:
    """Return the account that credit notes come out of when no publisher pays them."""
    return open_account(connection, f"adjustments:{currency}", currency)


def fees_account(connection: Connection, currency: str) -> int:
    """Return the account where the operator's share of closed months lies."""
    return open_account(connection, f"fees:{currency}", currency)


def publisher_account(connection: Connection, publisher_id: int, currency: str) -> int:
    """Return the account that a publisher's sales are credited to."""
    return open_account(
        connection,
        f"publisher:{publisher_id}:{currency}",
        currency,
        owner_kind="publisher",
        owner_id=publisher_id,
    )
