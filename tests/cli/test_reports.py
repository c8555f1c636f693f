"""``farebox report`` writes statements in many formats, at once and one by one."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import openpyxl
import orjson
import pytest

from edge.cli.reports import with_progress
from edge.core.month_rows import EntryDetail
from edge.files import needed
from tests.cli.conftest import Farebox
from tests.cli.ledger import NOVEMBER, break_delivery, sell

EVERY_FORMAT = "csv,jsonl,xlsx,parquet,pdf,focus,beancount"


def test_several_formats_and_every_charge_come_with_one_manifest(shop: Farebox, workplace: Path) -> None:
    charges = sell(workplace, 5000, 7500)
    break_delivery(workplace, charges[1])
    result = shop("report", "2026-11", "--format", EVERY_FORMAT, "--out", "books", "--detail", "--json")
    assert result.code == 0
    summary = (workplace / "books" / "summary-2026-11.jsonl").read_text().splitlines()
    assert {name: described["rows"] for name, described in result.json["files"].items()} == {
        **{f"report-2026-11.{ending}": 1 for ending in ("csv", "jsonl", "xlsx", "parquet", "pdf")},
        **{f"charges-2026-11.{ending}": 3 for ending in ("csv", "jsonl", "parquet")},
        "report-2026-11.focus.csv": 3,
        **{f"summary-2026-11.{ending}": len(summary) for ending in ("csv", "jsonl")},
        "report-2026-11.beancount": len((workplace / "books" / "report-2026-11.beancount").read_text().splitlines()),
    }
    assert sorted(path.name for path in (workplace / "books").iterdir()) == sorted(
        [*result.json["files"], "manifest-2026-11.json"]
    )


def test_stock_bean_check_accepts_the_books_and_they_hold_what_account_show_says(
    shop: Farebox, workplace: Path
) -> None:
    sell(workplace, 5000, 7500)
    assert shop("report", "2026-11", "--format", "beancount", "--out", "books").code == 0
    path = workplace / "books" / "report-2026-11.beancount"
    done = subprocess.run([Path(sys.executable).with_name("bean-check"), path], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    [account] = shop("account", "show", "ExampleBot", "--json").json
    units = f"-{account['balance_micros'] // 1_000_000}.{account['balance_micros'] % 1_000_000:06d}"
    assert f"balance Liabilities:Crawlers:C1:USD  {units} ~ 0.0000001 USD" in path.read_text()


def test_the_bytes_are_the_same_whenever_they_are_made(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    for place in ("one", "other"):
        assert shop("report", "2026-10", "--format", EVERY_FORMAT, "--out", place, "--detail").code == 0
    one, other = ({path.name: path.read_bytes() for path in Path(place).iterdir()} for place in ("one", "other"))
    assert one == other


def test_a_part_leaves_out_what_is_not_for_its_reader(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    assert "--crawler" in shop("report", "2026-11", "--publisher", "Example News", "--format", "focus").err
    focus = shop("report", "2026-11", "--crawler", "ExampleBot", "--format", "focus")
    assert focus.code == 0
    assert focus.out.startswith("BilledCost,")


def test_a_binary_format_goes_to_a_pipe_and_not_to_a_terminal(
    shop: Farebox, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(workplace, 5000)

    class Pipe(io.TextIOWrapper):
        terminal = False

        def isatty(self) -> bool:
            return self.terminal

    printed = io.BytesIO()
    pipe = Pipe(printed)
    monkeypatch.setattr(sys, "stdout", pipe)
    assert shop("report", "2026-11", "--format", "xlsx").code == 0
    assert openpyxl.load_workbook(printed).sheetnames == ["Statement", "Lines", "Accounts", "Paid in"]
    pipe.terminal = True
    refused = shop("report", "2026-11", "--format", "xlsx")
    assert refused.code == 2
    assert "not text for a terminal; give --out DIR" in refused.err


def test_a_library_that_is_missing_is_asked_for_by_name(
    shop: Farebox, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(workplace, 5000)

    def gone(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(needed, "import_module", gone)
    result = shop("report", "2026-11", "--format", "csv,pdf", "--out", "books")
    assert result.code == 1
    assert "pip install 'farebox[reports]'" in result.err
    assert list((workplace / "books").iterdir()) == []


def test_a_statement_says_where_its_receipts_are(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    assert shop("report", "2026-11", "--publisher", "Example News", "--format", "xlsx", "--out", "books").code == 0
    [path] = (workplace / "books").glob("*.xlsx")
    said = " ".join(str(cell) for row in openpyxl.load_workbook(path)["Statement"].values for cell in row if cell)
    assert "https://news.example/.well-known/receipts/" in said
    manifest = orjson.loads((workplace / "books" / "manifest-2026-11-publisher-1-example-news.json").read_bytes())
    assert manifest["lines_sha256"] in said


def test_a_bar_is_shown_on_a_terminal_and_nothing_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    rows: list[EntryDetail] = []
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(with_progress(rows, 3)) == rows
    assert pipe.getvalue() == ""
    assert "entries" in terminal.getvalue()


def test_what_happened_in_another_month_is_not_in_the_detail(shop: Farebox, workplace: Path) -> None:
    sell(workplace, 5000)
    sell(workplace, 1000, first=9, at_micros=NOVEMBER + 20 * 86_400_000_000)
    assert shop("report", "2026-12", "--format", "jsonl", "--out", "books", "--detail").code == 0
    rows = (workplace / "books" / "charges-2026-12.jsonl").read_bytes().splitlines()
    assert [orjson.loads(row)["amount_micros"] for row in rows] == [1000]
