"""What the ledger writes, and what the same database takes without it: run as a process of its own, to be pinned.

    python -m benchmarks.ledger_rates URL... SECONDS

Needs three empty databases: one for the ledger, two for the two ways of the raw insert. Posts unique charges from
as many askers as there are connections in the other measures, so that batches fill as they do behind the gate; then
inserts the very rows that were written. Prints rows and seconds as JSON.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

from benchmarks.raw_insert import all_in_one, insert_rate, read_entries, row_by_row
from edge.core.errors import EdgeError
from edge.core.ledger import ChargeOrder, CreditOrder, Posted
from edge.core.money import Money
from edge.store import schema
from edge.store.account_rows import funding_account, open_account, publisher_account
from edge.store.charges import Ledger
from edge.store.database import Database

ASKERS = 128
"""Twice what one batch holds: while one is committed the next one fills."""
ORDERS_PER_SECOND = 25_000
WARM_UP_ORDERS = 2_000
PRICE = Money(5_000, "USD")
CREDIT = Money(900_000_000_000_000, "USD")


@dataclass(frozen=True, slots=True)
class Parties:
    """Who pays whom."""

    crawler_account: int
    publisher_account: int


def orders(parties: Parties, count: int) -> list[ChargeOrder]:
    """Unique charges as the gate orders them."""
    return [
        ChargeOrder(
            key=secrets.token_bytes(16),
            price=PRICE,
            crawler_account=parties.crawler_account,
            publisher_account=parties.publisher_account,
            crawler_id=1,
            publisher_id=1,
            site_id=1,
            rule="articles",
            rule_version=1,
            licence=None,
            target=f"/articles/{number % 20_000}",
            offer="max USD 0.01",
            request_id=f"bench-{number:x}",
            status=200,
            evidence="tcp",
        )
        for number in range(count)
    ]


async def post_all(ledger: Ledger, waiting: Iterator[ChargeOrder]) -> None:
    """Post every order, with ``ASKERS`` asking at a time."""

    async def ask() -> None:
        for order in waiting:
            if not isinstance(await ledger.post(order), Posted):
                raise AssertionError("a charge was refused")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(ASKERS):
            tasks.create_task(ask())


def prepare(url: str, *, serving: bool = False) -> Database:
    """An empty database of this version."""
    database = Database.open(url, serving=serving)
    schema.upgrade(database)
    return database


def ledger_rate(database: Database, count: int) -> float:
    """Charge ``count`` times after warming up; return charges per second."""
    with database.write() as connection:
        payer = open_account(
            connection, "crawler:1:USD", "USD", owner_kind="crawler", owner_id=1, terms="prepaid", floor_micros=0
        )
        parties = Parties(payer, publisher_account(connection, 1, "USD"))
        funding = funding_account(connection, "USD")
    ledger = Ledger.open(database, node="benchmark", report=_fail)
    try:
        return uvloop.run(
            _timed(ledger, parties, CreditOrder(payer, funding, 1, CREDIT, "benchmark", "benchmark"), count)
        )
    finally:
        ledger.close()


async def _timed(ledger: Ledger, parties: Parties, credit: CreditOrder, count: int) -> float:
    await ledger.credit(credit)
    await post_all(ledger, iter(orders(parties, WARM_UP_ORDERS)))
    waiting = orders(parties, count)
    began = time.perf_counter()
    await post_all(ledger, iter(waiting))
    return count / (time.perf_counter() - began)


def _fail(error: EdgeError) -> None:
    raise error


def main(urls: list[str], seconds: float) -> dict[str, float]:
    """Measure the ledger in the first database and the raw inserts in the other two."""
    first = prepare(urls[0], serving=True)
    count = round(ORDERS_PER_SECOND * seconds)
    rates = {"count": float(count), "ledger": ledger_rate(first, count)}
    rows = read_entries(first)
    first.close()
    for url, way in zip(urls[1:], (row_by_row, all_in_one), strict=True):
        database = prepare(url)
        rates[way.__name__] = insert_rate(database, rows, way("?" if database.is_sqlite else "%s"))
        database.close()
    return rates


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:4], float(sys.argv[4]))))
