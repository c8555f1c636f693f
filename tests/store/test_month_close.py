"""A month is closed once, in order, whole or not at all, and nothing is recorded into it afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from edge.core.budgets import DAY_MICROS
from edge.core.ledger import EntryKind, Posted
from edge.core.ledger_operations import Post, Reverse
from edge.core.month import Month
from edge.core.statement import Statement
from edge.store import writers
from edge.store.append_only import MONTHS, missing_triggers
from edge.store.batch_writer import BatchWriter
from edge.store.checkpoints import BooksBroken
from edge.store.closed_months import kept_documents, kept_fees
from edge.store.database import Database
from edge.store.month_close import MonthNotClosable, begin_close, close_month, freeze_month, take_fees
from edge.store.month_reading import WHOLE, Part
from edge.store.publishers import set_share
from edge.store.reader_counts import writer_parts
from edge.store.statements import read_statement
from edge.store.tables import entry, month_line, publisher, writer
from edge.store.verify import verify
from tests.support.busy_month import DECEMBER, NOVEMBER, OCTOBER, Desk
from tests.support.closing import OPERATOR, closer, shared_month
from tests.support.webhooks import bodies, listen


@pytest.fixture
def desk(database: Database) -> Desk:
    return shared_month(database)


def close(desk: Desk, folder: Path, *months: Month) -> None:
    for month in months:
        assert close_month(desk.database, month, closer(folder, month))[1]


def read(desk: Desk, month: Month, part: Part = WHOLE) -> Statement:
    with desk.database.read() as connection:
        return read_statement(connection, month, part, operator=OPERATOR)


def fees(desk: Desk) -> list[tuple[str | None, int | None, str, int]]:
    with desk.database.read() as connection:
        own = entry.c
        query = select(own.reference, own.publisher_id, own.currency, own.amount_micros)
        taken = query.where(own.kind == EntryKind.FEE.value)
        order = taken.order_by(own.reference, own.publisher_id, own.currency)
        return [tuple(row) for row in connection.execute(order)]


def kept(desk: Desk, month: Month) -> tuple[object, ...]:
    with desk.database.read() as connection:
        lines = connection.execute(select(month_line).where(month_line.c.month == month.label))
        return kept_documents(connection, month), [tuple(row) for row in lines], kept_fees(connection, month)


def test_a_close_takes_each_publishers_share_once_and_the_books_hold(desk: Desk, tmp_path: Path) -> None:
    close(desk, tmp_path, OCTOBER, NOVEMBER)
    # October: USD 10000 and EUR 999 of the first publisher. November: USD 77 + 50000 - 15000 of the first, whose notes
    # in EUR come to nothing, and USD 1 + 700, EUR 333333 of the second. Shares are rounded down.
    assert fees(desk) == [
        ("2026-10", 1, "EUR", 999 // 8),
        ("2026-10", 1, "USD", 1_250),
        ("2026-11", 1, "USD", 35_077 // 8),
        ("2026-11", 2, "EUR", 111_110),
        ("2026-11", 2, "USD", 233),
    ]
    assert verify(desk.database).faults == ()
    assert desk.balances()["fees:USD"] == 1_250 + 35_077 // 8 + 233
    before = fees(desk)
    assert not close_month(desk.database, NOVEMBER, closer(tmp_path, NOVEMBER))[1]
    assert fees(desk) == before


def test_closing_again_says_the_same_whatever_changed_meanwhile(desk: Desk, tmp_path: Path) -> None:
    close(desk, tmp_path, OCTOBER)
    first, was = close_month(desk.database, OCTOBER, closer(tmp_path, OCTOBER))[0], kept(desk, OCTOBER)
    with desk.database.write() as connection:
        set_share(connection, "News1", 999_999)
        connection.execute(update(publisher).values(name="Renamed", name_key=publisher.c.name_key.concat(" renamed")))
    later = replace(closer(tmp_path, OCTOBER, "somebody else"), now_micros=DECEMBER.end_micros)
    again, fresh = close_month(desk.database, OCTOBER, later)
    assert (again, fresh, kept(desk, OCTOBER)) == (first, False, was)


@pytest.mark.parametrize("steps", [1, 2])
def test_what_a_crash_left_is_finished_with_the_shares_that_were_decided(
    desk: Desk, tmp_path: Path, steps: int
) -> None:
    begin_close(desk.database, OCTOBER)
    if steps > 1:
        take_fees(desk.database, OCTOBER, closer(tmp_path, OCTOBER))
    with desk.database.write() as connection:
        set_share(connection, "news1", 0)
    close(desk, tmp_path, OCTOBER)
    assert fees(desk) == [("2026-10", 1, "EUR", 124), ("2026-10", 1, "USD", 1_250)]
    assert read(desk, OCTOBER).total("USD").fee_micros == 1_250


def test_of_two_who_close_at_once_one_does(desk: Desk, tmp_path: Path) -> None:
    """Both go all the way to the end; the fees are taken once, and both are told the same bytes."""
    together = threading.Barrier(2)

    def finish(author: str) -> tuple[object, bool]:
        own = closer(tmp_path, OCTOBER, author)
        begin_close(desk.database, OCTOBER)
        take_fees(desk.database, OCTOBER, own)
        together.wait(timeout=120)
        return freeze_month(desk.database, OCTOBER, own)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(finish, ["one", "other"]))
    assert sorted(fresh for _, fresh in answers) == [False, True]
    assert answers[0][0] == answers[1][0]
    assert len(fees(desk)) == 2


def test_a_month_that_is_not_over_is_refused(desk: Desk, tmp_path: Path) -> None:
    early = replace(closer(tmp_path, OCTOBER), now_micros=OCTOBER.end_micros + 59_999_999)
    with pytest.raises(MonthNotClosable, match="not over; close it from 2026-11-01 00:01 UTC"):
        close_month(desk.database, OCTOBER, early)
    assert read(desk, OCTOBER).draft


def test_months_are_closed_in_order_and_empty_ones_need_no_closing(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(MonthNotClosable, match="farebox close 2026-10"):
        close_month(desk.database, DECEMBER, closer(tmp_path, DECEMBER))
    close(desk, tmp_path, OCTOBER)
    with pytest.raises(MonthNotClosable, match="farebox close 2026-11"):
        close_month(desk.database, DECEMBER, closer(tmp_path, DECEMBER))
    close(desk, tmp_path, NOVEMBER, DECEMBER, Month(2027, 2))
    assert read(desk, Month(2027, 2)).report.lines == ()


def test_books_that_do_not_hold_are_not_closed(desk: Desk, tmp_path: Path) -> None:
    with desk.database.write() as connection:
        connection.exec_driver_sql("UPDATE account SET balance_micros = balance_micros + 1 WHERE id = 1")
    with pytest.raises(BooksBroken, match="account"):
        close_month(desk.database, OCTOBER, closer(tmp_path, OCTOBER))
    assert fees(desk) == []


def test_a_slow_clock_sells_after_the_closed_month_and_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    slow = BatchWriter(desk.database, "slow", clock=lambda: OCTOBER.end_micros - 1)
    [sold] = slow.write([Post(desk.order("USD 5"))])
    assert isinstance(sold, Posted)
    close(desk, tmp_path, OCTOBER)
    was = read(desk, OCTOBER)
    [later] = slow.write([Post(desk.order("USD 7"))])
    assert isinstance(later, Posted)
    with desk.database.read() as connection:
        place = (entry.c.writer_id == later.writer) & (entry.c.number == later.number)
        recorded = connection.execute(select(entry.c.recorded_at_micros).where(place)).scalar_one()
    assert recorded == OCTOBER.end_micros
    assert read(desk, OCTOBER) == was
    slow.close()
    assert verify(desk.database).faults == ()


def test_a_writer_that_registers_while_a_month_is_closed_is_bound_too(desk: Desk) -> None:
    """It reads the old bound, and wants the number that the closer took: it must look again."""
    started, done = threading.Event(), threading.Event()

    def register() -> int:
        started.wait(timeout=120)
        with desk.database.write() as connection:
            made = writers.register(connection, "late").writer
        done.set()
        return made

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(register)
        with desk.database.write() as connection:
            writers.fence(connection, "close", OCTOBER.end_micros)
            started.set()
            done.wait(timeout=0.2)
        number = late.result(timeout=120)
    with desk.database.read() as connection:
        assert writers.not_before_micros(connection, number) == OCTOBER.end_micros
        bounds = set(connection.execute(select(writer.c.not_before_micros)).scalars())
    assert bounds == {OCTOBER.end_micros}


def test_a_late_refund_is_the_next_months_and_takes_its_fee_back(desk: Desk, tmp_path: Path) -> None:
    late = desk.order("EUR 1000")
    desk.now_micros = OCTOBER.end_micros - 1
    desk.sell(late)
    close(desk, tmp_path, OCTOBER)
    was = read(desk, OCTOBER)
    desk.now_micros = NOVEMBER.end_micros - 1
    desk.write(Reverse(late.key, "complaint", author="operator"))
    close(desk, tmp_path, NOVEMBER)
    assert read(desk, OCTOBER) == was
    november = read(desk, NOVEMBER, Part(publisher_id=1)).total("EUR")
    assert (november.amount_micros, november.fee_micros) == (-1_000, 0)
    desk.now_micros = DECEMBER.start_micros
    desk.sell(desk.order("EUR 1999"))
    close(desk, tmp_path, DECEMBER)
    assert read(desk, DECEMBER, Part(publisher_id=1)).total("EUR").fee_micros == 999 // 8


def test_each_reader_hears_of_its_own_closed_statement_once(desk: Desk, tmp_path: Path) -> None:
    keys = closer(tmp_path, OCTOBER).keys
    parties: tuple[dict[str, Any], ...] = ({}, {"publisher_id": 1}, {"crawler_id": 1})
    heard = [listen(desk.database, keys, "statement.closed", **party)[0] for party in parties]
    close(desk, tmp_path, OCTOBER)
    close_month(desk.database, OCTOBER, closer(tmp_path, OCTOBER))
    told = [[body["data"]["statement"] for body in bodies(desk.database, each)] for each in heard]
    assert told == [["2026-10-ALL"], ["2026-10-P1"], ["2026-10-C1"]]


def test_closed_months_cannot_be_changed_and_whoever_unlocks_them_is_named(desk: Desk, tmp_path: Path) -> None:
    close(desk, tmp_path, OCTOBER)
    for table in MONTHS:
        for change in (f"UPDATE {table} SET month = '2020-01'", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), desk.database.write() as connection:
                connection.exec_driver_sql(change)
    with desk.database.write() as connection:
        on = "" if desk.database.is_sqlite else " ON month_line"
        name = "month_line_no_update" if desk.database.is_sqlite else "month_line_no_change"
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
    with desk.database.read() as connection:
        assert missing_triggers(connection) == [name]


def test_each_writers_part_of_a_month_is_all_that_it_recorded_in_it(desk: Desk) -> None:
    with desk.database.read() as connection:
        rows = connection.execute(select(entry.c.writer_id, entry.c.number, entry.c.recorded_at_micros)).all()
        for month in (OCTOBER, NOVEMBER, DECEMBER):
            within = [row for row in rows if month.start_micros <= row.recorded_at_micros < month.end_micros]
            numbers = {row.writer_id: [own.number for own in within if own[0] == row.writer_id] for row in within}
            parts = {part.writer: (part.first, part.last, part.entries) for part in writer_parts(connection, month)}
            assert parts == {number: (min(own), max(own), len(own)) for number, own in numbers.items()}
        assert len({row.recorded_at_micros // DAY_MICROS for row in rows}) > 3  # more than a day's entries were joined
