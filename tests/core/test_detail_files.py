"""Single entries as files: signed amounts, guarded names, and a sum that must be the statement's."""

from __future__ import annotations

import csv
import io
import json

import pytest

from edge.core.detail_files import COLUMNS, checked, csv_header, csv_rows, jsonl_rows, signed_micros
from edge.core.ledger import EntryKind, charge_id
from edge.core.month_rows import EntryDetail
from edge.core.report import Pocket, ReportMismatch, fold
from tests.support.statements import FORMULA, MONTH

SALE = EntryDetail(
    recorded_at_micros=MONTH.start_micros + 7,
    kind=EntryKind.POST,
    debit=Pocket.CRAWLER,
    credit=Pocket.PUBLISHER,
    key=bytes(16),
    attempt=1,
    publisher="News",
    site="news.example",
    crawler=FORMULA,
    target="=/page",
    rule="long reads",
    rule_version=3,
    licence="ai-train",
    currency="USD",
    amount_micros=5_000,
    offer="max USD 0.01",
    status=200,
    evidence="tcp",
    request_id="request-1",
    reference="",
    reason="",
    author="",
    writer=1,
    number=2,
)
BACK = SALE._replace(kind=EntryKind.REVERSE, debit=Pocket.PUBLISHER, credit=Pocket.CRAWLER, author="=op", number=3)


def test_every_row_says_what_it_adds_to_the_total() -> None:
    waits = SALE._replace(kind=EntryKind.SUSPEND, debit=Pocket.PUBLISHER)
    freed = SALE._replace(kind=EntryKind.RELEASE, debit=Pocket.SUSPENSE)
    returned = BACK._replace(debit=Pocket.SUSPENSE)
    note = BACK._replace(kind=EntryKind.ADJUST)
    signed = [signed_micros(row) for row in (SALE, BACK, waits, freed, returned, note)]
    assert signed == [5_000, -5_000, -5_000, 5_000, 0, -5_000]


def test_csv_rows_are_exact_and_run_no_formula() -> None:
    text = (csv_header() + csv_rows([SALE, BACK])).decode()
    sale, back = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(sale) == COLUMNS
    assert (sale["recorded_at"], sale["amount"], sale["amount_micros"]) == (
        "2026-11-01T00:00:00.000007Z",
        "0.005",
        "5000",
    )
    assert (sale["crawler"], sale["target"], back["author"]) == ("'" + FORMULA, "'=/page", "'=op")
    assert sale["charge_id"] == charge_id(bytes(16))
    assert back["amount_micros"] == "-5000"


def test_json_rows_have_sorted_keys_and_whole_names() -> None:
    [row] = jsonl_rows([SALE]).splitlines()
    assert list(json.loads(row)) == sorted(json.loads(row))
    assert json.loads(row)["crawler"] == FORMULA


def test_a_note_names_the_charge_that_it_corrects() -> None:
    note = BACK._replace(kind=EntryKind.ADJUST, request_id="ch_" + "1" * 32)
    assert json.loads(jsonl_rows([note]))["charge_id"] == "ch_" + "1" * 32


def test_rows_that_do_not_sum_to_the_report_are_not_let_pass() -> None:
    report = fold(MONTH, [SALE.row(), BACK.row()])
    assert list(checked([SALE, BACK], report)) == [SALE, BACK]
    for wrong in ([SALE], [SALE, BACK, BACK], [SALE._replace(amount_micros=5_001), BACK], []):
        with pytest.raises(ReportMismatch):
            list(checked(wrong, report))
