"""The ledger as the edge uses it, on both databases: what is answered is what the books hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge.core.ledger import (
    AccountSuspended,
    ChargeOrder,
    Credited,
    Held,
    InsufficientFunds,
    LedgerUnavailable,
    Lost,
    NoRight,
    Posted,
    Redelivery,
    ReferenceTaken,
    charge_id,
)
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_operations import OrderImpossible, Post
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.deliveries import is_delivered
from edge.store.verify import verify
from tests.support.books import PRICE, Books, Reports


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def ledger(database: Database, reports: Reports) -> Iterator[Ledger]:
    ledger = Ledger.open(database, node="test", report=reports)
    yield ledger
    ledger.close()
    assert reports.errors == []
    assert verify(database).faults == ()


def together(ledger: Ledger, calls: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Make all calls at once, in one event loop."""

    async def run() -> list[Any]:
        return list(await asyncio.gather(*(call() for call in calls)))

    return asyncio.run(run())


def one(call: Coroutine[Any, Any, Any]) -> Any:
    async def run() -> Any:
        return await call

    return asyncio.run(run())


def funded(ledger: Ledger, books: Books, pages: int, number: int = 1) -> int:
    account = books.crawler(number)
    assert isinstance(one(ledger.credit(books.top_up(account, pages, f"invoice {number}"))), Credited)
    return account


def test_two_hundred_identical_requests_are_one_charge(ledger: Ledger, books: Books) -> None:
    order = books.order(funded(ledger, books, 500))
    answers = together(ledger, [lambda: ledger.post(order)] * 200)
    assert {answer.charge_id for answer in answers} == {charge_id(order.key)}
    assert {answer.position for answer in answers} == {answers[0].position}
    assert sum(answer.fresh for answer in answers) == 1
    assert books.kinds(order.key) == ["post"]
    assert books.pages_of(books.publisher) == 1


def test_two_hundred_identical_large_requests_are_one_charge(ledger: Ledger, books: Books) -> None:
    order = books.order(funded(ledger, books, 500))

    async def deliver() -> Any:
        outcome = await ledger.hold(order)
        return await ledger.settle(outcome) if isinstance(outcome, Held) else outcome

    answers = together(ledger, [deliver] * 200)
    assert {answer.position for answer in answers} == {answers[0].position}
    assert books.kinds(order.key) == ["hold", "settle"]


def test_two_hundred_different_requests_are_two_hundred_charges(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 500)
    orders = [books.order(account) for _ in range(200)]
    answers = together(ledger, [lambda order=order: ledger.post(order) for order in orders])  # type: ignore[misc]
    assert [answer.charge_id for answer in answers] == [charge_id(order.key) for order in orders]
    assert len({answer.position for answer in answers}) == 200
    assert (books.pages_of(account), books.pages_of(books.publisher)) == (300, 200)


def test_a_prepaid_account_sells_exactly_what_it_affords_to_tasks_and_threads(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 100)
    sold: list[int] = []

    def crawl(loop: bool) -> None:
        async def buy() -> int:
            outcomes = [await ledger.post(books.order(account)) for _ in range(4)]
            return sum(isinstance(outcome, Posted) for outcome in outcomes)

        async def many() -> int:
            return sum(await asyncio.gather(*(buy() for _ in range(8))))

        if loop:
            sold.append(asyncio.run(many()))
        else:
            outcomes = [ledger.submit(Post(books.order(account))).result(60) for _ in range(4)]
            sold.append(sum(isinstance(outcome, Posted) for outcome in outcomes))

    threads = [threading.Thread(target=crawl, args=(number % 8 == 0,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sold) == 100
    assert books.balance(account) == 0
    assert books.pages_of(books.publisher) == 100


def test_a_postpaid_account_ends_at_its_limit(ledger: Ledger, books: Books) -> None:
    account = books.crawler(1, limit_pages=3)
    answers = together(ledger, [lambda: ledger.post(books.order(account))] * 10)
    assert sum(isinstance(answer, Posted) for answer in answers) == 3
    assert books.pages_of(account) == -3


def test_an_account_without_funds_does_not_hinder_the_others(ledger: Ledger, books: Books) -> None:
    rich, poor = funded(ledger, books, 500), books.crawler(2)
    orders = [books.order(poor if number % 5 == 0 else rich) for number in range(50)]
    answers = together(ledger, [lambda order=order: ledger.post(order) for order in orders])  # type: ignore[misc]
    for order, answer in zip(orders, answers, strict=True):
        assert isinstance(answer, InsufficientFunds if order.crawler_account == poor else Posted)


def test_an_order_that_no_database_takes_does_not_hinder_the_others(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 500)
    wrong = [
        replace(books.order(account), target="/\ud800"),
        replace(books.order(account), status=2**40),
        replace(books.order(account), publisher_account=9_999),
        replace(books.order(9_999)),
    ]

    async def run() -> list[Any]:
        good = [ledger.post(books.order(account)) for _ in range(20)]
        bad = [ledger.post(order) for order in wrong]
        return list(await asyncio.gather(*good, *bad, return_exceptions=True))

    answers = asyncio.run(run())
    assert all(isinstance(answer, Posted) for answer in answers[:20])
    # SQLite stores any integer: what matters is that nothing else suffers.
    assert [type(answer) for answer in (answers[20], *answers[22:])] == [OrderImpossible] * 3
    assert books.pages_of(books.publisher) == sum(isinstance(answer, Posted) for answer in answers)


def test_the_same_key_many_ways_in_one_batch_is_decided_in_order(ledger: Ledger, books: Books) -> None:
    order = books.order(funded(ledger, books, 10))

    async def run() -> list[Any]:
        held = await ledger.hold(order)
        assert isinstance(held, Held)
        return list(
            await asyncio.gather(
                ledger.void(held, "broken"),
                ledger.settle(held),
                ledger.post(order),
                ledger.void(held, "broken"),
                ledger.reverse(order.key, "broken"),
                ledger.post(order),
                ledger.post(order),
            )
        )

    answers = asyncio.run(run())
    assert [type(answer).__name__ for answer in answers] == [
        "Voided",
        "Posted",
        "Posted",
        "Voided",
        "Reversed",
        "Redelivery",
        "Posted",
    ]
    assert books.kinds(order.key) == ["hold", "void", "post", "reverse", "redeliver", "post"]


def test_a_hold_is_earned_by_its_settle_and_given_back_by_its_void(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 10)
    kept, broken = one(ledger.hold(books.order(account))), one(ledger.hold(books.order(account)))
    assert books.pages_of(account) == 8
    assert isinstance(one(ledger.settle(kept)), Posted)
    one(ledger.void(broken))
    one(ledger.void(broken))
    assert (books.pages_of(account), books.pages_of(books.publisher)) == (9, 1)


def test_a_settle_after_a_void_is_a_new_attempt_or_lost(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 1)
    held = one(ledger.hold(books.order(account)))
    one(ledger.void(held, "its process was taken for dead"))
    settled = one(ledger.settle(held))
    assert isinstance(settled, Posted)
    assert settled.charge_id == held.charge_id
    other = replace(held, order=books.order(account))
    assert isinstance(one(ledger.settle(replace(held, order=other.order, fresh=False))), Lost)


def test_a_broken_delivery_is_paid_back_then_fetched_once_for_nothing(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 10)
    order = books.order(account)
    posted = one(ledger.post(order))
    one(ledger.reverse(order.key, "broken", position=posted.position))
    one(ledger.reverse(order.key, "broken", position=posted.position))
    assert books.pages_of(account) == 10
    assert one(ledger.post(order)) == Redelivery(charge_id(order.key))
    assert books.pages_of(account) == 10
    assert books.kinds(order.key) == ["post", "reverse", "redeliver"]


def test_reversals_and_pages_for_nothing_have_an_end_each_day(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 50)
    outcomes = []
    for _ in range(REVERSALS_PER_DAY + 1):
        order = books.order(account)
        posted = one(ledger.post(order))
        one(ledger.reverse(order.key, "broken", position=posted.position))
        outcomes.append((posted, one(ledger.post(order))))
    # The last one was not reversed: its charge stays, and the same signed request gets the page for nothing more.
    assert [type(again) for _, again in outcomes] == [Redelivery] * REVERSALS_PER_DAY + [Posted]
    assert outcomes[-1][1] == replace(outcomes[-1][0], fresh=False)
    assert books.pages_of(account) == 49


def test_a_confirmed_delivery_is_not_reversed_and_not_collected_again(ledger: Ledger, books: Books) -> None:
    order = books.order(funded(ledger, books, 10))
    only = replace(order, redelivery_only=True)
    posted = one(ledger.post(order))
    assert isinstance(one(ledger.post(only)), Posted)
    ledger.confirm_delivery(posted.position)
    one(ledger.reverse(order.key, "broken"))
    assert one(ledger.post(only)) == NoRight()
    assert books.kinds(order.key) == ["post", "redeliver"]


def test_a_suspended_account_is_refused_at_once(ledger: Ledger, books: Books) -> None:
    account = funded(ledger, books, 10)
    books.suspend(account)
    assert one(ledger.post(books.order(account))) == AccountSuspended()
    assert one(ledger.hold(books.order(account))) == AccountSuspended()


def test_a_reference_is_credited_once(ledger: Ledger, books: Books) -> None:
    account = books.crawler(1)
    answers = together(ledger, [lambda: ledger.credit(books.top_up(account, 7))] * 20)
    assert sum(answer.fresh for answer in answers) == 1
    assert books.pages_of(account) == 7
    assert isinstance(one(ledger.credit(books.top_up(account, 8))), ReferenceTaken)


def test_funds_that_come_in_are_there_for_the_next_order(ledger: Ledger, books: Books) -> None:
    account = books.crawler(1)
    assert one(ledger.post(books.order(account))) == InsufficientFunds()
    one(ledger.credit(books.top_up(account, 1)))
    assert isinstance(one(ledger.post(books.order(account))), Posted)


def test_closing_writes_everything_that_was_asked(database: Database, books: Books) -> None:
    ledger = Ledger.open(database, node="test", report=Reports())
    account = funded(ledger, books, 300)
    futures = [ledger.submit(Post(books.order(account))) for _ in range(200)]
    posted = ledger.submit(Post(books.order(account)))
    position = posted.result(60).position
    ledger.confirm_delivery(position)
    ledger.close()
    assert all(isinstance(future.result(0), Posted) for future in futures)
    with database.read() as connection:
        assert is_delivered(connection, position)
        assert connection.exec_driver_sql("SELECT closed_at_micros IS NOT NULL FROM writer").scalar_one()
    with pytest.raises(LedgerUnavailable):
        ledger.submit(Post(books.order(account))).result(60)
    assert verify(database).faults == ()


def test_a_caller_who_is_cancelled_is_not_charged(ledger: Ledger, books: Books) -> None:
    """Cancelled before the batch was built, it is left out; after, it is paid back: the balance tells no difference."""
    account = funded(ledger, books, 100)

    async def run() -> None:
        tasks = [asyncio.ensure_future(call) for _ in range(10) for call in both(books.order(account))]
        await asyncio.sleep(0)
        for number, task in enumerate(tasks):
            if number % 3 == 0:
                await asyncio.sleep(0.001)
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        kept = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        for outcome in kept:
            if isinstance(outcome, Held):
                await ledger.void(outcome)
        # Whatever is still on its way was asked before this.
        await ledger.post(books.order(account))
        await ledger.credit(books.top_up(account, 1, "last in the queue"))
        expected = 100 - sum(isinstance(outcome, Posted) for outcome in kept) - 1 + 1
        # Who was paid back is paid back by an order of its own, which may come after ours.
        for _ in range(500):
            if books.pages_of(account) == expected:
                break
            await asyncio.sleep(0.01)
        assert books.pages_of(account) == expected

    def both(order: ChargeOrder) -> tuple[Coroutine[Any, Any, Any], Coroutine[Any, Any, Any]]:
        return ledger.post(order), ledger.hold(books.order(account))

    asyncio.run(run())


def test_an_amount_is_what_was_charged_first(ledger: Ledger, books: Books) -> None:
    order = books.order(funded(ledger, books, 10))
    one(ledger.post(order))
    dearer = replace(order, price=replace(PRICE, amount_micros=20_000))
    assert one(ledger.post(dearer)).amount == PRICE
