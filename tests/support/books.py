"""A small set of books for ledger tests: one publisher's account, crawlers' accounts, and orders against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Connection, Table, insert, select, update

from edge.core.errors import EdgeError
from edge.core.ledger import ChargeOrder, CreditOrder, charge_key
from edge.core.money import Money
from edge.store import schema
from edge.store.account_rows import funding_account, open_account, publisher_account
from edge.store.database import Database
from edge.store.tables import account, crawler, entry, publisher, site

USD = "USD"
PRICE = Money(10_000, USD)


def migrate(url: str) -> None:
    """Bring the database at `url` to the current shape."""
    database = Database.open(url)
    schema.upgrade(database)
    database.close()


@dataclass(slots=True)
class Books:
    """Accounts by id; ``order`` makes orders of one signed request each."""

    database: Database
    publisher: int
    funding: int
    _signatures: count[int] = field(default_factory=lambda: count(1))
    _crawlers: dict[int, int] = field(default_factory=dict)

    @classmethod
    def open(cls, database: Database) -> Books:
        with database.write() as connection:
            _introduce_publisher(connection, 1)
            return cls(database, publisher_account(connection, 1, USD), funding_account(connection, USD))

    def crawler(self, number: int, *, limit_pages: int = 0) -> int:
        """Open a crawler's account: prepaid and empty, or postpaid for ``limit_pages``."""
        with self.database.write() as connection:
            introduce_crawler(connection, number)
            return open_account(
                connection,
                f"crawler:{number}:{USD}",
                USD,
                owner_kind="crawler",
                owner_id=number,
                terms="postpaid" if limit_pages else "prepaid",
                floor_micros=-limit_pages * PRICE.amount_micros,
            )

    def order(
        self, crawler_account: int, signature: int | None = None, *, price: Money = PRICE, redelivery_only: bool = False
    ) -> ChargeOrder:
        """Order a page for one signed request; the same ``signature`` is the same request."""
        number = next(self._signatures) if signature is None else signature
        return ChargeOrder(
            key=charge_key(crawler_account, f"signature {number}".encode(), "GET", "news.example", "/long-read"),
            price=price,
            crawler_account=crawler_account,
            publisher_account=self.publisher,
            crawler_id=self._crawler_of(crawler_account),
            publisher_id=1,
            site_id=1,
            rule="long reads",
            rule_version=3,
            licence="ai-train",
            target="/long-read?page=2",
            offer="max USD 0.05",
            request_id=f"request-{number}",
            status=200,
            evidence="acknowledged",
            redelivery_only=redelivery_only,
        )

    def top_up(self, crawler_account: int, pages: int, reference: str = "invoice 1") -> CreditOrder:
        """Order a credit that affords ``pages``."""
        money = Money(pages * PRICE.amount_micros, USD)
        payer = self._crawler_of(crawler_account)
        return CreditOrder(crawler_account, self.funding, payer, money, reference, "operator@example")

    def _crawler_of(self, crawler_account: int) -> int:
        """Whose account it is; of an account that does not exist, a crawler that does not exist either."""
        if crawler_account not in self._crawlers:
            owner = select(account.c.owner_id).where(account.c.id == crawler_account)
            with self.database.read() as connection:
                self._crawlers[crawler_account] = connection.execute(owner).scalar_one_or_none() or crawler_account
        return self._crawlers[crawler_account]

    def balance(self, account_id: int) -> int:
        with self.database.read() as connection:
            return _balance(connection, account_id)

    def pages_of(self, account_id: int) -> int:
        """The balance in pages at the usual price."""
        return self.balance(account_id) // PRICE.amount_micros

    def suspend(self, account_id: int) -> None:
        with self.database.write() as connection:
            connection.execute(update(account).where(account.c.id == account_id).values(suspended=True))

    def kinds(self, key: bytes | None = None) -> list[str]:
        """The kinds of all entries, or of one key's, in the order of the life of a charge."""
        query = select(entry.c.kind).order_by(entry.c.key, entry.c.attempt, entry.c.step)
        if key is not None:
            query = query.where(entry.c.key == key)
        with self.database.read() as connection:
            return list(connection.execute(query).scalars())


def introduce_crawler(connection: Connection, number: int) -> None:
    """Make sure that there is a crawler of that number, which entries can name."""
    name, agent = f"Bot{number}", f"https://bot{number}.example"
    about = {"agent_url": agent, "kind": "training", "operator": "Example", "suspended": False}
    _insert_new(connection, crawler, number, name=name, name_key=name.lower(), **about)


def _introduce_publisher(connection: Connection, number: int) -> None:
    """Make sure that there is a publisher of that number, with a site of the same."""
    name = f"News{number}"
    _insert_new(connection, publisher, number, name=name, name_key=name.lower(), email="owner@news.example")
    switches = ("strict", "in_band_pricing", "error_detail", "case_sensitive_paths")
    about = {"host": f"news{number}.example", "origin": "http://127.0.0.1", "currency": USD, "active": True}
    _insert_new(connection, site, number, publisher_id=number, **about, **dict.fromkeys(switches, False))


def _insert_new(connection: Connection, table: Table, number: int, **values: object) -> None:
    """Two processes may do so at once; whoever comes second finds the row."""
    if connection.execute(select(table.c.id).where(table.c.id == number)).first() is None:
        connection.execute(insert(table).values(id=number, created_at_micros=0, **values))


def _balance(connection: Connection, account_id: int) -> int:
    found: int = connection.execute(select(account.c.balance_micros).where(account.c.id == account_id)).scalar_one()
    return found


@dataclass(slots=True)
class Reports:
    """Collects what a ledger reports."""

    errors: list[EdgeError] = field(default_factory=list)

    def __call__(self, error: EdgeError) -> None:
        self.errors.append(error)
