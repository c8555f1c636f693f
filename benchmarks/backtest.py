"""Measure a backtest: `make bench-backtest`, or `python -m benchmarks.backtest --rows 1000000 --addresses 200000`.

Synthetic activity of a news site (SQLite, kept under ``build/``): eight kinds of crawlers, five ways to offer,
addresses drawn evenly, which is the worst there is for whoever groups by them. One process reads and decides all of it,
three times.

Rules of this file: processor time is what to compare while others work; the best of three is what the code can do, the
worst what it met. Nothing here runs in the suite but ``make_rows``.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
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

ROWS, ADDRESSES = 1_000_000, 200_000
TARGET_SECONDS = 3
KEPT = ROOT / "build" / "benchmarks" / "backtest"
RESULT = ROOT / "benchmarks" / "results" / "backtest.md"
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


def page(rows: int, addresses: int, rounds: Sequence[tuple[float, float]], now: datetime) -> str:
    """The figures as Markdown; ``rounds`` are seconds by the clock and of the processor."""
    lines = [
        "# A backtest over recorded requests",
        "",
        f"Taken {now.isoformat(timespec='seconds')} at commit `{machine.commit(ROOT)}` by `make bench-backtest`:"
        f" {rows:,} recorded requests with {addresses:,} addresses, SQLite, decided by the live rules and by a draft."
        f" Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        f"The target is {TARGET_SECONDS} seconds for a million.",
        "",
        "| round | by the clock | processor |",
        "|--:|--:|--:|",
    ]
    lines += [f"| {number} | {one[0]:.2f} s | {one[1]:.2f} s |" for number, one in enumerate(rounds, 1)]
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the activity unless it is there, run the backtest over it, and write the figures down."""
    parser = argparse.ArgumentParser(prog="benchmarks.backtest")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--addresses", type=int, default=ADDRESSES)
    parser.add_argument("--out", type=Path, help="a full run goes to benchmarks/results, any other to build/")
    asked = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    # Another version's shape is another file.
    path: Path = KEPT / f"{asked.rows}-{asked.addresses}-{schema.wanted()}.db"
    is_new = not path.exists()
    database = Database.open(f"sqlite:///{path}")
    if is_new:
        print(f"bench-backtest: writing {asked.rows:,} requests", flush=True)
        write(database, asked.rows, asked.addresses)
    rounds = [measure(database) for _ in range(ROUNDS)]
    database.close()
    assert {requests for requests, _, _ in rounds} == {asked.rows}, "each round decides every request"
    whole = (asked.rows, asked.addresses) == (ROWS, ADDRESSES)
    out = asked.out or (RESULT if whole else KEPT / "backtest.md")
    times = [(clock, processor) for _, clock, processor in rounds]
    out.write_text(page(asked.rows, asked.addresses, times, datetime.now(UTC)), encoding="utf-8")
    print(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
