"""The hourly round that deletes what is over its time, behind the requests and a few rows at a time.

Rules of this file
- Every edge process looks once a minute; the database gives each round to one of them (``edge.store.housekeeping``).
- Between two transactions it rests at least as long as the last one took: half of the writing stays everybody else's.
- What fails is reported and comes again with the next round; it never stops a sale.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from edge.store.database import Database
from edge.store.housekeeping import Chore, note_round, take_turn

LOOK_SECONDS = 60.0
REST_SECONDS = 0.02

log = structlog.get_logger("farebox.housekeeping")


class Housekeeper:
    """One process's rounds. ``clock`` gives microseconds since the epoch; ``tidy`` is what has no row: files.

    ``sum_next`` sums up one day of the books that is over; False when there is none left.
    """

    def __init__(
        self,
        database: Database,
        chores: Mapping[str, Chore],
        *,
        clock: Callable[[], int],
        report: Callable[[str, BaseException], None],
        tidy: Callable[[int], object] = lambda now_micros: None,
        sum_next: Callable[[int], bool] = lambda now_micros: False,
    ) -> None:
        self._database = database
        self._chores = chores
        self._clock = clock
        self._report = report
        self._tidy = tidy
        self._sum_next = sum_next
        self._stopping = threading.Event()

    async def run(self) -> None:
        """Look every minute until cancelled; a round under way ends after the transaction that it is in."""
        while True:
            work = asyncio.ensure_future(asyncio.to_thread(self.look))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                self._stopping.set()
                await work
                raise
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Do the round that is due, if it is this process's."""
        now_micros = self._clock()
        try:
            self._tidy(now_micros)
            with self._database.write() as connection:
                if not take_turn(connection, now_micros):
                    return
        except Exception as error:
            self._report("housekeeping", error)
            return
        self._sum_up(now_micros)
        gone = {name: rows for name, rows in self.go_round().items() if rows}
        if gone:
            log.info("deleted what was over its time", **gone)

    def _sum_up(self, now_micros: int) -> None:
        """Sum up the days that are over, one after the other; what fails comes again with the next round."""
        try:
            while not self._stopping.is_set() and self._sum_next(now_micros):
                self._stopping.wait(REST_SECONDS)
        except Exception as error:
            self._report("housekeeping: earnings by the day", error)

    def go_round(self) -> Counter[str]:
        """Delete whatever is over its time; return how many rows went, by chore."""
        gone: Counter[str] = Counter()
        for name, chore in self._chores.items():
            try:
                gone[name] += self._finish(chore)
            except Exception as error:  # the others are still done; this one comes again
                self._report(f"housekeeping: {name}", error)
        with self._database.write() as connection:
            note_round(connection, self._clock(), gone.total())
        return gone

    def _finish(self, chore: Chore) -> int:
        """Call a chore until nothing is left of it, or the process stops."""
        total = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            with self._database.write() as connection:
                rows = chore(connection, self._clock())
            if not rows:
                break
            total += rows
            self._stopping.wait(max(REST_SECONDS, time.monotonic() - began))
        return total
