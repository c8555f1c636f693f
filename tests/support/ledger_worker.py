"""What a second and third selling process does in ledger tests; run by `multiprocessing` with a fresh interpreter."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from typing import Any

from edge.core.grants import FreePages, FreePeriod
from edge.core.ledger import Held, Posted
from edge.store.charges import Ledger
from edge.store.database import Database
from tests.support.books import Books, Reports

Answer = tuple[str, tuple[int, int] | None, bool]
"""The outcome's type, the entry that paid, and whether this process wrote it."""


def run_processes(count: int, url: str, work: Callable[..., Any], *arguments: Any) -> list[Answer]:
    """Run `work(ledger, books, number, *arguments)` in `count` processes that start together; all their answers."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    with context.Pool(count, _prepare, (barrier,)) as pool:
        jobs = [pool.apply_async(_run, (url, work, number, arguments)) for number in range(count)]
        return [answer for job in jobs for answer in job.get(120)]


_started: list[Barrier] = []


def _prepare(barrier: Barrier) -> None:
    _started.append(barrier)


def _run(url: str, work: Callable[..., Any], number: int, arguments: tuple[Any, ...]) -> list[Answer]:
    database, reports = Database.open(url), Reports()
    ledger = Ledger.open(database, node=f"process {number}", report=reports)
    _started[0].wait(60)
    try:
        outcomes = asyncio.run(work(ledger, Books.open(database), number, *arguments))
    finally:
        ledger.close()
        database.close()
    assert reports.errors == []
    return [_answer(outcome) for outcome in outcomes]


def _answer(outcome: Any) -> Answer:
    position = outcome.position if isinstance(outcome, Posted) else None
    return (type(outcome).__name__, position, getattr(outcome, "fresh", False))


async def post_the_same(ledger: Ledger, books: Books, number: int, account: int, copies: int) -> list[Any]:
    """Post one signed request many times at once."""
    order = books.order(account, 777)
    answers = list(await asyncio.gather(*(ledger.post(order) for _ in range(copies))))
    _confirm(ledger, answers)
    return answers


async def deliver_the_same(ledger: Ledger, books: Books, number: int, account: int, copies: int) -> list[Any]:
    """Hold and settle one signed request many times at once; every third delivery breaks."""
    order = books.order(account, 777)

    async def deliver(copy: int) -> Any:
        held = await ledger.hold(order)
        if not isinstance(held, Held):
            return held
        return await (ledger.void(held) if copy % 3 == 0 else ledger.settle(held))

    answers = list(await asyncio.gather(*(deliver(copy) for copy in range(copies))))
    _confirm(ledger, answers)
    return answers


async def buy_all(ledger: Ledger, books: Books, number: int, accounts: list[int], tries: int) -> list[Any]:
    """Post `tries` different requests of this process on each account, in an order of its own; all are delivered."""
    orders = [
        books.order(account, 1_000_000 * (number + 1) + 1_000 * account + copy)
        for copy in range(tries)
        for account in (accounts if number % 2 else reversed(accounts))
    ]
    answers = list(await asyncio.gather(*(ledger.post(order) for order in orders)))
    _confirm(ledger, answers)
    return answers


async def take_free(ledger: Ledger, books: Books, number: int, account: int, tries: int) -> list[Any]:
    """Ask for `tries` pages at once without an offer, where ten are free each month."""
    terms = (FreePages(10, FreePeriod.MONTH),)
    asked = [books.order(account, 1_000 * (number + 1) + copy, redelivery_only=True) for copy in range(tries)]
    answers = list(await asyncio.gather(*(ledger.post(replace(order, grants=terms)) for order in asked)))
    _confirm(ledger, answers)
    return answers


def _confirm(ledger: Ledger, answers: list[Any]) -> None:
    """Note that what was paid for has arrived: else the next process to look puts it in suspense."""
    for answer in answers:
        if isinstance(answer, Posted):
            ledger.confirm_delivery(answer.position)
