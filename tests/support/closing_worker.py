"""Processes that sell at a month's end, and processes that close it, all at once; run by ``multiprocessing``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from edge.core.errors import EdgeError
from edge.core.ledger import Posted
from edge.core.ledger_operations import Post
from edge.core.month import Month
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.month_close import close_month
from tests.support.books import Books
from tests.support.closing import closer

PATIENCE_SECONDS = 120
SALES_AFTER = 5
"""Batches that each seller writes after the month is closed."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the month is, which one it is, whose money is spent, and the folder of the keys."""

    url: str
    month: Month
    account: int
    folder: Path


def close_while_selling(scene: Scene, sellers: int, closers: int) -> tuple[list[int], list[tuple[str, str, bool]]]:
    """How many pages each seller sold, and each closer's manifest, token, and whether it was the one that closed."""
    context = multiprocessing.get_context("spawn")
    parts = (context.Barrier(sellers + closers), context.Event())
    with context.Pool(sellers + closers, _prepare, parts) as pool:
        selling = [pool.apply_async(_sell, (scene, number)) for number in range(sellers)]
        closing = [pool.apply_async(_close, (scene, number)) for number in range(closers)]
        closed = [job.get(PATIENCE_SECONDS) for job in closing]
        parts[1].set()
        return [job.get(PATIENCE_SECONDS) for job in selling], closed


_shared: list[Any] = []


def _prepare(together: Barrier, is_closed: Event) -> None:
    _shared[:] = [together, is_closed]


def _sell(scene: Scene, number: int) -> int:
    """Sell page after page by a clock that stands still in the month's last moment, until well after its close."""
    together, is_closed = _shared
    database = Database.open(scene.url)
    books = Books.open(database)
    hand = BatchWriter(database, f"seller {number}", clock=lambda: scene.month.end_micros - 1)
    sold = _sell_two(hand, books, scene, number, 0)
    together.wait(PATIENCE_SECONDS)
    left = SALES_AFTER
    while left:
        left -= is_closed.is_set()
        sold += _sell_two(hand, books, scene, number, sold)
    hand.close()
    database.close()
    return sold


def _sell_two(hand: BatchWriter, books: Books, scene: Scene, number: int, sold: int) -> int:
    signatures = [1_000_000 * (number + 1) + sold + each for each in range(2)]
    answers: Sequence[object] = hand.write([Post(books.order(scene.account, each)) for each in signatures])
    assert all(isinstance(answer, Posted) and answer.fresh for answer in answers), answers
    return len(answers)


def _close(scene: Scene, number: int) -> tuple[str, str, bool]:
    database = Database.open(scene.url)
    own = closer(scene.folder, scene.month, f"closer {number}")
    _shared[0].wait(PATIENCE_SECONDS)
    try:
        closed, fresh = close_month(database, scene.month, own)
    except EdgeError as error:  # not every one of ours can be sent to another process
        raise AssertionError(f"{type(error).__name__}: {error}") from None
    finally:
        database.close()
    return closed.manifest, closed.token, fresh
