"""Crawlers buy while their edge is killed; it starts again, they fetch what they did not get. Who was wronged?

Every choice comes from one seed: pages, who hangs up early, who asks twice at once, when the edge dies. Where in its
work the edge is at that moment is the machine's choice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from edge.store.verify import verify
from tests.support.crawler_line import Attempt, Line, Purchase, buy
from tests.support.edge_process import EdgeProcess
from tests.support.market import Market
from tests.support.page_origin import LARGE_BYTES
from tests.support.transcript_judge import charges_of, spent_micros, wrong_refetches, wrongs

CRAWLERS = 16
ANSWERS_MAX = 60
DELAY_SECONDS_MAX = 0.03
LOAD_SECONDS_MAX = 10.0
PATHS = ("/small/1", "/small/2", "/small/3", "/medium/1", "/large/1", "/stream/1", "/slow/1", "/slow-stream/1")


@dataclass
class CrashRig:
    """Rounds of load, kill, restart and retry on one edge and one database."""

    edge: EdgeProcess
    market: Market
    seed: int
    purchases: list[Purchase] = field(default_factory=list)
    rounds: int = 0
    cut_off: int = 0
    paid_and_cut_off: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._funds_micros = self.market.balance_micros()
        self._wanted = 0
        self._enough = asyncio.Event()
        self._is_down = False

    async def round(self) -> list[str]:
        """One round; returns who was wronged, a sentence each."""
        self.rounds += 1
        bought = await self._load_and_kill()
        self.purchases += bought
        await asyncio.to_thread(self.edge.start)
        return await asyncio.to_thread(self._judge_the_dead, bought) + await self._fetch_the_rest(bought)

    def final_wrongs(self) -> list[str]:
        """Everything that was ever bought, once more, and the sums; for an edge that has stopped."""
        database = self.market.database
        found = wrongs(database, self.purchases)
        spent, left = spent_micros(database, self.purchases), self.market.balance_micros()
        if left + spent != self._funds_micros:
            found.append(f"of {self._funds_micros} micros {left} are left, and {spent} are charged")
        charges = charges_of(database, self.purchases)
        found += [f"{target} is still held" for target, one in charges.items() if one.open_holds]
        return found + [str(fault) for fault in verify(database).faults]

    # Load and death

    async def _load_and_kill(self) -> list[Purchase]:
        self._wanted, self._is_down = self._chance.randrange(1, ANSWERS_MAX), False
        self._enough = asyncio.Event()
        bought: list[Purchase] = []
        seeds = [self._chance.random() for _ in range(CRAWLERS)]
        crawlers = [asyncio.create_task(self._crawl(random.Random(seed), bought)) for seed in seeds]
        await self._kill_after(self._chance.uniform(0, DELAY_SECONDS_MAX))
        self._is_down = True
        await asyncio.gather(*crawlers)
        return bought

    async def _kill_after(self, delay_seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOAD_SECONDS_MAX):
                await self._enough.wait()
        await asyncio.sleep(delay_seconds)
        await asyncio.to_thread(self.edge.kill)

    async def _crawl(self, chance: random.Random, bought: list[Purchase]) -> None:
        """Buy one page after the other until the edge is gone."""
        line: Line | None = None
        while not self._is_down:
            purchase = self.market.purchase(chance.choice(PATHS))
            bought.append(purchase)
            habit = chance.random()
            if habit < 0.08:
                await buy(self.edge.port, purchase, leave_after=chance.randrange(1, LARGE_BYTES))
            elif habit < 0.16:
                await asyncio.gather(*(buy(self.edge.port, purchase) for _ in range(2)))
            else:
                line = await self._buy_on(line, purchase)
            self._wanted -= 1
            if self._wanted == 0:
                self._enough.set()
        if line is not None:
            line.close()

    async def _buy_on(self, line: Line | None, purchase: Purchase) -> Line | None:
        """Buy on a kept connection, or on a new one."""
        attempt = Attempt()
        purchase.attempts.append(attempt)
        try:
            if line is None or not line.is_open:
                line = await Line.open(self.edge.port)
        except OSError:
            await asyncio.sleep(0.005)
            return None
        await line.ask(purchase.request, attempt)
        return line

    # Judgement

    def _judge_the_dead(self, bought: list[Purchase]) -> list[str]:
        """What the dead edge left, after its successor's start and before anybody asks again."""
        found = wrongs(self.market.database, bought)
        self._before = charges_of(self.market.database, bought)
        if self.market.database.is_sqlite:
            found += [f"{target} is still held" for target, one in self._before.items() if one.open_holds]
        return found + [str(fault) for fault in verify(self.market.database).faults]

    async def _fetch_the_rest(self, bought: list[Purchase]) -> list[str]:
        """Every purchase without a whole answer is asked for again, with the same signature."""
        owed = [purchase for purchase in bought if not purchase.completed]
        self.cut_off += len(owed)
        self.paid_and_cut_off += sum(self._before[purchase.target].live for purchase in owed)
        await in_turns(CRAWLERS, [lambda one=one: buy(self.edge.port, one) for one in owed])  # type: ignore[misc]
        after = await asyncio.to_thread(charges_of, self.market.database, owed)
        return wrong_refetches(self._before, after, owed) + wrongs(self.market.database, bought)


async def in_turns(width: int, work: list[Callable[[], Awaitable[object]]]) -> None:
    """Do all of it, so many at a time."""
    turn = asyncio.Semaphore(width)

    async def one(job: Callable[[], Awaitable[object]]) -> None:
        async with turn:
            await job()

    await asyncio.gather(*(one(job) for job in work))
