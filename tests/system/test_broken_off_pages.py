"""A page over 256 KiB cannot be read nearly whole for nothing, again and again: over real sockets, on both databases.

The origin sends half of each page and waits; the crawler takes a part and breaks the connection off; then the origin
goes on. Whether the edge sees the client's end before or after the last piece is the system's business: it is a void
or a reversal, and both count.
"""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.store.tables import entry
from tests.support.crawler_line import Attempt, Purchase, buy
from tests.support.market import LARGE_PRICE
from tests.support.page_origin import LARGE_BYTES, LONG
from tests.support.system_stage import Stage
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system

OVER = 3
PAID_BACK = ({"hold", "void"}, {"hold", "settle", "reverse"})
WAITS = {"hold", "settle", "suspend"}
RESOLVED = frozenset({"void", "reverse", "suspend"})


def kinds_of(stage: Stage, purchase: Purchase) -> set[str]:
    with stage.market.database.read() as connection:
        return set(connection.execute(select(entry.c.kind).where(entry.c.target == purchase.target)).scalars())


def leave(stage: Stage, count: int) -> list[Purchase]:
    """Break off so many large pages, and wait until the books say what became of each."""
    purchases = [stage.market.purchase("/gated-long/1") for _ in range(count)]
    ports = [edge.port for edge in stage.edges]

    async def all_leave() -> None:
        jobs = [buy(ports[i % len(ports)], one, leave_after=LARGE_BYTES) for i, one in enumerate(purchases)]
        await asyncio.gather(*jobs)
        stage.origin.gate.set()

    stage.do(all_leave())
    stage.wait_until(lambda: all(kinds_of(stage, one) & RESOLVED for one in purchases))
    return purchases


def ask_again(stage: Stage, purchase: Purchase) -> Attempt:
    return stage.do(buy(stage.edges[0].port, purchase))


def test_ten_large_pages_a_day_may_be_left_half_way_and_the_next_ones_are_paid_and_can_be_fetched(
    stage: Stage,
) -> None:
    for _ in range(1 if stage.market.database.is_sqlite else 2):
        stage.edge()
    broken_by_the_origin = [stage.market.purchase("/short-large/1") for _ in range(REVERSALS_PER_DAY)]
    stage.buy_at_once(broken_by_the_origin)
    left = leave(stage, REVERSALS_PER_DAY + OVER)
    lives = [kinds_of(stage, one) for one in left]
    assert sum(life in PAID_BACK for life in lives) == REVERSALS_PER_DAY
    assert lives.count(WAITS) == OVER
    assert [kinds_of(stage, one) for one in broken_by_the_origin] == [{"hold", "void"}] * REVERSALS_PER_DAY
    spent = OVER * LARGE_PRICE.amount_micros
    assert stage.market.balance_micros() == stage.market.credit.amount_micros - spent
    waiting = [one for one, life in zip(left, lives, strict=True) if life == WAITS]
    for purchase in waiting:
        attempt = ask_again(stage, purchase)
        assert (attempt.is_complete, attempt.body_bytes) == (True, len(LONG))
        assert attempt.charged == str(LARGE_PRICE)
        assert kinds_of(stage, purchase) == {*WAITS, "release"}
    assert stage.market.balance_micros() == stage.market.credit.amount_micros - spent
    assert wrongs(stage.market.database, waiting) == []
    assert stage.faults() == []


def test_an_edge_that_does_not_count_them_gives_all_of_them_away(sqlite_stage: Stage) -> None:
    """The planted mistake: what this file asks for is not so by itself."""
    sqlite_stage.edge(plant="voids are not counted")
    left = leave(sqlite_stage, REVERSALS_PER_DAY + OVER)
    assert sum(kinds_of(sqlite_stage, one) in PAID_BACK for one in left) == REVERSALS_PER_DAY + OVER
