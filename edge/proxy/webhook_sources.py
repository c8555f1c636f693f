"""What is told behind the requests: charges in batches, and what happened to the ledger.

Rules of this file
- An alarm is kept until it could be written: what breaks the ledger often breaks the outbox with it. It is written
  once the database takes it, with the time at which it happened.
- A database that never comes back tells nobody through here: `/readyz` and the log do not need it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edge.core.errors import EdgeError
from edge.proxy.webhook_worker import Report
from edge.store.charge_feed import fold_charges
from edge.store.database import Database
from edge.store.ledger_alarms import passes, tell_alarm

FOLD_LOOK_SECONDS = 5.0
FOLDS_PER_ROUND = 10
ALARMS_KEPT = 100


class LedgerAlarms:
    """Takes what the ledger reports, on any thread, and tells of outages once they can be told."""

    def __init__(self, node: str, clock: Callable[[], int]) -> None:
        self._node = node
        self._clock = clock
        self._waiting: deque[tuple[int, EdgeError]] = deque(maxlen=ALARMS_KEPT)

    def note(self, error: EdgeError) -> None:
        """Keep an outage; does not block. What ends selling is told by the checkpoints' rounds."""
        if passes(error):
            self._waiting.append((self._clock(), error))

    def tell(self, database: Database) -> int:
        """Write what was kept into the outbox; return how many. What cannot be written now stays kept."""
        told = 0
        while self._waiting:
            at_micros, error = self._waiting.popleft()
            try:
                tell_alarm(database, self._node, error, at_micros)
            except BaseException:
                self._waiting.appendleft((at_micros, error))
                raise
            told += 1
        return told


class WebhookSources:
    """The background work of one process that fills the outbox."""

    def __init__(self, database: Database, alarms: LedgerAlarms, clock: Callable[[], int], report: Report) -> None:
        self._database = database
        self._alarms = alarms
        self._clock = clock
        self._report = report

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await asyncio.sleep(FOLD_LOOK_SECONDS)
            await asyncio.to_thread(self.go_round)

    def go_round(self) -> None:
        """Do once whatever is due; what fails is reported and comes again with the next round."""
        for job in (self._tell_alarms, self._fold):
            try:
                job()
            except Exception as error:
                self._report("webhooks", error)

    def _tell_alarms(self) -> None:
        self._alarms.tell(self._database)

    def _fold(self) -> None:
        for _ in range(FOLDS_PER_ROUND):
            if not fold_charges(self._database, self._clock()):
                return
