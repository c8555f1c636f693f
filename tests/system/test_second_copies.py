"""Two copies of one signed request at once: the one that breaks off takes nothing from the one that arrives."""

from __future__ import annotations

import asyncio

import pytest

from edge.proxy.deliveries import GRACE_SECONDS
from tests.support.crawler_line import Attempt, Line, buy
from tests.support.system_stage import Stage, until
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system


def test_a_copy_that_breaks_off_does_not_take_back_what_another_is_still_delivering(sqlite_stage: Stage) -> None:
    edge = sqlite_stage.edge()
    purchase = sqlite_stage.market.purchase("/changing/1")

    async def two_copies() -> None:
        # The first copy is charged and handed over, and its crawler takes no byte of it.
        first = await Line.open_narrow(edge.port)
        stalled = asyncio.create_task(first.ask(purchase.request, Attempt()))
        await until(lambda: sqlite_stage.charges(purchase)[0].live == 1)
        # The second meets that charge, and is half delivered when the first one breaks off.
        fetching = asyncio.create_task(buy(edge.port, purchase))
        await until(lambda: any(attempt.status for attempt in purchase.attempts))
        first.abort()
        await stalled
        await asyncio.sleep(2 * GRACE_SECONDS)
        sqlite_stage.origin.gate.set()
        await fetching

    sqlite_stage.do(two_copies())
    assert purchase.completed
    assert purchase.completed[0].charged is not None
    assert edge.stop() == 0, edge.log()
    assert wrongs(sqlite_stage.market.database, [purchase]) == []
