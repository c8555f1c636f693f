"""The settings that make a committed charge a durable one, on the very connections that an edge sells with.

What they are worth when the power fails is shown in ``test_power_loss.py``, on recorded writes. Here they are read back
from the live connections of a selling process, and a connection without them is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from edge.store.charges import Ledger
from edge.store.database import Database

FULL, WAL = 2, "wal"


def shortcomings(connection: Connection) -> list[str]:
    """What a SQLite connection that writes charges lacks."""
    wanted = {"journal_mode": WAL, "synchronous": FULL, "mmap_size": 0, "foreign_keys": 1}
    found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    return [f"{name} is {found[name]}" for name in wanted if found[name] != wanted[name]]


@pytest.fixture
def selling(sqlite_shop_url: str) -> Iterator[Database]:
    """A database as a selling process has it, its ledger at work."""
    database = Database.open(sqlite_shop_url, serving=True)
    ledger = Ledger.open(database, node="test", report=lambda error: None)
    yield database
    ledger.close()
    database.close()


def test_the_ledgers_connection_waits_for_the_disk_at_every_commit(selling: Database) -> None:
    with selling.ledger_connection() as connection:
        assert shortcomings(connection) == []
    with selling.write() as connection:
        assert shortcomings(connection) == []


def test_readers_neither_write_nor_checkpoint(selling: Database) -> None:
    with selling.read() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0


@pytest.mark.parametrize(("level", "number"), [("NORMAL", 1), ("OFF", 0)])
def test_a_connection_that_does_not_wait_for_the_disk_is_found(selling: Database, level: str, number: int) -> None:
    with selling.ledger_connection() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA synchronous={level}")
        assert shortcomings(connection) == [f"synchronous is {number}"]
