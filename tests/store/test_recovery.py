"""What a dead process leaves behind is resolved by the next one, and a process taken for dead does no harm."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Table, insert, select, update

from edge.core.ledger import Held, InvariantBroken, LedgerUnavailable, Lost, Posted, Step, Voided
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Settle
from edge.store import writers
from edge.store.batch_writer import BatchWriter
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.recovery import recover
from edge.store.tables import batch, entry, writer
from edge.store.verify import verify
from tests.support.books import Books, Reports


def write(hand: BatchWriter, *operations: Operation) -> Any:
    answers = hand.write(list(operations))
    return answers[0] if len(answers) == 1 else answers


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


@pytest.fixture
def account(books: Books) -> int:
    made = books.crawler(1)
    hand = BatchWriter(books.database, "treasurer")
    write(hand, Credit(books.top_up(made, 300)))
    hand.close()
    return made


def let_lease_lapse(database: Database, number: int | None) -> None:
    with database.write() as connection:
        connection.execute(update(writer).where(writer.c.id == number).values(lease_until_micros=1))


def test_the_holds_of_a_dead_process_go_back(database: Database, books: Books, account: int) -> None:
    dead = BatchWriter(database, "dead")
    held = [write(dead, Hold(books.order(account))) for _ in range(130)]
    write(dead, Settle(held[0]))
    posted = write(dead, Post(books.order(account)))
    assert books.pages_of(account) == 300 - 131
    let_lease_lapse(database, dead.writer_id)
    hand = BatchWriter(database, "next")
    # And two were paid, of which nobody knows whether they arrived.
    assert recover(database, hand) == 129 + 2
    assert recover(database, hand) == 0
    assert books.pages_of(account) == 298
    assert isinstance(posted, Posted)
    assert books.kinds().count("void") == 129
    assert verify(database).faults == ()


def test_a_living_process_keeps_its_holds(database: Database, books: Books, account: int) -> None:
    living, other = BatchWriter(database, "living"), BatchWriter(database, "other")
    held = write(living, Hold(books.order(account)))
    assert recover(database, other) == 0
    assert isinstance(write(living, Settle(held)), Posted)
    assert verify(database).faults == ()


def test_the_only_process_takes_over_without_waiting_for_a_lease(
    database: Database, books: Books, account: int
) -> None:
    dead = BatchWriter(database, "dead")
    write(dead, Hold(books.order(account)))
    hand = BatchWriter(database, "next")
    assert recover(database, hand, alone=True) == 1
    assert books.pages_of(account) == 300


def test_a_recovery_that_died_half_way_is_finished_by_the_next(database: Database, books: Books, account: int) -> None:
    """The dead writer is closed already; only the mark that all its holds are resolved is missing."""
    dead = BatchWriter(database, "dead")
    write(dead, Hold(books.order(account)))
    let_lease_lapse(database, dead.writer_id)
    with database.write() as connection:
        assert writers.claim_abandoned(connection) == [dead.writer_id]
    assert recover(database, BatchWriter(database, "next")) == 1
    assert books.pages_of(account) == 300


def copy_row(database: Database, table: Table, **changed: object) -> None:
    """Add a copy of a table's last row, something about it changed: what only a disk that lied, or a person, writes."""
    with database.write() as connection:
        last = select(table).order_by(*(column.desc() for column in table.primary_key)).limit(1)
        row = connection.execute(last).one()
        connection.execute(insert(table).values(row._asdict() | changed))


def test_a_hold_that_cannot_be_voided_ends_the_recovery(database: Database, books: Books, account: int) -> None:
    """A chain that goes on beyond its head has no place for the void; trying on would be for ever."""
    dead, hand = BatchWriter(database, "dead"), BatchWriter(database, "next")
    write(dead, Hold(books.order(account)))
    write(hand, Post(books.order(account)))
    let_lease_lapse(database, dead.writer_id)
    copy_row(database, batch, number=2)
    with pytest.raises(InvariantBroken, match="cannot be voided"):
        recover(database, hand)


def test_a_start_that_cannot_resolve_what_was_left_sells_nothing(
    database: Database, books: Books, account: int
) -> None:
    """The books contradict themselves: every order is refused, but there is a ledger, and free pages go on (D6)."""
    dead, reports = BatchWriter(database, "dead"), Reports()
    write(dead, Hold(books.order(account)))
    copy_row(database, entry, number=2, step=Step.REVERSE.value, kind="reverse")
    let_lease_lapse(database, dead.writer_id)
    ledger = Ledger.open(database, node="next", report=reports)
    assert isinstance(ledger.failure, InvariantBroken)
    assert reports.errors == [ledger.failure]
    with pytest.raises(LedgerUnavailable):
        asyncio.run(_post(ledger, books.order(account)))
    ledger.close()


def test_a_process_that_was_taken_for_dead_cannot_commit_as_before(
    database: Database, books: Books, account: int
) -> None:
    frozen = BatchWriter(database, "frozen")
    held = write(frozen, Hold(books.order(account)))
    before = frozen.writer_id
    let_lease_lapse(database, before)
    recover(database, BatchWriter(database, "next"))
    settled = write(frozen, Settle(held))
    assert frozen.writer_id != before
    # The hold was voided, so the delivery that completes after all is a charge of its own: still exactly one.
    assert isinstance(settled, Posted)
    assert (books.pages_of(account), books.pages_of(books.publisher)) == (299, 1)
    assert verify(database).faults == ()


def test_a_late_settle_without_funds_is_lost(database: Database, books: Books) -> None:
    account = books.crawler(2)
    frozen, other = BatchWriter(database, "frozen"), BatchWriter(database, "next")
    write(other, Credit(books.top_up(account, 1)))
    held = write(frozen, Hold(books.order(account)))
    let_lease_lapse(database, frozen.writer_id)
    recover(database, other)
    assert isinstance(write(other, Post(books.order(account))), Posted)
    assert isinstance(write(frozen, Settle(held)), Lost)
    assert books.balance(account) == 0


def test_a_lease_that_is_renewed_does_not_lapse(database: Database, books: Books, account: int) -> None:
    hand, other = BatchWriter(database, "living"), BatchWriter(database, "other")
    held = write(hand, Hold(books.order(account)))
    let_lease_lapse(database, hand.writer_id)
    hand.renew_lease()
    assert recover(database, other) == 0
    assert isinstance(held, Held)
    assert books.pages_of(account) == 299


def test_a_writer_that_was_closed_learns_it_when_it_renews(database: Database, books: Books, account: int) -> None:
    hand = BatchWriter(database, "frozen")
    write(hand, Post(books.order(account)))
    let_lease_lapse(database, hand.writer_id)
    recover(database, BatchWriter(database, "other"))
    hand.renew_lease()
    assert hand.writer_id is None
    assert isinstance(write(hand, Post(books.order(account))), Posted)


def test_opening_the_ledger_resolves_what_the_last_process_left(database: Database, books: Books, account: int) -> None:
    dead = BatchWriter(database, "dead")
    order = books.order(account)
    write(dead, Hold(order))
    let_lease_lapse(database, dead.writer_id)
    ledger = Ledger.open(database, node="next", report=Reports())
    assert books.pages_of(account) == 300
    assert isinstance(asyncio.run(_post(ledger, books.order(account))), Posted)
    ledger.close()
    assert books.kinds(order.key) == ["hold", "void"]


async def _post(ledger: Ledger, order: Any) -> Any:
    return await ledger.post(order)


def test_writers_count_up_without_gaps(database: Database, books: Books, account: int) -> None:
    for name in ("a", "b", "c"):
        hand = BatchWriter(database, name)
        write(hand, Post(books.order(account)))
        hand.close()
    with database.read() as connection:
        rows = connection.execute(select(writer.c.id, writer.c.node).order_by(writer.c.id)).all()
    assert [tuple(row) for row in rows] == [(1, "treasurer"), (2, "a"), (3, "b"), (4, "c")]


def test_voiding_what_recovery_voided_is_harmless(database: Database, books: Books, account: int) -> None:
    frozen = BatchWriter(database, "frozen")
    held = write(frozen, Hold(books.order(account)))
    let_lease_lapse(database, frozen.writer_id)
    recover(database, BatchWriter(database, "next"))
    ledger = Ledger.open(database, node="test", report=Reports())
    assert asyncio.run(_void(ledger, held)) == Voided()
    ledger.close()
    assert books.pages_of(account) == 300


async def _void(ledger: Ledger, held: Held) -> Any:
    return await ledger.void(held)
