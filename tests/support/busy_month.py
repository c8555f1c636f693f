"""Books with a busy month in two currencies, written by the ledger's own hand: what statements and exports are made of.

October has a sale and a top-up; November sales, holds, a void, a settled hold of October, given back pages of both
months, a free redelivery, free pages, pages in suspense and credit notes; December takes November's fees and has a sale
that November must not show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import insert, select

from edge.core.grants import FreePages, FreePeriod
from edge.core.ledger import (
    ChargeOrder,
    Credited,
    CreditOrder,
    Held,
    Posted,
    Released,
    Reversed,
    Suspended,
    charge_id,
)
from edge.core.ledger_corrections import AdjustOrder, FeeOrder, Recorded
from edge.core.ledger_operations import (
    Adjust,
    Conclude,
    Credit,
    Fee,
    Hold,
    Operation,
    Post,
    Reverse,
    Settle,
    Suspend,
    Void,
)
from edge.core.money import Money
from edge.core.month import Month
from edge.store.account_rows import adjustments_account, fees_account, funding_account, open_account, publisher_account
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.tables import account, publisher, site
from tests.support.books import Books, introduce_crawler

OCTOBER, NOVEMBER, DECEMBER = Month(2026, 10), Month(2026, 11), Month(2026, 12)
DAY_MICROS = 86_400_000_000
HOSTILE_RULE = '=cmd|"/C calc"!A0\\ "quoted"\n; not a comment'


@dataclass
class Desk:
    """Books whose clock the test turns."""

    database: Database
    books: Books
    now_micros: int = OCTOBER.start_micros
    accounts: dict[tuple[str, int, str], int] = field(default_factory=dict)
    waiting: bytes = b""
    october: bytes = b""

    @classmethod
    def open(cls, database: Database) -> Desk:
        books = Books.open(database)
        desk = cls(database, books)
        with database.write() as connection:
            connection.execute(
                insert(publisher).values(id=2, name="=Blog", name_key="=blog", email="b@x", created_at_micros=0)
            )
            first = connection.execute(select(site).where(site.c.id == 1)).mappings().one()
            second = {**first, "id": 2, "publisher_id": 2, "host": "blog.example"}
            connection.execute(insert(site).values(**second))
            for number in (1, 2):
                introduce_crawler(connection, number)
            for currency in ("USD", "EUR"):
                for number in (1, 2):
                    desk.accounts["publisher", number, currency] = publisher_account(connection, number, currency)
                    desk.accounts["crawler", number, currency] = open_account(
                        connection,
                        f"crawler:{number}:{currency}",
                        currency,
                        owner_kind="crawler",
                        owner_id=number,
                        terms="prepaid",
                        floor_micros=0,
                    )
        return desk

    def write(self, *operations: Operation) -> list[Any]:
        hand = BatchWriter(self.database, "test", clock=lambda: self.now_micros)
        try:
            return list(hand.write(list(operations)))
        finally:
            hand.close()

    def top_up(self, crawler: int, money: Money, reference: str) -> None:
        with self.database.write() as connection:
            funding = funding_account(connection, money.currency)
        to = self.accounts["crawler", crawler, money.currency]
        [done] = self.write(Credit(CreditOrder(to, funding, crawler, money, reference, "operator@example")))
        assert isinstance(done, Credited), done

    def order(self, price: str, *, crawler: int = 1, publisher: int = 1, rule: str = "long reads") -> ChargeOrder:
        currency, amount = price.split()
        payer = self.accounts["crawler", crawler, currency]
        order = self.books.order(self.accounts["crawler", 1, "USD"], price=Money(int(amount), currency))
        return replace(
            order,
            crawler_account=payer,
            publisher_account=self.accounts["publisher", publisher, currency],
            crawler_id=crawler,
            publisher_id=publisher,
            site_id=publisher,
            rule=rule,
        )

    def sell(self, *orders: ChargeOrder) -> None:
        answers = self.write(*map(Post, orders))
        assert all(isinstance(answer, Posted) for answer in answers), answers

    def balances(self) -> dict[str, int]:
        """Every account's balance, by code."""
        with self.database.read() as connection:
            rows = connection.execute(select(account.c.code, account.c.balance_micros))
            return {row.code: row.balance_micros for row in rows}


def busy_month(database: Database, *, fees: bool = True) -> Desk:
    """Write October, November and December; the clock stands in December. Without ``fees`` none were taken yet."""
    desk = Desk.open(database)
    for crawler in (1, 2):
        desk.top_up(crawler, Money(10_000_000, "USD"), f"INV-{crawler}")
        desk.top_up(crawler, Money(500_000_001, "EUR"), f"INV-{crawler}-EUR")
    early, late_hold = desk.order("USD 10000"), desk.order("USD 77")
    kept = desk.order("EUR 999")
    desk.sell(early, kept)
    desk.october = kept.key
    [held] = desk.write(Hold(late_hold))
    assert isinstance(held, Held)
    desk.now_micros = NOVEMBER.start_micros
    desk.write(Settle(held), Reverse(early.key, "wrong page", author="operator"))
    _november(desk)
    desk.now_micros = DECEMBER.start_micros
    desk.sell(desk.order("USD 123456"))
    assert isinstance(desk.write(Conclude(desk.waiting, 1, keep=True))[0], Released)
    if fees:
        _closing(desk)
    return desk


def _november(desk: Desk) -> None:
    desk.sell(*(desk.order("USD 5000") for _ in range(5)))
    desk.now_micros += 3 * DAY_MICROS
    desk.top_up(1, Money(1, "USD"), "INV-3")
    broken, refunded = desk.order("USD 5000", crawler=2), desk.order("EUR 333333", publisher=2, rule=HOSTILE_RULE)
    desk.sell(
        broken, refunded, desk.order("EUR 333333", publisher=2, rule=HOSTILE_RULE), desk.order("USD 1", publisher=2)
    )
    desk.write(Reverse(broken.key, "connection lost"), Reverse(refunded.key, "complaint", author="operator"))
    desk.write(Post(broken))
    [held, dropped] = desk.write(Hold(desk.order("USD 20000")), Hold(desk.order("USD 30000")))
    desk.write(Settle(held), Void(dropped, "broken"))
    _waiting(desk)
    _notes(desk)
    _free(desk)
    desk.now_micros = NOVEMBER.end_micros - 1
    desk.write(Hold(desk.order("USD 40000", crawler=2)))


def _waiting(desk: Desk) -> None:
    """Four pages go into suspense: one is released, one given back, two stay, one of them until December."""
    orders = [desk.order(price, crawler=2, publisher=2) for price in ("USD 700", "USD 800", "USD 900", "EUR 1000")]
    for order in orders:
        [posted] = desk.write(Post(order))
        [waits] = desk.write(Suspend(order.key, "nobody knows", posted.position))
        assert isinstance(waits, Suspended), waits
    released, returned, later, _ = orders
    assert isinstance(desk.write(Conclude(released.key, 1, keep=True))[0], Released)
    assert isinstance(desk.write(Conclude(returned.key, 1, keep=False))[0], Reversed)
    desk.waiting = later.key


def _notes(desk: Desk) -> None:
    """A publisher's credit note on a charge of October, a debit note, and one that the operator pays."""
    crawler, earner = desk.accounts["crawler", 1, "EUR"], desk.accounts["publisher", 1, "EUR"]
    with desk.database.write() as connection:
        ours = adjustments_account(connection, "EUR")
    october = charge_id(desk.october)
    for number, parties, payer, corrects in (
        ("CN-2026-0001", (earner, crawler), 1, october),
        ("DN-2026-0001", (crawler, earner), 1, None),
        ("CN-2026-0002", (ours, crawler), None, None),
    ):
        order = AdjustOrder(number, *parties, Money(99, "EUR"), 1, payer, "too dear", "operator", corrects)
        assert isinstance(desk.write(Adjust(order))[0], Recorded)


def _free(desk: Desk) -> None:
    """Four pages are free, one of them by a rule that sells nothing else; one does not arrive."""
    terms = (FreePages(9, FreePeriod.MONTH),)
    rules = ("long reads", "long reads", "long reads", "nothing but free")
    orders = [replace(desk.order("USD 5000", rule=rule), grants=terms) for rule in rules]
    desk.sell(*orders)
    assert isinstance(desk.write(Reverse(orders[0].key, "connection lost"))[0], Reversed)


def _closing(desk: Desk) -> None:
    """November's fees are taken, in December."""
    for earns, currency, amount in ((1, "USD", 5_001), (2, "EUR", 33)):
        with desk.database.write() as connection:
            fees = fees_account(connection, currency)
        earner = desk.accounts["publisher", earns, currency]
        order = FeeOrder(NOVEMBER.label, earner, fees, earns, Money(amount, currency), "close")
        assert isinstance(desk.write(Fee(order))[0], Recorded)
