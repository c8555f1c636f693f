"""Told to stop, an edge finishes what it is delivering: confirmed or taken back, and nothing is left held."""

from __future__ import annotations

import asyncio

import pytest

from edge.store.deliveries import is_delivered
from tests.support.crawler_line import Attempt, Line, Purchase, buy
from tests.support.edge_process import EdgeProcess
from tests.support.system_stage import Stage, until
from tests.support.transcript_judge import wrongs

pytestmark = pytest.mark.system

COPIES = 8


def is_confirmed(stage: Stage, purchase: Purchase) -> bool:
    [charges] = stage.charges(purchase)
    with stage.market.database.read() as connection:
        return all(is_delivered(connection, place) for place in charges.paid)


def test_deliveries_in_flight_are_finished_and_confirmed(stage: Stage) -> None:
    edge = stage.edge()
    purchases = [stage.market.purchase("/gated/1") for _ in range(COPIES)]

    async def stop_in_between() -> int:
        fetching = [asyncio.create_task(buy(edge.port, purchase)) for purchase in purchases]
        await until(lambda: all(one.attempts and one.attempts[0].status for one in purchases))
        edge.tell_to_stop()
        stage.origin.gate.set()
        await asyncio.gather(*fetching)
        return await asyncio.to_thread(edge.wait)

    assert stage.do(stop_in_between()) == 0, edge.log()
    assert all(purchase.completed for purchase in purchases)
    assert wrongs(stage.market.database, purchases) == []
    assert all(is_confirmed(stage, purchase) for purchase in purchases)
    assert stage.faults() == []


def test_what_was_handed_over_is_confirmed_when_it_arrives_and_taken_back_when_not(sqlite_stage: Stage) -> None:
    edge = sqlite_stage.edge()
    patient, gone = (sqlite_stage.market.purchase("/medium/1") for _ in range(2))

    async def stop_in_between() -> int:
        arriving, going = [await stalled(edge, purchase) for purchase in (patient, gone)]
        await until(lambda: [one.live for one in sqlite_stage.charges(patient, gone)] == [1, 1])
        edge.tell_to_stop()
        arriving.resume()
        going.abort()
        return await asyncio.to_thread(edge.wait)

    async def stalled(edge: EdgeProcess, purchase: Purchase) -> Line:
        line = await Line.open_narrow(edge.port)
        purchase.attempts.append(Attempt())
        fetching.append(asyncio.create_task(line.ask(purchase.request, purchase.attempts[-1])))
        return line

    fetching: list[asyncio.Task[Attempt]] = []
    assert sqlite_stage.do(stop_in_between()) == 0, edge.log()
    assert len(patient.completed) == 1
    assert not gone.completed
    assert [charges.live for charges in sqlite_stage.charges(patient, gone)] == [1, 0]
    assert is_confirmed(sqlite_stage, patient)
    assert wrongs(sqlite_stage.market.database, [patient, gone]) == []
    assert sqlite_stage.faults() == []


def test_a_held_page_whose_crawler_leaves_is_given_back_before_the_end(sqlite_stage: Stage) -> None:
    edge = sqlite_stage.edge()
    purchase = sqlite_stage.market.purchase("/gated/1")

    async def stop_in_between() -> int:
        line = await Line.open(edge.port)
        purchase.attempts.append(Attempt())
        fetching = asyncio.create_task(line.ask(purchase.request, purchase.attempts[0]))
        await until(lambda: purchase.attempts[0].status is not None)
        edge.tell_to_stop()
        line.abort()
        await fetching
        sqlite_stage.origin.gate.set()
        return await asyncio.to_thread(edge.wait)

    assert sqlite_stage.do(stop_in_between()) == 0, edge.log()
    nothing_is_held_or_charged(sqlite_stage, purchase)


def test_a_held_page_that_does_not_end_in_time_is_given_back_before_the_end(sqlite_stage: Stage) -> None:
    edge = sqlite_stage.edge(drain_seconds="1")
    purchase = sqlite_stage.market.purchase("/gated/1")

    async def stop_in_between() -> int:
        fetching = asyncio.create_task(buy(edge.port, purchase))
        await until(lambda: any(attempt.status for attempt in purchase.attempts))
        edge.tell_to_stop()
        await fetching
        return await asyncio.to_thread(edge.wait)

    assert sqlite_stage.do(stop_in_between()) == 0, edge.log()
    assert not purchase.completed
    nothing_is_held_or_charged(sqlite_stage, purchase)


def nothing_is_held_or_charged(stage: Stage, purchase: Purchase) -> None:
    [charges] = stage.charges(purchase)
    assert (charges.holds, charges.open_holds, charges.live) == (1, 0, 0)
    assert stage.market.balance_micros() == stage.market.credit.amount_micros
    assert stage.faults() == []
