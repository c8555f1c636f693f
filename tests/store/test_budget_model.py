"""Budgets against a model of them, in any order of sales, corrections, limits and days, on both databases.

The model knows when each charge was opened and whether it stands; every window is counted from that afresh.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.budgets import DAY_MICROS, Budget, BudgetExceeded
from edge.core.ledger import ChargeOrder, Held, Posted, Reversed
from edge.core.ledger_operations import Hold, Post, Reverse, Settle, Void
from edge.store.budgets import BudgetPlace, remove_budget
from edge.store.database import Database
from edge.store.verify import verify
from tests.support.books import PRICE, migrate
from tests.support.budget_counter import DAY, MONTH, SITE, Counter
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.lengthy

PLACES = (DAY, MONTH, SITE)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 3)),
        st.tuples(st.just("hold"), st.just(0)),
        st.tuples(st.sampled_from(["settle", "void", "refund"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["correct", "remove"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["limit day", "limit month", "limit site"]), st.integers(1, 6)),
        st.tuples(st.just("later"), st.integers(1, 3)),
    ),
    min_size=8,
    max_size=25,
)


@dataclass
class Charge:
    """What the model knows of a charge: when it was opened, and whether the crawler's money is gone."""

    order: ChargeOrder
    opened_at: int
    held: Held | None = None
    stands: bool = True
    notes: int = 0


@dataclass
class Play:
    """One run: the counter does, the model says what must come of it."""

    counter: Counter
    limits: dict[BudgetPlace, int] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)

    def step(self, action: str, number: int) -> None:
        match action.split():
            case ["post"]:
                self.buy([self.counter.books.order(self.counter.crawler) for _ in range(number)])
            case ["hold"]:
                self.hold(self.counter.books.order(self.counter.crawler))
            case ["limit", per]:
                place = next(place for place in PLACES if place.per == per)
                self.counter.limit(place, number)
                self.limits[place] = number
            case ["remove"]:
                if (place := PLACES[number % 3]) in self.limits:
                    remove_budget(self.counter.database, place)
                    del self.limits[place]
            case ["later"]:
                self.counter.clock.now += number * DAY_MICROS // 3
            case [correction]:
                self.correct(correction, number)
        assert {view.budget.per: view.spent_micros for view in self.counter.views()} == {
            place.per: self.spent(view.budget) * PRICE.amount_micros
            for place in self.limits
            for view in self.counter.views()
            if view.budget.per is place.per
        }

    def buy(self, orders: list[ChargeOrder]) -> None:
        for order, answer in zip(orders, self.counter.write(*map(Post, orders)), strict=True):
            self.expect(order, answer)

    def hold(self, order: ChargeOrder) -> None:
        [answer] = self.counter.write(Hold(order))
        self.expect(order, answer)

    def expect(self, order: ChargeOrder, answer: object) -> None:
        budgets = [view.budget for view in self.counter.views()]
        if all(self.spent(one) < one.limit.amount_micros // PRICE.amount_micros for one in budgets):
            assert isinstance(answer, Posted | Held)
            self.charges.append(Charge(order, self.counter.clock.now, answer if isinstance(answer, Held) else None))
        else:
            assert isinstance(answer, BudgetExceeded)

    def spent(self, budget: Budget) -> int:
        """The charges that stand and were opened in the budget's window of now."""
        now = budget.window(self.counter.clock.now)
        return sum(charge.stands and budget.window(charge.opened_at) == now for charge in self.charges)

    def correct(self, correction: str, number: int) -> None:
        open_holds = [charge for charge in self.charges if charge.held is not None and charge.stands]
        paid = [charge for charge in self.charges if charge.held is None and (charge.stands or charge.notes)]
        if correction in ("settle", "void") and open_holds:
            charge = open_holds[number % len(open_holds)]
            assert charge.held is not None
            self.counter.write(Settle(charge.held) if correction == "settle" else Void(charge.held, "broken"))
            charge.stands = correction == "settle"
            charge.held = None if charge.stands else charge.held
        elif correction == "correct" and paid:
            charge = paid[number % len(paid)]
            charge.notes += 1
            charge_id = f"ch_{charge.order.key.hex()}"
            self.counter.note(f"{charge_id} {charge.notes}", charge_id, credits=charge.stands)
            charge.stands = not charge.stands
        elif correction == "refund" and (whole := [charge for charge in paid if not charge.notes]):
            charge = whole[number % len(whole)]
            [answer] = self.counter.write(Reverse(charge.order.key, "refund", author="operator"))
            assert isinstance(answer, Reversed)
            charge.stands = False


def play(database: Database, steps: list[tuple[str, int]]) -> None:
    try:
        run = Play(Counter(database, credit=1_000))
        for step in steps:
            run.step(*step)
        assert verify(database).faults == ()
    finally:
        database.close()


def test_budgets_do_what_their_model_says_on_sqlite(migrated_file: Path) -> None:
    @settings(max_examples=80)
    @given(STEPS)
    def run(steps: list[tuple[str, int]]) -> None:
        with tempfile.TemporaryDirectory() as directory:
            shutil.copyfile(migrated_file, f"{directory}/model.db")
            play(Database.open(f"sqlite:///{directory}/model.db"), steps)

    run()


@pytest.mark.system
def test_budgets_do_what_their_model_says_on_postgresql(postgres_server: PostgresServer) -> None:
    template = postgres_server.template("store", migrate)

    @settings(max_examples=8)
    @given(STEPS)
    def run(steps: list[tuple[str, int]]) -> None:
        name = postgres_server.create_database(template=template)
        try:
            play(Database.open(postgres_server.url(name)), steps)
        finally:
            postgres_server.drop_database(name)

    run()
