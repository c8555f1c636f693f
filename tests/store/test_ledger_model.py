"""The ledger against a model of it, in any order of operations, with processes that die in between.

Runs share a database, fifty of them, with crawlers of their own; each begins days after the one before and ends with
the death of its processes, so that nothing is left over. The database lies in memory where the system has such a
place: what dies here is processes, not disks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update

from edge.core.ledger import Credited, Held, Posted, charge_id
from edge.core.ledger_corrections import AdjustOrder
from edge.core.ledger_operations import Adjust, Credit, Hold, Operation, Post, Reverse, Settle, Suspend, Void
from edge.core.money import Money
from edge.store.account_rows import holds_account, suspense_account
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.recovery import recover
from edge.store.suspense import SuspenseSweep
from edge.store.tables import account, writer
from edge.store.verify import verify
from tests.support.books import Books, migrate
from tests.support.ledger_model import COST, DAY_MICROS, Model, Payer, Request
from tests.support.postgres import PostgresServer

HANDS = st.integers(0, 1)
# Few requests, so that much happens to each: what matters needs three or four steps of one.
REQUESTS = st.integers(0, 1)
CRAWLERS = st.sampled_from((0, 0, 1))
HALF = COST // 2
RUNS_PER_DATABASE = 50
MEMORY = Path("/dev/shm")

MakeDatabase = Callable[[], tuple[Database, Callable[[], None]]]


@dataclass
class Stage:
    """A database that runs take turns on."""

    make: MakeDatabase
    database: Database | None = None
    discard: Callable[[], None] = lambda: None
    books: Books | None = None
    runs: int = 0
    crawlers: int = 0
    now: int = 10 * DAY_MICROS
    total: int = 0

    def take(self) -> tuple[Database, Books]:
        if self.database is None or self.books is None or self.runs >= RUNS_PER_DATABASE:
            self.leave()
            self.database, self.discard = self.make()
            self.books, self.runs, self.crawlers = Books.open(self.database), 0, 0
        self.runs += 1
        self.total += 1
        self.now += 10 * DAY_MICROS
        return self.database, self.books

    def leave(self) -> None:
        """Read all that was written; the books hold."""
        if self.database is None:
            return
        try:
            assert verify(self.database).faults == ()
        finally:
            self.database.close()
            self.discard()
            self.database = None


class LedgerMachine(RuleBasedStateMachine):
    """Two processes, two crawlers, two requests each."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.database, self.books = self.stage.take()
        with self.database.write() as connection:
            self.ours = [holds_account(connection, "USD"), suspense_account(connection, "USD")]
        self.number = self.stage.crawlers
        self.stage.crawlers += 2
        # The second one may go two pages into debt.
        self.accounts = [self.books.crawler(self.number + 1), self.books.crawler(self.number + 2, limit_pages=2)]
        self.model = Model([Payer(), Payer(floor=-2 * COST)], self.stage.now)
        self.before = self.balances()
        self.hands = [self.process(), self.process()]
        self.helds: list[tuple[int, int, Held]] = []
        self.notes = 0

    def process(self) -> BatchWriter:
        return BatchWriter(self.database, "model", clock=lambda: self.model.now)

    def balances(self) -> list[int]:
        numbers = [*self.accounts, self.books.publisher, *self.ours]
        query = select(account.c.id, account.c.balance_micros).where(account.c.id.in_(numbers))
        with self.database.read() as connection:
            found = {row.id: row.balance_micros for row in connection.execute(query)}
        return [found[number] for number in numbers]

    @initialize(pages=st.integers(0, 3))
    def first_credit(self, pages: int) -> None:
        if pages:
            self.credit(0, pages, 0)

    def write(self, hand: int, *operations: Operation) -> list[Any]:
        return list(self.hands[hand].write(list(operations)))

    def order(self, crawler: int, number: int, *, only: bool = False) -> Any:
        return self.books.order(self.accounts[crawler], 10 * crawler + number, redelivery_only=only)

    # What can happen

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, only=st.booleans(), copies=st.integers(1, 2))
    def post(self, hand: int, crawler: int, number: int, only: bool, copies: int) -> None:
        """The same request several times in one batch is the same as one after the other."""
        order = self.order(crawler, number, only=only)
        for answer in self.write(hand, *[Post(order)] * copies):
            self.expect_order(hand, crawler, number, answer, only=only, small=True)

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, only=st.booleans())
    def hold(self, hand: int, crawler: int, number: int, only: bool) -> None:
        [answer] = self.write(hand, Hold(self.order(crawler, number, only=only)))
        self.expect_order(hand, crawler, number, answer, only=only, small=False)
        if isinstance(answer, Held):
            self.helds.append((crawler, number, answer))

    def expect_order(self, hand: int, crawler: int, number: int, answer: Any, *, only: bool, small: bool) -> None:
        request = self.model.request(crawler, number)
        writer_id = self.hands[hand].writer_id
        due = self.model.order(crawler, request, only=only, small=small, writer=writer_id)
        self.expect(answer, due)
        self.note_position(request, answer)

    def expect(self, answer: Any, due: str) -> None:
        """The outcome by its class; ``again`` says that it was so before."""
        kind, again = due.removesuffix(" again"), due.endswith(" again")
        assert type(answer).__name__ == kind
        assert getattr(answer, "fresh", not again) is not again

    def note_position(self, request: Request, answer: Any) -> None:
        if isinstance(answer, Posted):
            assert answer.amount.amount_micros == COST
            assert answer.fresh or answer.position == request.position
            request.position = answer.position

    @precondition(lambda self: self.helds)
    @rule(hand=HANDS, which=st.integers(0, 99))
    def settle(self, hand: int, which: int) -> None:
        crawler, number, held = self.helds[which % len(self.helds)]
        request = self.model.request(crawler, number)
        [answer] = self.write(hand, Settle(held))
        self.expect(answer, self.model.settle(crawler, request, self.hands[hand].writer_id))
        self.note_position(request, answer)

    @precondition(lambda self: self.helds)
    @rule(hand=HANDS, which=st.integers(0, 99))
    def void(self, hand: int, which: int) -> None:
        """Only the attempt that this delivery held is given back."""
        crawler, number, held = self.helds[which % len(self.helds)]
        self.write(hand, Void(held, "broken"))
        self.model.void(crawler, self.model.request(crawler, number), held.attempt)

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, refund=st.booleans())
    def reverse(self, hand: int, crawler: int, number: int, refund: bool) -> None:
        author = "operator" if refund else None
        [answer] = self.write(hand, Reverse(self.order(crawler, number).key, "broken", author=author))
        self.expect(answer, self.model.reverse(crawler, self.model.request(crawler, number), refund=refund))

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS)
    def suspend(self, hand: int, crawler: int, number: int) -> None:
        request = self.model.request(crawler, number)
        if request.position is not None:
            [answer] = self.write(hand, Suspend(self.order(crawler, number).key, "why", request.position))
            self.expect(answer, self.model.suspend(request))

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS)
    def give_half_back(self, hand: int, crawler: int, number: int) -> None:
        self.notes += 1
        key = self.order(crawler, number).key
        name = f"CN-{self.number}-{self.notes}"
        parties = (self.books.publisher, self.accounts[crawler])
        order = AdjustOrder(
            name, *parties, Money(HALF, "USD"), self.number + 1 + crawler, 1, "too dear", "operator", charge_id(key)
        )
        [answer] = self.write(hand, Adjust(order))
        self.expect(answer, self.model.credit_note(crawler, self.model.request(crawler, number), HALF))

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS)
    def confirm(self, hand: int, crawler: int, number: int) -> None:
        request = self.model.request(crawler, number)
        if request.phase in ("paid", "suspended") and request.position is not None:
            self.hands[hand].note_deliveries([request.position])
            self.hands[hand].write_marks()
            request.delivered = True

    @rule(crawler=CRAWLERS, pages=st.integers(1, 3), hand=HANDS)
    def credit(self, crawler: int, pages: int, hand: int) -> None:
        self.notes += 1
        top_up = Credit(self.books.top_up(self.accounts[crawler], pages, f"invoice {self.number} {self.notes}"))
        first, again = self.write(hand, top_up, top_up)
        assert isinstance(first, Credited)
        assert (first.fresh, again.fresh) == (True, False)
        self.model.payers[crawler].left += pages * COST

    @rule(hand=HANDS)
    def die(self, hand: int) -> None:
        """The process is gone; the other one takes over what it left."""
        dead = self.hands[hand].writer_id
        self.hands[hand] = self.process()
        if dead is not None:
            self.take_over([dead], self.hands[1 - hand])

    def take_over(self, dead: list[int], living: BatchWriter) -> None:
        with self.database.write() as connection:
            connection.execute(update(writer).where(writer.c.id.in_(dead)).values(lease_until_micros=1))
        recover(self.database, living)
        for number in dead:
            self.model.process_dies(number)

    @rule()
    def a_day_passes(self) -> None:
        self.model.day_passes()
        self.stage.now = self.model.now
        SuspenseSweep(self.database, self.hands[0], lambda: self.model.now).sweep()

    # What always holds

    @invariant()
    def balances_are_as_the_model_says(self) -> None:
        one, two, publisher, holds, suspense = self.balances()
        assert [one, two] == [payer.left for payer in self.model.payers]
        assert publisher - self.before[2] == self.model.earned
        assert holds - self.before[3] == self.model.sum_of("held")
        assert suspense - self.before[4] == self.model.sum_of("suspended")
        assert one >= 0
        assert two >= -2 * COST

    def teardown(self) -> None:
        """Every run ends with the death of both processes and a day: then nothing is held and nothing waits."""
        dead = [hand.writer_id for hand in self.hands if hand.writer_id is not None]
        self.hands = [self.process()]
        self.take_over(dead, self.hands[0])
        self.a_day_passes()
        self.balances_are_as_the_model_says()
        assert self.model.sum_of("held") == self.model.sum_of("suspended") == 0
        for hand in self.hands:
            hand.close()


@contextmanager
def staged(make: MakeDatabase) -> Iterator[type[LedgerMachine]]:
    """The machine on databases of one kind; the last one is verified at the end."""

    class Staged(LedgerMachine):
        stage = Stage(make)

    yield Staged
    Staged.stage.leave()


def run(machine: type[LedgerMachine], runs: int, steps: int) -> None:
    wanted = settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=wanted)
    assert machine.stage.total >= runs


def test_the_ledger_does_what_its_model_says_on_sqlite(migrated_file: Path) -> None:
    def make() -> tuple[Database, Callable[[], None]]:
        directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        shutil.copyfile(migrated_file, directory / "model.db")
        return Database.open(f"sqlite:///{directory / 'model.db'}"), lambda: shutil.rmtree(directory)

    with staged(make) as machine:
        run(machine, 2000, 7)


@pytest.mark.system
def test_the_ledger_does_what_its_model_says_on_postgresql(postgres_server: PostgresServer) -> None:
    template = postgres_server.template("store", migrate)

    def make() -> tuple[Database, Callable[[], None]]:
        name = postgres_server.create_database(template=template)
        return Database.open(postgres_server.url(name)), lambda: postgres_server.drop_database(name)

    with staged(make) as machine:
        run(machine, 50, 15)
