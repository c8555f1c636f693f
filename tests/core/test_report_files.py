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
from edge.core.report_files import CSV_COLUMNS, csv_file, jsonl_file, manifest, part_label, safe_cell

MONTH = Month(2026, 11)


def report(publisher: str = "Daily", rule: str = "long reads") -> MonthReport:
    def entry(kind: EntryKind, amount_micros: int, currency: str = "USD") -> EntryRow:
        return EntryRow(
            kind, amount_micros, currency, publisher, "daily.example", "GPTBot", rule, None, 1, MONTH.start_micros
        )

    entries = [entry(EntryKind.POST, 5_000), entry(EntryKind.REVERSE, 10_000), entry(EntryKind.SETTLE, 1, "EUR")]
    return fold(MONTH, entries, draft=True)


def test_csv_is_as_rfc_4180_says_with_exact_decimals() -> None:
    assert csv_file(report()).decode() == (
        ",".join(CSV_COLUMNS) + "\r\n"
        "2026-11,Daily,daily.example,GPTBot,long reads,,EUR,1,0,0.000001,0.00,0.000001,1\r\n"
        "2026-11,Daily,daily.example,GPTBot,long reads,,USD,1,1,0.005,0.01,-0.005,-5000\r\n"
    )


def test_json_lines_have_sorted_keys_and_amounts_in_micros() -> None:
    first, second = jsonl_file(report()).splitlines()
    assert json.loads(second)["amount_micros"] == -5_000
    assert json.loads(second)["licence"] == ""
    assert list(json.loads(first)) == sorted(json.loads(first))
    assert first.startswith(b'{"amount_micros":1,')


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
    made = report()
    files = {"report-2026-11.jsonl": jsonl_file(made), "report-2026-11.csv": csv_file(made)}
    described = json.loads(manifest(made, files).to_json())
    assert described == {
        "month": "2026-11",
        "draft": True,
        "publisher": None,
        "crawler": None,
        "entry_count": 3,
        "totals": {
            "EUR": {"amount_micros": 1, "pages": 1, "reversed_pages": 0},
            "USD": {"amount_micros": -5_000, "pages": 1, "reversed_pages": 1},
        },
        "files": {
            name: {"rows": 2, "sha256": sha256(content).hexdigest(), "size_bytes": len(content)}
            for name, content in files.items()
        },
    }
    assert manifest(made, files).to_json() == manifest(report(), dict(reversed(files.items()))).to_json()


def test_the_label_of_a_part_is_a_file_name_and_tells_equal_names_apart() -> None:
    month = Month(2026, 11)
    assert part_label(month) == "2026-11"
    assert part_label(month, publisher=(3, "Example News")) == "2026-11-publisher-3-example-news"
    assert part_label(month, crawler=(4, "../Bot/..")) == "2026-11-crawler-4-bot"
    assert part_label(month, crawler=(5, "ボット")) == "2026-11-crawler-5"
    assert len(part_label(month, crawler=(6, "x" * 200))) == 100


def test_the_manifest_says_whose_part_it_is() -> None:
    described = json.loads(manifest(report(), {}, publisher="News").to_json())
    assert (described["publisher"], described["crawler"]) == ("News", None)
