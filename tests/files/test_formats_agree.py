"""CSV, JSON Lines, XLSX, Parquet and PDF of one statement say the same, read back by programs of other people."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest
from pypdf import PdfReader

from edge.core.ledger import EntryKind
from edge.core.money import format_micros
from edge.core.report import MonthReport
from edge.core.report_files import CSV_COLUMNS, safe_cell
from edge.core.statement import Reader, Statement
from edge.files.formats import FORMATS
from tests.support.statements import NAMES, entries, sources, statement, usual_rows

WHOLE_NUMBERS = ("pages", "reversed_pages")
MONEY = ("earned", "amount", "payable")
HUGE = 1_234_567_890_123_456_789
Sums = dict[str, dict[str, Decimal]]


def made(name: str, of: Statement, place: Path) -> Path:
    path = place / f"made.{FORMATS[name].ending}"
    with path.open("wb") as sink:
        rows = FORMATS[name].write(sources(of), sink, place)
    assert rows == len(of.report.lines)
    return path


def said(report: MonthReport) -> Sums:
    """What the report itself says, by currency."""
    return {
        total.currency: {
            **{name: Decimal(getattr(total, name)) for name in WHOLE_NUMBERS},
            **{name: Decimal(getattr(total, f"{name}_micros")) / 1_000_000 for name in MONEY},
        }
        for total in report.totals
    }


def read_csv(path: Path) -> Sums:
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
    return summed([(row["currency"], {name: Decimal(row[name]) for name in said_names()}) for row in rows])


def read_jsonl(path: Path) -> Sums:
    def values(row: dict[str, int]) -> dict[str, Decimal]:
        units = {name: Decimal(row[f"{name}_micros"]) / 1_000_000 for name in MONEY}
        return {**{name: Decimal(row[name]) for name in WHOLE_NUMBERS}, **units}

    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
    return summed([(row["currency"], values(row)) for row in rows])


def read_parquet(path: Path) -> Sums:
    with duckdb.connect() as connection:
        columns = ", ".join(f"sum({name})" for name in said_names())
        found = connection.execute(f"SELECT currency, {columns} FROM '{path}' GROUP BY currency").fetchall()
    return {currency: dict(zip(said_names(), map(Decimal, sums), strict=True)) for currency, *sums in found}


def read_xlsx(path: Path) -> Sums:
    """The totals as they stand in the workbook, which must also be the sums of its lines."""
    places = {"pages": 6, "reversed_pages": 7, "earned": 8, "amount": 11, "payable": 13}

    def values(row: tuple[object, ...]) -> tuple[str, dict[str, Decimal]]:
        return str(row[0]), {name: exact(row[at]) for name, at in places.items()}

    rows = list(openpyxl.load_workbook(path, data_only=True)["Lines"].iter_rows(values_only=True))[1:]
    totals = dict(values(row) for row in rows if row[1] == "Total")
    assert summed([values(row) for row in rows if row[1] != "Total"]) == totals
    return totals


def read_pdf(path: Path) -> Sums:
    """The totals as a person reads them below the lines."""
    text = "\n".join(page.extract_text() for page in PdfReader(path).pages)
    found: Sums = {}
    for currency, figures in re.findall(r"Total in ([A-Z]{3})\s+(.+)", text):
        pages, given_back, gross, corrections, net = (
            word.replace(",", "").replace("−", "-") for word in figures.split()
        )
        found[currency] = {
            "pages": Decimal(pages),
            "reversed_pages": Decimal(given_back.replace("–", "0")),
            "earned": Decimal(gross),
            "amount": Decimal(net),
            "payable": Decimal(gross) + Decimal(corrections.replace("–", "0")),
        }
    return found


def said_names() -> tuple[str, ...]:
    return (*WHOLE_NUMBERS, *MONEY)


def summed(rows: list[tuple[str, dict[str, Decimal]]]) -> Sums:
    sums: Sums = {}
    for currency, values in rows:
        so_far = sums.setdefault(currency, dict.fromkeys(said_names(), Decimal(0)))
        for name, value in values.items():
            so_far[name] += value
    return sums


def exact(cell: object) -> Decimal:
    """A cell as the amount that it means: a text is exact already, a number has 15 digits."""
    return Decimal(str(cell)) if isinstance(cell, str | int) else round(Decimal(str(cell)), 6)


READERS: dict[str, Callable[[Path], Sums]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "xlsx": read_xlsx,
    "pdf": read_pdf,
}


@pytest.mark.parametrize("name", READERS)
def test_every_format_has_the_totals_of_the_statement(name: str, tmp_path: Path) -> None:
    of = statement()
    assert READERS[name](made(name, of, tmp_path)) == said(of.report)


@pytest.mark.parametrize("name", ["csv", "jsonl", "xlsx", "parquet", "pdf"])
def test_the_same_statement_gives_the_same_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = made(name, statement(), one).read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert made(name, statement(), other).read_bytes() == first


@pytest.mark.parametrize("name", READERS)
def test_an_empty_month_is_a_file_too(name: str, tmp_path: Path) -> None:
    assert READERS[name](made(name, statement([]), tmp_path)) == {}


def test_csv_and_parquet_bear_every_name_whole(tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(made("csv", statement(), tmp_path).read_text("utf-8"), newline="")))
    place = CSV_COLUMNS.index("crawler")
    assert {safe_cell(name) for name in NAMES} <= {row[place] for row in rows}
    with duckdb.connect() as connection:
        path = made("parquet", statement(), tmp_path)
        assert set(NAMES) <= {row[0] for row in connection.execute(f"SELECT crawler FROM '{path}'").fetchall()}


def test_parquet_has_typed_columns_and_no_float(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        path = made("parquet", statement(), tmp_path)
        types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    assert types["amount_micros"] == types["pages"] == "BIGINT"
    assert types["amount"] == types["payable"] == "DECIMAL(26,6)"
    assert set(types.values()) == {"BIGINT", "VARCHAR", "DECIMAL(26,6)"}


def test_no_cell_of_a_workbook_is_a_strangers_formula(tmp_path: Path) -> None:
    of = statement()
    book = openpyxl.load_workbook(made("xlsx", of, tmp_path))
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    formulas = [cell for cell in cells if cell.data_type == "f"]
    assert all(str(cell.value).startswith("=SUMIF(") for cell in formulas)
    assert {len(str(cell.value)) <= 32_767 for cell in cells} == {True}
    named = {cell.value: cell for cell in cells if cell.data_type in ("s", "inlineStr")}
    guarded = named[NAMES[0]]
    assert guarded.quotePrefix


def test_amounts_in_a_workbook_are_numbers_where_a_spreadsheet_can_hold_them(tmp_path: Path) -> None:
    rows = [entries(EntryKind.POST, 999_999_999_999_999), entries(EntryKind.POST, HUGE, crawler="BigBot")]
    book = openpyxl.load_workbook(made("xlsx", statement(rows), tmp_path), data_only=True)
    amounts = {str(row[3]): row[11] for row in book["Lines"].iter_rows(min_row=2, values_only=True)}
    assert amounts["ExampleBot"] == 999999999.999999
    assert amounts["BigBot"] == format_micros(HUGE)


def test_a_pdf_names_parties_period_number_pages_and_how_to_check(tmp_path: Path) -> None:
    of = statement()
    reader = PdfReader(made("pdf", of, tmp_path))
    text = " ".join(page.extract_text() for page in reader.pages)
    for words in (
        *("Example Edge Ltd", "billing@edge.example", "Example News", "owner@news.example", "2026-11-P1"),
        *("1 to 30 November 2026 (UTC)", "Payable", "In suspense at the end of the month", of.digest),
        *("https://news.example/.well-known/receipts/", f"Page 1 of {len(reader.pages)}"),
    ):
        assert words in text, words
    assert reader.metadata is not None
    assert reader.metadata.title == "Publisher statement 2026-11-P1"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the PDF of the usual statement says; its reader puts a NUL before letters of the widest font."""
    pages = PdfReader(made("pdf", statement(), tmp_path_factory.mktemp("printed"))).pages
    return " ".join(page.extract_text() for page in pages).replace("\x00", "")


def test_a_pdf_shows_letters_of_many_scripts_and_writes_out_what_cannot_be_seen(printed: str) -> None:
    shown = ("Поисковый робот", "新闻爬虫", "ボット", "한국어", "क्रॉलर")
    for words in (*shown, "evil\\u{202e}gnp.exe", "\\u{1f600}", "two\\u{a}lines"):
        assert words in printed, words
    assert "\u202e" not in printed


def test_a_figure_is_never_cut(printed: str) -> None:
    assert "123,456,789.123456" in printed


def test_a_draft_says_so_on_every_page(tmp_path: Path) -> None:
    pages = PdfReader(made("pdf", statement(usual_rows()[:4], draft=True), tmp_path)).pages
    assert "DRAFT" in pages[0].extract_text()
    assert all("draft" in page.extract_text() for page in pages)


def test_a_crawlers_pdf_says_what_it_spent(tmp_path: Path) -> None:
    of = statement(usual_rows()[:4], reader=Reader.CRAWLER)
    text = "".join(page.extract_text() for page in PdfReader(made("pdf", of, tmp_path)).pages)
    assert "Crawler statement" in text
    assert "Spent" in text
    assert "Payable" not in text
