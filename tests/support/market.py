"""A prepared shop for system tests: a database with one site, its prices, and a crawler with money."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import MetaData, UniqueConstraint, insert, select

from edge.core.identity import CrawlerKind
from edge.core.keys import public_half, public_key_to_jwk
from edge.core.message import Request
from edge.core.money import Money, parse_price
from edge.core.request_signing import sign_request
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.accounts import credit, open_crawler_account
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database, now_micros
from edge.store.publishers import add_publisher
from edge.store.rulesets import live_version, publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import account, entry
from tests.support.crawler_line import Purchase

HOST = "news.example"
AGENT = "https://bot.example"
COVERED = ("@method", "@authority", "@target-uri", "signature-agent", "crawler-max-price")
SIGNATURE_SECONDS = 240
PRICE = Money(5_000, "USD")
LARGE_PRICE = Money(20_000, "USD")
CREDIT = parse_price("USD 2000")
LARGE_PATHS = (
    *("/large/*", "/gated/*", "/gated-long/*", "/stream/*", "/slow/*"),
    *("/slow-stream/*", "/short-large/*", "/short-stream/*"),
)


def rules(price: Money = PRICE) -> RuleSet:
    """Large pages cost more, so that a charge at another page's price would show."""
    dear = tuple(
        Rule(f"large {path[1:-2]}", where=path, action=Action.CHARGE, price=LARGE_PRICE) for path in LARGE_PATHS
    )
    return RuleSet(dear, everything_else(Action.CHARGE, price))


def wire_form(method: str, target: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """A request without content, as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@cache
def crawler_key() -> Ed25519PrivateKey:
    """The crawler's key, the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(b"a crawler of the system's tests.")


@cache
def _keyid() -> str:
    return public_half(crawler_key()).thumbprint


def price_of(target: str) -> Money:
    """The price of a page by ``rules()``."""
    return LARGE_PRICE if f"/{target.split('/')[1]}/*" in LARGE_PATHS else PRICE


@dataclass(slots=True)
class Market:
    """The shop behind a database URL; sign with ``purchase``, look into the books with ``database``."""

    database: Database
    site_id: int
    crawler_id: int
    account_id: int
    credit: Money
    _number: count[int]

    @classmethod
    def prepare(cls, url: str, origin_port: int, funds: Money = CREDIT) -> Market:
        """Fill a migrated, empty database."""
        database = Database.open(url)
        now = now_micros()
        with database.write() as connection:
            publisher = add_publisher(connection, "News", "owner@news.example", now)
            options = SiteOptions(origin=f"http://127.0.0.1:{origin_port}")
            site = add_site(connection, HOST, publisher.publisher_id, options, EdgeAddresses(), now)
            publish_rules(connection, site.site_id, rules(), 0, None, "owner@news.example", now)
            keys = [public_key_to_jwk(public_half(crawler_key()))]
            crawler = add_crawler(connection, NewCrawler("Bot", AGENT, CrawlerKind.TRAINING, "", keys), now)
            number = open_crawler_account(connection, crawler.crawler_id, "USD")
        credit(database, crawler.crawler_id, funds, reference="invoice 1", author="operator")
        return cls(database, site.site_id, crawler.crawler_id, number, funds, count(1))

    def purchase(self, path: str, *extra: tuple[str, str], method: str = "GET", limit: str = "USD 1.00") -> Purchase:
        """A freshly signed request for a page that nobody else asks for: a query of its own names it."""
        return self.purchase_of(f"{path}?request={next(self._number)}", *extra, method=method, limit=limit)

    def purchase_of(
        self, target: str, *extra: tuple[str, str], method: str = "GET", limit: str = "USD 1.00"
    ) -> Purchase:
        """A freshly signed request for exactly this target."""
        return self._signed(target, method, [("crawler-max-price", limit), *extra], COVERED)

    def asking(self, target: str) -> Purchase:
        """A freshly signed request that offers nothing."""
        return self._signed(target, "GET", [], tuple(name for name in COVERED if name != "crawler-max-price"))

    def _signed(self, target: str, method: str, lines: list[tuple[str, str]], covered: Sequence[str]) -> Purchase:
        fields = [("host", HOST), *lines]
        request = Request.from_parts(method, f"http://{HOST}{target}", fields)
        now, nonce = int(time.time()), f"{next(self._number)}"
        signature = sign_request(
            request, crawler_key(), AGENT, covered, now, now + SIGNATURE_SECONDS, nonce, keyid=_keyid()
        )
        return Purchase(target, wire_form(method, target, [*fields, *signature.items()]))

    def unsigned(self, path: str) -> bytes:
        """A request of a crawler that only claims its name, and offers nothing."""
        return wire_form("GET", path, [("host", HOST), ("user-agent", "GPTBot/1.1"), ("connection", "close")])

    def publish(self, wanted: RuleSet) -> None:
        """Publish rules as the dashboard does."""
        with self.database.write() as connection:
            live = live_version(connection, self.site_id)
            seen = 0 if live is None else live.version
            publish_rules(connection, self.site_id, wanted, seen, None, "owner@news.example", now_micros())

    def drop_the_unique_index(self) -> None:
        """Take away what makes a charge one charge; SQLite keeps it inside the table, so the table is made anew."""
        without = entry.to_metadata(MetaData(), name="entry_without")
        for constraint in [one for one in without.constraints if isinstance(one, UniqueConstraint)]:
            without.constraints.discard(constraint)
        without.indexes.clear()
        with self.database.write() as connection:
            without.create(connection)
            connection.execute(insert(without).from_select([column.name for column in entry.columns], select(entry)))
            connection.exec_driver_sql("DROP TABLE entry")
            connection.exec_driver_sql("ALTER TABLE entry_without RENAME TO entry")

    def balance_micros(self) -> int:
        """What the crawler has left."""
        with self.database.read() as connection:
            query = select(account.c.balance_micros).where(account.c.id == self.account_id)
            left: int = connection.execute(query).scalar_one()
            return left
