"""Before selling begins, what was written since the last checkpoint is checked, and nothing that lies before it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from edge.core.ledger import LedgerUnavailable
from edge.core.ledger_operations import Credit, Hold, Post
from edge.store.batch_writer import BatchWriter
from edge.store.charges import Ledger
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database
from edge.store.tables import account, batch, checkpoint, entry, writer
from tests.support.books import Books, Reports
from tests.support.tampering import delete as cut
from tests.support.tampering import reseal, rewrite_one_that_ended, tampering


@pytest.fixture
def keeper(database: Database, tmp_path: Path) -> CheckpointKeeper:
    return CheckpointKeeper(database, tmp_path / "data", "example", tmp_path / "kept.jws")


@pytest.fixture
def books(database: Database, keeper: CheckpointKeeper) -> Books:
    """Writer 1 has ended, writer 2 sells; two checkpoints, and three entries since the second."""
    books = Books.open(database)
    crawler, treasurer, seller = books.crawler(1), BatchWriter(database, "one"), BatchWriter(database, "two")
    treasurer.write([Credit(books.top_up(crawler, 100))])
    treasurer.close()
    for _ in range(2):
        seller.write([Post(books.order(crawler)) for _ in range(2)])
        keeper.keep()
    seller.write([Post(books.order(crawler)), Hold(books.order(crawler))])
    seller.write([Post(books.order(crawler))])
    return books


def faults(keeper: CheckpointKeeper) -> list[str]:
    broken = keeper.check()
    return [] if broken is None else [f"{fault.invariant} {fault.place}" for fault in broken.faults]


def test_sound_books_may_sell(books: Books, keeper: CheckpointKeeper) -> None:
    assert faults(keeper) == []


def test_empty_books_may_sell(database: Database, keeper: CheckpointKeeper) -> None:
    assert faults(keeper) == []


def test_books_without_a_checkpoint_are_checked_from_the_beginning(
    database: Database, keeper: CheckpointKeeper
) -> None:
    books = Books.open(database)
    hand = BatchWriter(database, "one")
    hand.write([Credit(books.top_up(books.crawler(1), 100))])
    hand.write([Post(books.order(books.crawler(1)))])
    assert faults(keeper) == []
    with tampering(database) as connection:
        connection.execute(update(entry).where(entry.c.number == 2).values(offer="max USD 9"))
    assert faults(keeper) == ["I6 entry 1/2"]


def change_entry(number: int) -> Callable[[Connection], object]:
    change = update(entry).where(entry.c.writer_id == 2, entry.c.number == number).values(target="/other")
    return lambda connection: connection.execute(change)


def lose_a_writer(connection: Connection) -> None:
    for table in (entry, batch):
        connection.execute(delete(table).where(table.c.writer_id == 2))
    connection.execute(delete(writer).where(writer.c.id == 2))


def rewrite(connection: Connection) -> None:
    change_entry(2)(connection)
    reseal(connection, 2)


def cut_the_end(connection: Connection) -> None:
    """Back to before the last checkpoint, with the head and the balances set right."""
    last = connection.execute(select(batch).where(batch.c.writer_id == 2, batch.c.number == 1)).one()
    cut(connection, batch, 2, range(2, 5))
    cut(connection, entry, 2, range(3, 8))
    values = {"head_batch": 1, "head_entry": last.last_entry, "head_hash": last.hash}
    connection.execute(update(writer).where(writer.c.id == 2).values(values))


def left_over(connection: Connection) -> None:
    row = connection.execute(select(entry).where(entry.c.writer_id == 2, entry.c.number == 7)).one()._asdict()
    connection.execute(insert(entry).values(row | {"number": 8, "attempt": 9}))


CHANGES: list[tuple[str, Callable[[Connection], object], str]] = [
    ("an entry since then", change_entry(7), "I6 entry 2/7"),
    ("an entry that belongs to no batch", left_over, "I6 entry 2/8"),
    ("a chain that was made anew", rewrite, "I6 batch 2/2"),
    ("a writer that had ended", rewrite_one_that_ended, "I6 checkpoint 2"),
    ("an end that was cut off", cut_the_end, "I6 batch 2/2"),
    ("a writer that is gone", lose_a_writer, "I6 writer 2"),
    (
        "a head of its own making",
        lambda connection: connection.execute(update(writer).where(writer.c.id == 2).values(head_hash=bytes(32))),
        "I6 writer 2",
    ),
    (
        "a balance",
        lambda connection: connection.execute(
            update(account).where(account.c.owner_kind == "publisher").values(balance_micros=1)
        ),
        "I5 accounts",
    ),
    (
        "a checkpoint's text",
        lambda connection: connection.exec_driver_sql("UPDATE checkpoint SET token = 'x' WHERE number = 2"),
        "I6 checkpoint 2",
    ),
    (
        "a checkpoint's time",
        lambda connection: connection.exec_driver_sql("UPDATE checkpoint SET made_at_micros = 5 WHERE number = 2"),
        "I6 checkpoint 2",
    ),
    (
        "the checkpoint before",
        lambda connection: connection.execute(
            update(checkpoint).where(checkpoint.c.number == 1).values(hash=bytes(32))
        ),
        "I6 checkpoint 2",
    ),
]


@pytest.mark.parametrize(("change", "place"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_what_is_not_what_was_signed_is_named(
    books: Books, keeper: CheckpointKeeper, database: Database, change: Callable[[Connection], object], place: str
) -> None:
    with tampering(database) as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        change(connection)
    assert place in faults(keeper)


def test_what_lies_before_the_checkpoint_is_not_read(
    books: Books, keeper: CheckpointKeeper, database: Database
) -> None:
    """The time of a start does not depend on the age of the books; `farebox verify` finds this."""
    with tampering(database) as connection:
        change_entry(1)(connection)
    assert faults(keeper) == []


def test_checkpoints_that_were_cut_off_show_against_the_kept_file(
    books: Books, keeper: CheckpointKeeper, database: Database
) -> None:
    with tampering(database) as connection:
        connection.execute(delete(checkpoint).where(checkpoint.c.number == 2))
    assert faults(keeper) == [f"I6 checkpoint 2 in {keeper.path}"]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_an_old_copy_in_place_of_the_books_shows_against_the_kept_file(
    books: Books, keeper: CheckpointKeeper, database: Database, tmp_path: Path
) -> None:
    """The copy agrees with itself in everything: it is the file as it was before the log was worked into it."""
    copy = shutil.copyfile(str(database.url.database), tmp_path / "copy.db")
    keeper.keep()
    old = Database.open(f"sqlite:///{copy}")
    try:
        restored = CheckpointKeeper(old, keeper.data_dir, "example", keeper.path)
        assert any("checkpoint" in fault for fault in faults(restored))
        keeper.path.rename(tmp_path / "moved away")
        assert faults(restored) == []
    finally:
        old.close()


def test_a_kept_file_of_other_books_is_named(books: Books, keeper: CheckpointKeeper, database: Database) -> None:
    other_keys = CheckpointKeeper(database, keeper.data_dir.with_name("other"), "example", keeper.path)
    assert faults(other_keys) == [f"I6 checkpoint 2 in {keeper.path}", "I6 checkpoint 2"]


def test_a_lock_that_was_taken_away_stops_selling_too(
    books: Books, keeper: CheckpointKeeper, database: Database
) -> None:
    with database.write() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER checkpoint_no_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE checkpoint DISABLE TRIGGER checkpoint_no_change")
    assert [fault.split()[0] for fault in faults(keeper)] == ["I4"]


def test_broken_books_take_no_order_and_recover_nothing(
    books: Books, keeper: CheckpointKeeper, database: Database
) -> None:
    with tampering(database) as connection:
        change_entry(7)(connection)
    kinds = books.kinds()
    ledger = Ledger.open(database, node="next", report=Reports(), broken=keeper.check())
    try:
        with pytest.raises(LedgerUnavailable):
            ledger.submit(Post(books.order(books.crawler(1)))).result(60)
        assert "entry 2/7" in str(ledger.failure)
        assert "farebox verify" in str(ledger.failure)
    finally:
        ledger.close()
    assert books.kinds() == kinds
