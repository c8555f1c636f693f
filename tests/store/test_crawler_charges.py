"""A crawler's entries add up to its statement, and its log is held against them on both databases."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.client.reconciling import differences, statement_rows
from edge.client.sorted_rows import sorted_rows
from edge.core.detail_files import csv_header, csv_rows, jsonl_rows, signed_micros
from edge.core.ledger import charge_id
from edge.core.money import Money
from edge.core.receipt_log import log_line
from edge.core.reconcile import BookRow, Difference, DifferenceKind, Elsewhere, Period, Reconciliation
from edge.store.crawler_charges import crawler_entries, finder
from edge.store.database import Database
from edge.store.entries import ChargeFilter, list_charges
from edge.store.month_reading import Names, Part, month_details
from tests.support.busy_month import NOVEMBER, busy_month

IN_NOVEMBER = Period(NOVEMBER.start_micros, NOVEMBER.end_micros)


def write_log(database: Database, place: Path, crawler: int) -> Path:
    """What the crawler saw when it bought: every page that was answered, at its price."""
    with database.read() as connection:
        page = list_charges(connection, ChargeFilter(crawler_id=crawler), limit=1000)
    lines = [
        log_line(one.charge_id, one.paid_at_micros, "https://news.example/", one.amount)
        for one in page.charges
        if one.paid_at_micros is not None and one.attempt == 1
    ]
    path = place / "log.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def reconcile(database: Database, log: Path, crawler: int, period: Period) -> tuple[Reconciliation, list[Difference]]:
    with database.read() as connection:
        work = Reconciliation(period, finder(connection, crawler))
        return work, list(differences(work, log, {}, crawler_entries(connection, crawler, period.since_micros)))


@pytest.mark.parametrize("crawler", [1, 2])
def test_the_entries_of_a_crawler_sum_to_its_statement(database: Database, crawler: int) -> None:
    busy_month(database)
    with database.read() as connection:
        stated: dict[str, int] = {}
        for detail in month_details(connection, Names.read(connection), NOVEMBER, Part(crawler_id=crawler)):
            if detail.kind != "adjust" or detail.request_id:
                stated[detail.currency] = stated.get(detail.currency, 0) + signed_micros(detail)
        summed: dict[str, int] = {}
        for row in crawler_entries(connection, crawler, NOVEMBER.start_micros):
            if row.at_micros < NOVEMBER.end_micros:
                summed[row.currency] = summed.get(row.currency, 0) + row.amount_micros
    assert summed == stated


def test_a_log_of_what_was_bought_differs_where_money_came_back_since(database: Database, tmp_path: Path) -> None:
    desk = busy_month(database)
    _, found = reconcile(database, write_log(database, tmp_path, 1), 1, Period())
    assert sorted(one.kind for one in found) == ["credited", "reversed", "reversed"]
    assert [one.charge_id for one in found if one.kind == "credited"] == [charge_id(desk.october)]
    _, found = reconcile(database, write_log(database, tmp_path, 2), 2, Period())
    assert sorted(one.kind for one in found) == ["reversed", "reversed", "suspended"]


def test_a_month_leaves_out_what_was_sold_in_others(database: Database, tmp_path: Path) -> None:
    busy_month(database)
    work, found = reconcile(database, write_log(database, tmp_path, 1), 1, IN_NOVEMBER)
    assert [one.kind for one in found] == ["reversed"]
    assert work.outside == 3


def test_a_line_of_another_crawlers_charge_or_of_a_hold_says_so(database: Database, tmp_path: Path) -> None:
    desk = busy_month(database)
    with database.read() as connection:
        held = [one for one in list_charges(connection, ChargeFilter(), limit=1000).charges if one.state == "voided"]
    log = write_log(database, tmp_path, 1)
    wrong = [(charge_id(desk.waiting), Elsewhere.OTHER_CRAWLER), (held[0].charge_id, Elsewhere.NEVER_CHARGED)]
    with log.open("ab") as file:
        for charge, _ in wrong:
            file.write(log_line(charge, NOVEMBER.start_micros, "", Money(1, "USD")))
    _, found = reconcile(database, log, 1, IN_NOVEMBER)
    said = {one.charge_id: one.says for one in found if one.kind is DifferenceKind.MISSING_HERE}
    assert said == {charge: says.value for charge, says in wrong}


def test_the_file_of_a_statement_says_what_the_ledger_says(database: Database, tmp_path: Path) -> None:
    busy_month(database)
    with database.read() as connection:
        details = list(month_details(connection, Names.read(connection), NOVEMBER, Part(crawler_id=1)))
        ours = [
            row for row in crawler_entries(connection, 1, NOVEMBER.start_micros) if IN_NOVEMBER.holds(row.at_micros)
        ]
    (tmp_path / "charges.csv").write_bytes(csv_header() + csv_rows(details))
    (tmp_path / "charges.jsonl").write_bytes(jsonl_rows(details))
    for name in ("charges.csv", "charges.jsonl"):
        read = list(statement_rows(tmp_path / name))
        with ExitStack() as open_files:
            again = list(sorted_rows(read, lambda row: BookRow(*row), open_files, 3))
        assert sorted(row[:5] for row in again) == sorted(row[:5] for row in ours)
