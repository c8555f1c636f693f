"""Measure a backtest: `make bench-backtest`, or `python -m benchmarks.backtest --rows 1000000 --addresses 200000`.

Synthetic activity of a news site (SQLite, kept under ``build/``): eight kinds of crawlers, five ways to offer,
addresses drawn evenly, which is the worst there is for whoever groups by them. One process reads and decides all of it,
three times.

Rules of this file: processor time is what to compare while others work; the best of three is what the code can do, the
worst what it met. Nothing here runs in the suite but ``make_rows``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import ROOT
from edge.core.backtest_result import Span
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from edge.store import schema
from edge.store.activity import Activity
from edge.store.backtests import run_backtest
from edge.store.database import Database
from edge.store.publishers import add_publisher
from edge.store.rulesets import publish_rules
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import activity

KEPT = ROOT / "build" / "benchmarks" / "backtest"
BEGAN = 1_790_000_000_000_000
STEP_MICROS = 600_000
ROUNDS = 3
AT_ONCE = 10_000
HOST = "news.example"
SECTIONS = ("articles", "archive", "recipes", "members")
CRAWLERS = (
    ("GPTBot", "claimed", "training", "OpenAI"), ("CCBot", "claimed", "training", "Common Crawl"),
    ("Googlebot", "address", "search", "Google"), ("ExampleBot", "signed", "training", "Example AI"),
    ("ClaudeBot", "claimed", "training", "Anthropic"), ("PerplexityBot", "claimed", "assistant", "Perplexity"),
    ("", "claimed", "other", ""), ("Bytespider", "claimed", "training", "ByteDance"),
)  # fmt: skip
OFFERS = (None, None, None, "max USD 0.01", "max USD 0.002")


def rules(price_micros: int, *more: Rule) -> RuleSet:
    """A rate card with prefixes, a pattern and a proof asked for."""
    training = Who(kind=CrawlerKind.TRAINING)
    return RuleSet(
        (
            Rule("Partners", Who(operator="Example AI", least=Rung.SIGNED), "/partners/*"),
            Rule("Long reads", training, "/articles/*", Action.CHARGE, Money(price_micros, "USD")),
            Rule("Archive", where="/archive/:year/*", action=Action.CHARGE, price=Money(2_500, "USD")),
            *more,
            Rule("Members", where="/members/*", action=Action.BLOCK),
            Rule("Search engines", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS)),
        ),
        everything_else(Action.CHARGE, Money(1_000, "USD")),
    )


LIVE = rules(5_000)
DRAFT = rules(8_000, Rule("Opinion", where="/articles/1*", action=Action.CHARGE, price=Money(20_000, "USD")))


def make_rows(rows: int, addresses: int, site_id: int) -> Iterator[Activity]:
    """Activity at even distances, the same for each seed."""
    chance = random.Random(1)
    for number in range(rows):
        crawler, rung, kind, operator = chance.choice(CRAWLERS)
        page = f"/{chance.choice(SECTIONS)}/{chance.randrange(max(1, addresses // len(SECTIONS)))}/a-page-with-a-title"
        offer = chance.choice(OFFERS) if rung == "signed" else None
        yield Activity(
            site_id, BEGAN + number * STEP_MICROS, number, crawler, rung, kind, "Long reads", "payment_required",
            5_000, offer, "GET", page, 402, "", "", 1, operator,
        )  # fmt: skip


def write(database: Database, rows: int, addresses: int) -> None:
    """A site with live rules, and its activity: straight into the table, without the sums that screens read."""
    schema.upgrade(database)
    with database.write() as connection:
        news = add_publisher(connection, "News", "x@news.example", BEGAN).publisher_id
        site = add_site(connection, HOST, news, SiteOptions(origin="http://127.0.0.1:8000"), EdgeAddresses(), BEGAN)
        publish_rules(connection, site.site_id, LIVE, 0, None, "bench", BEGAN)
    names = [column.name for column in activity.columns if column.name != "user_agent_id"]
    batch: list[dict[str, object]] = []
    for row in make_rows(rows, addresses, site.site_id):
        batch.append({name: getattr(row, name) for name in names})
        if len(batch) == AT_ONCE:
            _insert(database, batch)
            batch.clear()
    _insert(database, batch)


def _insert(database: Database, batch: list[dict[str, object]]) -> None:
    if batch:
        with database.write() as connection:
            connection.execute(activity.insert(), batch)


def measure(database: Database) -> tuple[int, float, float]:
    """One backtest: the requests, and the seconds by the clock and of the processor."""
    began, used = time.perf_counter(), time.process_time()
    result = run_backtest(database, HOST, DRAFT, Span(0, 2**62))
    return result.requests, time.perf_counter() - began, time.process_time() - used


def main() -> None:
    """Write the activity unless it is there, and run the backtest over it."""
    parser = argparse.ArgumentParser(prog="benchmarks.backtest")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--addresses", type=int, default=200_000)
    asked = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    path: Path = KEPT / f"{asked.rows}-{asked.addresses}.db"
    is_new = not path.exists()
    database = Database.open(f"sqlite:///{path}")
    if is_new:
        print(f"bench-backtest: writing {asked.rows:,} requests", flush=True)
        write(database, asked.rows, asked.addresses)
    for number in range(ROUNDS):
        requests, clock, processor = measure(database)
        print(f"round {number + 1}: {requests:,} requests in {clock:.2f} s, {processor:.2f} s of one processor")
    database.close()


if __name__ == "__main__":
    main()
