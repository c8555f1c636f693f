"""The ledger against a model of it, in any order of operations, with processes that die in between.

The model is written from docs/money, not from the code: per signed request it knows what was taken and what the
crawler may still collect; per account what must be left.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from edge.core.ledger import Credited, Held, InsufficientFunds, Lost, NoRight, Posted, Redelivery, Reversed
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.recovery import recover
from edge.store.tables import writer
from edge.store.verify import verify
from tests.support.books import Books, migrate
from tests.support.postgres import PostgresServer

REQUESTS = st.integers(0, 4)
CRAWLERS = st.integers(0, 1)


@dataclass
class Request:
    """What the model knows of one signed request: nothing, held, paid, given back, or collected for nothing."""

    phase: str = "new"
    position: tuple[int, int] | None = None
    delivered: bool = False


@dataclass
class Model:
    """What is left on each crawler's account, what was earned, and each request's state."""

    left: list[int] = field(default_factory=lambda: [0, 0])
    earned: int = 0
    requests: dict[tuple[int, int], Request] = field(default_factory=dict)

    def request(self, crawler: int, number: int) -> Request:
        return self.requests.setdefault((crawler, number), Request())

    @property
    def held(self) -> int:
        return sum(request.phase == "held" for request in self.requests.values())


class LedgerMachine(RuleBasedStateMachine):
    """Two processes, two crawlers, five requests each, in a new database for each run."""

    def make_database(self) -> tuple[Database, Callable[[], None]]:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.database, self.discard = self.make_database()
        self.books = Books.open(self.database)
        self.accounts = [self.books.crawler(1), self.books.crawler(2, limit_pages=2)]
        self.hands = [BatchWriter(self.database, "one"), BatchWriter(self.database, "two")]
        self.model = Model()
        self.helds: list[tuple[int, int, Held]] = []
        self.references = 0

    @initialize(pages=st.integers(0, 4))
    def first_credit(self, pages: int) -> None:
        if pages:
            self.credit(0, pages, 0)

    def write(self, hand: int, *operations: Operation) -> list[Any]:
        return list(self.hands[hand].write(list(operations)))

    def order(self, crawler: int, number: int, *, only: bool = False) -> Any:
        return self.books.order(self.accounts[crawler], 10 * crawler + number, redelivery_only=only)

    @rule(hand=st.integers(0, 1), crawler=CRAWLERS, number=REQUESTS, only=st.booleans(), copies=st.integers(1, 3))
    def post(self, hand: int, crawler: int, number: int, only: bool, copies: int) -> None:
        """The same request several times in one batch is the same as one after the other."""
        order = self.order(crawler, number, only=only)
        for answer in self.write(hand, *[Post(order)] * copies):
            self.expect(crawler, number, only, answer, small=True)

    @rule(hand=st.integers(0, 1), crawler=CRAWLERS, number=REQUESTS, only=st.booleans())
    def hold(self, hand: int, crawler: int, number: int, only: bool) -> None:
        [answer] = self.write(hand, Hold(self.order(crawler, number, only=only)))
        self.expect(crawler, number, only, answer, small=False)
        if isinstance(answer, Held):
            self.helds.append((crawler, number, answer))

    def expect(self, crawler: int, number: int, only: bool, answer: Any, *, small: bool) -> None:
        request = self.model.request(crawler, number)
        limit = (0, -2)[crawler]
        match request.phase:
            case "paid":
                expected: type = NoRight if only and request.delivered else Posted
                if expected is Posted:
                    assert answer.position == request.position
                    assert not answer.fresh
            case "held" if not only:
                expected = Posted if small else Held
                assert not small or answer.fresh
                if small:
                    self.paid(request, answer)
            case "given back":
                expected = Redelivery
                request.phase = "collected"
            case _ if only:
                expected = NoRight
            case _ if self.model.left[crawler] <= limit:
                expected = InsufficientFunds
            case _:
                expected = Posted if small else Held
                assert answer.fresh
                self.model.left[crawler] -= 1
                request.phase = "held"
                if small:
                    self.paid(request, answer)
        assert isinstance(answer, expected)

    def paid(self, request: Request, answer: Posted) -> None:
        request.phase, request.position, request.delivered = "paid", answer.position, False
        self.model.earned += 1

    @precondition(lambda self: self.helds)
    @rule(hand=st.integers(0, 1), which=st.integers(0, 99))
    def settle(self, hand: int, which: int) -> None:
        crawler, number, held = self.helds[which % len(self.helds)]
        request = self.model.request(crawler, number)
        [answer] = self.write(hand, Settle(held))
        if request.phase == "paid":
            assert answer.position == request.position
        elif request.phase == "held":
            assert answer.fresh
            self.paid(request, answer)
        elif self.model.left[crawler] <= (0, -2)[crawler]:
            assert isinstance(answer, Lost)
        else:
            assert answer.fresh
            self.model.left[crawler] -= 1
            self.paid(request, answer)

    @precondition(lambda self: self.helds)
    @rule(hand=st.integers(0, 1), which=st.integers(0, 99))
    def void(self, hand: int, which: int) -> None:
        crawler, number, held = self.helds[which % len(self.helds)]
        request = self.model.request(crawler, number)
        held_now = self.books.kinds(held.order.key).count("hold")
        self.write(hand, Void(held, "broken"))
        # Only the attempt that this delivery held is given back.
        if request.phase == "held" and self.attempts(held) == held.attempt:
            request.phase = "new"
            self.model.left[crawler] += 1
        assert held_now == self.books.kinds(held.order.key).count("hold")

    def attempts(self, held: Held) -> int:
        return sum(kind in ("post", "hold") for kind in self.books.kinds(held.order.key))

    @rule(hand=st.integers(0, 1), crawler=CRAWLERS, number=REQUESTS, refund=st.booleans())
    def reverse(self, hand: int, crawler: int, number: int, refund: bool) -> None:
        request = self.model.request(crawler, number)
        author = "operator" if refund else None
        [answer] = self.write(hand, Reverse(self.order(crawler, number).key, "broken", author=author))
        if request.phase == "paid" and (refund or not request.delivered):
            assert isinstance(answer, Reversed)
            assert answer.fresh
            request.phase = "refunded" if refund else "given back"
            self.model.left[crawler] += 1
            self.model.earned -= 1
        else:
            assert not (isinstance(answer, Reversed) and answer.fresh)

    @rule(hand=st.integers(0, 1), crawler=CRAWLERS, number=REQUESTS)
    def confirm(self, hand: int, crawler: int, number: int) -> None:
        request = self.model.request(crawler, number)
        if request.phase == "paid" and request.position is not None:
            self.hands[hand].note_deliveries([request.position])
            self.hands[hand].write_marks()
            request.delivered = True

    @rule(crawler=CRAWLERS, pages=st.integers(1, 3), hand=st.integers(0, 1))
    def credit(self, crawler: int, pages: int, hand: int) -> None:
        self.references += 1
        top_up = Credit(self.books.top_up(self.accounts[crawler], pages, f"invoice {self.references}"))
        first, again = self.write(hand, top_up, top_up)
        assert isinstance(first, Credited)
        assert (first.fresh, again.fresh) == (True, False)
        self.model.left[crawler] += pages

    @rule(hand=st.integers(0, 1))
    def die(self, hand: int) -> None:
        """The process is gone; the other one takes over its holds. Those it shares with nobody are voided."""
        dead, living = self.hands[hand], self.hands[1 - hand]
        if dead.writer_id is None:
            return
        with self.database.write() as connection:
            lapsed = update(writer).where(writer.c.id == dead.writer_id).values(lease_until_micros=1)
            connection.execute(lapsed)
        before = {key: self.books.kinds(self.order(*key).key)[-1] for key in self.model.requests if self.is_held(key)}
        recover(self.database, living)
        for key, last in before.items():
            assert last == "hold"
            if self.books.kinds(self.order(*key).key)[-1] == "void":
                self.model.request(*key).phase = "new"
                self.model.left[key[0]] += 1
        self.hands[hand] = BatchWriter(self.database, "born again")

    def is_held(self, key: tuple[int, int]) -> bool:
        return self.model.request(*key).phase == "held"

    @invariant()
    def balances_are_as_the_model_says(self) -> None:
        assert [self.books.pages_of(account) for account in self.accounts] == self.model.left
        assert self.books.pages_of(self.books.publisher) == self.model.earned
        assert self.model.left[0] >= 0
        assert self.model.left[1] >= -2

    def teardown(self) -> None:
        try:
            found = verify(self.database)
            assert found.faults == ()
            credited = -self.books.pages_of(self.books.funding)
            assert credited == sum(self.model.left) + self.model.earned + self.model.held
        finally:
            self.database.close()
            self.discard()


def test_the_ledger_does_what_its_model_says_on_sqlite(migrated_file: Path) -> None:
    class OnSqlite(LedgerMachine):
        def make_database(self) -> tuple[Database, Callable[[], None]]:
            directory = Path(tempfile.mkdtemp())
            shutil.copyfile(migrated_file, directory / "model.db")
            return Database.open(f"sqlite:///{directory / 'model.db'}"), lambda: shutil.rmtree(directory)

    run_state_machine_as_test(OnSqlite, settings=settings(max_examples=60, stateful_step_count=30))


@pytest.mark.system
def test_the_ledger_does_what_its_model_says_on_postgresql(postgres_server: PostgresServer) -> None:
    template = postgres_server.template("store", migrate)

    class OnPostgresql(LedgerMachine):
        def make_database(self) -> tuple[Database, Callable[[], None]]:
            name = postgres_server.create_database(template=template)
            return Database.open(postgres_server.url(name)), lambda: postgres_server.drop_database(name)

    run_state_machine_as_test(OnPostgresql, settings=settings(max_examples=12, stateful_step_count=30))
