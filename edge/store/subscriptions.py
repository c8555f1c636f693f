"""Crawlers' subscriptions as people handle them: begun, ended, looked at.

Rules of this file
- A subscription gives so many pages in each UTC month, at one site, or at a publisher's sites under one licence; beyond
  them the page has its price. What it costs is invoiced outside of the books, under the reference that it bears.
- Beginning and ending lock the account's row, as every charge of it does, are noted in the books, and reach every edge
  with the policy's next version. Nothing is deleted: entries name subscriptions for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from edge.core.grants import Subscription, subscription_counter
from edge.store.account_rows import find_account
from edge.store.accounts import account_code
from edge.store.audit import change_noted
from edge.store.database import Database, now_micros
from edge.store.grant_rows import read_counts, subscription_of
from edge.store.policy_version import bump_policy_version
from edge.store.problems import InvalidValue, UnknownName
from edge.store.tables import account, crawler, publisher, site, subscription
from edge.store.watching import lock_account

PAGES_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a subscription is to be: whose, in which currency, for which pages, and how it was invoiced."""

    crawler_id: int
    currency: str
    publisher_id: int
    site_id: int | None
    licence: str | None
    pages: int
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription as it stands; ``used`` are the pages of this month."""

    terms: Subscription
    crawler: str
    publisher: str
    site: str | None
    currency: str
    used: int
    reference: str | None
    set_by: str


def begin_subscription(database: Database, new: NewSubscription, *, author: str, now: int | None = None) -> int:
    """Begin a subscription and return its number. Raises ``InvalidValue``; ``UnknownName`` without such an account."""
    at_micros = now_micros() if now is None else now
    if not 1 <= new.pages <= PAGES_MAX:
        raise InvalidValue(f"write a number of pages from 1 to {PAGES_MAX}", "pages")
    if new.site_id is None and new.licence is None:
        raise InvalidValue("a subscription is for a site or for a licence; say --site or --licence", "site")
    with database.read() as connection:
        number = find_account(connection, account_code(new.crawler_id, new.currency))
    if number is None:
        raise UnknownName(f"the crawler has no {new.currency} account; open one first", "currency")

    def change(connection: Connection) -> int:
        lock_account(connection, number)
        bump_policy_version(connection, at_micros)
        made: int = connection.execute(
            insert(subscription)
            .values(
                account_id=number,
                publisher_id=new.publisher_id,
                site_id=new.site_id,
                licence=new.licence,
                pages=new.pages,
                since_micros=at_micros,
                reference=new.reference,
                set_by=author,
            )
            .returning(subscription.c.id)
        ).scalar_one()
        return made

    what = {"pages": new.pages, "publisher_id": new.publisher_id, "site_id": new.site_id, "licence": new.licence}
    noted = {"subscription": {**what, "reference": new.reference}}
    return change_noted(database, [number], noted, change, author=author, reason="a subscription began")


def end_subscription(database: Database, number: int, *, author: str, now: int | None = None) -> SubscriptionView:
    """End a subscription now. Raises ``UnknownName``; ``InvalidValue`` for one that has ended."""
    at_micros = now_micros() if now is None else now
    with database.read() as connection:
        known = find_subscription(connection, number, at_micros)
        owner = connection.execute(select(subscription.c.account_id).where(subscription.c.id == number)).scalar_one()

    def change(connection: Connection) -> None:
        lock_account(connection, owner)
        bump_policy_version(connection, at_micros)
        running = (subscription.c.id == number) & subscription.c.until_micros.is_(None)
        ended = max(at_micros, known.terms.since_micros)
        if connection.execute(update(subscription).where(running).values(until_micros=ended)).rowcount != 1:
            raise InvalidValue(f"subscription {number} has ended already", "number")

    what = {"subscription": {"number": number, "ended": True}}
    change_noted(database, [owner], what, change, author=author, reason="a subscription ended")
    return known


def find_subscription(connection: Connection, number: int, at_micros: int) -> SubscriptionView:
    """One subscription by its number. Raises ``UnknownName``."""
    for view in list_subscriptions(connection, at_micros):
        if view.terms.subscription_id == number:
            return view
    raise UnknownName(f"there is no subscription {number}; `farebox subscription list` shows them", "number")


def list_subscriptions(connection: Connection, at_micros: int, crawler_id: int | None = None) -> list[SubscriptionView]:
    """All subscriptions, or a crawler's, with what is used of this month, in the order in which they began."""
    joined = (
        subscription.join(account, account.c.id == subscription.c.account_id)
        .join(crawler, crawler.c.id == account.c.owner_id)
        .join(publisher, publisher.c.id == subscription.c.publisher_id)
        .outerjoin(site, site.c.id == subscription.c.site_id)
    )
    names = (crawler.c.name.label("crawler"), publisher.c.name.label("publisher"), site.c.host, account.c.currency)
    query = select(*subscription.c, *names).select_from(joined).order_by(subscription.c.id)
    if crawler_id is not None:
        query = query.where(account.c.owner_id == crawler_id)
    rows: Sequence[Any] = connection.execute(query).all()
    counters = {row.id: subscription_counter(row.account_id, row.id, at_micros) for row in rows}
    used = read_counts(connection, counters.values())
    return [
        SubscriptionView(
            subscription_of(row),
            row.crawler,
            row.publisher,
            row.host,
            row.currency,
            used.get(counters[row.id], 0),
            row.reference,
            row.set_by,
        )
        for row in rows
    ]
