"""One batch: what is written without reading, what falls back, and what stops everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select, update

from edge.core.ledger import InsufficientFunds, InvariantBroken, Posted
from edge.core.ledger_operations import Credit, Operation, OrderImpossible, Post, Reverse
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.tables import account, batch, entry
from edge.store.verify import verify
from tests.support.books import Books


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


@pytest.fixture
def hand(database: Database) -> BatchWriter:
    return BatchWriter(database, "test")


@pytest.fixture
def crawler(books: Books, hand: BatchWriter) -> int:
    made = books.crawler(1)
    hand.write([Credit(books.top_up(made, 1_000))])
    return made


def statements_of(database: Database, hand: BatchWriter, operations: list[Operation]) -> list[str]:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    with database.ledger_connection() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        hand.write(operations)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return [" ".join(statement.split()[:3]) for statement in seen if not statement.startswith("BEGIN")]


def test_a_batch_of_new_charges_is_written_without_reading(
    database: Database, books: Books, hand: BatchWriter, crawler: int
) -> None:
    """Locks in order: the crawlers' accounts, the entries, then the accounts that everybody shares."""
    assert statements_of(database, hand, [Post(books.order(crawler)) for _ in range(64)]) == [
        "UPDATE account SET",
        "INSERT INTO entry",
        "UPDATE account SET",
        "UPDATE writer SET",
        "INSERT INTO batch",
    ]


def test_a_batch_of_retries_writes_nothing(database: Database, books: Books, hand: BatchWriter, crawler: int) -> None:
    orders = [books.order(crawler) for _ in range(10)]
    hand.write([Post(order) for order in orders])
    answers = hand.write([Post(order) for order in orders])
    assert all(isinstance(answer, Posted) and not answer.fresh for answer in answers)
    with database.read() as connection:
        assert len(connection.execute(select(batch)).all()) == 2


def test_a_batch_is_one_link_of_the_chain(database: Database, books: Books, hand: BatchWriter, crawler: int) -> None:
    hand.write([Post(books.order(crawler)) for _ in range(5)])
    with database.read() as connection:
        spans = connection.execute(select(batch.c.first_entry, batch.c.last_entry).order_by(batch.c.number)).all()
    assert [tuple(span) for span in spans] == [(1, 1), (2, 6)]


def test_one_order_that_fails_lets_the_others_through(books: Books, hand: BatchWriter, crawler: int) -> None:
    poor = books.crawler(2)
    operations = [Post(books.order(poor if number == 3 else crawler)) for number in range(8)]
    answers = hand.write(list(operations))
    assert isinstance(answers[3], InsufficientFunds)
    assert sum(isinstance(answer, Posted) for answer in answers) == 7


def test_funds_of_one_batch_go_to_whoever_came_first(books: Books, hand: BatchWriter) -> None:
    account_id = books.crawler(2)
    hand.write([Credit(books.top_up(account_id, 3, "invoice 2"))])
    answers = hand.write([Post(books.order(account_id)) for _ in range(6)])
    assert [isinstance(answer, Posted) for answer in answers] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(
    "poison", [{"target": "/\ud800"}, {"publisher_account": 9_999}, {"crawler_account": 9_999}], ids=repr
)
def test_an_order_that_cannot_be_written_is_alone_in_failing(
    database: Database, books: Books, hand: BatchWriter, crawler: int, poison: dict[str, Any]
) -> None:
    operations = [Post(books.order(crawler)) for _ in range(4)]
    operations[2] = Post(replace(operations[2].order, **poison))
    answers = hand.write(list(operations))
    assert [type(answer) for answer in answers] == [Posted, Posted, OrderImpossible, Posted]
    assert verify(database).faults == ()


def test_an_account_of_another_currency_is_never_touched(
    database: Database, books: Books, hand: BatchWriter, crawler: int
) -> None:
    with database.write() as connection:
        connection.execute(update(account).where(account.c.id == crawler).values(currency="EUR"))
    [answer] = hand.write([Post(books.order(crawler))])
    assert isinstance(answer, OrderImpossible)
    assert "holds EUR" in str(answer)


def test_books_that_contradict_themselves_stop_the_batch(
    database: Database, books: Books, hand: BatchWriter, crawler: int
) -> None:
    order = books.order(crawler)
    hand.write([Post(order)])
    with database.write() as connection:
        row = connection.execute(select(entry).where(entry.c.key == order.key)).one()._asdict()
        connection.execute(entry.insert().values(row | {"number": 77, "attempt": 2}))
    before = books.balance(crawler)
    with pytest.raises(InvariantBroken, match="cannot open"):
        hand.write([Reverse(order.key, "broken"), Post(books.order(crawler))])
    assert books.balance(crawler) == before


def test_time_never_runs_backwards_within_a_chain(database: Database, books: Books) -> None:
    times = iter([500, 400, 600])
    hand, account_id = BatchWriter(database, "test", clock=lambda: next(times)), books.crawler(1)
    for number in range(3):
        hand.write([Credit(books.top_up(account_id, 1, f"invoice {number}"))])
    with database.read() as connection:
        recorded = connection.execute(select(entry.c.recorded_at_micros).order_by(entry.c.number)).scalars().all()
    assert recorded == [500, 500, 600]


def test_after_refusals_the_next_batch_reads_first(
    database: Database, books: Books, hand: BatchWriter, crawler: int
) -> None:
    poor = books.crawler(2)
    hand.write([Post(books.order(poor))])
    refused: list[Operation] = [Post(books.order(poor)), Post(books.order(crawler))]
    assert statements_of(database, hand, refused)[0].startswith("SELECT")
    hand.write([Post(books.order(crawler))])
    assert statements_of(database, hand, [Post(books.order(crawler))])[0] == "UPDATE account SET"
