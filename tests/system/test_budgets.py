"""A budget that is used up, as a crawler sees it over the wire, with the real edge and the real books."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest

from edge.core.budgets import Per
from edge.core.money import Money
from edge.store.budgets import BudgetPlace, set_budget, show_budgets
from tests.support.crawler_line import Purchase
from tests.support.market import HOST, LARGE_PRICE, PRICE
from tests.support.system_stage import Stage

pytestmark = pytest.mark.system


def limit(stage: Stage, micros: int, per: Per = Per.MONTH) -> None:
    place = BudgetPlace(stage.market.crawler_id, "USD", per, stage.market.site_id if per is Per.SITE else None)
    set_budget(stage.market.database, place, Money(micros, "USD"), author="operator")


def spent(stage: Stage) -> list[int]:
    with stage.market.database.read() as connection:
        return [view.spent_micros for view in show_budgets(connection, [stage.market.account_id])]


async def answer(port: int, purchase: Purchase) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Send one request and read the whole answer: its status, fields and JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(purchase.request)
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(fields["content-length"]))
    writer.close()
    return int(status.split()[1]), fields, json.loads(body)


def test_a_used_up_budget_is_402_with_its_name_and_when_it_resets(stage: Stage) -> None:
    stage.edge()
    limit(stage, 2 * PRICE.amount_micros, Per.SITE)
    assert [stage.buy("/small/1")[0].status for _ in range(2)] == [200, 200]
    purchase = stage.market.purchase("/small/1")
    status, fields, problem = stage.do(answer(stage.edges[0].port, purchase))
    assert (status, fields["crawler-error"]) == (402, "paymentfailed")
    assert fields["crawler-price"] == str(PRICE).lower()
    assert fields["crawler-error-detail"].startswith(f"the budget of usd 0.01 a month at {HOST} has usd 0.01 spent")
    budget = problem.pop("budget")
    assert (problem["code"], problem["status"]) == ("budget_exceeded", 402)
    assert budget["per"] == "site"
    assert budget["site"] == HOST
    assert budget["spent"] == budget["limit"] == {"amount_micros": 10_000, "currency": "USD", "display": "USD 0.01"}
    resets = datetime.fromisoformat(budget["resets_at"])
    assert (resets.day, resets.hour, resets.minute, resets.second) == (1, 0, 0, 0)
    assert 0 < int(fields["retry-after"]) <= 31 * 86_400
    assert stage.charges(purchase)[0].ids == set()
    assert spent(stage) == [10_000]
    assert stage.faults() == []


def test_a_page_dearer_than_the_whole_budget_says_nothing_of_coming_again(sqlite_stage: Stage) -> None:
    sqlite_stage.edge()
    limit(sqlite_stage, LARGE_PRICE.amount_micros - 1)
    for path, fits in (("/large/1", False), ("/small/1", True)):
        attempt, _ = sqlite_stage.buy(path)
        assert (attempt.status == 200) is fits
        assert fits or (attempt.status, "retry-after" in attempt.fields) == (402, False)


def test_a_large_page_is_held_against_the_budget_and_a_broken_one_gives_back(sqlite_stage: Stage) -> None:
    sqlite_stage.edge()
    limit(sqlite_stage, LARGE_PRICE.amount_micros)
    assert sqlite_stage.buy("/short-large/1")[0].is_complete is False
    sqlite_stage.wait_until(lambda: spent(sqlite_stage) == [0])
    assert sqlite_stage.buy("/large/1")[0].status == 200
    assert sqlite_stage.buy("/large/1")[0].status == 402
    assert sqlite_stage.faults() == []


def test_two_edges_sell_exactly_what_a_budget_allows(postgres_stage: Stage) -> None:
    postgres_stage.edge()
    postgres_stage.edge()
    limit(postgres_stage, 20 * PRICE.amount_micros)
    attempts = postgres_stage.buy_at_once([postgres_stage.market.purchase("/small/1") for _ in range(60)])
    assert sorted(attempt.status or 0 for attempt in attempts) == [200] * 20 + [402] * 40
    assert (
        postgres_stage.market.credit.amount_micros - postgres_stage.market.balance_micros() == spent(postgres_stage)[0]
    )
    assert postgres_stage.faults() == []


def test_a_higher_limit_lets_the_same_request_pass_within_a_second(sqlite_stage: Stage) -> None:
    sqlite_stage.edge()
    limit(sqlite_stage, PRICE.amount_micros)
    sqlite_stage.buy("/small/1")
    attempt, purchase = sqlite_stage.buy("/small/1")
    assert attempt.status == 402
    limit(sqlite_stage, 2 * PRICE.amount_micros)
    # The edge repeats its refusal for half a second, and the origin was asked for neither.
    asked = len(sqlite_stage.origin.asked)
    sqlite_stage.wait_until(lambda: sqlite_stage.do(buy_again(sqlite_stage, purchase)) == 200)
    assert len(sqlite_stage.origin.asked) == asked + 1


async def buy_again(stage: Stage, purchase: Purchase) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.edges[0].port)
    writer.write(purchase.request)
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])
