"""A report's files: the same bytes each time, exact amounts, and no formula for a spreadsheet to run."""

from __future__ import annotations

import csv
import io
import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.report import EntryRow, MonthReport, fold
from edge.core.report_files import CSV_COLUMNS, FileDigest, csv_file, jsonl_file, part_label, safe_cell
from edge.core.statement import Reader
from tests.support.statements import entries, statement

MONTH = Month(2026, 11)


def report(publisher: str = "Daily", rule: str = "long reads") -> MonthReport:
    def entry(kind: EntryKind, amount_micros: int, currency: str = "USD") -> EntryRow:
        return EntryRow(
            kind, amount_micros, currency, publisher, "daily.example", "GPTBot", rule, None, 1, MONTH.start_micros
        )

    rows = [entry(EntryKind.POST, 5_000), entry(EntryKind.REVERSE, 10_000), entry(EntryKind.SETTLE, 1, "EUR")]
    return fold(MONTH, rows, draft=True)


def test_csv_is_as_rfc_4180_says_with_exact_decimals() -> None:
    assert csv_file(report()).decode() == (
        ",".join(CSV_COLUMNS) + "\r\n"
        "2026-11,Daily,daily.example,GPTBot,long reads,,EUR,1,0,0.000001,0.00,0.00,0.000001,0.00,0.000001,1,0,0,0,0\r\n"
        "2026-11,Daily,daily.example,GPTBot,long reads,,USD,1,1,0.005,0.01,0.00,-0.005,0.00,-0.005,-5000,0,0,0,0\r\n"
    )


def test_json_lines_have_sorted_keys_and_amounts_in_micros() -> None:
    first, second = jsonl_file(report()).splitlines()
    assert json.loads(second)["amount_micros"] == -5_000
    assert json.loads(second)["licence"] == ""
    assert list(json.loads(first)) == sorted(json.loads(first))
    assert first.startswith(b'{"adjusted_micros":0,"amount_micros":1,')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_name_that_starts_like_a_formula_is_made_text(start: str) -> None:
    name = start + 'HYPERLINK("http://x.example","y")'
    (row, _) = list(csv.DictReader(io.StringIO(csv_file(report(publisher=name, rule=name)).decode(), newline="")))
    assert row["publisher"] == row["rule"] == "'" + name
    assert row["amount"] == "0.000001"


@given(st.text(max_size=20))
def test_a_guarded_name_never_starts_a_formula_and_keeps_its_text(name: str) -> None:
    assert not safe_cell(name).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert safe_cell(name).removeprefix("'").endswith(name.removeprefix("'"))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_name_survives_csv_and_json(publisher: str, rule: str) -> None:
    made = report(publisher, rule)
    rows = list(csv.reader(io.StringIO(csv_file(made).decode("utf-8"), newline="")))
    assert rows[1][1] == safe_cell(publisher)
    assert rows[1][4] == safe_cell(rule)
    assert json.loads(jsonl_file(made).splitlines()[0])["rule"] == rule


def test_the_manifest_pins_every_file_and_the_sums() -> None:
    made = statement([entries(EntryKind.POST, 5_000), entries(EntryKind.REVERSE, 10_000)], draft=True)
    files = (FileDigest("report.jsonl", 1, 20, "b" * 64), FileDigest("report.csv", 1, 10, "a" * 64))
    described = json.loads(made.manifest(files).to_json())
    assert described == {
        "statement": "2026-11-P1",
        "month": "2026-11",
        "draft": True,
        "publisher": "Example News",
        "crawler": None,
        "entry_count": 2,
        "totals": {
            "USD": {
                "pages": 1,
                "reversed_pages": 1,
                "earned_micros": 5_000,
                "reversed_micros": 10_000,
                "adjusted_micros": 0,
                "amount_micros": -5_000,
                "fee_micros": 0,
                "payable_micros": -5_000,
                "suspended_pages": 0,
                "suspended_micros": 0,
                "free_pages": 0,
            }
        },
        "lines_sha256": sha256(jsonl_file(made.report)).hexdigest(),
        "files": {
            "report.csv": {"rows": 1, "sha256": "a" * 64, "size_bytes": 10},
            "report.jsonl": {"rows": 1, "sha256": "b" * 64, "size_bytes": 20},
        },
    }
    assert made.manifest(files).to_json() == made.manifest(files[::-1]).to_json()


def test_the_label_of_a_part_is_a_file_name_and_tells_equal_names_apart() -> None:
    month = Month(2026, 11)
    assert part_label(month) == "2026-11"
    assert part_label(month, publisher=(3, "Example News")) == "2026-11-publisher-3-example-news"
    assert part_label(month, crawler=(4, "../Bot/..")) == "2026-11-crawler-4-bot"
    assert part_label(month, crawler=(5, "ボット")) == "2026-11-crawler-5"
    assert len(part_label(month, crawler=(6, "x" * 200))) == 100


@pytest.mark.parametrize(
    ("reader", "number", "label", "named"),
    [
        (Reader.PUBLISHER, "2026-11-P1", "2026-11-publisher-1-example-news", ("Example News", None)),
        (Reader.CRAWLER, "2026-11-C3", "2026-11-crawler-3-examplebot", (None, "ExampleBot")),
        (Reader.OPERATOR, "2026-11-ALL", "2026-11", (None, None)),
    ],
)
def test_a_statement_and_its_manifest_say_whose_part_it_is(
    reader: Reader, number: str, label: str, named: tuple[str | None, str | None]
) -> None:
    made = statement(reader=reader)
    described = json.loads(made.manifest(()).to_json())
    assert (made.number, made.label, described["statement"]) == (number, label, number)
    assert (described["publisher"], described["crawler"]) == named
