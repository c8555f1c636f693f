"""Charges for the command line to talk about: sold through the ledger's own hand, at any time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from edge.core.ledger import ChargeOrder, Posted, Reversed, key_of_charge_id
from edge.core.ledger_operations import Operation, Post, Reverse
from edge.core.money import Money
from edge.store.account_rows import find_account
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.database import Database
from edge.store.tables import crawler, site

NOVEMBER = 1_794_830_400_000_000
"""2026-11-16T12:00:00Z in microseconds."""


def sell(
    workplace: Path,
    *prices_micros: int,
    first: int = 1,
    at_micros: int = NOVEMBER,
    target: str = "/articles/one",
    rule: str = "long reads",
) -> list[str]:
    """Sell a page of news.example to ExampleBot for each price; return the charge ids, numbered from ``first``."""
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    with database.read() as connection:
        crawler_id = connection.execute(select(crawler.c.id).where(crawler.c.name == "ExampleBot")).scalar_one()
        sold = connection.execute(select(site).where(site.c.host == "news.example")).one()
        pays = find_account(connection, f"crawler:{crawler_id}:USD")
        earns = find_account(connection, f"publisher:{sold.publisher_id}:USD")
    database.close()
    assert pays is not None
    assert earns is not None
    orders = [
        ChargeOrder(
            key=number.to_bytes(16, "big"),
            price=Money(price, "USD"),
            crawler_account=pays,
            publisher_account=earns,
            crawler_id=crawler_id,
            publisher_id=sold.publisher_id,
            site_id=sold.id,
            rule=rule,
            rule_version=1,
            licence="ai-train",
            target=target,
            offer="max USD 0.05",
            request_id=f"request-{number}",
            status=200,
        )
        for number, price in enumerate(prices_micros, start=first)
    ]
    answers = write(workplace, [Post(order) for order in orders], at_micros)
    assert all(isinstance(answer, Posted) for answer in answers), answers
    return [answer.charge_id for answer in answers if isinstance(answer, Posted)]


def break_delivery(workplace: Path, charge_id: str, at_micros: int = NOVEMBER) -> None:
    """Take a charge back as after a broken delivery."""
    key = key_of_charge_id(charge_id)
    assert key is not None
    (answer,) = write(workplace, [Reverse(key, "connection lost")], at_micros)
    assert isinstance(answer, Reversed), answer


def write(workplace: Path, operations: list[Operation], at_micros: int) -> list[Answer]:
    """Write one batch as recorded at a time."""
    database = Database.open(f"sqlite:///{workplace / 'farebox.db'}")
    hand = BatchWriter(database, "test", clock=lambda: at_micros)
    try:
        return hand.write(operations)
    finally:
        hand.close()
        database.close()
