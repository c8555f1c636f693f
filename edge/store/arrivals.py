"""Whether anything has come yet: the first and the last request of a site, and requests for hosts that nobody serves.

Rule of this file: roll-ups answer, along their keys; no single request is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from edge.core.refusals import RefusalCode
from edge.store.tables import traffic_day, traffic_minute

NO_SITE = 0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When requests came to a site: the day of the first, the minute of the last lately; None where none did."""

    first_day_micros: int | None
    last_minute_micros: int | None
    requests_lately: int


def arrivals_of(connection: Connection, site_id: int, since_micros: int) -> Arrivals:
    """What came to a site; ``since_micros`` is from when on minutes are looked at."""
    minute = traffic_minute.c
    lately = select(func.max(minute.minute_micros), func.sum(minute.requests)).where(
        minute.minute_micros >= since_micros, minute.site_id == site_id
    )
    last, requests = connection.execute(lately).one()
    first = connection.execute(select(func.min(traffic_day.c.day_micros)).where(traffic_day.c.site_id == site_id))
    return Arrivals(first.scalar_one(), last, int(requests or 0))


def sites_seen(connection: Connection, site_ids: Iterable[int]) -> set[int]:
    """Those of some sites to which a request has ever come."""
    day = traffic_day.c
    found = select(day.site_id).where(day.site_id.in_(list(site_ids))).distinct()
    return set(connection.execute(found).scalars())


def strangers_hosts(connection: Connection, since_micros: int) -> int:
    """How many requests named a host that is not served here, since then."""
    minute = traffic_minute.c
    query = select(func.sum(minute.requests)).where(
        minute.minute_micros >= since_micros,
        minute.site_id == NO_SITE,
        minute.outcome == RefusalCode.UNKNOWN_SITE.value,
    )
    return int(connection.execute(query).scalar_one() or 0)
