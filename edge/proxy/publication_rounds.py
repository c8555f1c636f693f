"""Publishes what was planned when its time has come: each edge process looks, the database gives the work to one.

Nothing here is on a request's path. What fails is reported and looked at again a second later; a plan whose draft or
live version has moved on is not tried again (``edge.store.planned``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from edge.store.database import Database
from edge.store.planned import carry_out, due_plans

LOOK_SECONDS = 1.0

log = structlog.get_logger("farebox.publication")


class PublicationRounds:
    """One process's rounds. ``clock`` gives microseconds since the epoch."""

    def __init__(
        self, database: Database, clock: Callable[[], int], report: Callable[[str, BaseException], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report

    async def run(self) -> None:
        """Look every second until cancelled; a publication that has begun is finished."""
        while True:
            await asyncio.shield(asyncio.to_thread(self.look))
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> int:
        """Publish what is due; how many versions went live by this process."""
        now_micros, published = self._clock(), 0
        try:
            with self._database.read() as connection:
                due = due_plans(connection, now_micros)
            for site_id in due:
                with self._database.write() as connection:
                    version = carry_out(connection, site_id, now_micros)
                if version is not None:
                    published += 1
                    log.info("published as planned", site_id=site_id, version=version.version)
        except Exception as error:  # the database is away: a second later it may be there
            self._report("planned publications", error)
        return published
