"""A post office for tests: a database with its keys, a time that the test moves, and workers on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from edge.proxy.webhook_sender import WebhookSender
from edge.proxy.webhook_worker import Send, WebhookWorker, WorkerLimits
from edge.store import outbox
from edge.store.database import Database, now_micros
from edge.store.service_keys import ServiceKeys
from edge.store.webhook_deliveries import Delivery, list_deliveries
from edge.store.webhook_endpoints import Endpoint, find_endpoint
from tests.support.webhooks import listen

PATIENCE_SECONDS = 30.0
LIMITS = WorkerLimits(PATIENCE_SECONDS, disable_seconds=5 * 86_400.0)


@dataclass
class Clock:
    """A time that a test moves: the receiver's own clock is the real one, so this starts there."""

    now: int = field(default_factory=now_micros)

    def __call__(self) -> int:
        return self.now


@dataclass
class Reports:
    """What went wrong behind the scenes."""

    errors: list[BaseException] = field(default_factory=list)

    def __call__(self, what: str, error: BaseException) -> None:
        self.errors.append(error)


@dataclass
class Post:
    """A database with its keys, a time, and workers on them."""

    database: Database
    keys: ServiceKeys
    clock: Clock = field(default_factory=Clock)
    reports: Reports = field(default_factory=Reports)

    def worker(self, send: Send, limits: WorkerLimits = LIMITS, database: Database | None = None) -> WebhookWorker:
        return WebhookWorker(
            database or self.database,
            lambda: self.keys,
            send,
            limits,
            clock=self.clock,
            draw=lambda: 0.0,
            report=self.reports,
        )

    def listen(self, url: str, *events: str, publisher_id: int | None = None) -> tuple[Endpoint, str]:
        at_micros = self.clock.now
        return listen(self.database, self.keys, *events, url=url, publisher_id=publisher_id, at_micros=at_micros)

    def happen(self, event: str = "ledger.alarm", publisher_id: int | None = None) -> str | None:
        with self.database.write() as connection:
            return outbox.add(
                connection, event, "a test", {"n": 1}, publisher_id=publisher_id, at_micros=self.clock.now
            )

    def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        with self.database.read() as connection:
            return list_deliveries(connection, endpoint.endpoint_id)

    def endpoint(self, endpoint: Endpoint) -> Endpoint:
        with self.database.read() as connection:
            return find_endpoint(connection, endpoint.endpoint_id)

    def deliver(self, *, dev: bool = True, limits: WorkerLimits = LIMITS) -> int:
        """Look once and wait for the ends; return how many tries were begun."""

        async def go(worker: WebhookWorker) -> int:
            begun = await worker.look()
            await worker.idle()
            return begun

        return self.at_work(go, dev=dev, limits=limits)

    def at_work(
        self,
        go: Callable[[WebhookWorker], Coroutine[Any, Any, int]],
        *,
        dev: bool = True,
        limits: WorkerLimits = LIMITS,
    ) -> int:
        async def run() -> int:
            sender = WebhookSender(limits.send_seconds, allow_loopback_http=dev)
            try:
                return await go(self.worker(sender, limits))
            finally:
                await sender.close()

        return asyncio.run(run())
