"""A ledger at work: rounds of orders at random, each round one batch, every answer noted as it goes out.

The ledger's thread is held while the orders of a round queue up, so that the batches, and with them the places and
lengths of what is written, come from the seed alone. Times of leases are the machine's own, and all of one length;
that they are renewed every few seconds shows only where a session takes that long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from queue import SimpleQueue
from random import Random
from typing import Any

from edge.core.ledger import ChargeOrder, CreditOrder, Held, Posted
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.core.money import Money
from edge.store.charges import Ledger
from tests.support.books import USD, Books
from tests.support.charge_promises import Answered, Asked, Promises, Recovered, answered, asked

ORDERS_MAX = 6
AMOUNT_MICROS_MAX = 20_000
WAIT_SECONDS = 120.0
START_MICROS = 1_795_000_000_000_000
WISHES = {
    **{"post": 6, "post twice": 1, "hold": 4, "settle": 3, "void": 1},
    **{"reverse": 1, "refund": 1, "again": 1, "credit": 2},
}
"""How often each is asked for; where nothing is there to settle or to give back, a new page is posted."""

Mark = Callable[[object], None]


class Gate:
    """The ledger's clock, and a way to hold its thread: what queues up meanwhile is one batch."""

    def __init__(self) -> None:
        self._now_micros = START_MICROS
        self._closed = False
        self._arrived, self._opened = threading.Event(), threading.Event()

    def __call__(self) -> int:
        """The time; whoever asks while the gate is closed waits."""
        if self._closed:
            self._arrived.set()
            self._opened.wait(WAIT_SECONDS)
        self._now_micros += 1_000
        return self._now_micros

    @contextmanager
    def held(self, ledger: Ledger) -> Iterator[None]:
        """Hold the ledger's thread in the middle of an order that comes to nothing."""
        self._arrived.clear()
        self._opened.clear()
        self._closed = True
        nothing = ledger.submit(Reverse(bytes(16), "there is no such charge"))
        try:
            assert self._arrived.wait(WAIT_SECONDS), "the ledger's thread did not come by"
            yield
        finally:
            self._closed = False
            self._opened.set()
        nothing.result(WAIT_SECONDS)


class Trade:
    """The orders of a run. ``promises`` is what the answers so far come to; it is kept up as they come."""

    def __init__(self, books: Books, accounts: list[int], chance: Random) -> None:
        self.chance = chance
        self.promises = Promises()
        self.gate = Gate()
        self._books = books
        self._accounts = accounts
        self._orders: dict[bytes, ChargeOrder] = {}
        self._held: dict[bytes, Held] = {}
        self._busy: set[bytes] = set()
        self._delivered: list[tuple[int, int]] = []
        self._numbers = count(1)

    def begin(self, mark: Mark) -> None:
        """Hear that a ledger was opened; earlier holds are void."""
        self._held.clear()
        self._note(Recovered(), mark)

    def round(self, ledger: Ledger, mark: Mark) -> None:
        """Ask for a few things at once, and wait for all the answers."""
        self._busy.clear()
        wanted = [one for _ in range(self.chance.randint(1, ORDERS_MAX)) for one in self._wish()]
        answers: SimpleQueue[tuple[Operation, Any]] = SimpleQueue()
        with self.gate.held(ledger):
            for operation in wanted:
                self._ask(ledger, operation, mark, answers)
        for _ in wanted:
            self._learn(*answers.get(timeout=WAIT_SECONDS))

    def end(self, ledger: Ledger) -> None:
        """Confirm deliveries, last of all: their marks are written by the clock, or else when the ledger closes."""
        for position in self._delivered:
            ledger.confirm_delivery(position)
        self._delivered.clear()

    def _ask(
        self, ledger: Ledger, operation: Operation, mark: Mark, answers: SimpleQueue[tuple[Operation, Any]]
    ) -> None:
        def note(future: Future[Any]) -> None:
            # On the ledger's thread, at the moment at which the answer goes out.
            outcome = future.exception() or future.result()
            if not isinstance(outcome, BaseException):
                self._note(answered(operation, outcome), mark)
            answers.put((operation, outcome))

        self._note(asked(operation), mark)
        ledger.submit(operation).add_done_callback(note)

    def _note(self, event: Asked | Answered | Recovered, mark: Mark) -> None:
        mark(event)
        self.promises.take(event)

    def _learn(self, operation: Operation, outcome: Any) -> None:
        match outcome:
            case BaseException():
                raise AssertionError(f"{operation} failed while it was recorded") from outcome
            case Held(fresh=True):
                self._held[outcome.order.key] = outcome
            case Posted(fresh=True) if self.chance.random() < 0.3:
                self._delivered.append(outcome.position)
            case _:
                pass

    # What to ask for

    def _wish(self) -> list[Operation]:
        wish = self.chance.choices(list(WISHES), list(WISHES.values()))[0]
        match wish:
            case "hold":
                return [Hold(self._new_order())]
            case "settle" | "void" if self._held:
                held = self._held.pop(self.chance.choice(list(self._held)))
                return [Settle(held) if wish == "settle" else Void(held, "it broke off")]
            case "reverse" | "refund" if found := self._orders_at("post", "settle"):
                author = "operator" if wish == "refund" else None
                return [Reverse(self._one_of(found).key, "it did not arrive", author=author)]
            case "again" if found := self._orders_at("void", "reverse", "redeliver"):
                return [Post(self._one_of(found))]
            case "credit":
                return [Credit(self._new_top_up())]
            case "post twice":
                return [Post(self._new_order())] * 2
            case _:
                return [Post(self._new_order())]

    def _new_order(self) -> ChargeOrder:
        price = Money(self.chance.randint(1, AMOUNT_MICROS_MAX), USD)
        order = self._books.order(self.chance.choice(self._accounts), next(self._numbers), price=price)
        self._orders[order.key] = order
        return order

    def _new_top_up(self) -> CreditOrder:
        account, pages = self.chance.choice(self._accounts), self.chance.randint(5, 30)
        return self._books.top_up(account, pages, f"invoice {next(self._numbers)}")

    def _one_of(self, orders: list[ChargeOrder]) -> ChargeOrder:
        order = self.chance.choice(orders)
        self._busy.add(order.key)
        return order

    def _orders_at(self, *kinds: str) -> list[ChargeOrder]:
        """Orders whose last entry is of one of these kinds; each is given out once a round."""
        return [
            order
            for key, order in self._orders.items()
            if key not in self._busy and self.promises.life_of(key)[-1:] in {(kind,) for kind in kinds}
        ]
