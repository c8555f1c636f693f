"""A crawler with credit and budgets, and a hand that sells to it by a clock of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from edge.core.budgets import DAY_MICROS, BudgetExceeded, Per
from edge.core.ledger import Posted
from edge.core.ledger_corrections import AdjustOrder, Recorded
from edge.core.ledger_operations import Adjust, Credit, Operation, Post
from edge.core.money import Money
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.budgets import BudgetPlace, BudgetView, set_budget, show_budgets
from edge.store.database import Database
from edge.store.tables import (
    budget_window,
)
from tests.support.books import PRICE, Books

DAY = BudgetPlace(1, "USD", Per.DAY)
MONTH = BudgetPlace(1, "USD", Per.MONTH)
SITE = BudgetPlace(1, "USD", Per.SITE, 1)
LAST_OF_NOVEMBER = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()) * 1_000_000


def pages(count: int) -> Money:
    """What so many pages cost."""
    return Money(count * PRICE.amount_micros, "USD")


class Clock:
    """Says the time that it is set to."""

    def __init__(self) -> None:
        self.now = LAST_OF_NOVEMBER - 2 * DAY_MICROS

    def __call__(self) -> int:
        return self.now


class Counter:
    """One crawler with a hundred pages of credit, and a hand that sells to it by a clock of its own."""

    def __init__(self, database: Database, credit: int = 100) -> None:
        self.database = database
        self.books = Books.open(database)
        self.crawler = self.books.crawler(1)
        self.clock = Clock()
        self.hand = BatchWriter(database, "test", self.clock)
        self.write(Credit(self.books.top_up(self.crawler, credit)))
        self.clock.now = LAST_OF_NOVEMBER

    def write(self, *operations: Operation) -> list[Answer]:
        return self.hand.write(operations)

    def sell(self, count: int = 1) -> list[Answer]:
        return self.write(*(Post(self.books.order(self.crawler)) for _ in range(count)))

    def note(self, number: str, charge: str, *, credits: bool) -> None:
        """Correct a charge by its whole price: give it back, or take it again."""
        parties = (self.books.publisher, self.crawler) if credits else (self.crawler, self.books.publisher)
        [answer] = self.write(Adjust(AdjustOrder(number, *parties, PRICE, 1, 1, "too dear", "operator", charge)))
        assert isinstance(answer, Recorded), answer

    def limit(self, place: BudgetPlace, count: int) -> None:
        set_budget(self.database, place, pages(count), author="operator", now=self.clock.now)

    def views(self) -> list[BudgetView]:
        with self.database.read() as connection:
            return show_budgets(connection, [self.crawler], self.clock.now)

    def spent(self) -> list[int]:
        """What the windows of now have taken, in pages."""
        return [view.spent_micros // PRICE.amount_micros for view in self.views()]

    def windows(self) -> list[tuple[int, int]]:
        """Every window's spending and ceiling in pages, oldest first."""
        query = select(budget_window).order_by(budget_window.c.start_micros)
        page = PRICE.amount_micros
        with self.database.read() as connection:
            return [(row.spent_micros // page, row.ceiling_micros // page) for row in connection.execute(query)]


def sold(answers: list[Answer]) -> int:
    """How many of them were sold; the others must have met a budget."""
    assert {type(answer) for answer in answers} <= {Posted, BudgetExceeded}
    return sum(isinstance(answer, Posted) for answer in answers)
