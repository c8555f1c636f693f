"""Books of any size, written through the bare driver with a right chain: for measuring what reads all of them.

`python -m benchmarks.synthetic_books make books.db --charges 1000000 [--month 2026-10]` writes an SQLite file of one
month; `benchmarks.books` measures what reads it.

Rules of this file: the rows are what the ledger itself would have written (its own pages, canonical forms, batches and
sums), only without a transaction for each; the same arguments give the same file. Nothing here is fit for books that
matter: the file is written without a journal.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from edge.core.chain import GENESIS, Batch, Head, canonical, head_of, next_batch
from edge.core.ledger import ChargeOrder, CreditOrder, Entry, EntryKind, balance_changes
from edge.core.ledger_entries import Page
from edge.core.ledger_state import ChargeState, Phase
from edge.core.money import Money
from edge.core.month import Month
from edge.store import schema
from edge.store.account_rows import funding_account, holds_account, open_account, publisher_account
from edge.store.crawlers import NewCrawler, add_crawler
from edge.store.database import Database
from edge.store.publishers import add_publisher, set_share
from edge.store.site_values import EdgeAddresses
from edge.store.sites import SiteOptions, add_site
from edge.store.tables import account, batch, entry, writer

USD = "USD"
PUBLISHERS, CRAWLERS, WRITERS = 20, 50, 4
SHARE_PPM = 125_000
BATCH_LIMIT = 64
PORTION = 20_000
FIRST_CREDIT_MICROS = 1_000_000_000_000
_FAST = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-2000000", "PRAGMA foreign_keys=OFF")


@dataclass(frozen=True, slots=True)
class _Shop:
    """Account ids by party."""

    crawlers: dict[int, int]
    publishers: dict[int, tuple[int, int]]
    holds: int
    funding: int


def make(path: Path, charges: int, month: Month) -> None:
    """Write a new file with so many charges, spread over the month; raises ``FileExistsError``."""
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    database = Database.open(f"sqlite:///{path}")
    schema.upgrade(database)
    shop = _introduce(database)
    database.close()
    began = time.perf_counter()
    database = Database.open(f"sqlite:///{path}")
    with database.ledger_connection() as connection:
        raw: Any = connection.connection.driver_connection
        for pragma in _FAST:
            raw.execute(pragma)
        raw.execute("BEGIN")
        balances, heads = _write(raw, shop, charges, month)
        raw.execute("COMMIT")
        with connection.begin():
            for number, amount_micros in balances.items():
                change = account.c.balance_micros + amount_micros
                connection.execute(update(account).where(account.c.id == number).values(balance_micros=change))
            connection.execute(insert(writer), [_writer_row(head, month) for head in heads])
    database.close()
    print(f"{charges} charges in {time.perf_counter() - began:.0f} s, {path.stat().st_size / 2**20:.0f} MiB")


def _introduce(database: Database) -> _Shop:
    with database.write() as connection:
        publishers, crawlers = {}, {}
        for number in range(1, PUBLISHERS + 1):
            who = add_publisher(connection, f"News {number}", f"owner@news{number}.example", 0)
            options = SiteOptions(origin="http://127.0.0.1:9000")
            set_share(connection, who.name, SHARE_PPM)
            site = add_site(connection, f"news{number}.example", who.publisher_id, options, EdgeAddresses(), 0)
            publishers[site.site_id] = (who.publisher_id, publisher_account(connection, who.publisher_id, USD))
        for number in range(1, CRAWLERS + 1):
            bot = add_crawler(connection, NewCrawler(f"Bot{number}", f"https://bot{number}.example"), 0)
            crawlers[bot.crawler_id] = open_account(
                connection, f"crawler:{bot.crawler_id}:{USD}", USD, owner_kind="crawler", owner_id=bot.crawler_id,
                terms="prepaid", floor_micros=0,
            )  # fmt: skip
        return _Shop(crawlers, publishers, holds_account(connection, USD), funding_account(connection, USD))


@dataclass(slots=True)
class _Seller:
    """Makes entries: most charges are posted at once, some are held, given back, or fetched again."""

    shop: _Shop
    chance: random.Random = field(default_factory=lambda: random.Random(20261120))
    numbers: count[int] = field(default_factory=lambda: count(1))
    held: list[Entry] = field(default_factory=list)
    broken: list[Entry] = field(default_factory=list)

    def credits(self, page: Page) -> None:
        for crawler_id, number in self.shop.crawlers.items():
            money = Money(FIRST_CREDIT_MICROS, USD)
            order = CreditOrder(number, self.shop.funding, crawler_id, money, f"INV-{crawler_id}", "operator@example")
            page.credit(order)

    def charge(self, page: Page) -> None:
        order = self._order()
        draw = self.chance.random()
        if draw < 0.05:
            self.held.append(page.open(order, EntryKind.HOLD, self.shop.holds, order.price.amount_micros, 1))
        else:
            posted = page.open(order, EntryKind.POST, order.publisher_account, order.price.amount_micros, 1)
            if draw > 0.98:
                self.broken.append(posted)

    def follow(self, page: Page) -> None:
        """Finish what an earlier batch began."""
        for opening in self.held:
            earner = self.shop.publishers[opening.site_id or 0][1]
            if self.chance.random() < 0.8:
                page.settle(opening, earner)
            else:
                page.void(opening, "the answer could not be completed")
        for posted in self.broken:
            page.reverse(ChargeState(Phase.LIVE, posted, posted), "connection lost", None)
        self.held.clear()
        self.broken.clear()

    def _order(self) -> ChargeOrder:
        number = next(self.numbers)
        crawler_id = self.chance.randint(1, CRAWLERS)
        site_id = self.chance.randint(1, PUBLISHERS)
        publisher_id, earner = self.shop.publishers[site_id]
        rule = self.chance.randint(1, 5)
        return ChargeOrder(
            key=self.chance.randbytes(16),
            price=Money(1000 * rule + 500, USD),
            crawler_account=self.shop.crawlers[crawler_id],
            publisher_account=earner,
            crawler_id=crawler_id,
            publisher_id=publisher_id,
            site_id=site_id,
            rule=f"rule {rule}",
            rule_version=rule,
            licence="ai-train" if rule % 2 else None,
            target=f"/articles/{number % 100_000}?page={number % 7}",
            offer="max USD 0.05",
            request_id=f"req-{number:x}",
            status=200,
            evidence="tcp",
        )


def _write(raw: Any, shop: _Shop, charges: int, month: Month) -> tuple[dict[int, int], list[Head]]:
    seller = _Seller(shop)
    heads = [Head(number, 0, 0, GENESIS) for number in range(1, WRITERS + 1)]
    balances: dict[int, int] = {}
    entries: list[Entry] = []
    batches: list[Batch] = []
    for turn, at_micros, size in _batches(seller.chance, charges, month):
        head = heads[turn]
        page = Page(head.writer, head.entry + 1, at_micros)
        if turn == 0 and head.batch == 0:
            seller.credits(page)
        seller.follow(page)
        for _ in range(size):
            seller.charge(page)
        sealed = next_batch(head, [canonical(one) for one in page.entries], at_micros)
        heads[turn] = head_of(sealed)
        entries += page.entries
        batches.append(sealed)
        if len(entries) >= PORTION:
            _flush(raw, entries, batches, balances)
    page = Page(heads[0].writer, heads[0].entry + 1, month.end_micros - 1)
    seller.follow(page)
    if page.entries:
        sealed = next_batch(heads[0], [canonical(one) for one in page.entries], page.recorded_at_micros)
        heads[0] = head_of(sealed)
        entries += page.entries
        batches.append(sealed)
    _flush(raw, entries, batches, balances)
    return balances, heads


def _batches(chance: random.Random, charges: int, month: Month) -> Iterator[tuple[int, int, int]]:
    """Turns of (writer, time, charges), evenly over the month."""
    written = 0
    span = month.end_micros - month.start_micros - 1_000_000
    while written < charges:
        size = min(chance.randint(1, BATCH_LIMIT - 10), charges - written)
        yield chance.randrange(WRITERS), month.start_micros + span * written // charges, size
        written += size


def _flush(raw: Any, entries: list[Entry], batches: list[Batch], balances: dict[int, int]) -> None:
    raw.executemany(f"INSERT INTO entry VALUES ({', '.join('?' * len(entry.columns))})", entries)
    raw.executemany(f"INSERT INTO batch VALUES ({', '.join('?' * len(batch.columns))})", batches)
    for (number, _), change in balance_changes(entries).items():
        balances[number] = balances.get(number, 0) + change
    entries.clear()
    batches.clear()


def _writer_row(head: Head, month: Month) -> dict[str, Any]:
    times = dict.fromkeys(("started_at_micros", "lease_until_micros"), month.start_micros)
    ended = dict.fromkeys(("closed_at_micros", "recovered_at_micros"), month.end_micros)
    reached = {"head_batch": head.batch, "head_entry": head.entry, "head_hash": head.hash}
    needed = {column.name: 0 for column in writer.columns if not column.nullable}
    return needed | {"id": head.writer, "node": f"node {head.writer}"} | times | ended | reached


def main(words: list[str]) -> int:
    """Do what the words say; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic_books", description=__doc__)
    parser.add_argument("what", choices=("make",))
    parser.add_argument("path", type=Path)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--month", default="2026-10")
    given = parser.parse_args(words)
    make(given.path, given.charges, Month.parse(given.month))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
