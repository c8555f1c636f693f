"""A small set of books for ledger tests: one publisher's account, crawlers' accounts, and orders against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Connection, select, update

from edge.core.errors import EdgeError
from edge.core.ledger import ChargeOrder, CreditOrder, charge_key
from edge.core.money import Money
from edge.store import schema
from edge.store.account_rows import funding_account, open_account, publisher_account
from edge.store.database import Database
from edge.store.tables import account, entry

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

    @classmethod
    def open(cls, database: Database) -> Books:
        with database.write() as connection:
            return cls(database, publisher_account(connection, 1, USD), funding_account(connection, USD))

    def crawler(self, number: int, *, limit_pages: int = 0) -> int:
        """Open a crawler's account: prepaid and empty, or postpaid for ``limit_pages``."""
        with self.database.write() as connection:
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
            crawler_id=crawler_account,
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
        return CreditOrder(crawler_account, self.funding, crawler_account, money, reference, "operator@example")

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


def _balance(connection: Connection, account_id: int) -> int:
    found: int = connection.execute(select(account.c.balance_micros).where(account.c.id == account_id)).scalar_one()
    return found


@dataclass(slots=True)
class Reports:
    """Collects what a ledger reports."""

    errors: list[EdgeError] = field(default_factory=list)

    def __call__(self, error: EdgeError) -> None:
        self.errors.append(error)
