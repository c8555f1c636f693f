"""Two months of books, generated from a seed: sales of every fate, notes, top-ups, three publishers, two currencies.

September has sales that October corrects; what October leaves in suspense and in holds stays there. Everything is
written by the ledger's own hand.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import insert, select

from edge.core.ledger import ChargeOrder, Held, Posted, Suspended, charge_id
from edge.core.ledger_corrections import AdjustOrder, Recorded
from edge.core.ledger_operations import Adjust, Conclude, Hold, Post, Reverse, Settle, Suspend, Void
from edge.core.money import Money
from edge.core.month import Month
from edge.store.account_rows import adjustments_account, publisher_account
from edge.store.database import Database
from edge.store.publishers import list_publishers, set_share
from edge.store.tables import publisher, site
from tests.support.busy_month import DAY_MICROS, Desk

EARLIER, GENERATED = Month(2025, 9), Month(2025, 10)
CURRENCIES = ("USD", "EUR")
SHARES = (125_000, 333_333, 0)
RULES = ("long reads", "archive", "everything else")
SALES = 60


def generated_month(database: Database, seed: int) -> Desk:
    """Write the two months; the operator's shares are set, and nothing is closed."""
    desk = Desk.open(database)
    _third_publisher(desk)
    writing = _Writing(desk, random.Random(seed))
    desk.now_micros = EARLIER.start_micros
    for crawler in (1, 2):
        for currency in CURRENCIES:
            desk.top_up(crawler, Money(90_000_000, currency), f"PAY-{crawler}-{currency}")
    for number in range(SALES):
        if number == SALES // 2:
            desk.now_micros = GENERATED.start_micros
            for crawler in (1, 2):
                desk.top_up(crawler, Money(writing.chance.randrange(1, 10**7), "USD"), f"PAY-{crawler}-again")
        writing.sell_and_see()
        desk.now_micros += writing.chance.randrange(DAY_MICROS // 2, DAY_MICROS * 9 // 10)
    assert desk.now_micros < GENERATED.end_micros
    writing.correct_earlier()
    with database.write() as connection:
        for each, share_ppm in zip(
            sorted(list_publishers(connection), key=lambda each: each.publisher_id), SHARES, strict=True
        ):
            set_share(connection, each.name, share_ppm)
    return desk


@dataclass
class _Writing:
    desk: Desk
    chance: random.Random
    earlier: list[ChargeOrder] = field(default_factory=list)
    notes: int = 0

    def sell_and_see(self) -> None:
        """One sale, and what becomes of it."""
        order = self._order()
        fates: tuple[Callable[[ChargeOrder], None], ...] = (
            *(self._kept, self._kept, self._streamed, self._cut_off, self._given_back, self._waits, self._released),
            *(self._never_came, self._credited),
        )
        self.chance.choice(fates)(order)

    def correct_earlier(self) -> None:
        """Some of what September sold is given back, whole or in part, and the operator pays for one complaint."""
        for order in self.earlier[:3]:
            self.desk.write(Reverse(order.key, "wrong page", author="operator"))
        for order in self.earlier[3:6]:
            self._note(order, charge_id(order.key))
        with self.desk.database.write() as connection:
            ours = adjustments_account(connection, "EUR")
        self._adjust(ours, self.desk.accounts["crawler", 2, "EUR"], "EUR", 2, None, None)

    def _order(self) -> ChargeOrder:
        currency, rule = self.chance.choice(CURRENCIES), self.chance.choice(RULES)
        price = f"{currency} {self.chance.randrange(1, 2_000_000)}"
        return self.desk.order(price, crawler=self.chance.randint(1, 2), publisher=self.chance.randint(1, 3), rule=rule)

    def _kept(self, order: ChargeOrder) -> None:
        self.desk.sell(order)
        if self.desk.now_micros < EARLIER.end_micros:
            self.earlier.append(order)

    def _streamed(self, order: ChargeOrder) -> None:
        self.desk.write(Settle(self._held(order)))

    def _cut_off(self, order: ChargeOrder) -> None:
        self.desk.write(Void(self._held(order), "the origin broke off"))

    def _given_back(self, order: ChargeOrder) -> None:
        self.desk.sell(order)
        self.desk.write(Reverse(order.key, "complaint", author="operator"))

    def _waits(self, order: ChargeOrder) -> None:
        [posted] = self.desk.write(Post(order))
        assert isinstance(posted, Posted)
        [waits] = self.desk.write(Suspend(order.key, "nobody knows", posted.position))
        assert isinstance(waits, Suspended)

    def _released(self, order: ChargeOrder) -> None:
        self._waits(order)
        self.desk.write(Conclude(order.key, 1, keep=True))

    def _never_came(self, order: ChargeOrder) -> None:
        self._waits(order)
        self.desk.write(Conclude(order.key, 1, keep=False))

    def _credited(self, order: ChargeOrder) -> None:
        self.desk.sell(order)
        self._note(order, charge_id(order.key))

    def _held(self, order: ChargeOrder) -> Held:
        [held] = self.desk.write(Hold(order))
        assert isinstance(held, Held)
        return held

    def _note(self, order: ChargeOrder, corrects: str) -> None:
        """A credit note over a part of a charge, which its publisher pays."""
        payer, earner = order.crawler_account, order.publisher_account
        self._adjust(earner, payer, order.price.currency, order.crawler_id, order.publisher_id, corrects)

    def _adjust(
        self, debit: int, credit: int, currency: str, crawler: int, payer: int | None, corrects: str | None
    ) -> None:
        self.notes += 1
        order = AdjustOrder(
            f"CASE-{self.notes}", debit, credit, Money(1, currency), crawler, payer, "too dear", "operator", corrects
        )
        [answer] = self.desk.write(Adjust(order))
        assert isinstance(answer, Recorded), answer


def _third_publisher(desk: Desk) -> None:
    with desk.database.write() as connection:
        row = {"id": 3, "name": "Новости 新闻", "name_key": "новости 新闻", "email": "c@x", "created_at_micros": 0}
        connection.execute(insert(publisher).values(row))
        first = connection.execute(select(site).where(site.c.id == 1)).mappings().one()
        connection.execute(insert(site).values(**{**first, "id": 3, "publisher_id": 3, "host": "third.example"}))
        for currency in CURRENCIES:
            desk.accounts["publisher", 3, currency] = publisher_account(connection, 3, currency)
