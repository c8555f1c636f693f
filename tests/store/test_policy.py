"""The snapshot that the gate decides by: complete, current, and cheap to renew."""

from __future__ import annotations

import orjson
import pytest
from sqlalchemy import Connection, insert, update

from edge.core.identity import ClaimedCrawler, CrawlerKind
from edge.core.keys import new_private_key, public_half, public_key_to_jwk
from edge.core.ledger import InvariantBroken
from edge.core.money import Money
from edge.core.policy import Policy
from edge.core.rule_file import to_document
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signals.published import PATHS, Signal
from edge.store.account_rows import open_account
from edge.store.crawlers import NewCrawler, add_crawler, suspend_crawler
from edge.store.database import Database
from edge.store.policy import current_version, load_policy
from edge.store.policy_version import bump_policy_version
from edge.store.publishers import add_publisher
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site, remove_site, set_site
from edge.store.tables import rule_set, site

NOW = 1_795_000_000_000_000
BOT = ClaimedCrawler("GPTBot", "OpenAI", CrawlerKind.TRAINING)
TEST_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}


def add_sites(connection: Connection, *hosts: str) -> None:
    publisher_id = add_publisher(connection, f"Owner of {hosts[0]}", "owner@news.example", NOW).publisher_id
    for host in hosts:
        add_site(connection, host, publisher_id, SiteOptions(origin="http://127.0.0.1:9000"), EdgeAddresses(), NOW)


def publish(connection: Connection, host: str, version: int, price_micros: int) -> None:
    rules = RuleSet(
        (Rule("articles", where="/articles/*", action=Action.CHARGE, price=Money(price_micros, "USD")),),
        everything_else(Action.BLOCK),
    )
    row = {"version": version, "document": orjson.dumps(to_document(rules)).decode(), "published_by": "test"}
    site_id = connection.execute(
        update(site).where(site.c.host == host).values(live_version=version).returning(site.c.id)
    )
    connection.execute(insert(rule_set).values(**row, site_id=site_id.scalar_one(), published_at_micros=NOW))
    bump_policy_version(connection, NOW)


def asks(policy: Policy, host: str, path: str = "/articles/1") -> tuple[Action, Money | None]:
    rule = policy.sites[host].rules.match(path, None, BOT, 0.0).rule
    return rule.action, rule.price


def test_an_empty_database_is_an_empty_policy(database: Database) -> None:
    policy = load_policy(database)
    assert (dict(policy.sites), dict(policy.crawlers), dict(policy.accounts)) == ({}, {}, {})
    assert policy.version == current_version(database)


def test_nothing_is_enforced_before_rules_are_published(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "news.example")
    policy = load_policy(database)
    assert asks(policy, "news.example") == (Action.ALLOW, None)
    assert policy.sites["news.example"].rule_version == 0


def test_what_a_site_publishes_begins_with_its_rules(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "news.example")
    assert load_policy(database).sites["news.example"].published == frozenset()
    with database.write() as connection:
        publish(connection, "news.example", 1, 1000)
    before = load_policy(database)
    assert before.sites["news.example"].published == {"/.well-known/crawl-prices.json"}
    with database.write() as connection:
        set_site(connection, "news.example", SiteOptions(signals=frozenset(Signal)), EdgeAddresses(), NOW)
    site_now = load_policy(database, before).sites["news.example"]
    assert (site_now.published, site_now.adds_fields) == (frozenset(PATHS.values()), True)


def test_the_live_version_of_each_site_decides(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "a.example", "b.example")
        publish(connection, "a.example", 1, 1000)
        publish(connection, "a.example", 2, 2000)
        publish(connection, "b.example", 1, 3000)
    policy = load_policy(database)
    assert asks(policy, "a.example") == (Action.CHARGE, Money(2000, "USD"))
    assert asks(policy, "b.example") == (Action.CHARGE, Money(3000, "USD"))
    assert asks(policy, "b.example", "/other") == (Action.BLOCK, None)
    assert (policy.sites["a.example"].rule_version, policy.sites["b.example"].rule_version) == (2, 1)


def test_whether_case_matters_is_the_sites_choice(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "news.example")
        publish(connection, "news.example", 1, 1000)
    loose = load_policy(database)
    with database.write() as connection:
        options = SiteOptions(case_sensitive_paths=True)
        set_site(connection, "news.example", options, EdgeAddresses(), NOW)
    strict = load_policy(database, loose)
    assert asks(loose, "news.example", "/ARTICLES/1")[0] is Action.CHARGE
    assert asks(strict, "news.example", "/ARTICLES/1")[0] is Action.BLOCK


def test_a_removed_site_is_not_served(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "a.example", "b.example")
        remove_site(connection, "a.example", NOW)
    assert set(load_policy(database).sites) == {"b.example"}


def test_a_renewed_snapshot_keeps_the_compiled_rules_that_did_not_change(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "a.example", "b.example")
        publish(connection, "a.example", 1, 1000)
        publish(connection, "b.example", 1, 1000)
    before = load_policy(database)
    with database.write() as connection:
        publish(connection, "b.example", 2, 5000)
    after = load_policy(database, before)
    assert after.version == before.version + 1
    assert after.sites["a.example"].rules is before.sites["a.example"].rules
    assert asks(before, "b.example")[1] == Money(1000, "USD")
    assert asks(after, "b.example")[1] == Money(5000, "USD")


def test_crawlers_their_keys_and_their_accounts_are_all_there(database: Database) -> None:
    key = public_half(new_private_key())
    with database.write() as connection:
        new = NewCrawler("ExampleBot", "https://bot.example", CrawlerKind.SEARCH, "Inc", [public_key_to_jwk(key)])
        made = add_crawler(connection, new, NOW)
        account_id = open_account(
            connection,
            f"crawler:{made.crawler_id}:USD",
            "USD",
            owner_kind="crawler",
            owner_id=made.crawler_id,
            terms="prepaid",
            floor_micros=0,
        )
    policy = load_policy(database)
    known = policy.crawlers[made.agent_url]
    assert (known.name, known.operator, known.kind, known.suspended) == ("ExampleBot", "Inc", CrawlerKind.SEARCH, False)
    assert policy.registered_keys[(made.agent_url, key.thumbprint)] == key
    assert policy.accounts[(made.crawler_id, "USD")].account_id == account_id
    with database.write() as connection:
        suspend_crawler(connection, "ExampleBot", True, NOW)
    renewed = load_policy(database, policy)
    assert renewed.crawlers[made.agent_url].suspended
    assert renewed.accounts[(made.crawler_id, "USD")].suspended
    assert (
        renewed.registered_keys[(made.agent_url, key.thumbprint)]
        is policy.registered_keys[(made.agent_url, key.thumbprint)]
    )


def test_a_published_test_key_counts_in_development_only(database: Database) -> None:
    with database.write() as connection:
        add_crawler(connection, NewCrawler("Bot", "https://bot.example", keys=[TEST_KEY], allow_dev=True), NOW)
    assert len(load_policy(database, allow_test_keys=True).registered_keys) == 1
    assert len(load_policy(database).registered_keys) == 0


def test_a_site_that_could_not_earn_stops_the_load(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "news.example")
        connection.execute(update(site).values(currency="EUR"))
    with pytest.raises(InvariantBroken, match=r"news\.example has no EUR account"):
        load_policy(database)


def test_rules_that_were_never_asked_are_not_read(database: Database) -> None:
    with database.write() as connection:
        add_sites(connection, "a.example", "b.example")
        publish(connection, "a.example", 1, 1000)
        publish(connection, "b.example", 1, 1000)
        connection.execute(update(rule_set).where(rule_set.c.site_id == 1).values(document="{"))
    policy = load_policy(database)
    assert asks(policy, "b.example")[0] is Action.CHARGE
    with pytest.raises(orjson.JSONDecodeError):
        asks(policy, "a.example")


def test_the_version_is_what_was_committed(database: Database) -> None:
    before = current_version(database)

    def bump_and_fail() -> None:
        with database.write() as connection:
            bump_policy_version(connection, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bump_and_fail()
    assert current_version(database) == before
