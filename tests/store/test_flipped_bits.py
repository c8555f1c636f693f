"""One flipped bit in any column of any row that the chain covers is found by name: a thousand rows, on each database.

Many rows are changed at once, but never two of one writer or two checkpoints that follow each other, and what is
expected for each names its own place: so no fault stands in for another.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Connection, Integer, SmallInteger, Table, select, text
from sqlalchemy.exc import DBAPIError

from edge.core.ledger_operations import Credit, Operation, Post
from edge.store.batch_writer import BatchWriter
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.database import Database
from edge.store.service_keys import known_public_keys
from edge.store.tables import batch, checkpoint, entry, writer
from edge.store.verify import verify
from edge.store.verify_checkpoints import Signed
from tests.support.books import Books

WRITERS = 100
CHECKPOINTS_EVERY = 2
ROUNDS = 9
ROWS_PER_ROUND = WRITERS + WRITERS // CHECKPOINTS_EVERY // 3
FAULTS_MAX = 10_000

WEIGHTS: dict[Table, int] = {entry: 7, batch: 2, writer: 1}
COVERED: dict[Table, tuple[str, ...]] = {
    entry: tuple(column.name for column in entry.columns),
    batch: tuple(column.name for column in batch.columns),
    checkpoint: tuple(column.name for column in checkpoint.columns),
    writer: ("id", "head_batch", "head_entry", "head_hash"),
}
KEYS = {entry: ("writer_id", "number"), batch: ("writer_id", "number"), checkpoint: ("number",), writer: ("id",)}
BITS = ((SmallInteger, 14), (BigInteger, 62), (Integer, 30))
Row = dict[str, Any]


@pytest.fixture
def keeper(database: Database, tmp_path: Path) -> CheckpointKeeper:
    """Books of many writers, with two batches and four entries each, and a checkpoint now and then."""
    keeper = CheckpointKeeper(database, tmp_path / "data", "example", tmp_path / "kept.jws")
    books = Books.open(database)
    crawler = books.crawler(1)
    for number in range(1, WRITERS + 1):
        hand = BatchWriter(database, f"node {number}")
        first: list[Operation] = [Credit(books.top_up(crawler, 10, f"invoice {number}")), Post(books.order(crawler))]
        hand.write(first)
        hand.write([Post(books.order(crawler)), Post(books.order(crawler))])
        hand.close()
        if number % CHECKPOINTS_EVERY == 0:
            keeper.keep()
    if not database.is_sqlite:
        drop_checks(database)
    return keeper


def drop_checks(database: Database) -> None:
    """PostgreSQL cannot be told to overlook them for a while, as SQLite can."""
    tables = ", ".join(f"'{table.name}'::regclass" for table in COVERED)
    query = f"SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c' AND conrelid IN ({tables})"
    with database.write() as connection:
        for table, name in connection.exec_driver_sql(query).all():
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


@dataclass(frozen=True)
class Flip:
    """One changed row: as it was, and which column now holds what."""

    table: Table
    before: Row
    column: str
    value: Any

    @property
    def places(self) -> tuple[str, ...]:
        """The beginnings of the places that name it."""
        if self.table is checkpoint:
            return (f"checkpoint {self.before['number']}",)
        number = self.before["id" if self.table is writer else "writer_id"]
        return (f"entry {number}/", f"batch {number}/", f"writer {number}")


def test_a_thousand_flipped_bits_are_each_found_by_name(keeper: CheckpointKeeper) -> None:
    database, chance = keeper.database, random.Random(20261120)
    assert faults(keeper) == []
    flipped = 0
    for _ in range(ROUNDS):
        flips = flip_many(database, chance)
        places = faults(keeper)
        missed = [flip for flip in flips if not any(named(place, flip.places) for place in places)]
        assert missed == [], places[:5]
        flipped += len(flips)
        put_back(database, flips)
    assert flipped >= 1000
    assert faults(keeper) == []


def test_one_flipped_bit_alone_is_found_in_every_column(keeper: CheckpointKeeper) -> None:
    """Nothing else is wrong that could help."""
    chance = random.Random(4)
    for table, columns in COVERED.items():
        for name in columns:
            rows = [row for row in read(keeper.database, table) if row[name] is not None]
            if not rows:
                continue  # of a column that no entry here fills, nothing can be flipped
            with unlocked(keeper.database) as connection:
                flips = [change(connection, table, chance.choice(rows), name, chance)]
            places = faults(keeper)
            assert any(named(place, flips[0].places) for place in places), flips
            put_back(keeper.database, flips)


def faults(keeper: CheckpointKeeper) -> list[str]:
    signed = Signed(known_public_keys(keeper.data_dir))
    found = verify(keeper.database, signed=signed, faults_max=FAULTS_MAX).faults
    return [fault.place for fault in found if fault.invariant == "I6"]


def named(place: str, beginnings: Sequence[str]) -> bool:
    return any(place.startswith(one) if one.endswith("/") else place == one for one in beginnings)


# Changing rows


def flip_many(database: Database, chance: random.Random) -> list[Flip]:
    """One row of each writer, and every third checkpoint."""
    rows = {table: read(database, table) for table in COVERED}
    chosen = []
    for number in range(1, WRITERS + 1):
        table = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        own = [row for row in rows[table] if row["id" if table is writer else "writer_id"] == number]
        chosen.append((table, chance.choice(own)))
    chosen += [(checkpoint, row) for row in rows[checkpoint][chance.randrange(3) :: 3]]
    with unlocked(database) as connection:
        return [flip_somewhere(connection, table, row, chance) for table, row in chosen]


def flip_somewhere(connection: Connection, table: Table, row: Row, chance: random.Random) -> Flip:
    filled = [name for name in COVERED[table] if row[name] is not None]
    return change(connection, table, row, chance.choice(filled), chance)


def change(connection: Connection, table: Table, row: Row, name: str, chance: random.Random) -> Flip:
    """Flip a bit of that column; another one when the database itself refuses what comes out."""
    while True:
        value = flipped(table.c[name], row[name], chance)
        try:
            with connection.begin_nested():
                connection.execute(text(statement(connection, table, name)), {"value": value, **of(table, row)})
            return Flip(table, row, name, value)
        except DBAPIError:
            continue


def flipped(column: Column[Any], value: Any, chance: random.Random) -> Any:
    match value:
        case int():
            bits = next(count for kind, count in BITS if isinstance(column.type, kind))
            # What names a writer goes to one that does not exist, so that no other writer's fault can stand in for it.
            return value ^ (1 << chance.randrange(10 if column.name in ("writer_id", "id") else 0, bits))
        case str():
            return one_bit(value.encode(), chance)
        case bytes():
            return one_bit(value, chance)
        case _:
            raise TypeError(f"{column.name} holds {value!r}")


def one_bit(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def statement(connection: Connection, table: Table, name: str) -> str:
    is_text = name in {column.name for column in table.columns if column.type.python_type is str}
    value = ":value"
    if is_text:
        value = "CAST(:value AS TEXT)" if connection.dialect.name == "sqlite" else "convert_from(:value, 'UTF8')"
    where = " AND ".join(f"{key} = :old_{key}" for key in KEYS[table])
    return f"UPDATE {table.name} SET {name} = {value} WHERE {where}"


def of(table: Table, row: Row) -> Row:
    return {f"old_{key}": row[key] for key in KEYS[table]}


def read(database: Database, table: Table) -> list[Row]:
    with database.read() as connection:
        rows = connection.execute(select(table).order_by(*(table.c[key] for key in KEYS[table])))
        return [dict(row._mapping) for row in rows]


def put_back(database: Database, flips: Sequence[Flip]) -> None:
    with unlocked(database) as connection:
        for flip in flips:
            now = flip.before | ({flip.column: flip.value} if flip.column in KEYS[flip.table] else {})
            own = [flip.table.c[key] == now[key] for key in KEYS[flip.table]]
            assert connection.execute(flip.table.update().where(*own).values(flip.before)).rowcount == 1


@contextmanager
def unlocked(database: Database) -> Iterator[Connection]:
    """Write as somebody can who owns the database: no triggers, no foreign keys, and on SQLite no checks."""
    if not database.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield connection
        return
    with database.ledger_connection() as connection:
        driver: Any = connection.connection.driver_connection
        triggers = dict(driver.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("PRAGMA ignore_check_constraints = ON")
        try:
            with connection.begin():
                for name in triggers:
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
                yield connection
                for created in triggers.values():
                    connection.exec_driver_sql(created)
        finally:
            driver.execute("PRAGMA ignore_check_constraints = OFF")
            driver.execute("PRAGMA foreign_keys = ON")
