"""Two publishers with sites, rules, people, crawlers and charges, for tests and pictures of the dashboard.

Everything goes through the store's own doors, the ledger's included, on a clock of its own: each seed gives the same
newsroom. The second publisher's names and pages contain the canary, so that a leak into the first's pages shows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from sqlalchemy import Connection

from edge.core.grants import FreePages, FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.ledger import ChargeOrder, CreditOrder, Held, charge_id, charge_key
from edge.core.ledger_operations import Credit, Hold, Post, Reverse, Void
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, Who, Window, everything_else
from edge.store.account_rows import funding_account, publisher_account
from edge.store.accounts import Terms, open_crawler_account
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.batch_writer import BatchWriter
from edge.store.content import ContentCounter
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.invitations import invite
from edge.store.passwords import Passwords
from edge.store.people import Role, add_person, grant
from edge.store.publisher_tokens import NewPublisherToken, Scope, add_publisher_token
from edge.store.publishers import add_publisher
from edge.store.rulesets import publish_rules, save_draft
from edge.store.site_claims import claim_site
from edge.store.site_values import EdgeAddresses
from edge.store.sites import Site, SiteOptions, add_site
from edge.store.traffic import TrafficKey, flush_traffic, hour_of
from tests.support.kept_log import keep_a_log

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
PASSWORD = "a sentence about harbours"
CANARY = "zanzibar"
ROLES = (Role.OWNER, Role.EDITOR, Role.BILLING, Role.VIEWER)

PAGES = (
    "/articles/the-harbour-wakes", "/articles/what-the-tide-left", "/articles/a-bridge-for-the-island",
    "/articles/opinion/keep-the-lighthouse", "/archive/2019/the-long-winter", "/archive/2021/ferry-strike",
    "/archive/2024/election-night", "/recipes/fish-soup", "/recipes/rye-bread", "/articles/who-owns-the-quay?page=2",
)  # fmt: skip


def micros(moment: datetime) -> int:
    """A time as the store keeps it."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def quick_passwords() -> Passwords:
    """Argon2id with the least cost there is: tests sign in often."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def usd(text: str) -> Money:
    """A dollar amount such as ``0.005``."""
    whole, _, fraction = text.partition(".")
    return Money(int(whole) * 1_000_000 + int(fraction.ljust(6, "0")), "USD")


@dataclass(slots=True)
class Newsroom:
    """What was built: the first publisher's and the other's sites, and some charge ids of each."""

    publisher_id: int
    other_id: int
    site: Site
    second_site: Site
    other_site: Site
    charge_ids: list[str]
    other_charge_ids: list[str]


@dataclass(slots=True)
class _Clock:
    now_micros: int

    def __call__(self) -> int:
        return self.now_micros


def build(database: Database, *, charges: int = 40, requests: int = 60, seed: int = 7) -> Newsroom:
    """Fill an empty, migrated database; ``charges`` is how many the first publisher sold, over ten weeks.

    ``requests`` is how many single ones of crawlers are kept.
    """
    began = micros(NOW - timedelta(days=70))
    addresses = EdgeAddresses()
    with database.write() as connection:
        ours = add_publisher(connection, "Harbour Press", "office@harbour.example", began)
        other = add_publisher(connection, f"The {CANARY} Weekly", f"office@{CANARY}.example", began)
        options = SiteOptions(origin="http://127.0.0.1:8000", contact="https://harbour.example/crawlers")
        site = add_site(connection, "harbour.example", ours.publisher_id, options, addresses, began)
        second = add_site(connection, "kitchen.harbour.example", ours.publisher_id, options, addresses, began)
        their = add_site(connection, f"{CANARY}.example", other.publisher_id, options, addresses, began)
        crawlers = _add_crawlers(connection, began)
        password_hash = quick_passwords().hash(PASSWORD)
        for publisher_id, domain in ((ours.publisher_id, "harbour.example"), (other.publisher_id, f"{CANARY}.example")):
            for role in ROLES:
                person = add_person(connection, f"{role.value}@{domain}", password_hash, began)
                grant(connection, person.person_id, publisher_id, role)
        _publish(connection, site, began)
        publish_rules(connection, second.site_id, _first_rules(), 0, "Watch first", "editor@harbour.example", began)
        their_rules = RuleSet(
            (Rule(f"{CANARY} rule", where=f"/{CANARY}/*", action=Action.CHARGE, price=usd("0.05")),),
            everything_else(Action.ALLOW),
        )
        publish_rules(connection, their.site_id, their_rules, 0, f"{CANARY} note", f"owner@{CANARY}.example", began)
        save_draft(connection, their.site_id, _first_rules(), None, f"editor@{CANARY}.example", began)
        save_draft(connection, site.site_id, _drafted(), None, "editor@harbour.example", micros(NOW) - 4_000_000_000)
        for publisher_id, domain in ((ours.publisher_id, "harbour.example"), (other.publisher_id, f"{CANARY}.example")):
            owner = f"owner@{domain}"
            invite(
                connection, publisher_id, f"new@{domain}", Role.VIEWER, author=owner, now_micros=micros(NOW) - 9 * 10**9
            )
        _add_tokens(connection, {ours.publisher_id: "harbour", other.publisher_id: CANARY}, began)
        wanted = SiteOptions(origin="https://shop-origin.harbour.example", currency="EUR")
        editor = "editor@harbour.example"
        claim_site(
            connection, ours.publisher_id, "shop.harbour.example", wanted, addresses, editor, micros(NOW) - 10**9
        )
        keep_a_log(connection, site.site_id, _live(), "editor@harbour.example", micros(NOW) - 8 * 10**9)
        flush_traffic(connection, _traffic(site, second))
        rows = [*_requests(site, requests), *_requests(their, 3, f"/{CANARY}/secret-page", f"{CANARY}Bot")]
        ContentCounter().add(connection, write_activity(connection, UserAgents(), rows, micros(NOW)))
    seller = _Seller(database, crawlers, random.Random(seed), _Clock(began))
    seller.top_up()
    sold = seller.sell(site, ours.publisher_id, charges, PAGES)
    theirs = seller.sell(their, other.publisher_id, 6, (f"/{CANARY}/secret-page",))
    return Newsroom(ours.publisher_id, other.publisher_id, site, second, their, sold, theirs)


def _add_tokens(connection: Connection, publishers: dict[int, str], began: int) -> None:
    """One API token each, numbered as the publishers are."""
    for publisher_id, name in publishers.items():
        token = NewPublisherToken(f"{name} nightly report", (Scope.READ, Scope.REPORTS))
        add_publisher_token(connection, publisher_id, token, author=f"owner@{name}.example", now_micros=began)


def _first_rules() -> RuleSet:
    search = Rule("Search engines", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS))
    return RuleSet((search,), everything_else(Action.MONITOR, usd("0.005")))


def _live() -> RuleSet:
    training = Who(kind=CrawlerKind.TRAINING)
    night = Window((5, 6), 20 * 60, 6 * 60)
    return RuleSet(
        (
            Rule("Partners", Who(operator="Example AI", least=Rung.SIGNED), "/partners/*"),
            Rule("Long reads", training, "/articles/*", Action.CHARGE, usd("0.005"), licence="ai-train"),
            Rule("Archive", where="/archive/:year/*", action=Action.CHARGE, price=usd("0.0025")),
            Rule("Members", where="/members/*", action=Action.BLOCK, block_text="Members only; write to us."),
            Rule("Search engines", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS)),
            Rule("Night recipes", where="/recipes/*", action=Action.MONITOR, price=usd("0.001"), when=night),
        ),
        everything_else(Action.CHARGE, usd("0.001")),
    )


def _drafted() -> RuleSet:
    """Three changes: a dearer rule, a new one that never matches, one that was moved to the front."""
    partners, reads, archive, members, search, recipes = _live().rules
    dearer = Rule(reads.name, reads.who, reads.where, Action.CHARGE, usd("0.008"), licence=reads.licence)
    opinion = Rule("Opinion", Who(kind=CrawlerKind.TRAINING), "/articles/opinion/*", Action.CHARGE, usd("0.02"))
    return RuleSet((search, partners, dearer, archive, opinion, members, recipes), _live().default)


def _publish(connection: Connection, site: Site, began: int) -> None:
    day = 86_400_000_000
    editor, owner = "editor@harbour.example", "owner@harbour.example"
    publish_rules(connection, site.site_id, _first_rules(), 0, "Watch for a week", owner, began)
    publish_rules(connection, site.site_id, _live(), 1, "The autumn rate card", editor, began + 7 * day)
    calmer = RuleSet(_live().rules[:-1], _live().default)
    publish_rules(connection, site.site_id, calmer, 2, None, editor, began + 30 * day)
    publish_rules(connection, site.site_id, _live(), 3, "Recipes again, at night only", owner, began + 33 * day)


def _add_crawlers(connection: Connection, began: int) -> dict[str, tuple[int, int]]:
    """Registered crawlers with postpaid accounts, the last one prepaid: name to (crawler, account)."""
    new = (
        NewCrawler("ExampleBot", "https://bot.example-ai.example", CrawlerKind.TRAINING, "Example AI"),
        NewCrawler("Corpusworks", "https://crawl.corpusworks.example", CrawlerKind.TRAINING, "Corpusworks"),
        NewCrawler("AnswerBot", "https://answers.example", CrawlerKind.ASSISTANT, "Answers Inc."),
        NewCrawler("Deep Archive", "https://deep-archive.example", CrawlerKind.ARCHIVER, "The Archive"),
    )
    made = {}
    for one in new:
        crawler = add_crawler(connection, one, began)
        terms, limit = (Terms.PREPAID, None) if one.name == "Deep Archive" else (Terms.POSTPAID, usd("5000"))
        account = open_crawler_account(connection, crawler.crawler_id, "USD", terms=terms, limit=limit)
        made[one.name] = (crawler.crawler_id, account)
    return made


def _traffic(site: Site, second: Site) -> dict[TrafficKey, int]:
    hour = hour_of(micros(NOW)) - 3_600_000_000
    outcomes = {
        ("GPTBot", "claimed", "Long reads", "signature_required"): 1204,
        ("Bytespider", "claimed", "everything else", "payment_required"): 841,
        ("ExampleBot", "signed", "Long reads", "max_price_too_low"): 96,
        ("CCBot", "claimed", "Members", "crawler_blocked"): 61,
        ("ExampleBot", "signed", "Long reads", "charged"): 310,
        ("ExampleBot", "signed", "Long reads", "collected"): 7,
        ("ExampleBot", "signed", "Long reads", "origin_timeout"): 12,
        ("Googlebot", "claimed", "Search engines", "allowed"): 480,
        ("", "", "", "visitor"): 9120,
        ("", "", "", "free_path"): 77,
    }
    watched = {
        ("GPTBot", "claimed", "everything else", "monitored"): 1880,
        ("", "claimed", "everything else", "monitored"): 240,
        ("", "", "", "visitor"): 3010,
    }
    seen = [(site, key, requests) for key, requests in outcomes.items()]
    seen += [(second, key, requests) for key, requests in watched.items()]
    return {TrafficKey(hour, where.site_id, *key): requests for where, key, requests in seen}


_CAME = (
    ("GPTBot", "claimed", "training", "Long reads", "signature_required", 5000, None, 400, "GPTBot/1.3"),
    ("ExampleBot", "signed", "training", "Long reads", "charged", 5000, "max USD 0.01", 200, "ExampleBot/2.0"),
    ("Bytespider", "claimed", "training", "everything else", "payment_required", 1000, None, 402, "Bytespider"),
    ("Googlebot", "address", "search", "Search engines", "allowed", None, None, 200, "Googlebot/2.1"),
    ("CCBot", "claimed", "training", "Members", "crawler_blocked", None, None, 403, "CCBot/2.0"),
    ("ExampleBot", "signed", "training", "Long reads", "max_price_too_low", 5000, "max USD 0.002", 402, "ExampleBot"),
    ("", "claimed", "other", "Night recipes", "monitored", 1000, None, 200, "python-requests/2.32"),
    ("ExampleBot", "signed", "training", "Long reads", "origin_timeout", None, "max USD 0.01", 504, "ExampleBot/2.0"),
)


def _requests(site: Site, number: int, page: str = "", name: str = "") -> list[Activity]:
    """Single requests of crawlers, one every seven minutes before ``NOW``; every tenth stands for three."""
    rows = []
    for index in range(number):
        crawler, rung, kind, rule, outcome, price, offer, status, agent = _CAME[index % len(_CAME)]
        rows.append(
            Activity(
                site_id=site.site_id,
                at_micros=micros(NOW) - index * 420_000_000,
                number=index + 1,
                crawler=name or crawler,
                rung=rung,
                kind=kind,
                rule=f"{CANARY} rule" if name else rule,
                outcome=outcome,
                price_micros=price,
                offer=offer,
                method="GET",
                target=page or PAGES[index % len(PAGES)],
                status=status,
                user_agent=name or agent,
                address="203.0.113.0/24",
                requests=3 if index % 10 == 9 else 1,
            )
        )
    return rows


class _Seller:
    """Sells pages through the ledger's own writer, at times of its own choosing."""

    def __init__(
        self, database: Database, crawlers: dict[str, tuple[int, int]], chance: random.Random, clock: _Clock
    ) -> None:
        self._database = database
        self._crawlers = crawlers
        self._chance = chance
        self._clock = clock
        self._count = 0

    def top_up(self) -> None:
        """Give the prepaid crawler something to spend."""
        crawler_id, account = self._crawlers["Deep Archive"]
        with self._database.write() as connection:
            funding = funding_account(connection, "USD")
        order = CreditOrder(account, funding, crawler_id, usd("250"), "invoice 2026-09", "operator@example")
        writer = BatchWriter(self._database, "newsroom", self._clock)
        writer.write([Credit(order)])
        writer.close()

    def sell(self, site: Site, publisher_id: int, number: int, pages: tuple[str, ...]) -> list[str]:
        """Sell ``number`` pages over the ten weeks before ``NOW``; returns the charge ids, in order of time."""
        with self._database.write() as connection:
            earns = publisher_account(connection, publisher_id, "USD")
        end, began = micros(NOW), micros(NOW - timedelta(days=68))
        self._clock.now_micros = began
        writer = BatchWriter(self._database, "newsroom", self._clock)
        sold = []
        times = sorted(end - int((end - began) * self._chance.random() ** 1.6) for _ in range(number))
        for at_micros in times:
            self._clock.now_micros = at_micros
            order = self.order(site, publisher_id, earns, self._chance.choice(pages))
            sold.append(charge_id(order.key))
            self._write(writer, order)
        writer.close()
        return sold

    def _write(self, writer: BatchWriter, order: ChargeOrder) -> None:
        """Most are posted; some are held and voided, some given back."""
        fate = self._count % 29
        if fate == 11:
            [held] = writer.write([Hold(order)])
            assert isinstance(held, Held)
            writer.write([Void(held, "the origin broke off")])
            return
        writer.write([Post(order)])
        if fate == 17:
            writer.write([Reverse(order.key, "the connection broke")])

    def order(self, site: Site, publisher_id: int, earns: int, target: str) -> ChargeOrder:
        self._count += 1
        name = self._chance.choices(tuple(self._crawlers), (9, 5, 3, 2)[: len(self._crawlers)])[0]
        crawler_id, account = self._crawlers[name]
        rule, price = _priced(target, name)
        return ChargeOrder(
            key=charge_key(account, f"signature {self._count}".encode(), "GET", site.host, target),
            price=price,
            crawler_account=account,
            publisher_account=earns,
            crawler_id=crawler_id,
            publisher_id=publisher_id,
            site_id=site.site_id,
            rule=rule,
            rule_version=4,
            licence="ai-train" if rule == "Long reads" else None,
            target=target,
            offer="max USD 0.05",
            request_id=f"request-{self._count}",
            status=200,
            evidence="acknowledged",
        )


def sell_a_free_page(database: Database, newsroom: Newsroom) -> None:
    """One page that a rule's free pages give the first crawler, at the newsroom's last moment."""
    with database.write() as connection:
        account = open_crawler_account(connection, 1, "USD", terms=Terms.POSTPAID, limit=usd("5000"))
        earns = publisher_account(connection, newsroom.publisher_id, "USD")
    seller = _Seller(database, {"ExampleBot": (1, account)}, random.Random(1), _Clock(micros(NOW)))
    order = seller.order(newsroom.site, newsroom.publisher_id, earns, "/articles/free")
    writer = BatchWriter(database, "newsroom", _Clock(micros(NOW)))
    writer.write([Post(replace(order, grants=(FreePages(1, FreePeriod.MONTH),)))])
    writer.close()


def _priced(target: str, name: str) -> tuple[str, Money]:
    """By which live rule a crawler buys, and for how much; of the crawlers, these two are not of the training kind."""
    if target.startswith(f"/{CANARY}"):
        return f"{CANARY} rule", usd("0.05")
    if target.startswith("/articles/") and name not in ("AnswerBot", "Deep Archive"):
        return "Long reads", usd("0.005")
    return ("Archive", usd("0.0025")) if target.startswith("/archive/") else ("everything else", usd("0.001"))
