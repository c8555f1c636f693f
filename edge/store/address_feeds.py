"""The last good copy of each list of addresses, kept so that it survives restarts and failed fetches.

Rules of this file: a good fetch replaces the list and forgets the failure; a failed one is noted and leaves the list in
force; a try is claimed by one conditional statement, so that of many nodes one fetches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, Row, or_, select, update

from edge.core.address_book import FeedCopy, Seed
from edge.store.insertion import insert_new
from edge.store.tables import address_feed

FAILURE_LENGTH_MAX = 500
ACCUSES_MICROS = 7 * 86_400 * 1_000_000
"""A copy that is older proves, and accuses nobody (``edge.core.address_book``)."""


@dataclass(frozen=True, slots=True)
class StoredFeed:
    """What is known of one list; times in microseconds since the epoch.

    ``ranges`` is the last good list (None: never had one). ``failure`` says what the last try met.
    """

    url: str
    ranges: tuple[str, ...] | None
    fetched_at_micros: int | None
    attempted_at_micros: int | None
    failure: str | None


def list_feeds(connection: Connection) -> list[StoredFeed]:
    """Everything that is known, by address."""
    return [_stored(row) for row in connection.execute(select(address_feed).order_by(address_feed.c.url))]


def copies_in_force(stored: Iterable[StoredFeed], seeds: Iterable[Seed], now_micros: int) -> dict[str, FeedCopy]:
    """The copy of each list that counts now: the one that was fetched, else the one that is shipped."""
    shipped = {seed.url: FeedCopy(seed.url, seed.ranges) for seed in seeds}
    fetched = {
        feed.url: FeedCopy(feed.url, feed.ranges, accuses=now_micros - feed.fetched_at_micros < ACCUSES_MICROS)
        for feed in stored
        if feed.ranges is not None and feed.fetched_at_micros is not None
    }
    return shipped | fetched


def claim_feed(connection: Connection, url: str, now_micros: int, not_since_micros: int) -> bool:
    """Whether this node is to fetch: true for one of all that ask while the last try is before ``not_since_micros``."""
    insert_new(connection, address_feed, {"url": url})
    tried = address_feed.c.attempted_at_micros
    claimed = connection.execute(
        update(address_feed)
        .where(address_feed.c.url == url, or_(tried.is_(None), tried < not_since_micros))
        .values(attempted_at_micros=now_micros)
    )
    return claimed.rowcount == 1


def save_ranges(connection: Connection, url: str, ranges: tuple[str, ...], now_micros: int) -> None:
    """Keep a good list, which ends any failure before it."""
    values = {"ranges": orjson.dumps(ranges).decode(), "fetched_at_micros": now_micros, "failure": None}
    _save(connection, url, {**values, "attempted_at_micros": now_micros})


def save_feed_failure(connection: Connection, url: str, failure: str, now_micros: int) -> None:
    """Note a failed try in one sentence; the list stays."""
    _save(connection, url, {"failure": failure[:FAILURE_LENGTH_MAX], "attempted_at_micros": now_micros})


def _save(connection: Connection, url: str, values: dict[str, object]) -> None:
    insert_new(connection, address_feed, {"url": url})
    connection.execute(update(address_feed).where(address_feed.c.url == url).values(values))


def _stored(row: Row[tuple[object, ...]]) -> StoredFeed:
    ranges = None if row.ranges is None else tuple(orjson.loads(row.ranges))
    return StoredFeed(row.url, ranges, row.fetched_at_micros, row.attempted_at_micros, row.failure)
