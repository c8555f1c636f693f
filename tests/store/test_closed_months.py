"""What is kept of a closed month: the same bytes on every database, and one truth for three readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.closing import month_fault
from edge.core.frozen_statement import freeze, thaw
from edge.core.particulars import NO_PARTICULARS
from edge.core.report import ReportMismatch
from edge.core.statement import Statement
from edge.store.closed_months import closed_labels, find_closed, kept_documents, kept_fees, names_in
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.month_reading import WHOLE, Names, Part
from edge.store.month_totals import publisher_months, totals_of_entries
from edge.store.particulars import late_corrections
from edge.store.statements import fold_statement, read_statement
from tests.support.books import migrate
from tests.support.busy_month import DECEMBER, NOVEMBER, OCTOBER
from tests.support.closing import OPERATOR, closer, shared_month
from tests.support.postgres import PostgresServer

MONTHS = (OCTOBER, NOVEMBER, DECEMBER)
PARTS = [WHOLE, Part(publisher_id=1), Part(publisher_id=2), Part(crawler_id=1), Part(crawler_id=2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed")


@pytest.fixture(scope="module")
def databases(folder: Path, postgres_server: PostgresServer) -> Iterator[list[Database]]:
    """The same three months, closed with the same keys at the same times, on both databases; no test changes them."""
    file = f"sqlite:///{folder / 'farebox.db'}"
    migrate(file)
    server = postgres_server.url(postgres_server.create_database(template=postgres_server.template("store", migrate)))
    opened = [Database.open(file), Database.open(server)]
    for database in opened:
        shared_month(database)
        for month in MONTHS:
            close_month(database, month, closer(folder, month))
    yield opened
    for database in opened:
        database.close()


def test_both_databases_keep_the_same_bytes(databases: list[Database]) -> None:
    kept = []
    for database in databases:
        with database.read() as connection:
            assert closed_labels(connection) == {month.label for month in MONTHS}
            kept.append(
                [
                    (find_closed(connection, month), kept_documents(connection, month), kept_fees(connection, month))
                    for month in MONTHS
                ]
            )
    assert kept[0] == kept[1]
    assert [len(documents) for _, documents, _ in kept[0]] == [4, 5, 5]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_readers_cut_is_what_its_own_entries_come_to(databases: list[Database], part: Part) -> None:
    """The cuts are made of the operator's statement; here each is read again by the ids that entries bear."""
    for database in databases:
        for month in MONTHS:
            with database.read() as connection:
                names = Names.read(connection)
                closed = read_statement(connection, month, part, operator=OPERATOR)
                again, _ = fold_statement(connection, month, part, operator=OPERATOR, draft=False, names=names)
                assert names_in(connection, month, Names(names.accounts)).sites == names.sites
            assert shown(closed) == shown(again)


def shown(statement: Statement) -> tuple[object, ...]:
    """All of a statement but accounts in which nothing is and nothing happened."""
    used = [each for each in statement.accounts if each.opening_micros or each.credited_micros or each.debited_micros]
    return statement.report, statement.party, used, statement.digest, statement.topped_up_micros, *rest(statement)


def rest(statement: Statement) -> tuple[object, ...]:
    place = statement.verify_at if statement.report.lines else None
    return statement.suspended_micros, statement.receipts, statement.number, place, statement.reader


def test_publishers_payable_and_fees_are_what_crawlers_spent(databases: list[Database]) -> None:
    with databases[0].read() as connection:
        for month in MONTHS:
            whole, *parts = [read_statement(connection, month, part, operator=OPERATOR) for part in PARTS]
            for currency in ("USD", "EUR"):
                left = sum(each.total(currency).payable_micros + each.total(currency).fee_micros for each in parts[:2])
                spent = sum(each.total(currency).amount_micros for each in parts[2:])
                assert left == spent == whole.total(currency).amount_micros
        december = read_statement(connection, DECEMBER, WHOLE, operator=OPERATOR)
    assert december.total("USD").fee_micros == 123_456 // 8 + 900 * 333_333 // 1_000_000


def test_a_crawlers_statement_has_its_top_ups_receipts_and_balances(databases: list[Database]) -> None:
    with databases[0].read() as connection:
        october, november = (
            read_statement(connection, month, Part(crawler_id=1), operator=OPERATOR) for month in (OCTOBER, NOVEMBER)
        )
    assert (dict(october.topped_up_micros), october.receipts) == ({"USD": 10_000_000, "EUR": 500_000_001}, 2)
    assert dict(november.topped_up_micros) == {"USD": 1}
    assert not any(line.fee_micros for line in (*october.report.lines, *november.report.lines))
    closing = {each.code: each.closing_micros for each in october.accounts}
    assert {each.code: each.opening_micros for each in november.accounts} == closing


def test_what_november_corrects_of_october_is_named_with_its_charge(databases: list[Database]) -> None:
    for database in databases:
        with database.read() as connection:
            late = late_corrections(connection, NOVEMBER)
            assert late_corrections(connection, NOVEMBER, Part(publisher_id=2)).count == 0
            assert late_corrections(connection, OCTOBER).count == 0
        assert [(each.month, each.kind.value, each.currency, each.given_back_micros) for each in late.items] == [
            (OCTOBER, "reverse", "USD", 10_000),
            (OCTOBER, "adjust", "EUR", 99),
        ]


def test_who_had_nothing_in_a_closed_month_gets_a_statement_of_nothing(databases: list[Database]) -> None:
    with databases[0].read() as connection:
        made = read_statement(connection, OCTOBER, Part(publisher_id=2), operator=OPERATOR)
    assert (made.report.lines, made.accounts, made.draft) == ((), (), False)
    assert made.number == "2026-10-P2"


def test_the_signed_text_proves_the_manifest_and_no_other(databases: list[Database], folder: Path) -> None:
    keys = closer(folder, OCTOBER).keys.by_thumbprint
    with databases[0].read() as connection:
        closed, other = find_closed(connection, OCTOBER), find_closed(connection, NOVEMBER)
    assert closed is not None
    assert other is not None
    assert month_fault(OCTOBER, closed.manifest, closed.token, keys) is None
    assert "not the one" in (month_fault(OCTOBER, closed.manifest + " ", closed.token, keys) or "")
    assert "not the one" in (month_fault(NOVEMBER, closed.manifest, closed.token, keys) or "")
    assert "not the one" in (month_fault(OCTOBER, closed.manifest, other.token, keys) or "")
    assert "unknown_key" in (month_fault(OCTOBER, closed.manifest, closed.token, {}) or "")


def test_a_kept_statement_with_other_lines_is_none(databases: list[Database]) -> None:
    with databases[0].read() as connection:
        made = replace(read_statement(connection, NOVEMBER, WHOLE, operator=OPERATOR), particulars=NO_PARTICULARS)
    assert thaw(freeze(made), made.report.lines) == made
    for lines in (made.report.lines[1:], made.report.lines[::-1]):
        with pytest.raises(ReportMismatch, match="not those that were closed"):
            thaw(freeze(made), lines)


def test_a_list_of_months_says_what_the_statements_say(databases: list[Database]) -> None:
    january = DECEMBER.following
    for database in databases:
        with database.read() as connection:
            for number in (1, 2):
                listed = list(publisher_months(connection, number, (*MONTHS, january)))
                states = [(month, month in MONTHS) for month in (*MONTHS, january)]
                assert [(month, closed) for month, closed, _ in listed] == states
                for month, _, totals in listed:
                    statement = read_statement(connection, month, Part(publisher_id=number), operator=OPERATOR)
                    assert totals == statement.report.totals
                    assert totals_of_entries(connection, month, Part(publisher_id=number)) == totals
