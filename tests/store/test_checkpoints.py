"""Checkpoints are made from one snapshot, by one node at a time, and copied to where the database does not reach."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert, select, update

from edge.core.checkpoint import Checkpoint, verify_checkpoint
from edge.core.ledger import InvariantBroken
from edge.core.ledger_operations import Credit, Post
from edge.store.batch_writer import Answer, BatchWriter
from edge.store.checkpoint_file import read_tokens
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.checkpoints import BooksBroken, last_row, stream_rows
from edge.store.database import Database
from edge.store.service_keys import load_service_keys, rotate_service_keys
from edge.store.tables import account, webhook_endpoint, webhook_event, webhook_subscription, writer
from tests.support.books import Books
from tests.support.tampering import reseal, tampering

NOON = 1_795_176_000_000_000
MINUTE = 60_000_000


@pytest.fixture
def keeper(database: Database, tmp_path: Path) -> CheckpointKeeper:
    clock = count(NOON, MINUTE)
    return CheckpointKeeper(database, tmp_path / "data", "example", tmp_path / "kept.jws", lambda: next(clock))


@pytest.fixture
def seller(database: Database) -> BatchWriter:
    return BatchWriter(database, "one")


@pytest.fixture
def books(database: Database, seller: BatchWriter) -> Books:
    books = Books.open(database)
    seller.write([Credit(books.top_up(books.crawler(1), 100))])
    return books


def sell(books: Books, hand: BatchWriter, pages: int = 1) -> list[Answer]:
    return hand.write([Post(books.order(books.crawler(1))) for _ in range(pages)])


def kept(keeper: CheckpointKeeper) -> list[str]:
    return [token for _, token in read_tokens(keeper.path)]


def stored(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.token for row in stream_rows(connection)]


def test_a_checkpoint_states_heads_and_balances_and_is_stored_and_kept(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    sell(books, seller, 3)
    made = keeper.keep()
    assert made is not None
    assert (made.number, made.writers, made.issuer, made.made_at_micros) == (1, 1, "example", NOON)
    assert [(head.writer, head.batch, head.entry) for head in made.heads] == [(1, 2, 4)]
    assert made.totals == {"USD": {"crawler": 970_000, "internal": -1_000_000, "publisher": 30_000}}
    assert stored(database) == kept(keeper)
    assert verify_checkpoint(kept(keeper)[0], load_service_keys(keeper.data_dir).by_thumbprint) == made


def test_nothing_is_signed_before_something_was_written_nor_twice(
    keeper: CheckpointKeeper, database: Database, seller: BatchWriter
) -> None:
    assert keeper.keep() is None
    books = Books.open(database)
    seller.write([Credit(books.top_up(books.crawler(1), 100))])
    assert keeper.keep() is not None
    assert keeper.keep() is None
    assert len(kept(keeper)) == 1


def test_a_checkpoint_younger_than_the_interval_is_enough(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter
) -> None:
    assert keeper.keep() is not None
    sell(books, seller)
    assert keeper.keep(every_seconds=61) is None
    assert keeper.keep(every_seconds=61) is not None


def test_checkpoints_name_the_one_before_by_its_hash(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    assert keeper.keep() is not None
    with database.read() as connection:
        first = last_row(connection)
    sell(books, seller)
    second = keeper.keep()
    assert first is not None
    assert second is not None
    assert (second.number, second.previous) == (2, first.hash)


def test_nodes_that_make_one_at_the_same_time_make_one(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    def keep(round: int) -> Checkpoint | None:
        return replace(keeper, clock=lambda: NOON + round).keep()

    with ThreadPoolExecutor(4) as nodes:
        for number in range(1, 4):
            sell(books, seller)
            assert [made.number for made in nodes.map(keep, range(4)) if made] == [number]
    assert stored(database) == kept(keeper)
    assert len(kept(keeper)) == 3


def test_a_writer_that_has_closed_is_listed_once_more_and_then_no_longer(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    other = BatchWriter(database, "two")
    seller.close()
    listed = []
    for _ in range(2):
        sell(books, other)
        made = keeper.keep()
        assert made is not None
        listed.append([(end.head.writer, end.ended) for end in made.ends])
    assert listed == [[(1, True), (2, False)], [(2, False)]]


def test_a_kept_file_that_was_away_catches_up(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    for _ in range(3):
        sell(books, seller)
        keeper.keep()
    elsewhere = replace(keeper, path=keeper.path.with_name("elsewhere.jws"))
    assert elsewhere.keep() is None
    assert kept(elsewhere) == kept(keeper) == stored(database)


def test_whoever_listens_hears_of_each_checkpoint_and_of_an_alarm(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    endpoint = {"url": "https://ops.example/hook", "state": "active", "created_by": "test", "created_at_micros": 0}
    with database.write() as connection:
        number = connection.execute(
            insert(webhook_endpoint).values(endpoint).returning(webhook_endpoint.c.id)
        ).scalar_one()
        for event in ("ledger.checkpoint", "ledger.alarm"):
            connection.execute(insert(webhook_subscription).values(endpoint_id=number, event=event))
    keeper.keep()
    keeper.alarm(InvariantBroken("the books are not what they were"))
    with database.read() as connection:
        bodies = list(connection.execute(select(webhook_event.c.body).order_by(webhook_event.c.at_micros)).scalars())
    told, alarm = (orjson.loads(body) for body in bodies)
    assert (told["type"], told["data"]["checkpoint"]) == ("ledger.checkpoint", kept(keeper)[0])
    assert (alarm["type"], alarm["data"]["reason"]) == ("ledger.alarm", "the books are not what they were")


def test_another_node_may_sign_with_a_newer_key(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    for _ in range(3):
        sell(books, seller)
        assert keeper.keep() is not None
        rotate_service_keys(keeper.data_dir, datetime.now(UTC))
    keys = load_service_keys(keeper.data_dir).by_thumbprint
    assert [isinstance(verify_checkpoint(token, keys), Checkpoint) for token in stored(database)] == [True] * 3
    assert keeper.check() is None


def test_nothing_is_signed_over_books_that_are_not_what_was_signed(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    sell(books, seller)
    keeper.keep()
    sell(books, seller)
    with tampering(database) as connection:
        connection.exec_driver_sql("UPDATE entry SET offer = 'max USD 9' WHERE number = 2")
        reseal(connection, 1)
    with pytest.raises(BooksBroken, match="batch 1/2"):
        keeper.keep()
    assert len(stored(database)) == 1


def test_nothing_is_signed_for_a_head_that_is_not_on_its_chain(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    with tampering(database) as connection:
        connection.execute(update(writer).values(head_hash=bytes(32)))
    with pytest.raises(BooksBroken, match="batch 1/1"):
        keeper.keep()
    assert stored(database) == []


def test_balances_of_one_snapshot_belong_to_its_heads(
    keeper: CheckpointKeeper, books: Books, seller: BatchWriter, database: Database
) -> None:
    """While pages are sold, each checkpoint's totals are what its own heads come to."""
    with ThreadPoolExecutor(1) as selling:
        done = selling.submit(lambda: [sell(books, seller) for _ in range(30)])
        made = []
        while not done.done():
            made += [one for one in (keeper.keep(),) if one]
    made += [one for one in (keeper.keep(),) if one]
    assert made
    for one in made:
        assert one.totals["USD"]["publisher"] == 10_000 * (one.heads[0].entry - 1)
    with database.read() as connection:
        earned = connection.execute(
            select(account.c.balance_micros).where(account.c.id == books.publisher)
        ).scalar_one()
    assert made[-1].totals["USD"]["publisher"] == earned == 300_000
