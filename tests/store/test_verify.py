"""Verification finds what somebody with the database in hand can do to the books, and says where."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Table, insert, select, text, update

from edge.core.chain import Batch, Head, batch_hash, canonical, leaf_hash, merkle_root
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, Void
from edge.store.batch_reading import entry_of
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.faults import Fault
from edge.store.tables import account, batch, crawler, entry, publisher, site, writer
from edge.store.verify import FAULTS_MAX, verify
from tests.support.books import Books
from tests.support.tampering import delete, reseal, tampering


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
        with tampering(database) as connection:
            connection.execute(update(entry).where(here).values(change))
        [chain_fault] = [fault for fault in faults_of(database) if fault.invariant == "I6"]
        # One bit that flipped is named with its entry, anything else with the entries of its batch.
        named = ("entry 2/7", f"was changed: {field} was ")
        assert chain_fault.place == "batch 2/2" or (chain_fault.place, chain_fault.sentence[: len(named[1])]) == named
        assert "2/4 to 2/8" in chain_fault.sentence or "one bit flipped" in chain_fault.sentence, field
        with tampering(database) as connection:
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
    with tampering(database) as connection:
        for old, new in ((1, 900), (2, 1), (900, 2)):
            here = (entry.c.writer_id == 2) & (entry.c.number == old)
            connection.execute(update(entry).where(here).values(number=new))
    assert [fault.place for fault in faults_of(database)] == ["batch 2/1"]


def test_a_removed_entry_is_named(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        delete(connection, entry, 2, range(2, 3))
    places = [fault.place for fault in faults_of(database) if fault.invariant == "I6"]
    assert places == ["entry 2/2"]


def test_a_removed_batch_is_named(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        delete(connection, batch, 2, range(2, 3))
        delete(connection, entry, 2, range(4, 9))
    places = [fault.place for fault in faults_of(database) if fault.invariant == "I6"]
    assert places == ["batch 2/2"]


def test_a_cut_off_end_is_named(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        delete(connection, batch, 2, range(4, 5))
        delete(connection, entry, 2, range(10, 11))
    assert [(fault.invariant, fault.place) for fault in faults_of(database)] == [("I6", "batch 2/4")]


def test_a_writer_removed_with_all_its_entries_is_named(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        delete(connection, batch, 1, range(1, 2))
        delete(connection, entry, 1, range(1, 2))
        connection.execute(writer.delete().where(writer.c.id == 1))
    assert Fault("I6", "writer 1", "is missing, with all that it wrote") in faults_of(database)


def test_a_writer_removed_alone_is_named(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        if database.is_sqlite:
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
    with tampering(database) as connection:
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
    with tampering(database) as connection:
        row = connection.execute(select(entry).where(entry.c.writer_id == 1)).one()._asdict()
        connection.execute(
            insert(entry),
            [row | {"number": number, "key": number.to_bytes(16, "big"), "attempt": 7} for number in range(2, 300)],
        )
    assert len(faults_of(database)) == FAULTS_MAX


# What was kept elsewhere (I6)


def cut_off_cleanly(connection: Connection) -> None:
    """Take the last batch of writer 2 away and set its head back, so that the chain agrees with itself."""
    last = connection.execute(select(batch).where(batch.c.writer_id == 2, batch.c.number == 3)).one()
    delete(connection, batch, 2, range(4, 5))
    delete(connection, entry, 2, range(10, 11))
    values = {"head_batch": 3, "head_entry": last.last_entry, "head_hash": last.hash}
    connection.execute(update(writer).where(writer.c.id == 2).values(values))


def test_an_end_that_was_cut_off_with_its_head_shows_against_kept_heads_alone(books: Books, database: Database) -> None:
    before = verify(database)
    with tampering(database) as connection:
        cut_off_cleanly(connection)  # a redelivery of nothing: no balance tells
    after = verify(database)
    assert after.faults == ()
    assert after.digest != before.digest
    assert [fault.place for fault in verify(database, before.heads).faults] == ["batch 2/4"]


def test_heads_that_were_kept_still_hold_when_the_books_have_grown(books: Books, database: Database) -> None:
    kept = verify(database).heads
    hand = BatchWriter(database, "three")
    hand.write([Post(books.order(books.crawler(1)))])
    assert verify(database, kept).faults == ()
    assert len(verify(database).heads) == 3


def test_a_writer_that_was_kept_and_is_gone_is_named(books: Books, database: Database) -> None:
    kept = [*verify(database).heads, Head(3, 1, 1, bytes(32))]
    assert [fault.place for fault in verify(database, kept).faults] == ["writer 3"]


def test_a_chain_that_was_rewritten_as_a_whole_shows_against_kept_heads(books: Books, database: Database) -> None:
    before = verify(database)
    with tampering(database) as connection:
        connection.execute(update(entry).where(entry.c.writer_id == 2).values(offer="max USD 9"))
        reseal(connection, 2)
    assert verify(database).faults == ()
    assert [fault.place for fault in verify(database, before.heads).faults] == ["batch 2/4"]


def test_a_head_with_another_hash_is_named_as_that(books: Books, database: Database) -> None:
    with tampering(database) as connection:
        connection.execute(update(writer).where(writer.c.id == 2).values(head_hash=bytes(32)))
    [fault] = faults_of(database)
    assert str(fault) == "I6: writer 2: does not bear the hash of its last batch, batch 2/4"


# Entries, parties and accounts belong together (I5)


def test_an_entry_that_names_another_publisher_than_it_paid_is_found(books: Books, database: Database) -> None:
    """Reports go by the name, balances by the account: whoever rewrites the chain too must not get between them."""
    with tampering(database) as connection:
        connection.execute(insert(publisher).values(id=2, name="B", name_key="b", email="b@b", created_at_micros=0))
        connection.execute(update(entry).where(entry.c.kind == "reverse").values(publisher_id=2))
        reseal(connection, 2)
    found = [str(fault) for fault in faults_of(database)]
    assert found == [
        "I5: entry 2/9: debits account publisher:1:USD, but what it says belongs to publisher:2:USD",
        "I5: entry 2/9: names publisher 2 and site 1, which belongs to publisher 1",
    ]


def test_accounts_that_changed_their_owners_are_found(books: Books, database: Database) -> None:
    books.crawler(2)
    with database.write() as connection:
        for old, new, owner in (
            ("crawler:1:USD", "x", 9),
            ("crawler:2:USD", "crawler:1:USD", 1),
            ("x", "crawler:2:USD", 2),
        ):
            connection.execute(update(account).where(account.c.code == old).values(code=new, owner_id=owner))
    found = [str(fault) for fault in faults_of(database)]
    assert "I5: entry 1/1: credits account crawler:2:USD, but what it says belongs to crawler:1:USD" in found
    assert "I5: entry 2/1: debits account crawler:2:USD, but what it says belongs to crawler:1:USD" in found


@pytest.mark.parametrize("column", ["owner_id", "currency", "owner_kind"])
def test_an_account_unlike_its_name_is_found(books: Books, database: Database, column: str) -> None:
    value = {"owner_id": 2, "currency": "EUR", "owner_kind": "internal"}[column]
    with database.write() as connection:
        connection.execute(update(account).where(account.c.id == books.publisher).values({column: value}))
    named = [fault for fault in faults_of(database) if fault.place == "account publisher:1:USD"]
    assert any("unlike its name" in fault.sentence for fault in named)


@pytest.mark.parametrize(("table", "name"), [(crawler, "crawler 1"), (site, "site 1")])
def test_a_party_that_entries_name_must_exist(books: Books, database: Database, table: Table, name: str) -> None:
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.id == 1))
    assert any(f"names {name}, which does not exist" in fault.sentence for fault in faults_of(database))


def test_holds_that_are_open_are_counted(books: Books, database: Database) -> None:
    order = books.order(books.crawler(1))
    BatchWriter(database, "three").write([Hold(order)])
    found = verify(database)
    assert found.holds
    assert found.open_holds == {"USD": (2, 2 * order.price.amount_micros)}


# Locks (I4)


def test_a_lock_that_was_taken_away_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER entry_no_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE entry DISABLE TRIGGER entry_no_change")
    assert [fault.invariant for fault in faults_of(database)] == ["I4"]


# Rows that no sound database holds


ODD_CHANGES = [
    "UPDATE batch SET committed_at_micros = -1 WHERE writer_id = 2 AND number = 2",
    "UPDATE batch SET first_entry = -1 WHERE writer_id = 2 AND number = 1",
    "UPDATE batch SET last_entry = 9000000000000000000 WHERE writer_id = 2 AND number = 2",
]
ODD_CHANGES_OF_SQLITE = [
    "UPDATE batch SET last_entry = 'many' WHERE writer_id = 2 AND number = 2",
    "UPDATE batch SET hash = 'text' WHERE writer_id = 2 AND number = 2",
    "UPDATE writer SET head_hash = 'text' WHERE id = 2",
    "UPDATE writer SET head_entry = 'text' WHERE id = 2",
    "UPDATE account SET balance_micros = balance_micros + 0.5 WHERE code = 'publisher:1:USD'",
    "UPDATE account SET balance_micros = 'much' WHERE code = 'publisher:1:USD'",
    *(
        f"UPDATE entry SET {change} WHERE writer_id = 2 AND number = 7"
        for change in (
            "key = 'abcdefghijklmnop'",
            "key = x'00'",
            "rule = x'ff00'",
            "rule = CAST(x'ff41' AS TEXT)",
            "kind = 'bogus'",
            "kind = x'00'",
            "amount_micros = 'abc'",
            "amount_micros = amount_micros + 0.5",
            "amount_micros = -5",
            "recorded_at_micros = 'late'",
            "attempt = 'x'",
            "debit_account = 'x'",
            "currency = 'usd'",
            "publisher_id = 'x'",
        )
    ),
    "UPDATE entry SET writer_id = 'x' WHERE writer_id = 2 AND number = 7",
    "UPDATE entry SET number = 'x' WHERE writer_id = 2 AND number = 7",
]


@pytest.mark.parametrize("change", ODD_CHANGES)
def test_an_odd_row_is_a_fault_and_not_a_crash(books: Books, database: Database, change: str) -> None:
    with tampering(database) as connection:
        connection.execute(text(change))
    assert any("2/" in fault.place for fault in faults_of(database))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", ODD_CHANGES_OF_SQLITE)
def test_what_sqlite_keeps_in_any_column_is_a_fault_and_not_a_crash(
    books: Books, database: Database, change: str
) -> None:
    with tampering(database) as connection:
        connection.exec_driver_sql(change)
    found = faults_of(database)
    assert found
    assert not any("could not be checked" in fault.sentence for fault in found)
    assert any("2" in fault.place or "publisher:1" in fault.place for fault in found)
    verify(database).digest.encode()
