"""Sums by slices are the sums of the whole: no entry is lost or counted twice where two slices meet."""

from __future__ import annotations

import pytest

from edge.core.ledger_operations import Credit, Post
from edge.core.month import Month
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.sliced_sums import SLICE_MICROS, summed
from edge.store.tables import entry
from tests.support.books import PRICE, Books

START = Month(2026, 11).start_micros
TIMES = (
    *(START, START + 1, START + SLICE_MICROS - 1, START + SLICE_MICROS, START + SLICE_MICROS + 1),
    *(START + 9 * SLICE_MICROS, START + 10 * SLICE_MICROS, START + 10 * SLICE_MICROS + 1),
)


@pytest.fixture
def sold(database: Database) -> Database:
    """One page sold at each of the times."""
    books = Books.open(database)
    account, now = books.crawler(1), [0]
    hand = BatchWriter(database, "test", clock=lambda: now[0])
    now[0] = START - 1
    hand.write([Credit(books.top_up(account, 100))])
    for now[0] in TIMES:
        hand.write([Post(books.order(account))])
    hand.close()
    return database


@pytest.mark.parametrize("until", [None, *TIMES, TIMES[-1] + 1])
def test_every_entry_of_the_time_is_summed_once(sold: Database, until: int | None) -> None:
    """The first instant belongs to the time, the last does not."""
    inside = [at for at in TIMES if until is None or at < until]
    with sold.read() as connection:
        found = summed(connection, [entry.c.kind], [], START, until)
    assert found == ({("post",): (len(inside), len(inside) * PRICE.amount_micros)} if inside else {})


def test_a_key_may_be_an_expression_with_a_name(sold: Database) -> None:
    day = ((entry.c.recorded_at_micros - START) // SLICE_MICROS).label("part")
    with sold.read() as connection:
        found = summed(connection, [day], [entry.c.kind == "post"], START, None)
    assert {int(part): count for (part,), (count, _) in found.items()} == {0: 3, 1: 2, 9: 1, 10: 2}
