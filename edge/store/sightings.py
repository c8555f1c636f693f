"""``crawler.first_seen``: the first time that a registered crawler came to a site, proved by its signature.

Rules of this file
- Only a verified signature counts: a name in a User-Agent is anybody's. Whether it paid does not matter; a crawler
  that asks for prices is news.
- It is decided by one insert against the primary key, for all processes and for ever; the event is told in the same
  transaction. It is noted whether or not anybody listens, so that a later listener does not hear of old friends.
- It runs with the traffic's counts, about a second behind the request and never on its path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.insertion import insert_new
from edge.store.tables import crawler, crawler_sighting, site
from edge.store.traffic import TrafficKey

SIGNED = "signed"


class Sighting(NamedTuple):
    """A crawler, by its registered name, and the site that it came to."""

    site_id: int
    crawler: str


def signed_sightings(keys: Iterable[TrafficKey]) -> set[Sighting]:
    """Who came where, of those that proved who they are."""
    return {Sighting(key.site_id, key.crawler) for key in keys if key.rung == SIGNED and key.site_id}


def note_sightings(connection: Connection, sightings: Iterable[Sighting], now_micros: int) -> int:
    """Note who came where, and tell of those who came for the first time; return how many did."""
    return sum(_note(connection, sighting, now_micros) for sighting in sorted(sightings))


def _note(connection: Connection, sighting: Sighting, now_micros: int) -> bool:
    who = select(crawler).where(crawler.c.name_key == sighting.crawler.lower())
    came = connection.execute(who).one_or_none()
    where = connection.execute(select(site).where(site.c.id == sighting.site_id)).one_or_none()
    if came is None or where is None:
        return False
    row = {"site_id": where.id, "crawler_id": came.id, "first_seen_at_micros": now_micros}
    if not insert_new(connection, crawler_sighting, row):
        return False
    data = {
        "crawler": came.name,
        "agent_url": came.agent_url,
        "kind": came.kind,
        "operator": came.operator,
        "site": where.host,
        "first_seen_at": timestamp_text(now_micros),
    }
    subject = f"{came.name} at {where.host}"
    whose = {"publisher_id": where.publisher_id, "crawler_id": came.id}
    outbox.add(connection, WebhookEvent.CRAWLER_FIRST_SEEN, subject, data, **whose, at_micros=now_micros)
    return True
