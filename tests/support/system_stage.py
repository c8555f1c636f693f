"""Everything a system test needs, in one place: a prepared shop, its origin, and edges in processes of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from edge.core.money import Money
from edge.store.service_keys import known_public_keys
from edge.store.verify import verify
from edge.store.verify_checkpoints import Signed
from tests.support.crawler_line import Attempt, Purchase, buy
from tests.support.edge_process import EdgeForks, EdgeProcess
from tests.support.market import CREDIT, Market
from tests.support.page_origin import PageOrigin
from tests.support.transcript_judge import Charges, charges_of

WAIT_SECONDS = 120.0
PAUSE_SECONDS = 0.02
T = TypeVar("T")


class Stage:
    """The origin serves while ``do`` runs; edges run until the ``with`` block ends."""

    def __init__(
        self, forks: EdgeForks, url: str, folder: Path, funds: Money = CREDIT, origin: PageOrigin | None = None
    ) -> None:
        self._forks = forks
        self._url = url
        self._folder = folder
        self._funds = funds
        self._stack = ExitStack()
        self.edges: list[EdgeProcess] = []
        self.origin = origin or PageOrigin()
        self.market: Market

    def __enter__(self) -> Stage:
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.do(self.origin.start())
        self._stack.callback(lambda: self.do(self.origin.stop()))
        self.market = Market.prepare(self._url, self.origin.port, self._funds)
        self._stack.callback(self.market.database.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, the origin beside it."""
        return self._runner.run(work)

    def edge(self, *, plant: str | None = None, **settings: str) -> EdgeProcess:
        """Start one more edge on the shop's database."""
        folder = self._folder / f"edge-{len(self.edges) + 1}"
        edge = EdgeProcess(self._forks, folder, self._url, settings, plant)
        self.edges.append(self._stack.enter_context(edge))
        return edge

    def buy(self, path: str, *extra: tuple[str, str], method: str = "GET") -> tuple[Attempt, Purchase]:
        """One purchase at the first edge."""
        purchase = self.market.purchase(path, *extra, method=method)
        return self.do(buy(self.edges[0].port, purchase)), purchase

    def buy_at_once(self, purchases: Sequence[Purchase]) -> list[Attempt]:
        """Send all of them at the same time, in turn to each edge, each on a connection of its own."""
        return self.do(self._buy_at_once(purchases))

    async def _buy_at_once(self, purchases: Sequence[Purchase]) -> list[Attempt]:
        ports = [edge.port for edge in self.edges]
        jobs = (buy(ports[number % len(ports)], purchase) for number, purchase in enumerate(purchases))
        return list(await asyncio.gather(*jobs))

    def offer_at(self, port: int, path: str = "/small/1") -> tuple[int | None, str | None]:
        """What one edge says to a crawler that offers nothing: its status and price."""
        attempt = self.do(buy(port, Purchase(path, self.market.unsigned(path))))
        return attempt.status, attempt.fields.get("crawler-price")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """As ``until``, for a condition that itself talks to the edges."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "what the test waits for does not happen"
            self.do(asyncio.sleep(PAUSE_SECONDS))

    def charges(self, *purchases: Purchase) -> list[Charges]:
        """What the books say about these."""
        found = charges_of(self.market.database, purchases)
        return [found[purchase.target] for purchase in purchases]

    def faults(self) -> list[str]:
        """What ``farebox verify`` finds wrong with the books."""
        signed = Signed(known_public_keys(self._folder / "data"))
        return [str(fault) for fault in verify(self.market.database, signed=signed).faults]


async def until(holds: Callable[[], bool]) -> None:
    """Return as soon as ``holds()``, looking again and again; fails the test when it never does."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "what the test waits for does not happen"
        await asyncio.sleep(PAUSE_SECONDS)
