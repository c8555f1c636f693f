"""The traffic's sums of whole days as overviews ask for them: of all sites of a publisher, grouped in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from edge.core.decision import AdmitReason
from edge.store.tables import traffic_day
from edge.store.traffic import TrafficKey, TrafficSum


def daily_traffic(
    connection: Connection, since_micros: int, until_micros: int, site_ids: frozenset[int]
) -> list[TrafficSum]:
    """The sums of each day that starts between two times, whatever site and rule: those are 0 and empty in the keys."""
    day, requests = traffic_day.c.day_micros, func.sum(traffic_day.c.requests)
    keys = (day, traffic_day.c.crawler, traffic_day.c.rung, traffic_day.c.outcome)
    query = (
        select(*keys, requests)
        .where(day >= since_micros, day < until_micros, traffic_day.c.site_id.in_(site_ids))
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        TrafficSum(TrafficKey(start, 0, crawler, rung, "", outcome), int(number))
        for start, crawler, rung, outcome, number in connection.execute(query)
    ]


def watched_traffic(
    connection: Connection, since_micros: int, until_micros: int, site_ids: frozenset[int]
) -> list[TrafficSum]:
    """What watching rules let pass on the days between two times, by site, crawler and rule; the most first."""
    day, requests = traffic_day.c.day_micros, func.sum(traffic_day.c.requests)
    keys = (traffic_day.c.site_id, traffic_day.c.crawler, traffic_day.c.rung, traffic_day.c.rule)
    monitored = AdmitReason.MONITORED.value
    query = (
        select(*keys, requests)
        .where(day >= since_micros, day < until_micros, traffic_day.c.site_id.in_(site_ids))
        .where(traffic_day.c.outcome == monitored)
        .group_by(*keys)
        .order_by(requests.desc(), *keys)
    )
    return [
        TrafficSum(TrafficKey(since_micros, site_id, crawler, rung, rule, monitored), int(number))
        for site_id, crawler, rung, rule, number in connection.execute(query)
    ]
