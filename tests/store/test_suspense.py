"""What nobody knows of waits in suspense, and comes out of it: found from the tables alone, by any process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from edge.core.ledger import PROCESS_ENDED, ChargeOrder, Posted
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle
from edge.store.batch_writer import BatchWriter
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.recovery import recover, unmarked_gaps
from edge.store.suspense import SUSPENSE_MICROS, SuspenseSweep
from edge.store.tables import site, writer
from edge.store.verify import verify
from tests.support.books import Books, Reports

START = 1_800_000_000_000_000


class Shop:
    """One crawler with a hundred pages, a clock that the test turns, and a process that may die."""

    def __init__(self, database: Database) -> None:
        self.database, self.books = database, Books.open(database)
        self.now_micros = START
        self.account = self.books.crawler(1)
        treasurer = self.process()
        treasurer.write([Credit(self.books.top_up(self.account, 100))])
        treasurer.close()
        self.hand = self.process()

    def process(self) -> BatchWriter:
        return BatchWriter(self.database, "test", clock=lambda: self.now_micros)

    def write(self, operation: Operation) -> Any:
        [answer] = self.hand.write([operation])
        return answer

    def held(self) -> Any:
        return self.write(Hold(self.books.order(self.account)))

    def sold(self, *, delivered: bool = False, **changes: Any) -> ChargeOrder:
        order = replace(self.books.order(self.account), **changes)
        posted = self.write(Post(order))
        assert isinstance(posted, Posted)
        if delivered:
            self.hand.note_deliveries([posted.position])
            self.hand.write_marks()
        return order

    def die(self) -> int:
        """The process is gone, and another one takes over; how much that had to resolve."""
        dead = self.hand
        with self.database.write() as connection:
            connection.execute(update(writer).where(writer.c.id == dead.writer_id).values(lease_until_micros=1))
        self.hand = self.process()
        return recover(self.database, self.hand)

    def sweep(self) -> int:
        return SuspenseSweep(self.database, self.hand, lambda: self.now_micros).sweep()

    @property
    def pages(self) -> tuple[int, int]:
        return (self.books.pages_of(self.account), self.books.pages_of(self.books.publisher))


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_what_a_dead_process_sold_and_nobody_confirmed_waits_in_suspense(shop: Shop) -> None:
    delivered = [shop.sold(delivered=True) for _ in range(3)]
    unknown = [shop.sold() for _ in range(2)]
    held = shop.held()
    settled = shop.write(Settle(held))
    broken = shop.sold()
    shop.write(Reverse(broken.key, "broken"))
    without_evidence = shop.sold(evidence=None)
    late = shop.sold(delivered=True)
    assert isinstance(settled, Posted)
    assert shop.die() == 3
    for order in (*delivered, late, without_evidence):
        assert shop.books.kinds(order.key) == ["post"]
    assert [shop.books.kinds(order.key) for order in unknown] == [["post", "suspend"]] * 2
    assert shop.books.kinds(held.order.key) == ["hold", "settle", "suspend"]
    assert shop.books.kinds(broken.key) == ["post", "reverse"]
    assert shop.pages == (100 - 8, 5)
    found = verify(shop.database)
    assert (found.faults, found.in_suspense["USD"][0]) == ((), 3)
    assert shop.die() == 0


def test_recovery_reads_the_gaps_between_delivery_marks_and_not_all_that_was_sold(shop: Shop) -> None:
    """However much was sold and held, one range of marks covers it."""
    for _ in range(30):
        shop.hand.note_deliveries([shop.write(Settle(shop.held())).position])
    shop.hand.write_marks()
    shop.sold()
    assert shop.hand.writer_id is not None
    assert unmarked_gaps(shop.database, shop.hand.writer_id) == [(61, 61)]
    assert shop.die() == 1


def test_gaps_are_found_whatever_the_order_and_overlap_of_the_marks(shop: Shop) -> None:
    for _ in range(12):
        shop.sold()
    number = shop.hand.writer_id
    assert number is not None
    assert unmarked_gaps(shop.database, number) == [(1, 12)]
    with shop.database.write() as connection:
        for first, last in ((2, 9), (3, 3), (5, 6), (11, 11)):
            connection.exec_driver_sql(f"INSERT INTO delivery VALUES ({number}, {first}, {last}, 0)")
    assert unmarked_gaps(shop.database, number) == [(1, 1), (10, 10), (12, 12)]


def test_the_right_to_collect_survives_the_process_that_sold(shop: Shop) -> None:
    order = shop.sold()
    shop.die()
    aged = replace(order, redelivery_only=True)
    answer = shop.write(Post(aged))
    assert isinstance(answer, Posted)
    assert not answer.fresh
    assert shop.books.kinds(order.key) == ["post", "suspend", "release"]
    assert shop.pages == (99, 1)


def test_what_nobody_collects_goes_back_after_a_day_and_not_before(shop: Shop) -> None:
    order = shop.sold()
    shop.die()
    shop.now_micros += SUSPENSE_MICROS - 1
    assert shop.sweep() == 0
    shop.now_micros += 1
    assert shop.sweep() == 1
    assert shop.sweep() == 0
    assert shop.books.kinds(order.key) == ["post", "suspend", "reverse"]
    assert shop.pages == (100, 0)
    assert verify(shop.database).faults == ()


def test_a_site_that_keeps_what_is_unconfirmed_keeps_it(shop: Shop) -> None:
    with shop.database.write() as connection:
        connection.execute(update(site).values(keep_unconfirmed=True))
    order = shop.sold()
    shop.die()
    shop.now_micros += SUSPENSE_MICROS
    assert shop.sweep() == 1
    assert shop.books.kinds(order.key) == ["post", "suspend", "release"]
    assert shop.pages == (99, 1)


def test_however_many_wait_only_so_many_go_back_in_a_day(shop: Shop) -> None:
    for _ in range(30):
        shop.sold()
    shop.die()
    shop.now_micros += SUSPENSE_MICROS
    assert shop.sweep() == 30
    assert shop.pages == (70 + REVERSALS_PER_DAY, 30 - REVERSALS_PER_DAY)
    shop.now_micros += 10 * SUSPENSE_MICROS
    assert shop.sweep() == 0
    assert verify(shop.database).faults == ()


def test_two_nodes_sweep_the_same_and_conclude_each_once(shop: Shop) -> None:
    """The second one has read the same list: what it finds concluded it leaves alone."""
    for _ in range(5):
        shop.sold()
    shop.die()
    shop.now_micros += SUSPENSE_MICROS
    first, second = (SuspenseSweep(shop.database, shop.process(), lambda: shop.now_micros) for _ in range(2))
    due = second._due((0, 0, 0), shop.now_micros - SUSPENSE_MICROS)
    assert first.sweep() == 5
    answers = shop.hand.write([conclude for _, conclude in due])
    assert [type(answer).__name__ for answer in answers] == ["NotSuspended"] * 5
    assert shop.pages == (100, 0)


def test_a_sweep_goes_on_where_the_last_one_ended(shop: Shop) -> None:
    shop.sold()
    shop.die()
    shop.now_micros += SUSPENSE_MICROS
    sweep = SuspenseSweep(shop.database, shop.hand, lambda: shop.now_micros)
    assert sweep.sweep() == 1
    order = shop.sold()
    shop.die()
    sweep = SuspenseSweep(shop.database, shop.hand, lambda: shop.now_micros)
    assert sweep.sweep() == 0
    shop.now_micros += SUSPENSE_MICROS
    assert sweep.sweep() == 1
    assert shop.books.kinds(order.key)[-1] == "reverse"


def test_a_delivery_that_is_confirmed_late_is_released(shop: Shop) -> None:
    order = shop.books.order(shop.account)
    frozen = shop.hand
    posted = shop.write(Post(order))
    shop.die()
    frozen.note_deliveries([posted.position])
    frozen.write_marks()
    shop.now_micros += SUSPENSE_MICROS
    assert shop.sweep() == 1
    assert shop.books.kinds(order.key)[-1] == "release"


def test_the_serving_process_sweeps_by_itself(shop: Shop) -> None:
    order = shop.sold()
    shop.hand.close()
    shop.now_micros += SUSPENSE_MICROS
    ledger = Ledger.open(shop.database, node="next", report=Reports(), clock=lambda: shop.now_micros)
    assert shop.books.kinds(order.key) == ["post", "suspend"]
    shop.now_micros += SUSPENSE_MICROS
    ledger.close()
    ledger = Ledger.open(shop.database, node="again", report=Reports(), clock=lambda: shop.now_micros)
    ledger.submit(Post(shop.books.order(shop.account))).result()
    for _ in range(500):
        if shop.books.kinds(order.key)[-1] == "reverse":
            break
        ledger.submit(Post(shop.books.order(shop.account, 1))).result()
    ledger.close()
    assert shop.books.kinds(order.key) == ["post", "suspend", "reverse"]


def test_a_suspension_says_why(shop: Shop) -> None:
    shop.sold()
    shop.die()
    with shop.database.read() as connection:
        reasons = connection.exec_driver_sql("SELECT reason FROM entry WHERE kind = 'suspend'").scalars().all()
    assert reasons == [PROCESS_ENDED]
