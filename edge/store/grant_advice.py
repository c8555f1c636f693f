"""Whether a page may be free, asked before the origin is: advice that spares the origin a request, never a decision.

The ledger decides, in the transaction that writes the entry; what is read here may have changed by then.
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from edge.core.grant_plan import PageKey, page_key
from edge.core.grants import (
    CounterKey,
    FreePages,
    Grant,
    Recrawl,
    SubscriptionPages,
    free_counter,
    subscription_counter,
)
from edge.core.policy import Account
from edge.store.database import Database
from edge.store.grant_rows import is_remembered, read_counts


def may_be_free(
    database: Database, account: Account, site_id: int, target: str, grants: tuple[Grant, ...], at_micros: int
) -> bool:
    """Whether one of the terms could hold at that time; a re-crawl where anything was bought, whatever became of it."""
    allowed = dict(_allowances(account, site_id, grants, at_micros))
    page = PageKey(account.account_id, site_id, page_key(target))
    recrawls = any(isinstance(grant, Recrawl) for grant in grants)
    try:
        with database.read() as connection:
            used = read_counts(connection, allowed)
            if any(used.get(counter, 0) < pages for counter, pages in allowed.items()):
                return True
            return recrawls and is_remembered(connection, page)
    except DBAPIError:
        return True  # the ledger is asked, and says itself that it cannot be written


def _allowances(
    account: Account, site_id: int, grants: tuple[Grant, ...], at_micros: int
) -> list[tuple[CounterKey, int]]:
    """The counts that could give a page, with how many each gives."""
    found = []
    for grant in grants:
        if isinstance(grant, FreePages):
            found.append((free_counter(account.account_id, site_id, grant.per, at_micros), grant.pages))
        elif isinstance(grant, SubscriptionPages):
            number = grant.subscription_id
            for one in account.subscriptions:
                if one.subscription_id == number and one.runs(at_micros):
                    found.append((subscription_counter(account.account_id, number, at_micros), one.pages))
    return found
