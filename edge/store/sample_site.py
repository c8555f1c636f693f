"""A site with made-up traffic, to look around in before anything real has come.

Rules of this file
- A sample is a site of its own, below ``sample.invalid``, a name that no DNS will ever know (RFC 6761 section 6.4): its
  traffic stands under its own id and cannot be taken for that of a real site. It is priced and published like one.
- It has no charge, no account of a crawler and no entry: the books hold nothing that was not paid.
- Taking it away deletes its traffic and its draft and stops serving its name.
- The same numbers each time, so that what one reads of it can be read again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, delete

from edge.core.rules import RuleSet
from edge.store import audit_events
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.rulesets import find_draft, live_version, publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import Site, SiteOptions, add_site, find_site, list_sites, remove_site
from edge.store.tables import activity, rule_draft, traffic, traffic_day, traffic_minute
from edge.store.traffic import HOUR_MICROS, MINUTE_MICROS, TrafficKey, flush_traffic

SUFFIX = ".sample.invalid"
DAYS = 7
ROWS = 400
_ORIGIN = "http://origin.sample.invalid"
_PATHS = ("/articles/{}", "/articles/{}", "/archive/2019/{}", "/recipes/{}", "/tag/{}")

# Name, kind, what its User-Agent says, rung, requests an hour.
_CRAWLERS = (
    ("GPTBot", "training", "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", "address", 46),
    ("ClaudeBot", "training", "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "claimed", 31),
    ("Googlebot", "search", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "address", 22),
    ("Bytespider", "training", "Mozilla/5.0 (compatible; Bytespider)", "claimed", 19),
    ("CCBot", "training", "CCBot/2.0 (https://commoncrawl.org/faq/)", "address", 9),
    ("ChatGPT-User", "assistant", "Mozilla/5.0 (compatible; ChatGPT-User/1.0)", "address", 6),
    ("AhrefsBot", "seo", "Mozilla/5.0 (compatible; AhrefsBot/7.0)", "claimed", 5),
)
_PEOPLE = 240


def is_sample_host(host: str) -> bool:
    """Whether a site of this name is a sample."""
    return host.endswith(SUFFIX)


def sample_host(publisher_id: int) -> str:
    """The name of a publisher's sample."""
    return f"publisher-{publisher_id}{SUFFIX}"


def real_sites(connection: Connection) -> list[Site]:
    """The sites of every publisher that a crawler can buy from: a sample is for its publisher's eyes alone."""
    return [one for one in list_sites(connection) if not is_sample_host(one.host)]


def find_sample(connection: Connection, publisher_id: int) -> Site | None:
    """A publisher's sample, if there is one."""
    return next((one for one in list_sites(connection, publisher_id) if is_sample_host(one.host)), None)


def add_sample(
    connection: Connection, publisher_id: int, rules: RuleSet, currency: str, author: str, now_micros: int
) -> Site:
    """Make a publisher's sample, with a week of traffic up to now under ``rules``; the one that is there stays."""
    there = find_sample(connection, publisher_id)
    if there is not None:
        return there
    options = SiteOptions(origin=_ORIGIN, currency=currency)
    made = add_site(connection, sample_host(publisher_id), publisher_id, options, EdgeAddresses(), now_micros)
    if live_version(connection, made.site_id) is None:
        publish_rules(connection, made.site_id, rules, 0, "Sample: watch only", author, now_micros)
    chance = random.Random(publisher_id)  # noqa: S311 -- numbers to look at
    flush_traffic(connection, _sums(made.site_id, chance, now_micros))
    price = rules.default.price
    rows = list(_rows(made.site_id, price.amount_micros if price else None, chance, now_micros))
    write_activity(connection, UserAgents(), rows, now_micros)
    _record(connection, audit_events.Action.SITE_ADDED, made, author, now_micros)
    return find_site(connection, made.host)


def remove_sample(connection: Connection, publisher_id: int, author: str, now_micros: int) -> bool:
    """Take a publisher's sample away, with everything that was made up for it; whether there was one."""
    there = find_sample(connection, publisher_id)
    if there is None:
        return False
    for table in (traffic_minute, traffic, traffic_day, activity):
        connection.execute(delete(table).where(table.c.site_id == there.site_id))
    if find_draft(connection, there.site_id) is not None:
        connection.execute(delete(rule_draft).where(rule_draft.c.site_id == there.site_id))
    remove_site(connection, there.host, now_micros)
    _record(connection, audit_events.Action.SITE_CHANGED, there, author, now_micros)
    return True


def _record(connection: Connection, action: audit_events.Action, where: Site, author: str, now_micros: int) -> None:
    audit_events.record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=where.publisher_id,
        site_id=where.site_id,
        subject=where.host,
        details={"sample": action is audit_events.Action.SITE_ADDED},
    )


def _sums(site_id: int, chance: random.Random, now_micros: int) -> Counter[TrafficKey]:
    """Sums for each hour of the week, at a minute of it."""
    sums: Counter[TrafficKey] = Counter()
    first = now_micros - now_micros % HOUR_MICROS - DAYS * 24 * HOUR_MICROS
    for hour in range(DAYS * 24 + 1):
        start = first + hour * HOUR_MICROS + (MINUTE_MICROS * chance.randrange(60) if hour < DAYS * 24 else 0)
        day = 0.6 + 0.4 * abs((hour % 24) - 12) / 12
        for name, kind, _, rung, hourly in _CRAWLERS:
            rule, outcome = _met(kind, rung)
            key = TrafficKey(start, site_id, name, rung, rule, outcome)
            sums[key] += round(hourly * day * chance.uniform(0.5, 1.5))
        sums[TrafficKey(start, site_id, "", "", "", "visitor")] += round(
            _PEOPLE * (1.6 - day) * chance.uniform(0.7, 1.3)
        )
    return sums


def _rows(site_id: int, price_micros: int | None, chance: random.Random, now_micros: int) -> Iterator[Activity]:
    weights = [hourly for *_, hourly in _CRAWLERS]
    for number in range(ROWS):
        name, kind, agent, rung, _ = chance.choices(_CRAWLERS, weights)[0]
        rule, outcome = _met(kind, rung)
        yield Activity(
            site_id=site_id,
            at_micros=now_micros - int(chance.random() ** 2 * DAYS * 24 * HOUR_MICROS),
            number=number,
            crawler=name,
            rung=rung,
            kind=kind,
            rule=rule,
            outcome=outcome,
            price_micros=price_micros if outcome == "monitored" else None,
            offer=None,
            method="GET",
            target=chance.choice(_PATHS).format(chance.randrange(1, 90)),
            status=200,
            user_agent=agent,
            address="",
            requests=1,
        )


def _met(kind: str, rung: str) -> tuple[str, str]:
    """The rule of the watching preset that a crawler meets, and what it does."""
    names = {"search": "Search engines", "assistant": "Assistants for a person"}
    if rung == "address" and kind in names:
        return names[kind], "allowed"
    return "everything else", "monitored"
