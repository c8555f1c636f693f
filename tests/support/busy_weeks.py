"""Weeks of traffic around the newsroom's charges, as they would have been: for pictures, and for pages with a past.

What was paid is read from the ledger's own entries. What became of the others is what the live rules answer to each of
them, by the code that backtests them. So the overview, the list of requests, the content and a backtest tell one story.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, select

from edge.core.outcomes import OutcomeGroup, group_of
from edge.core.policy import Policy, SitePolicy
from edge.core.recorded import Asker
from edge.core.replay import answer_to
from edge.store.activity import Activity, UserAgents, write_activity
from edge.store.content import ContentCounter
from edge.store.database import Database
from edge.store.policy import load_policy
from edge.store.tables import crawler, entry
from edge.store.traffic import DAY_MICROS, Span, TrafficKey, flush_traffic
from tests.support.newsroom import NOW, PAGES, Newsroom, micros

DAYS = 50
KEPT_DAYS = 30
_MEMBERS = ("/members/letters", "/members/crossword")
_NEW = tuple(page for page in PAGES if not page.startswith("/archive/"))  # the archive charges whoever comes
_STATUSES = {OutcomeGroup.FREE: 200, OutcomeGroup.WATCHED: 200, OutcomeGroup.SOLD: 200, OutcomeGroup.ASKED: 402,
             OutcomeGroup.REFUSED: 403}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Caller:
    """Somebody who comes ``often`` on an ordinary day; ``agent`` is the address that signed requests name."""

    often: int
    name: str
    operator: str
    kind: str
    rung: str
    user_agent: str
    pages: tuple[str, ...] = PAGES
    offer: str = ""
    agent: str = ""
    outcome: str = ""
    """What became of it, where that was not for the rules to say."""


_GPT = _Caller(96, "GPTBot", "OpenAI", "training", "address", "Mozilla/5.0 (compatible; GPTBot/1.3)")
_BYTES = _Caller(34, "Bytespider", "ByteDance", "training", "impostor", "Mozilla/5.0 (compatible; Bytespider)")
_EXAMPLE = _Caller(
    6, "ExampleBot", "Example AI", "training", "signed", "ExampleBot/2.0",
    offer="max USD 0.004", agent="https://bot.example-ai.example",
)  # fmt: skip
_CROWD = (
    _GPT,
    _Caller(41, "ClaudeBot", "Anthropic", "training", "claimed", "Mozilla/5.0 (compatible; ClaudeBot/1.0)"),
    _Caller(27, "CCBot", "Common Crawl", "training", "claimed", "CCBot/2.0", (*PAGES, *_MEMBERS)),
    _BYTES,
    replace(_BYTES, often=6, rung="claimed"),
    _Caller(118, "Googlebot", "Google", "search", "address", "Mozilla/5.0 (compatible; Googlebot/2.1)", _NEW),
    _Caller(29, "Amazonbot", "Amazon", "training", "reverse-dns", "Mozilla/5.0 (compatible; Amazonbot/0.1)"),
    _Caller(47, "BingBot", "Microsoft", "search", "address", "Mozilla/5.0 (compatible; bingbot/2.0)", _NEW),
    _Caller(
        19, "ChatGPT-User", "OpenAI", "assistant", "signed", "ChatGPT-User/1.0",
        offer="max USD 0.01", agent="https://chatgpt.com",
    ),
    _Caller(14, "PerplexityBot", "Perplexity", "search", "address", "PerplexityBot/1.0", _NEW),
    _Caller(8, "AhrefsBot", "Ahrefs", "seo", "claimed", "AhrefsBot/7.0", ("/recipes/fish-soup", *_MEMBERS)),
    _EXAMPLE,
    replace(_EXAMPLE, often=1, offer="max USD 0.01", outcome="origin_timeout"),
    _Caller(
        4, "Corpusworks", "Corpusworks", "training", "signed", "Corpusworks/2.0",
        offer="max USD 0.0045", agent="https://crawl.corpusworks.example",
    ),
)  # fmt: skip
_WATCHED = (replace(_GPT, often=31), _Caller(4, "", "", "library", "claimed", "python-requests/2.32"))
_RHYTHM = (1.0, 1.1, 1.15, 1.1, 1.0, 0.7, 0.65)  # of seven days


def fill_weeks(database: Database, newsroom: Newsroom) -> None:
    """Traffic of both sites for the weeks up to ``NOW``, in place of the newsroom's one hour."""
    policy, chance = load_policy(database), random.Random(11)
    sites = [(policy.sites[newsroom.site.host], _CROWD), (policy.sites[newsroom.second_site.host], _WATCHED)]
    end = micros(NOW)
    with database.write() as connection:
        ids = [site.site_id for site, _ in sites]
        for span in Span:
            connection.execute(delete(span.table).where(span.table.c.site_id.in_(ids)))
        rows = [*_sold(connection, newsroom.site.site_id, end)]
        for site, crowd in sites:
            rows += _came(site, crowd, policy, chance, end)
        rows = [replace(row, number=number) for number, row in enumerate(rows, start=10_000)]
        flush_traffic(connection, Counter(map(_counted, rows)))
        kept = [row for row in rows if row.at_micros >= end - KEPT_DAYS * DAY_MICROS]
        ContentCounter().add(connection, write_activity(connection, UserAgents(), kept, end))


def _counted(row: Activity) -> TrafficKey:
    minute = row.at_micros - row.at_micros % 60_000_000
    return TrafficKey(minute, row.site_id, row.crawler, row.rung, row.rule, row.outcome)


def _came(
    site: SitePolicy, crowd: tuple[_Caller, ...], policy: Policy, chance: random.Random, end: int
) -> Iterator[Activity]:
    """Those that paid nothing: weekdays are busier, and every week a little more so."""
    began = end - end % DAY_MICROS - DAYS * DAY_MICROS
    for day, start in enumerate(range(began, end, DAY_MICROS)):
        for one in crowd:
            number = round(one.often * _RHYTHM[day % 7] * (1 + day / 120) * chance.uniform(0.8, 1.25))
            for at_micros in sorted(start + chance.randrange(DAY_MICROS) for _ in range(number)):
                row = _answered(one, site, policy, chance.choice(one.pages), at_micros)
                if at_micros < end:
                    yield row


def _answered(one: _Caller, site: SitePolicy, policy: Policy, target: str, at_micros: int) -> Activity:
    asker = Asker(
        one.name, one.rung, one.kind, one.operator, one.agent, 0, "GET", one.offer, one.outcome, None, 200
    )  # fmt: skip
    answer = answer_to(asker, target, at_micros / 1_000_000, site, policy)
    outcome = one.outcome or answer.outcome
    return Activity(
        site_id=site.site_id,
        at_micros=at_micros,
        number=0,
        crawler=one.name,
        rung=one.rung,
        kind=one.kind,
        rule=answer.rule.name if answer.rule else "",
        outcome=outcome,
        price_micros=answer.price.amount_micros if answer.price else None,
        offer=one.offer or None,
        method="GET",
        target=target,
        status=_STATUSES.get(group_of(outcome), 504),
        user_agent=one.user_agent,
        address="203.0.113.0/24",
        requests=1,
        operator=one.operator,
        agent=one.agent or None,
    )


def _sold(connection: Connection, site_id: int, end: int) -> Iterator[Activity]:
    """Every page that was paid, as the ledger has it; three of four offered more than it cost."""
    query = (
        select(crawler.c.name, crawler.c.agent_url, crawler.c.kind, crawler.c.operator, entry)
        .join(crawler, crawler.c.id == entry.c.crawler_id)
        .where(entry.c.site_id == site_id, entry.c.kind.in_(("post", "settle")))
        .where(entry.c.recorded_at_micros >= end - DAYS * DAY_MICROS, entry.c.recorded_at_micros < end)
        .order_by(entry.c.recorded_at_micros)
    )
    for number, one in enumerate(connection.execute(query).mappings()):
        yield Activity(
            site_id=site_id,
            at_micros=one["recorded_at_micros"],
            number=0,
            crawler=one["name"],
            rung="signed",
            kind=one[crawler.c.kind],
            rule=one["rule"],
            outcome="charged",
            price_micros=one["amount_micros"],
            offer="max USD 0.01" if number % 4 else "max USD 0.006",
            method="GET",
            target=one["target"],
            status=200,
            user_agent=f"{one['name']}/2.0",
            address="203.0.113.0/24",
            requests=1,
            operator=one["operator"],
            agent=one["agent_url"],
        )
