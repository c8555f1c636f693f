"""Rows of granted pages as the ledger needs them: read under lock, changed in the transaction of the entries.

Whoever reads or writes here has locked the account's row before, so what was read stays true until that transaction
ends. The statements name what they expect all the same, and the table has its own check: a page too many cannot be
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_, update

from edge.core.grant_plan import CounterChange, GrantBook, PageKey, Purchase, counter_of, counters_for, page_of
from edge.core.grants import CounterKey, Recrawl, Subscription, SubscriptionPages
from edge.core.ledger import ChargeOrder, Entry, InvariantBroken
from edge.store.insertion import insert_new
from edge.store.tables import grant_count, purchase, subscription


def read_purchases(connection: Connection, orders: Iterable[ChargeOrder]) -> dict[PageKey, Purchase]:
    """What the orders may fetch again: the purchases of their pages that are remembered."""
    pages = {page_of(order) for order in orders if any(isinstance(grant, Recrawl) for grant in order.grants)}
    if not pages:
        return {}
    own = purchase.c
    query = select(purchase).where(tuple_(own.account_id, own.site_id, own.page).in_(sorted(pages)))
    rows = connection.execute(query)
    return {PageKey(row.account_id, row.site_id, row.page): Purchase(row.key, row.validator) for row in rows}


def is_remembered(connection: Connection, page: PageKey) -> bool:
    """Whether something was bought that a re-crawl of the page could be held against."""
    own = purchase.c
    here = (own.account_id == page.account, own.site_id == page.site_id, own.page == page.page)
    return connection.execute(select(own.page).where(*here)).first() is not None


def read_grants(
    connection: Connection,
    orders: Sequence[ChargeOrder],
    granted: Iterable[Entry],
    bought: dict[PageKey, Purchase],
    at_micros: int,
) -> GrantBook:
    """What the orders may be granted by at that time, with the counts that ``granted`` pages may go back to."""
    counters = {counter for order in orders for counter in counters_for(order, at_micros)}
    counters |= {counter for one in granted if (counter := counter_of(one)) is not None}
    numbers = {
        grant.subscription_id for order in orders for grant in order.grants if isinstance(grant, SubscriptionPages)
    }
    return GrantBook(read_counts(connection, counters), _subscriptions(connection, numbers), bought)


def read_counts(connection: Connection, counters: Iterable[CounterKey]) -> dict[CounterKey, int]:
    """How many pages were granted in each of these; what has no row is left out."""
    wanted = sorted(counters)
    if not wanted:
        return {}
    own = grant_count.c
    place = tuple_(own.account_id, own.name, own.site_id, own.start_micros)
    rows = connection.execute(select(grant_count).where(place.in_(wanted)))
    return {CounterKey(row.account_id, row.name, row.site_id, row.start_micros): row.used for row in rows}


def subscription_of(row: Row[Any]) -> Subscription:
    """Turn a row of the subscription table into what the core works on."""
    place = (row.publisher_id, row.site_id, row.licence)
    return Subscription(row.id, *place, row.pages, row.since_micros, row.until_micros)


def write_grants(connection: Connection, book: GrantBook) -> None:
    """Write what a batch granted, gave back and bought. Raises ``InvariantBroken`` for a row that is not as read."""
    for change in book.changes():
        if not _write(connection, change):
            name, account = change.key.name, change.key.account
            raise InvariantBroken(f"{name} of account {account}: a count is not as it was read under lock")
    for page, bought in book.purchases().items():
        _remember(connection, page, bought)


def _write(connection: Connection, change: CounterChange) -> bool:
    place = _named(change.key)
    if change.before is None:
        return insert_new(connection, grant_count, {**place, "used": change.used, "allowed": change.allowed})
    own = grant_count.c
    statement = update(grant_count).where(*(own[name] == value for name, value in place.items()))
    statement = statement.where(own.used == change.before).values(used=change.used)
    if change.used > change.before:
        # The allowance decides here too: no statement counts a page beyond it, whatever was planned.
        more = change.used - change.before
        statement = statement.where(own.used + more <= change.allowed).values(allowed=change.allowed)
    return connection.execute(statement).rowcount == 1


def _named(key: CounterKey) -> dict[str, Any]:
    names = ("account_id", "name", "site_id", "start_micros")
    return dict(zip(names, key, strict=True))


def _remember(connection: Connection, page: PageKey, bought: Purchase) -> None:
    place = dict(zip(("account_id", "site_id", "page"), page, strict=True))
    values = {"key": bought.key, "validator": bought.validator}
    if not insert_new(connection, purchase, {**place, **values}):
        own = purchase.c
        here = [own[name] == value for name, value in place.items()]
        connection.execute(update(purchase).where(*here).values(values))


def _subscriptions(connection: Connection, numbers: set[int]) -> dict[int, Subscription]:
    if not numbers:
        return {}
    rows = connection.execute(select(subscription).where(subscription.c.id.in_(sorted(numbers))))
    return {row.id: subscription_of(row) for row in rows}
