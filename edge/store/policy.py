"""Load what the gate decides by: one immutable snapshot of sites, rules, crawlers, keys and accounts.

Rules of this file:

- a handful of bulk queries, whatever the number of sites; a site's rules stay text until it is first asked, so that
  ten thousand sites load in a moment and cost little until they have traffic;
- what did not change since the snapshot before is taken over from it, compiled tables included;
- the version is read before and after: a change in between is a reason to read again, so that a snapshot never
  carries a version that says more than it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, Row, or_, select

from edge.core.budgets import DAY_MICROS
from edge.core.grants import Subscription
from edge.core.identity import CrawlerKind, RegisteredCrawler
from edge.core.keys import PublicKey, public_key_from_jwk
from edge.core.ledger import InvariantBroken
from edge.core.policy import Account, Policy, SitePolicy
from edge.core.rule_file import from_document
from edge.core.rule_index import RuleIndex
from edge.core.rules import Action, RuleSet, everything_else
from edge.core.signals.published import Signal, published_paths, read_signals_text
from edge.store.crawler_tokens import tokens_in_force
from edge.store.database import Database, now_micros
from edge.store.grant_rows import subscription_of
from edge.store.policy_version import read_policy_version
from edge.store.tables import account, crawler, crawler_key, rule_set, site, subscription

UNPUBLISHED = RuleSet((), everything_else(Action.ALLOW))
"""Nothing is enforced before a publisher says so."""

_READS_MAX = 5
_ONE_BY_ONE_MAX = 200
_ENDED_MICROS = 31 * DAY_MICROS

_RulesKey = tuple[int, int, bool]


class StoredRules(RuleIndex):
    """A site's rules, read from their stored text when they are first asked for.

    ``key`` is (site, version, case sensitive): versions never change, so equal keys are equal rules.
    """

    __slots__ = ("_document", "key")

    def __init__(self, key: _RulesKey, document: str | None) -> None:
        self.key = key
        self._document = document

    def __getattr__(self, name: str) -> Any:
        # Called for a slot that is not filled yet. Two threads may both fill them, with the same values.
        if name not in RuleIndex.__slots__:
            raise AttributeError(name)
        rules = UNPUBLISHED if self._document is None else from_document(orjson.loads(self._document))
        super().__init__(rules, case_sensitive=self.key[2])
        return getattr(self, name)


def current_version(database: Database) -> int:
    """The version that is stored now; one indexed row."""
    with database.read() as connection:
        return read_policy_version(connection)


def load_policy(database: Database, previous: Policy | None = None, *, allow_test_keys: bool = False) -> Policy:
    """Load the snapshot that is in force; ``previous`` makes it cheap after a small change.

    Raises ``InvariantBroken`` when a site has no account that its charges could go to.
    """
    reads = 0
    while True:
        with database.read() as connection:
            version = read_policy_version(connection)
            policy = _load(connection, version, previous, allow_test_keys)
        reads += 1
        # Where someone publishes without a pause: what was read is at least as new as its version says, and the next
        # look finds a newer version again.
        if reads == _READS_MAX or current_version(database) == version:
            return policy


def _load(connection: Connection, version: int, previous: Policy | None, allow_test_keys: bool) -> Policy:
    crawlers = {row.id: _crawler(row) for row in connection.execute(select(crawler))}
    by_crawler, by_publisher = _accounts(connection)
    return Policy(
        version=version,
        sites=_sites(connection, by_publisher, previous),
        crawlers={known.agent_url: known for known in crawlers.values()},
        accounts=by_crawler,
        registered_keys=_keys(connection, crawlers, previous, allow_test_keys),
        tokens=tokens_in_force(connection, crawlers),
    )


def _sites(
    connection: Connection, publisher_accounts: Mapping[tuple[int, str], int], previous: Policy | None
) -> dict[str, SitePolicy]:
    rows = connection.execute(select(site).where(site.c.active)).all()
    rules = _rules(connection, {_rules_key(row) for row in rows}, previous)
    sites = {}
    for row in rows:
        earns = publisher_accounts.get((row.publisher_id, row.currency))
        if earns is None:
            raise InvariantBroken(f"{row.host} has no {row.currency} account to earn on; set its currency again")
        sites[row.host] = _site(row, earns, rules[_rules_key(row)])
    return sites


def _rules(connection: Connection, keys: set[_RulesKey], previous: Policy | None) -> dict[_RulesKey, RuleIndex]:
    """The rules of every site: those of the snapshot before where they are the same, the others from the database."""
    known: dict[_RulesKey, RuleIndex] = {}
    for before in previous.sites.values() if previous else ():
        if isinstance(before.rules, StoredRules) and before.rules.key in keys:
            known[before.rules.key] = before.rules
    missing = {key[0]: key for key in keys if key not in known}
    query = select(rule_set.c.site_id, rule_set.c.document).join(
        site, (site.c.id == rule_set.c.site_id) & (site.c.live_version == rule_set.c.version)
    )
    if len(missing) <= _ONE_BY_ONE_MAX:
        query = query.where(rule_set.c.site_id.in_(missing))
    documents = {row.site_id: row.document for row in connection.execute(query)} if missing else {}
    return known | {key: StoredRules(key, documents.get(site_id)) for site_id, key in missing.items()}


def _accounts(connection: Connection) -> tuple[dict[tuple[int, str], Account], dict[tuple[int, str], int]]:
    """The accounts of crawlers, and the ids of those of publishers, by (owner, currency)."""
    subscribed = _subscriptions(connection)
    columns = (account.c.id, account.c.owner_kind, account.c.owner_id, account.c.currency, account.c.suspended)
    crawlers: dict[tuple[int, str], Account] = {}
    publishers: dict[tuple[int, str], int] = {}
    for row in connection.execute(select(*columns).where(account.c.owner_kind.in_(("crawler", "publisher")))):
        owner = (row.owner_id, row.currency)
        if row.owner_kind == "crawler":
            crawlers[owner] = Account(row.id, row.currency, row.suspended, tuple(subscribed.get(row.id, ())))
        else:
            publishers[owner] = row.id
    return crawlers, publishers


def _subscriptions(connection: Connection) -> dict[int, list[Subscription]]:
    """What runs, and what ended lately, by account: whoever asks hears that it ended."""
    own = subscription.c
    lately = or_(own.until_micros.is_(None), own.until_micros > now_micros() - _ENDED_MICROS)
    found: dict[int, list[Subscription]] = {}
    for row in connection.execute(select(subscription).where(lately).order_by(own.id)):
        found.setdefault(row.account_id, []).append(subscription_of(row))
    return found


def _keys(
    connection: Connection, crawlers: Mapping[int, RegisteredCrawler], previous: Policy | None, allow_test_keys: bool
) -> dict[tuple[str, str], PublicKey]:
    """Keys that were given in files. One that is refused by now (a test key outside development) is left out."""
    keys = {}
    for row in connection.execute(select(crawler_key)):
        name = (crawlers[row.crawler_id].agent_url, row.thumbprint)
        key = previous.registered_keys.get(name) if previous else None
        loaded = key or public_key_from_jwk(orjson.loads(row.jwk), allow_test_keys=allow_test_keys)
        if isinstance(loaded, PublicKey):
            keys[name] = loaded
    return keys


def _rules_key(row: Row[tuple[Any, ...]]) -> _RulesKey:
    return (row.id, row.live_version or 0, row.case_sensitive_paths)


def _crawler(row: Row[tuple[Any, ...]]) -> RegisteredCrawler:
    return RegisteredCrawler(row.id, row.name, row.operator, CrawlerKind(row.kind), row.agent_url, row.suspended)


def _site(row: Row[tuple[Any, ...]], publisher_account: int, rules: RuleIndex) -> SitePolicy:
    # Before rules are published there is nothing to say.
    signals = read_signals_text(row.signals) if row.live_version else frozenset()
    return SitePolicy(
        site_id=row.id,
        publisher_id=row.publisher_id,
        publisher_account=publisher_account,
        host=row.host,
        origin=row.origin,
        currency=row.currency,
        scheme=row.scheme,
        strict=row.strict,
        in_band_pricing=row.in_band_pricing,
        error_detail=row.error_detail,
        contact=row.contact,
        rules=rules,
        rule_version=row.live_version or 0,
        register_url=row.register_url,
        signals=signals,
        published=published_paths(signals),
        adds_fields=Signal.HEADERS in signals,
    )
