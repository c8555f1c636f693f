"""The lists of addresses that operators publish, fetched about once a day, behind the requests.

Rules of this file

- Fetched with the guard of key directories: public addresses, https, no redirect, bounded size and time.
- The last good copy stays in force, however often fetching fails; before there is one, the copy that is shipped.
- Of all nodes one fetches, the others find its copy in the database.
- A copy accuses nobody once it is a week old: ``AddressBook`` says why.
- A round never raises: what goes wrong is noted with the list, or reported.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping

from edge.core.address_book import AddressBook, Feed, FeedCopy, FeedFault, Seed, parse_feed
from edge.proxy.address_evidence import AddressEvidence
from edge.proxy.directory_fetch import Fetch, Fetched, FetchFailure
from edge.store.address_feeds import (
    StoredFeed,
    claim_feed,
    copies_in_force,
    list_feeds,
    save_feed_failure,
    save_ranges,
)
from edge.store.database import Database

ROUND_SECONDS = 60.0
FIRST_ROUND_SECONDS = 30.0
FETCH_EVERY_SECONDS = 86_400
RETRY_SECONDS = 3_600
FETCHES_AT_ONCE = 4

_MICROS = 1_000_000


class AddressFeeds:
    """Keeps the book of ``evidence`` up to date. ``fetch`` None fetches nothing: what others fetched is still read."""

    def __init__(
        self,
        feeds: Iterable[Feed],
        seeds: Iterable[Seed],
        evidence: AddressEvidence,
        database: Database,
        fetch: Fetch | None,
        report: Callable[[str, BaseException], None],
        *,
        now: Callable[[], float] = time.time,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        self._feeds = tuple(feeds)
        self._seeds = tuple(seeds)
        self._evidence = evidence
        self._database = database
        self._fetch = fetch
        self._report = report
        self._now = now
        self._random_unit = random_unit
        self._slots = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._copies: dict[str, FeedCopy] | None = None

    async def run(self) -> None:
        """Read at once, fetch from half a minute on, until cancelled: a start is not the time for errands."""
        await self.read()
        await asyncio.sleep(FIRST_ROUND_SECONDS * (1 + self._random_unit()))
        while True:
            await self.round()
            await asyncio.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Fetch what is due, and put in force what is there."""
        stored = await self.read()
        due = [] if self._fetch is None else [feed for feed in self._feeds if self._is_due(stored.get(feed.url))]
        if due:
            await asyncio.gather(*(self.refresh(feed.url, only_due=True) for feed in due))
            await self.read()

    async def read(self) -> Mapping[str, StoredFeed]:
        """Put the stored copies in force; what cannot be read leaves those that are."""
        try:
            stored = {feed.url: feed for feed in await asyncio.to_thread(self._stored)}
        except Exception as error:
            self._report("reading lists of addresses", error)
            return {}
        copies = copies_in_force(stored.values(), self._seeds, self._now_micros())
        if copies != self._copies:
            self._copies = copies
            self._evidence.book = await asyncio.to_thread(AddressBook, self._feeds, copies.values())
        return stored

    async def refresh(self, url: str, *, only_due: bool = False) -> str | None:
        """Fetch one list now and keep it; why not, or None. With ``only_due`` the first node that asks does it."""
        if self._fetch is None:
            return "lists are not fetched here (FAREBOX_ADDRESS_FEEDS)"
        try:
            if only_due and not await asyncio.to_thread(self._claim, url):
                return None
            async with self._slots:
                answer = await self._fetch(url)
            return await asyncio.to_thread(self._keep, url, answer)
        except Exception as error:
            self._report(f"fetching {url}", error)
            return str(error)

    def _is_due(self, stored: StoredFeed | None) -> bool:
        if stored is None or stored.attempted_at_micros is None:
            return True
        return stored.attempted_at_micros < self._due_before(stored)

    def _due_before(self, stored: StoredFeed) -> int:
        """A try before this is long enough ago; spread, so that edges do not call in step."""
        pause = FETCH_EVERY_SECONDS if stored.failure is None else RETRY_SECONDS
        return round((self._now() - pause * (0.9 + 0.1 * self._random_unit())) * _MICROS)

    def _now_micros(self) -> int:
        return round(self._now() * _MICROS)

    def _stored(self) -> list[StoredFeed]:
        with self._database.read() as connection:
            return list_feeds(connection)

    def _claim(self, url: str) -> bool:
        now = self._now()
        with self._database.write() as connection:
            return claim_feed(connection, url, round(now * _MICROS), round((now - RETRY_SECONDS / 2) * _MICROS))

    def _keep(self, url: str, answer: Fetched | FetchFailure) -> str | None:
        found = _ranges(answer)
        now_micros = self._now_micros()
        with self._database.write() as connection:
            if isinstance(found, tuple):
                save_ranges(connection, url, found, now_micros)
                return None
            save_feed_failure(connection, url, found, now_micros)
            return found


def _ranges(answer: Fetched | FetchFailure) -> tuple[str, ...] | str:
    """The ranges of an answer, or why there are none."""
    if isinstance(answer, FetchFailure):
        return f"{answer.fault}: {answer.detail}"
    ranges = parse_feed(answer.body)
    return f"the list cannot be used: {ranges}" if isinstance(ranges, FeedFault) else ranges
