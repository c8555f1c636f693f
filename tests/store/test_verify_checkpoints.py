"""Verification holds the books against everything that was signed, here and in what was kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, update

from edge.core.ledger_operations import Credit, Post
from edge.store.batch_writer import BatchWriter
from edge.store.checkpoint_file import read_tokens
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database
from edge.store.service_keys import known_public_keys
from edge.store.tables import account, batch, checkpoint, entry, writer
from edge.store.verify import verify
from edge.store.verify_checkpoints import Signed
from tests.support.books import Books
from tests.support.tampering import delete as cut
from tests.support.tampering import reseal, rewrite_one_that_ended, tampering


@pytest.fixture
def keeper(database: Database, tmp_path: Path) -> CheckpointKeeper:
    return CheckpointKeeper(database, tmp_path / "data", "example", tmp_path / "kept.jws")


@pytest.fixture
def books(database: Database, keeper: CheckpointKeeper) -> Books:
    """Writer 1 ends before the second of four checkpoints; writer 2 sells one page for each of the others."""
    books = Books.open(database)
    crawler, treasurer, seller = books.crawler(1), BatchWriter(database, "one"), BatchWriter(database, "two")
    treasurer.write([Credit(books.top_up(crawler, 100))])
    keeper.keep()
    treasurer.close()
    for _ in range(3):
        seller.write([Post(books.order(crawler))])
        keeper.keep()
    return books


def faults(keeper: CheckpointKeeper, *, kept: bool = False) -> list[str]:
    """What is found with the stored checkpoints alone, or with those of the kept file too."""
    keys = known_public_keys(keeper.data_dir)
    signed = Signed(keys, lambda: (token for _, token in read_tokens(keeper.path)), "kept") if kept else Signed(keys)
    return [f"{fault.place}: {fault.sentence}" for fault in verify(keeper.database, signed=signed).faults]


def test_sound_books_bear_all_that_was_signed(books: Books, keeper: CheckpointKeeper) -> None:
    assert faults(keeper, kept=True) == []
    signed = Signed(known_public_keys(keeper.data_dir), lambda: (token for _, token in read_tokens(keeper.path)))
    found = verify(keeper.database, signed=signed)
    assert (found.checkpoints, found.kept_checkpoints) == (4, 4)


def rewrite(connection: Connection) -> None:
    """Change an entry and hash the chain anew, head included: it agrees with itself."""
    connection.execute(update(entry).where(entry.c.writer_id == 2, entry.c.number == 1).values(target="/other"))
    reseal(connection, 2)


def set_back(connection: Connection) -> None:
    """Cut the last two pages off, with head and balances."""
    last = connection.execute(select(batch).where(batch.c.writer_id == 2, batch.c.number == 1)).one()
    cut(connection, batch, 2, range(2, 4))
    cut(connection, entry, 2, range(2, 4))
    values = {"head_batch": 1, "head_entry": 1, "head_hash": last.hash}
    connection.execute(update(writer).where(writer.c.id == 2).values(values))
    for code, change in (("crawler:1:USD", 20_000), ("publisher:1:USD", -20_000)):
        more = update(account).where(account.c.code == code)
        connection.execute(more.values(balance_micros=account.c.balance_micros + change))


def set_back_with_checkpoints(connection: Connection) -> None:
    set_back(connection)
    connection.execute(delete(checkpoint).where(checkpoint.c.number > 2))


def forget_all_checkpoints(connection: Connection) -> None:
    set_back(connection)
    connection.execute(delete(checkpoint))


def remove_a_writer(connection: Connection) -> None:
    """The last writer and all that it did."""
    set_back(connection)
    cut(connection, batch, 2, range(1, 2))
    cut(connection, entry, 2, range(1, 2))
    connection.execute(delete(writer).where(writer.c.id == 2))
    for code, change in (("crawler:1:USD", 10_000), ("publisher:1:USD", -10_000)):
        more = update(account).where(account.c.code == code)
        connection.execute(more.values(balance_micros=account.c.balance_micros + change))


def remove_a_writer_with_checkpoints(connection: Connection) -> None:
    remove_a_writer(connection)
    connection.execute(delete(checkpoint).where(checkpoint.c.number > 1))


def swap_two(connection: Connection) -> None:
    for old, new in ((2, 90), (3, 2), (90, 3)):
        connection.execute(update(checkpoint).where(checkpoint.c.number == old).values(number=new))


Change = Callable[[Connection], object]
SHOWN_BY_STORED: list[tuple[Change, str]] = [
    (rewrite, "batch 2/1: is not the one that was there"),
    (rewrite_one_that_ended, "batch 1/1: is not the one that was there"),
    (set_back, "batch 2/2: is missing"),
    (remove_a_writer, "writer 2: is missing"),
    (
        lambda connection: connection.execute(delete(checkpoint).where(checkpoint.c.number == 2)),
        "checkpoint 2: is missing",
    ),
    (swap_two, "checkpoint 2: was changed"),
]
SHOWN_BY_KEPT: list[tuple[Change, str]] = [
    (set_back_with_checkpoints, "checkpoint 3 in kept: is not in the database"),
    (forget_all_checkpoints, "checkpoint 1 in kept: is not in the database"),
    (remove_a_writer_with_checkpoints, "writer 2: is missing"),
]


@pytest.mark.parametrize(("change", "place"), SHOWN_BY_STORED + SHOWN_BY_KEPT)
def test_books_that_agree_with_themselves_are_found_by_what_was_signed(
    books: Books, keeper: CheckpointKeeper, database: Database, change: Change, place: str
) -> None:
    with tampering(database) as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        change(connection)
    assert any(fault.startswith(place) for fault in faults(keeper, kept=True))
    shows_here = any(fault.startswith(place) for fault in faults(keeper))
    assert shows_here == ((change, place) in SHOWN_BY_STORED)


def test_a_kept_checkpoint_alone_proves_what_it_lists_and_what_it_does_not(
    books: Books, keeper: CheckpointKeeper, database: Database
) -> None:
    """One line of text, the last: it lists only writer 2, and its digest still binds the end of writer 1."""
    *_, (_, last) = read_tokens(keeper.path)
    with tampering(database) as connection:
        rewrite_one_that_ended(connection)
        connection.execute(delete(checkpoint))
    signed = Signed(known_public_keys(keeper.data_dir), lambda: [last], "kept")
    found = [str(fault) for fault in verify(database, signed=signed).faults]
    assert any("checkpoint 4 in kept: knew other ends" in fault for fault in found)


def test_a_line_that_a_crash_cut_short_is_no_fault(books: Books, keeper: CheckpointKeeper) -> None:
    *before, last = keeper.path.read_text().splitlines()
    keeper.path.write_text("\n".join([*before, last[:50], last]) + "\n")
    assert faults(keeper, kept=True) == []


def test_a_kept_line_that_was_changed_is_named(books: Books, keeper: CheckpointKeeper) -> None:
    text = keeper.path.read_text()
    keeper.path.write_text(text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:])
    assert faults(keeper, kept=True) == ["checkpoint 4 in kept: was changed: the signature does not match"]


def test_keys_that_are_not_there_prove_nothing(books: Books, keeper: CheckpointKeeper) -> None:
    found = [str(fault) for fault in verify(keeper.database, signed=Signed({})).faults]
    assert len(found) == 4
    assert all("not in the key set" in fault for fault in found)
