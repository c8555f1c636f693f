"""Weeks of traffic around the newsroom's charges, as they would have been: for pictures, and for pages with a past.

What was paid is counted from the ledger's own entries, so that the two agree; the rest follows a week's rhythm and a
fixed seed.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from sqlalchemy import Connection, delete, select

from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.tables import crawler, entry
from edge.store.traffic import DAY_MICROS, Span, TrafficKey, flush_traffic
from tests.support.newsroom import NOW, Newsroom, micros

DAYS = 50
# How often each came on an ordinary day, for each thousand: name, proof, rule, outcome.
_CROWD: tuple[tuple[int, str, str, str, str], ...] = (
    (46, "GPTBot", "address", "Long reads", "signature_required"),
    (19, "GPTBot", "address", "Archive", "signature_required"),
    (14, "ClaudeBot", "claimed", "Long reads", "signature_required"),
    (12, "CCBot", "claimed", "Members", "crawler_blocked"),
    (11, "Bytespider", "impostor", "everything else", "payment_required"),
    (2, "Bytespider", "claimed", "everything else", "payment_required"),
    (38, "Googlebot", "reverse-dns", "Search engines", "allowed"),
    (21, "Bingbot", "address", "Search engines", "allowed"),
    (9, "ChatGPT-User", "signed", "Long reads", "max_price_too_low"),
    (6, "PerplexityBot", "address", "Archive", "payment_required"),
    (3, "AhrefsBot", "claimed", "everything else", "rate_exceeded"),
    (1, "ExampleBot", "signed", "Long reads", "origin_timeout"),
)


def fill_weeks(connection: Connection, newsroom: Newsroom) -> None:
    """Traffic of both sites for the weeks up to ``NOW``, in place of the newsroom's one hour."""
    end, today = micros(NOW), micros(NOW) - micros(NOW) % DAY_MICROS
    began = today - DAYS * DAY_MICROS
    chance, counts = random.Random(11), Counter[TrafficKey]()
    site_id, second_id = newsroom.site.site_id, newsroom.second_site.site_id
    for span in Span:
        connection.execute(delete(span.table).where(span.table.c.site_id.in_((site_id, second_id))))
    for start in range(began, end, DAY_MICROS):
        part = min(end - start, DAY_MICROS) / DAY_MICROS
        for often, name, rung, rule, outcome in _CROWD:
            number = round(often * part * _busy((start - began) // DAY_MICROS) * chance.uniform(0.8, 1.25))
            counts[TrafficKey(start + DAY_MICROS // 4, site_id, name, rung, rule, outcome)] += number
        for often, name in ((31, "GPTBot"), (4, "")):
            watched = TrafficKey(start + DAY_MICROS // 4, second_id, name, "claimed", "everything else", "monitored")
            counts[watched] += round(often * part * chance.uniform(0.8, 1.25))
    for name, at_micros, rule in _paid(connection, site_id, began, end):
        counts[TrafficKey(at_micros, site_id, name, "signed", rule, "charged")] += 1
    flush_traffic(connection, counts)
    write_activity(connection, UserAgents(), _requests(connection, site_id, end), end)


def _requests(connection: Connection, site_id: int, end: int) -> list[Activity]:
    """Single requests of the last weeks: every page that was paid, and every fifth time somebody who offered less."""
    query = (
        select(crawler.c.name, crawler.c.agent_url, crawler.c.kind, crawler.c.operator, entry)
        .join(crawler, crawler.c.id == entry.c.crawler_id)
        .where(entry.c.site_id == site_id, entry.c.kind.in_(("post", "settle")))
        .where(entry.c.recorded_at_micros >= end - 20 * DAY_MICROS, entry.c.recorded_at_micros < end)
        .order_by(entry.c.recorded_at_micros)
    )
    rows = []
    for number, one in enumerate(connection.execute(query).mappings()):
        paid = Activity(
            site_id=site_id,
            at_micros=one["recorded_at_micros"],
            number=10_000 + number,
            crawler=one["name"],
            rung="signed",
            kind=one[crawler.c.kind],
            rule=one["rule"],
            outcome="charged",
            price_micros=one["amount_micros"],
            offer="max USD 0.01" if number % 3 else "max USD 0.006",
            method="GET",
            target=one["target"],
            status=200,
            user_agent=f"{one['name']}/2.0",
            address="203.0.113.0/24",
            requests=1,
            operator=one["operator"],
            agent=one["agent_url"],
        )
        rows.append(paid)
        if number % 5 == 0:
            less = replace(paid, outcome="max_price_too_low", offer="max USD 0.0008", status=402)
            rows.append(replace(less, at_micros=paid.at_micros - 9_000_000, number=40_000 + number))
    return rows


def _busy(day: int) -> float:
    """Weekdays are busier, and every week a little more so."""
    return (1.0, 1.1, 1.15, 1.1, 1.0, 0.7, 0.65)[day % 7] * (1 + day / 120)


def _paid(connection: Connection, site_id: int, since: int, until: int) -> list[tuple[str, int, str]]:
    query = (
        select(crawler.c.name, entry.c.recorded_at_micros, entry.c.rule)
        .join(crawler, crawler.c.id == entry.c.crawler_id)
        .where(entry.c.site_id == site_id, entry.c.kind.in_(("post", "settle")))
        .where(entry.c.recorded_at_micros >= since, entry.c.recorded_at_micros < until)
    )
    return [(name, at_micros, rule) for name, at_micros, rule in connection.execute(query)]
