"""Two copies of one signed request at once: the one that breaks off takes nothing from the one that arrives."""

from __future__ import annotations

import asyncio

import pytest

from edge.proxy.deliveries import GRACE_SECONDS
from tests.support.crawler_line import Attempt, Line, buy
from tests.support.system_stage import Stage, until
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system


def test_a_copy_that_breaks_off_does_not_take_back_what_another_is_still_delivering(stage: Stage) -> None:
    edge = stage.edge()
    other = edge if stage.market.database.is_sqlite else stage.edge()  # the copies may meet two nodes
    purchase = stage.market.purchase("/changing/1")

    async def two_copies() -> None:
        # The first copy is charged and handed over, and its crawler takes no byte of it.
        first = await Line.open_narrow(edge.port)
        stalled = asyncio.create_task(first.ask(purchase.request, Attempt()))
        await until(lambda: stage.charges(purchase)[0].live == 1)
        # The second meets that charge, and is half delivered when the first one breaks off.
        fetching = asyncio.create_task(buy(other.port, purchase))
        await until(lambda: any(attempt.status for attempt in purchase.attempts))
        first.abort()
        await stalled
        await asyncio.sleep(2 * GRACE_SECONDS)
        stage.origin.gate.set()
        await fetching

    stage.do(two_copies())
    assert purchase.completed
    assert purchase.completed[0].charged is not None
    assert [one.stop() for one in stage.edges] == [0] * len(stage.edges)
    assert wrongs(stage.market.database, [purchase]) == []
