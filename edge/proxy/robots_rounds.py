"""Read again and again what the robots.txt of busy sites says, so that crawlers are judged by what was in force.

Rules of this file: only sites that crawlers came to since the last round are asked, one after the other; an origin that
gives no plain answer leaves what was known in force. Nothing here is on a request's path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edge.core.policy import Policy, SitePolicy
from edge.proxy.own_robots import OwnRobotsFiles
from edge.proxy.upstream import Upstream
from edge.store.database import Database, now_micros
from edge.store.robots import RobotsJudge, note_robots

ROUND_SECONDS = 600.0
FIRST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RobotsRounds:
    """One process's rounds. ``ask`` gives what a site's origin says, None where that is no robots.txt to read.

    ``clock`` gives microseconds since the epoch.
    """

    database: Database
    judge: RobotsJudge
    policy: Callable[[], Policy]
    ask: Callable[[SitePolicy], Awaitable[str | None]]
    clock: Callable[[], int]
    report: Callable[[str, BaseException], None]

    async def run(self) -> None:
        """Go round until cancelled; sooner for the first time, because until then nobody is judged."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.go_round()
            await asyncio.sleep(ROUND_SECONDS)

    async def go_round(self) -> None:
        """Ask every site that crawlers came to since the last round."""
        seen = self.judge.take_seen()
        for site in [one for one in self.policy().sites.values() if one.site_id in seen]:
            try:
                text = await self.ask(site)
                if text is not None:
                    await asyncio.to_thread(self._keep, site.site_id, text)
            except Exception as error:  # the others are still asked; this one with the next round
                self.report("robots.txt", error)

    def _keep(self, site_id: int, text: str) -> None:
        with self.database.write() as connection:
            note_robots(connection, site_id, text, self.clock())


def robots_rounds(
    database: Database,
    judge: RobotsJudge,
    policy: Callable[[], Policy],
    upstream: Upstream,
    report: Callable[[str, BaseException], None],
) -> RobotsRounds:
    """Rounds that ask the sites' own origins."""
    files = OwnRobotsFiles(upstream, time.time)

    async def ask(site: SitePolicy) -> str | None:
        return (await files.of(site)).text

    return RobotsRounds(database, judge, policy, ask, now_micros, report)
