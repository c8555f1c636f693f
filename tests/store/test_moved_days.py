"""Statements and lists of open months by whole days are those of the entries, for every reader, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from edge.core.month import Month
from edge.core.report import CurrencyTotal, ReportMismatch
from edge.core.statement import Party, Statement
from edge.store.database import Database
from edge.store.earned_days import DAY_MICROS, sum_next_day
from edge.store.month_reading import WHOLE, Part
from edge.store.month_totals import months_of, totals_of_entries
from edge.store.moved_days import MOVE, everything, hold_against, summed_by_days, summed_entries
from edge.store.statements import read_statement
from edge.store.tables import entry, moved_day
from tests.support.generated_month import EARLIER, GENERATED, generated_month

OPERATOR = Party("harbour")
MONTHS = (Month(2025, 8), EARLIER, GENERATED, GENERATED.following)
PARTS = (WHOLE, *(Part(publisher_id=number) for number in (1, 2, 3)), *(Part(crawler_id=number) for number in (1, 2)))
UNTIL = (
    *(EARLIER.start_micros + 9 * DAY_MICROS, EARLIER.end_micros, GENERATED.start_micros + 3 * DAY_MICROS + 17),
    GENERATED.end_micros + 90 * DAY_MICROS,
)


def sum_days(database: Database, now_micros: int) -> None:
    while sum_next_day(database, now_micros):
        pass


def statements(database: Database, *, by_days: bool) -> dict[tuple[Month, Part], Statement]:
    with database.read() as connection:
        return {
            (month, part): read_statement(connection, month, part, operator=OPERATOR, by_days=by_days)
            for month in MONTHS
            for part in PARTS
        }


def listed(database: Database) -> dict[tuple[Month, Part], tuple[CurrencyTotal, ...]]:
    with database.read() as connection:
        return {(month, part): totals for part in PARTS for month, _, totals in months_of(connection, part, MONTHS)}


def test_a_screen_of_an_open_month_is_the_statement_however_many_days_were_summed(database: Database) -> None:
    generated_month(database, 11)
    wanted = statements(database, by_days=False)
    assert all(wanted[month, part].report.lines for month in (EARLIER, GENERATED) for part in PARTS)
    with database.read() as connection:
        totals = {(month, part): totals_of_entries(connection, month, part) for month in MONTHS for part in PARTS}
    for now_micros in (0, *UNTIL):
        sum_days(database, now_micros)
        assert statements(database, by_days=True) == wanted
        assert listed(database) == totals
    assert statements(database, by_days=False) == wanted


def test_any_time_and_any_grouping_is_the_same_from_days_and_from_entries(database: Database) -> None:
    generated_month(database, 12)
    sum_days(database, GENERATED.start_micros + 5 * DAY_MICROS)
    begins = GENERATED.start_micros
    times = ((0, None), (begins + 7, begins + 9 * DAY_MICROS + 3), (begins + 7, begins + 9), (begins, begins))
    with database.read() as connection:
        for since, until in (*times, (begins + 30 * DAY_MICROS, None)):
            for keys in (MOVE, ("kind",), ("rule", "licence", "site_id")):
                by_days = summed_by_days(connection, keys, everything, since, until)
                assert by_days == summed_entries(connection, keys, everything, since, until), (since, until, keys)


def test_what_is_kept_of_a_day_holds_every_entry_of_it(database: Database) -> None:
    generated_month(database, 13)
    sum_days(database, GENERATED.end_micros + 90 * DAY_MICROS)
    with database.read() as connection:
        kept = connection.execute(select(func.sum(moved_day.c.entries), func.sum(moved_day.c.amount_micros))).one()
        held = connection.execute(select(func.count(), func.sum(entry.c.amount_micros))).one()
    assert tuple(map(int, kept)) == tuple(map(int, held))


@pytest.mark.parametrize("counted", [(4, 30), (3, 31)])
def test_groups_that_are_not_all_of_a_day_are_not_kept(counted: tuple[int, int]) -> None:
    hold_against({("post",): (1, 10), ("reverse",): (2, 20)}, 3, 30)
    with pytest.raises(ReportMismatch, match="hold 3 entries"):
        hold_against({("post",): (1, 10), ("reverse",): (2, 20)}, *counted)
