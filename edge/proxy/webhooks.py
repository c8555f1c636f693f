"""The webhooks of one process: what fills the outbox, what empties it, and their life."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from functools import partial

from edge.proxy.webhook_sender import WebhookSender
from edge.proxy.webhook_sources import LedgerAlarms, WebhookSources
from edge.proxy.webhook_worker import Report, WebhookWorker, WorkerLimits
from edge.settings import Settings
from edge.store.database import Database, now_micros
from edge.store.service_keys import load_service_keys

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The parts, wired: run it, and finish it when it was cancelled."""

    worker: WebhookWorker
    sender: WebhookSender
    sources: WebhookSources

    async def run(self) -> None:
        """Tell and deliver until cancelled."""
        await asyncio.gather(self.worker.run(), self.sources.run())

    async def finish(self) -> None:
        """Let what is under way end, or leave it to the next process."""
        await self.worker.finish()
        await self.sender.close()


def build_webhooks(settings: Settings, database: Database, alarms: LedgerAlarms | None, report: Report) -> Webhooks:
    """Wire the webhooks of a process; ``alarms`` is what its ledger reports to."""
    sender = WebhookSender(settings.webhook_seconds, allow_loopback_http=settings.dev)
    limits = WorkerLimits(settings.webhook_seconds, settings.webhook_disable_days * DAY_SECONDS)
    keys = partial(load_service_keys, settings.data_dir)
    # The draw spreads tries in time; nothing secret depends on it.
    worker = WebhookWorker(database, keys, sender, limits, clock=now_micros, draw=random.random, report=report)
    sources = WebhookSources(database, alarms or LedgerAlarms(settings.node, now_micros), now_micros, report)
    return Webhooks(worker, sender, sources)
