"""What a client leaves of a large page is counted from the tables, over all processes and with the small ones."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.ledger import ChargeOrder, Posted
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_operations import BreakOff, Credit, Hold, Operation, Post, Reverse, Void
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.suspense import SUSPENSE_MICROS, SuspenseSweep
from edge.store.verify import verify
from tests.support.books import Books

START = 1_800_000_000_000_000
LARGE, SMALL = ["hold", "void"], ["post", "reverse"]
WAITS = ["hold", "settle", "suspend"]


class Reader:
    """One crawler with a hundred pages that leaves before the end, at two processes."""

    def __init__(self, database: Database) -> None:
        self.database, self.books = database, Books.open(database)
        self.now_micros = START
        self.account = self.books.crawler(1)
        self.hands = [BatchWriter(database, "test", clock=lambda: self.now_micros) for _ in range(2)]
        self.write(0, Credit(self.books.top_up(self.account, 100)))

    def write(self, hand: int, operation: Operation) -> Any:
        [answer] = self.hands[hand % 2].write([operation])
        return answer

    def leaves_large(self, hand: int) -> ChargeOrder:
        order = self.books.order(self.account)
        self.write(hand, BreakOff(self.write(hand, Hold(order))))
        return order

    def leaves_small(self, hand: int) -> ChargeOrder:
        order = self.books.order(self.account)
        self.write(hand, Post(order))
        self.write(hand, Reverse(order.key, "broken"))
        return order

    def lives(self, orders: list[ChargeOrder]) -> list[list[str]]:
        return [self.books.kinds(order.key) for order in orders]


@pytest.fixture
def reader(database: Database) -> Reader:
    return Reader(database)


def test_ten_a_day_are_paid_back_over_all_processes_and_sizes(reader: Reader) -> None:
    orders = [(reader.leaves_small if number % 3 else reader.leaves_large)(number) for number in range(13)]
    paid_back = [SMALL if number % 3 else LARGE for number in range(REVERSALS_PER_DAY)]
    assert reader.lives(orders) == [*paid_back, ["post", "suspend"], ["post", "suspend"], WAITS]
    assert reader.books.pages_of(reader.account) == 97
    assert verify(reader.database).faults == ()


def test_another_day_pays_back_again_and_what_waited_is_one_of_its_ten(reader: Reader) -> None:
    for number in range(REVERSALS_PER_DAY):
        reader.leaves_large(number)
    last = reader.leaves_large(0)
    reader.now_micros += SUSPENSE_MICROS
    SuspenseSweep(reader.database, reader.hands[0], lambda: reader.now_micros).sweep()
    assert reader.books.kinds(last.key) == [*WAITS, "reverse"]
    orders = [reader.leaves_large(number) for number in range(REVERSALS_PER_DAY)]
    assert reader.lives(orders) == [LARGE] * (REVERSALS_PER_DAY - 1) + [WAITS]
    assert verify(reader.database).faults == ()


def test_what_the_origin_broke_is_never_counted(reader: Reader) -> None:
    for number in range(2 * REVERSALS_PER_DAY):
        reader.write(number, Void(reader.write(number, Hold(reader.books.order(reader.account))), "origin"))
    assert reader.lives([reader.leaves_large(0)]) == [LARGE]
    assert reader.books.pages_of(reader.account) == 100


def test_in_one_batch_the_eleventh_waits_and_is_collected_for_nothing_more(reader: Reader) -> None:
    orders = [reader.books.order(reader.account) for _ in range(REVERSALS_PER_DAY + 1)]
    helds = reader.hands[0].write([Hold(order) for order in orders])
    reader.hands[1].write([BreakOff(held) for held in helds])  # type: ignore[arg-type]
    assert reader.lives(orders) == [LARGE] * REVERSALS_PER_DAY + [WAITS]
    collected = reader.write(1, Post(orders[-1]))
    assert isinstance(collected, Posted)
    assert not collected.fresh
    assert reader.books.kinds(orders[-1].key) == [*WAITS, "release"]
    assert (reader.books.pages_of(reader.account), reader.books.pages_of(reader.books.publisher)) == (99, 1)
    assert verify(reader.database).faults == ()
