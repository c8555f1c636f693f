"""One crawler's account as its team and the operator see it: money, limits, tokens, keys, people."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from edge.core.particulars import Listed, TopUp
from edge.store.accounts import AccountView
from edge.store.accounts import show as accounts_of
from edge.store.alerts import AlertView, show_alerts
from edge.store.budgets import BudgetView, show_budgets
from edge.store.connection import Connection
from edge.store.crawler_people import Invitation, TeamMember, open_invitations, team_of
from edge.store.crawler_tokens import StoredToken, list_tokens
from edge.store.crawlers import Crawler
from edge.store.directories import StoredDirectory, find_directory
from edge.store.open_sums import OpenSum, open_sums
from edge.store.particulars import latest_top_ups
from edge.store.subscriptions import SubscriptionView, list_subscriptions

TOP_UPS_SHOWN = 50
_OF_OUR_NETWORK = ("address_refused", "unreachable")


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """What is known of an agent's key directory; ``keys`` are the ids that it names."""

    stored: StoredDirectory | None
    keys: tuple[str, ...]
    pinned: tuple[str, ...]

    @property
    def state(self) -> str:
        """In one word: ``pinned``, ``never fetched``, ``failing`` or ``good``."""
        if self.stored is None or (self.stored.document is None and self.stored.failure is None):
            return "pinned" if self.pinned else "never fetched"
        return "failing" if self.stored.failure is not None else "good"

    @property
    def told(self) -> str | None:
        """What went wrong, as the crawler's team may hear it: where a name leads inside is the operator's to know."""
        failure = None if self.stored is None else self.stored.failure
        if failure is not None and failure.partition(":")[0] in _OF_OUR_NETWORK:
            return "the host's name leads to no public address, or nothing answers there"
        return failure


@dataclass(frozen=True, slots=True)
class CrawlerAccount:
    """All of one crawler's account. ``open_sums`` are what is set aside or in suspense, by currency."""

    crawler: Crawler
    accounts: tuple[AccountView, ...]
    alerts: dict[int, AlertView]
    open_sums: dict[str, OpenSum]
    budgets: tuple[BudgetView, ...]
    subscriptions: tuple[SubscriptionView, ...]
    tokens: tuple[StoredToken, ...]
    directory: DirectoryState
    top_ups: Listed[TopUp]
    team: tuple[TeamMember, ...]
    invitations: tuple[Invitation, ...]


def crawler_account(connection: Connection, crawler: Crawler, now_micros: int) -> CrawlerAccount:
    """Everything about one crawler's account."""
    accounts = tuple(accounts_of(connection, crawler.crawler_id))
    numbers = [one.account_id for one in accounts]
    return CrawlerAccount(
        crawler=crawler,
        accounts=accounts,
        alerts={one.account_id: one for one in show_alerts(connection, numbers)},
        open_sums=open_sums(connection, crawler.crawler_id, now_micros),
        budgets=tuple(show_budgets(connection, numbers, now_micros)),
        subscriptions=tuple(list_subscriptions(connection, now_micros, crawler.crawler_id)),
        tokens=tuple(list_tokens(connection, crawler.name)),
        directory=directory_state(connection, crawler),
        top_ups=latest_top_ups(connection, crawler.crawler_id, TOP_UPS_SHOWN),
        team=tuple(team_of(connection, crawler.crawler_id)),
        invitations=tuple(open_invitations(connection, crawler.crawler_id, now_micros)),
    )


def directory_state(connection: Connection, crawler: Crawler) -> DirectoryState:
    """What is known of the crawler's keys: those of its directory, and those that were given in files."""
    stored = find_directory(connection, crawler.agent_url)
    return DirectoryState(stored, _key_ids(stored), crawler.keys)


def _key_ids(stored: StoredDirectory | None) -> tuple[str, ...]:
    """The ids of the keys in a stored document, as it spells them; none where it cannot be read."""
    if stored is None or stored.document is None:
        return ()
    try:
        keys = orjson.loads(stored.document)["keys"]
        return tuple(str(key.get("kid", key.get("x", ""))) for key in keys)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ()
