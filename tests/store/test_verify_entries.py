"""Entries are read once: what follows a charge's beginning, and what has none, is found all the same."""

from __future__ import annotations

from itertools import repeat

import pytest
from sqlalchemy import insert, select, update

from edge.core.ledger_operations import Credit, Hold, Post, Reverse, Settle
from edge.store.batch_reading import entry_of
from edge.store.batch_writer import BatchWriter
from edge.store.budget_faults import BudgetSums
from edge.store.database import Database
from edge.store.tables import entry, writer
from edge.store.verify import verify
from edge.store.verify_entries import EntryReading
from tests.support.books import Books
from tests.support.tampering import reseal, tampering


@pytest.fixture
def books(database: Database) -> Books:
    """One writer: a top-up, a page, a page that was given back, two that are held and one of those settled."""
    books = Books.open(database)
    crawler, hand = books.crawler(1), BatchWriter(database, "one")
    hand.write([Credit(books.top_up(crawler, 100))])
    orders = [books.order(crawler) for _ in range(4)]
    held = hand.write([Post(orders[0]), Post(orders[1]), Hold(orders[2]), Hold(orders[3])])
    hand.write([Reverse(orders[1].key, "broken"), Settle(held[2])])  # type: ignore[arg-type]
    return books


def test_charges_and_open_holds_are_counted_once(books: Books, database: Database) -> None:
    found = verify(database)
    assert found.holds
    assert (found.entries, found.charges) == (7, 5)
    assert found.open_holds == {"USD": (1, 10_000)}


def test_a_step_that_follows_nothing_is_found_though_it_is_alone(books: Books, database: Database) -> None:
    """Its key was changed together with the chain, so that no beginning belongs to it and no hash tells."""
    with tampering(database) as connection:
        lone = (entry.c.kind == "reverse") & (entry.c.writer_id == 1)
        connection.execute(update(entry).where(lone).values(key=bytes(16)))
        reseal(connection, 1)
    assert [fault.sentence.split(": ")[-1] for fault in verify(database).faults] == ["a reverse of nothing"]


def test_a_beginning_that_is_there_twice_is_found_without_the_unique_index(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("ALTER TABLE entry DROP CONSTRAINT uq_entry_step")
        else:
            connection.exec_driver_sql("CREATE TABLE copied AS SELECT * FROM entry")
            connection.exec_driver_sql("DROP TABLE entry")
            connection.exec_driver_sql("ALTER TABLE copied RENAME TO entry")
        row = connection.execute(select(entry).where(entry.c.number == 2)).one()._asdict()
        connection.execute(insert(entry).values(row | {"number": 8}))
    found = verify(database).faults
    assert any("attempt 1 cannot open after live of attempt 1" in fault.sentence for fault in found)


def test_what_a_writer_wrote_that_is_gone_still_counts(books: Books, database: Database) -> None:
    """The fault is the writer; balances are not called wrong beside it."""
    with tampering(database) as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.execute(update(writer).where(writer.c.id == 1).values(id=2))
            connection.exec_driver_sql("UPDATE batch SET writer_id = 2")
        else:
            connection.execute(writer.delete().where(writer.c.id == 1))
    found = verify(database)
    assert found.entries == 7
    assert {fault.invariant for fault in found.faults} == {"I6"}


def test_who_waits_hears_how_far_it_is(books: Books, database: Database) -> None:
    heard: list[tuple[int, int]] = []
    reading = EntryReading(BudgetSums({}), lambda read: heard.append((read, 20_000)))
    with database.read() as connection:
        one = entry_of(connection.execute(select(entry).where(entry.c.kind == "credit")).one())
    assert sum(1 for _ in reading.passing(repeat(one, 20_000))) == 20_000
    assert heard == [(10_000, 20_000), (20_000, 20_000)]
