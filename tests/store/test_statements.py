"""A month's statement: summed by the database, equal to its entries, and accepted by other people's programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from beancount import loader
from beancount.core import data
from sqlalchemy import Connection

from edge.core.balance_story import OTHER, Figure, balance_story
from edge.core.beancount_books import account_name
from edge.core.detail_files import checked, signed_micros
from edge.core.focus import COLUMNS
from edge.core.ledger import EntryKind, charge_id
from edge.core.month import Month
from edge.core.report import EntryRow, ReportMismatch, check, fold
from edge.core.statement import Party, Reader, Statement
from edge.core.summary_files import summary_csv, summary_jsonl
from edge.files.folder import write_folder
from edge.files.formats import FORMATS, FormatUnfit, Sources
from edge.files.tables import tables
from edge.store.database import Database
from edge.store.month_reading import WHOLE, Names, Part, charges_by_day, month_details, pocket_of, transfers_by_day
from edge.store.month_sums import entry_sums, read_month
from edge.store.statements import read_statement
from tests.support.books import migrate
from tests.support.busy_month import DECEMBER, NOVEMBER, OCTOBER, Desk, busy_month
from tests.support.month_entries import stream_month
from tests.support.postgres import PostgresServer

OPERATOR = Party("Example Edge")
PARTS = [WHOLE, Part(publisher_id=1), Part(publisher_id=2), Part(crawler_id=1), Part(crawler_id=2)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A busy month that every test reads and none changes."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('busy') / 'farebox.db'}"
        migrate(url)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.url(server.create_database(template=server.template("store", migrate)))
    database = Database.open(url)
    yield busy_month(database)
    database.close()


@pytest.fixture
def snapshot(desk: Desk) -> Iterator[Connection]:
    with desk.database.read() as connection:
        yield connection


def made(connection: Connection, month: Month = NOVEMBER, part: Part = WHOLE) -> Statement:
    return read_statement(connection, month, part, operator=OPERATOR)


def test_free_pages_are_counted_apart_and_are_in_no_amount(snapshot: Connection) -> None:
    [total] = [total for total in made(snapshot).report.totals if total.currency == "USD"]
    assert total.free_pages == 3
    [line] = [line for line in made(snapshot).report.lines if line.rule == "nothing but free"]
    assert (line.pages, line.free_pages, line.amount_micros) == (0, 1, 0)
    kinds = [detail.kind for detail in month_details(snapshot, Names.read(snapshot), NOVEMBER)]
    assert (kinds.count(EntryKind.GRANT), kinds.count(EntryKind.WITHDRAW)) == (4, 1)


def sources(connection: Connection, month: Month = NOVEMBER, part: Part = WHOLE) -> Sources:
    names = Names.read(connection)
    return Sources(
        made(connection, month, part),
        lambda: charges_by_day(connection, names, month, part),
        lambda: transfers_by_day(connection, names, month),
    )


def one_by_one(connection: Connection, part: Part) -> Iterator[EntryRow]:
    """A second reading of the month, which knows nothing of the first."""
    publishers = None if part.publisher_id is None else frozenset({part.publisher_id})
    crawlers = None if part.crawler_id is None else frozenset({part.crawler_id})
    return stream_month(connection, NOVEMBER, publisher_ids=publishers, crawler_ids=crawlers)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_databases_sums_are_the_entries_one_by_one(snapshot: Connection, part: Part) -> None:
    report = made(snapshot, part=part).report
    details = list(month_details(snapshot, Names.read(snapshot), NOVEMBER, part))
    lines = fold(NOVEMBER, [detail.row() for detail in details]).lines
    assert lines == tuple(replace(line, fee_micros=0) for line in report.lines)
    assert lines == fold(NOVEMBER, one_by_one(snapshot, part)).lines
    assert list(checked(details, report)) == details
    for total in report.totals:
        assert sum(signed_micros(each) for each in details if each.currency == total.currency) == total.amount_micros


def test_november_comes_to_what_was_sold_and_given_back_in_it(snapshot: Connection) -> None:
    totals = {total.currency: total for total in made(snapshot).report.totals}
    dollars, euros = totals["USD"], totals["EUR"]
    assert (dollars.earned_micros, dollars.reversed_micros) == (
        77 + 5 * 5_000 + 5_000 + 1 + 20_000 + 700,
        10_000 + 5_000,
    )
    assert (euros.earned_micros, euros.reversed_micros, euros.adjusted_micros) == (666_666, 333_333, 0)
    assert (dollars.suspended_pages, dollars.suspended_micros, euros.suspended_micros) == (1, 900, 1_000)
    assert (dollars.fee_micros, euros.fee_micros) == (5_001, 33)
    assert made(snapshot).suspended_micros == (("EUR", 1_000), ("USD", 900))
    assert made(snapshot, DECEMBER).suspended_micros == (("EUR", 1_000),)


def test_a_fee_is_in_the_statement_of_its_month_and_in_the_accounts_of_the_next(snapshot: Connection) -> None:
    november, december = (made(snapshot, month, Part(publisher_id=1)) for month in (NOVEMBER, DECEMBER))
    assert (november.total("USD").fee_micros, december.total("USD").fee_micros) == (5_001, 0)
    assert sum(line.fee_micros for line in november.report.lines) == 5_001
    [dollars] = [account for account in december.accounts if account.currency == "USD"]
    assert dollars.debited_micros == 5_001


def test_publishers_and_crawlers_statements_come_to_the_same(snapshot: Connection) -> None:
    publishers = [made(snapshot, part=Part(publisher_id=number)) for number in (1, 2)]
    crawlers = [made(snapshot, part=Part(crawler_id=number)) for number in (1, 2)]
    for currency in ("USD", "EUR"):
        spent = sum(each.total(currency).amount_micros for each in crawlers)
        assert (
            sum(each.total(currency).payable_micros + each.total(currency).fee_micros for each in publishers) == spent
        )
        assert made(snapshot).total(currency).amount_micros == spent


@pytest.mark.parametrize("month", [OCTOBER, NOVEMBER, DECEMBER], ids=str)
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_accounts_close_one_month_as_they_open_the_next(snapshot: Connection, month: Month, part: Part) -> None:
    closing = {each.code: each.closing_micros for each in made(snapshot, month, part).accounts}
    opening = {each.code: each.opening_micros for each in made(snapshot, month.following, part).accounts}
    assert {code: micros for code, micros in closing.items() if micros} == {
        code: micros for code, micros in opening.items() if micros
    }


def test_the_last_months_closing_balances_are_the_accounts(desk: Desk, snapshot: Connection) -> None:
    closing = {each.code: each.closing_micros for each in made(snapshot, DECEMBER).accounts}
    assert closing == {code: balance for code, balance in desk.balances().items() if code in closing}
    assert all(balance == 0 for code, balance in desk.balances().items() if code not in closing)


def test_an_entry_that_pays_another_than_it_names_has_no_statement(snapshot: Connection) -> None:
    """The names agree with each other; the accounts do not."""
    names = Names.read(snapshot)
    moved = read_month(snapshot, names, NOVEMBER).moved
    one, other = (
        next(number for number, known in names.accounts.items() if known.code == f"publisher:{owner}:USD")
        for owner in (1, 2)
    )
    names.accounts[one], names.accounts[other] = names.accounts[other], names.accounts[one]
    with pytest.raises(ReportMismatch):
        check(made(snapshot).report, entry_sums(moved, [], names))


def test_an_entry_of_an_account_that_is_gone_or_unknown_has_no_statement(snapshot: Connection) -> None:
    names = Names.read(snapshot)
    with pytest.raises(ReportMismatch, match="account 4711, which does not exist"):
        names.accounts[4711]
    with pytest.raises(ReportMismatch, match="pocket:USD"):
        pocket_of("pocket:USD")


@pytest.mark.parametrize("month", [OCTOBER, NOVEMBER, DECEMBER], ids=str)
def test_stock_beancount_accepts_the_books_and_holds_the_same_balances(
    snapshot: Connection, month: Month, tmp_path: Path
) -> None:
    path = tmp_path / "books.beancount"
    with path.open("wb") as sink:
        FORMATS["beancount"].write(sources(snapshot, month), sink, tmp_path)
    entries, errors, _ = loader.load_file(str(path))
    assert errors == []
    held: dict[str, Decimal] = {}
    for entry in entries:
        if isinstance(entry, data.Transaction):
            for posting in entry.postings:
                assert posting.units is not None
                assert isinstance(posting.units.number, Decimal)
                held[posting.account] = held.get(posting.account, Decimal(0)) + posting.units.number
    closing = {account_name(each.code): each.closing_micros for each in made(snapshot, month).accounts}
    assert {name: int(-units * 1_000_000) for name, units in held.items() if units} == {
        name: micros for name, micros in closing.items() if micros
    }
    assert sum(isinstance(entry, data.Balance) for entry in entries) == len(closing)


def test_beancount_would_find_a_micro_unit_too_much(snapshot: Connection, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    with path.open("wb") as sink:
        FORMATS["beancount"].write(sources(snapshot), sink, tmp_path)
    text = path.read_text()
    first = text.index(" balance ")
    amount = text[first:].split()[2]
    wrong = f"{Decimal(amount) + Decimal('0.000001'):.6f}"
    path.write_text(text[:first] + text[first:].replace(amount, wrong, 1))
    _, errors, _ = loader.load_file(str(path))
    assert len(errors) == 1


@pytest.mark.parametrize("part", [WHOLE, Part(crawler_id=1), Part(crawler_id=2)], ids=str)
def test_focus_rows_are_products_and_sum_to_the_statement(snapshot: Connection, part: Part, tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    with path.open("wb") as sink:
        FORMATS["focus"].write(sources(snapshot, part=part), sink, tmp_path)
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    assert tuple(rows[0]) == COLUMNS
    sums: dict[str, Decimal] = {}
    for row in rows:
        cost = Decimal(row["BilledCost"])
        assert cost == Decimal(row["EffectiveCost"]) == Decimal(row["ListCost"]) == Decimal(row["ContractedCost"])
        if row["ChargeCategory"] == "Usage":
            assert Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"]) == cost
        else:
            assert (row["ChargeCategory"], row["PricingQuantity"], row["SkuId"]) == ("Adjustment", "", "")
        sums[row["BillingCurrency"]] = sums.get(row["BillingCurrency"], Decimal(0)) + cost
    totals = made(snapshot, part=part).report.totals
    assert sums == {total.currency: Decimal(total.amount_micros) / 1_000_000 for total in totals}


def test_focus_calls_what_october_said_otherwise_a_correction(snapshot: Connection, tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    with path.open("wb") as sink:
        FORMATS["focus"].write(sources(snapshot), sink, tmp_path)
    rows = csv.DictReader(io.StringIO(path.read_text("utf-8"), newline=""))
    corrections = [(row["BilledCost"], row["PricingQuantity"]) for row in rows if row["ChargeClass"] == "Correction"]
    assert sorted(corrections) == [("-0.000099", ""), ("-0.01", "-1")]


def test_a_folder_holds_every_format_with_the_digests_of_its_files(snapshot: Connection, tmp_path: Path) -> None:
    whole = sources(snapshot)
    names = Names.read(snapshot)
    stated, manifest = write_folder(
        tmp_path / "out", whole, list(FORMATS), lambda: month_details(snapshot, names, NOVEMBER)
    )
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == sorted([*(file.name for file in manifest.files), stated.name])
    assert len(found) == len(FORMATS) + 3 + 2 + 1
    rows = {file.name: file.rows for file in manifest.files}
    entries = len(list(month_details(snapshot, names, NOVEMBER)))
    assert rows["charges-2026-11.csv"] == rows["charges-2026-11.parquet"] == entries
    again = write_folder(
        tmp_path / "again", sources(snapshot), list(FORMATS), lambda: month_details(snapshot, names, NOVEMBER)
    )
    assert again[1] == manifest


def test_details_that_do_not_sum_to_the_statement_leave_no_file(snapshot: Connection, tmp_path: Path) -> None:
    names = Names.read(snapshot)
    missing_one = list(month_details(snapshot, names, NOVEMBER))[1:]
    out = tmp_path / "out"
    with pytest.raises(ReportMismatch, match="one by one"):
        write_folder(out, sources(snapshot), ["csv"], lambda: missing_one)
    assert list(out.iterdir()) == []


def test_what_is_not_for_a_reader_is_refused_with_the_way_out(snapshot: Connection, tmp_path: Path) -> None:
    for name, part, word in (("focus", Part(publisher_id=1), "crawler"), ("beancount", Part(crawler_id=1), "whole")):
        with pytest.raises(FormatUnfit, match=word):
            write_folder(tmp_path / "out", sources(snapshot, part=part), [name])


def test_a_statement_is_numbered_by_reader_and_month(snapshot: Connection) -> None:
    assert [made(snapshot, part=part).number for part in PARTS[:4]] == [
        "2026-11-ALL",
        "2026-11-P1",
        "2026-11-P2",
        "2026-11-C1",
    ]
    assert made(snapshot, part=Part(crawler_id=2)).reader is Reader.CRAWLER


@pytest.mark.parametrize("month", [OCTOBER, NOVEMBER, DECEMBER], ids=str)
@pytest.mark.parametrize("part", PARTS[1:], ids=str)
def test_a_statement_tells_every_step_from_one_balance_to_the_next(
    snapshot: Connection, month: Month, part: Part
) -> None:
    statement = made(snapshot, month, part)
    assert statement.accounts
    for account in statement.accounts:
        opening, *steps, closing = balance_story(statement, account)
        assert (opening.micros, closing.micros) == (account.opening_micros, account.closing_micros)
        assert opening.micros + sum(step.micros for step in steps) == closing.micros
        assert OTHER not in [step.name for step in steps], steps


def test_a_step_that_nothing_explains_is_shown_as_such(snapshot: Connection) -> None:
    statement = made(snapshot, part=Part(crawler_id=1))
    account = replace(statement.accounts[0], credited_micros=statement.accounts[0].credited_micros + 7)
    assert Figure(OTHER, 7) in list(balance_story(statement, account))


def test_a_note_of_the_operator_stands_with_number_and_reason_where_its_crawler_reads(snapshot: Connection) -> None:
    for part, listed in ((WHOLE, 1), (Part(crawler_id=1), 1), (Part(crawler_id=2), 0), (Part(publisher_id=1), 0)):
        statement = made(snapshot, part=part)
        assert statement.particulars.notes.count == listed
        lines = [orjson.loads(line) for line in summary_jsonl(statement)[0].splitlines()]
        told = [(row["reference"], row["reason"], row["amount_micros"]) for row in lines if row["item"] == "credit"]
        assert told == [("CN-2026-0002", "too dear", 99)] * listed
        shown = [row.cells for table in tables(statement) if table.name == "Notes" for row in table.rows]
        assert [cells[1] for cells in shown if cells[1]] == ["CN-2026-0002: too dear"] * listed
        assert statement.party is None or statement.particulars.notes.sums_micros == statement.movements.granted


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_summary_says_what_the_statement_comes_to(snapshot: Connection, part: Part) -> None:
    statement = made(snapshot, part=part)
    as_csv = list(csv.DictReader(io.StringIO(summary_csv(statement)[0].decode(), newline="")))
    as_lines = [orjson.loads(line) for line in summary_jsonl(statement)[0].splitlines()]
    assert [(row["section"], row["item"], row["amount_micros"]) for row in as_csv] == [
        (row["section"], row["item"], "" if row["amount_micros"] is None else str(row["amount_micros"]))
        for row in as_lines
    ]
    for total in statement.report.totals:
        said = {
            row["item"]: row["amount_micros"]
            for row in as_lines
            if (row["section"], row["currency"]) == ("total", total.currency)
        }
        assert said["amount"] == total.amount_micros
        assert said.get("payable", total.payable_micros) == total.payable_micros
    for section, listed in (
        ("top_up", statement.particulars.top_ups),
        ("correction", statement.particulars.corrections),
    ):
        rows = [row for row in as_lines if row["section"] == section and row["item"] not in ("sum", "number")]
        for currency, micros in listed.sums_micros:
            assert sum(row["amount_micros"] for row in rows if row["currency"] == currency) == micros
        assert len(rows) == listed.count
    assert dict(statement.topped_up_micros) == dict(statement.particulars.top_ups.sums_micros) or part.publisher_id


def test_what_comes_out_of_suspense_corrects_no_earlier_month(snapshot: Connection, desk: Desk) -> None:
    assert [each.charge for each in made(snapshot).particulars.corrections.items][1] == charge_id(desk.october)
    assert made(snapshot).particulars.corrections.count == 2
    assert made(snapshot, DECEMBER).particulars.corrections.count == 0


def test_a_publisher_hears_of_no_top_up_and_a_crawler_of_no_share(snapshot: Connection) -> None:
    assert made(snapshot, OCTOBER, Part(publisher_id=1)).particulars.top_ups.count == 0
    assert made(snapshot, OCTOBER, Part(crawler_id=1)).particulars.top_ups.count == 2
    assert made(snapshot, OCTOBER).particulars.top_ups.count == 4
    assert made(snapshot, OCTOBER, Part(crawler_id=1)).particulars.shares == ()
