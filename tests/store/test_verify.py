"""Verification finds what somebody with the database in hand can do to the books, and says where."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Table, insert, select, update

from edge.core.chain import Batch, batch_hash, canonical, leaf_hash, merkle_root
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.store.batch_reading import entry_of
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.tables import account, batch, entry, writer
from edge.store.verify import FAULTS_MAX, Fault, verify
from tests.support.books import Books


@pytest.fixture
def books(database: Database) -> Books:
    """Two writers; the second has batches of several sizes and every kind of entry."""
    books = Books.open(database)
    crawler, treasurer, seller = books.crawler(1), BatchWriter(database, "one"), BatchWriter(database, "two")
    treasurer.write([Credit(books.top_up(crawler, 100))])
    orders = [books.order(crawler) for _ in range(6)]
    held = seller.write([Hold(order) for order in orders[:3]])
    following: list[Operation] = [Settle(held[0]), Void(held[1], "broken")]  # type: ignore[arg-type]
    seller.write([*following, *(Post(order) for order in orders[3:])])
    seller.write([Reverse(orders[3].key, "broken")])
    seller.write([Post(orders[3])])
    assert {"credit", "post", "hold", "settle", "void", "reverse", "redeliver"} == set(books.kinds())
    return books


def faults_of(database: Database) -> list[Fault]:
    return list(verify(database).faults)


def unlock(connection: Connection) -> None:
    """Take the triggers away, as somebody who owns the database can."""
    if connection.dialect.name == "sqlite":
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    else:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")


def delete(connection: Connection, table: Table, writer_id: int, numbers: range) -> None:
    unlock(connection)
    own = (table.c.writer_id == writer_id) & table.c.number.in_(numbers)
    assert connection.execute(table.delete().where(own)).rowcount == len(numbers)


def test_untouched_books_verify(books: Books, database: Database) -> None:
    found = verify(database)
    assert found.holds
    assert (found.writers, found.batches, found.entries, found.charges) == (2, 5, 11, 7)


FIELDS = [column.name for column in entry.columns if column.name not in ("writer_id", "number")]


def test_a_change_of_any_column_is_found(books: Books, database: Database) -> None:
    here = (entry.c.writer_id == 2) & (entry.c.number == 7)
    with database.read() as connection:
        written = connection.execute(select(entry).where(here)).one()._asdict()
    for field in FIELDS:
        # The table's own checks let a step change only together with its kind.
        change = {"kind": "void", "step": 2} if field in ("kind", "step") else {field: another(written[field])}
        with database.write() as connection:
            unlock(connection)
            connection.execute(update(entry).where(here).values(change))
        [chain_fault] = [fault for fault in faults_of(database) if fault.invariant == "I6"]
        assert chain_fault.place == "batch 2/2", field
        assert "2/4 to 2/8" in chain_fault.sentence
        with database.write() as connection:
            unlock(connection)
            connection.execute(update(entry).where(here).values(written))
    assert faults_of(database) == []


def another(value: object) -> object:
    match value:
        case int():
            return value + 1
        case str():
            return value[:-1] + "X"
        case bytes():
            return bytes(16)
    return "X"


def test_swapped_entries_are_found(books: Books, database: Database) -> None:
    with database.write() as connection:
        unlock(connection)
        for old, new in ((1, 900), (2, 1), (900, 2)):
            here = (entry.c.writer_id == 2) & (entry.c.number == old)
            connection.execute(update(entry).where(here).values(number=new))
    assert [fault.place for fault in faults_of(database)] == ["batch 2/1"]


def test_a_removed_entry_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        delete(connection, entry, 2, range(2, 3))
    places = [fault.place for fault in faults_of(database) if fault.invariant == "I6"]
    assert places == ["entry 2/2"]


def test_a_removed_batch_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        delete(connection, batch, 2, range(2, 3))
        delete(connection, entry, 2, range(4, 9))
    places = [fault.place for fault in faults_of(database) if fault.invariant == "I6"]
    assert places == ["batch 2/2"]


def test_a_cut_off_end_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        delete(connection, batch, 2, range(4, 5))
        delete(connection, entry, 2, range(10, 11))
    assert [(fault.invariant, fault.place) for fault in faults_of(database)] == [("I6", "batch 2/4")]


def test_a_writer_removed_with_all_its_entries_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        delete(connection, batch, 1, range(1, 2))
        delete(connection, entry, 1, range(1, 2))
        connection.execute(writer.delete().where(writer.c.id == 1))
    assert Fault("I6", "writer 1", "is missing, with all that it wrote") in faults_of(database)


def test_a_writer_removed_alone_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        unlock(connection)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.execute(update(writer).where(writer.c.id == 2).values(id=3))
            connection.execute(update(batch).where(batch.c.writer_id == 2).values(writer_id=3))
        else:
            connection.execute(writer.delete().where(writer.c.id == 2))
    found = [fault for fault in faults_of(database) if fault.place == "writer 2"]
    assert found
    assert all(fault.sentence.startswith("is missing, but not what it wrote") for fault in found)


def test_a_batch_that_was_sealed_again_after_a_change_is_found(books: Books, database: Database) -> None:
    """Somebody who knows the format rewrites the last batch; the writer's head still knows the old one."""
    with database.write() as connection:
        unlock(connection)
        last = Batch._make(connection.execute(select(batch).where(batch.c.writer_id == 1)).one())
        written = entry_of(connection.execute(select(entry).where(entry.c.writer_id == 1)).one())
        forged = written._replace(author="nobody")
        root = merkle_root([leaf_hash(canonical(forged))])
        sealed = batch_hash(last.previous_hash, root, 1, 1, 1, 1, last.committed_at_micros)
        connection.execute(update(entry).where(entry.c.writer_id == 1).values(author="nobody"))
        connection.execute(update(batch).where(batch.c.writer_id == 1).values(merkle_root=root, hash=sealed))
    assert [fault.invariant for fault in faults_of(database)] == ["I6"]


def test_a_balance_that_is_not_the_fold_of_its_entries_is_found(books: Books, database: Database) -> None:
    with database.write() as connection:
        one_more = update(account).values(balance_micros=account.c.balance_micros + 1)
        connection.execute(one_more.where(account.c.code == "publisher:1:USD"))
    found = faults_of(database)
    assert [(fault.invariant, fault.place) for fault in found] == [
        ("I5", "account publisher:1:USD"),
        ("I1", "all USD accounts"),
    ]


def test_an_account_that_was_removed_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        connection.execute(account.delete().where(account.c.id == books.publisher))
    assert any(fault.place == f"account {books.publisher}" for fault in faults_of(database))


def test_a_charge_that_was_made_up_is_found(books: Books, database: Database) -> None:
    """A second opening of a live charge breaks its life, whatever the chain says."""
    with database.write() as connection:
        row = connection.execute(select(entry).where(entry.c.writer_id == 2, entry.c.number == 8)).one()
        made_up = row._asdict() | {"number": 11, "attempt": 2}
        connection.execute(insert(entry).values(made_up))
    found = faults_of(database)
    assert ("I6", "entry 2/11") in [(fault.invariant, fault.place) for fault in found]
    assert any(fault.invariant == "I2" and "attempt 2 cannot open" in fault.sentence for fault in found)
    assert any(fault.invariant == "I5" for fault in found)


def test_ruined_books_are_not_listed_without_end(books: Books, database: Database) -> None:
    with database.write() as connection:
        unlock(connection)
        row = connection.execute(select(entry).where(entry.c.writer_id == 1)).one()._asdict()
        connection.execute(
            insert(entry),
            [row | {"number": number, "key": number.to_bytes(16, "big"), "attempt": 7} for number in range(2, 300)],
        )
    assert len(faults_of(database)) == FAULTS_MAX
