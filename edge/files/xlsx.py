"""A statement as an XLSX workbook: a summary, the lines with typed cells and totals, and the accounts.

Rules of this file
- Every text is an explicit string, marked as such: no name can become a formula, not even when its cell is edited.
- A spreadsheet counts in floating point, so an amount is a number only when that has the digits for it (15), else text.
- Rows go to disk as they are written (``constant_memory``), and dates inside are fixed: the same statement gives the
  same bytes.

Source: ECMA-376; XlsxWriter, "Working with Memory and Performance".
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from edge.core.money import MICROS_PER_UNIT, format_micros
from edge.core.plain_text import plain
from edge.core.report import ReportLine
from edge.core.statement import Statement
from edge.files.needed import library
from edge.files.tables import Table, tables
from edge.files.wording import TITLES, account_title, decided_at, figures, how_to_check, period

DIGITS_MAX = 15
TEXT_LENGTH_MAX = 32_000
_AMOUNT = "#,##0.00????;[Red]-#,##0.00????"
_COUNT = "#,##0"
_TABLE_CHARACTERS = 100
_INK, _PALE, _LINE = "#1F2A37", "#EEF2F6", "#9AA5B1"
_LINE_COLUMNS: tuple[tuple[str, str, float], ...] = (
    ("Currency", "currency", 9),
    ("Publisher", "publisher", 24),
    ("Site", "site", 24),
    ("Crawler", "crawler", 24),
    ("Rule", "rule", 24),
    ("Licence", "licence", 14),
    ("Pages paid", "pages", 12),
    ("Given back", "reversed_pages", 12),
    ("Earned", "earned_micros", 15),
    ("Taken back", "reversed_micros", 15),
    ("Credit notes", "adjusted_micros", 15),
    ("Net", "amount_micros", 15),
    ("Fee", "fee_micros", 15),
    ("Payable", "payable_micros", 15),
    ("Into suspense", "suspended_micros", 15),
    ("Free pages", "free_pages", 12),
)
_ACCOUNT_COLUMNS: tuple[tuple[str, float], ...] = (
    *(("Account", 24), ("What it is", 44), ("Currency", 9)),
    *(("At the beginning", 18), ("In", 18), ("Out", 18), ("At the end", 18)),
)


def write_xlsx(statement: Statement, sink: BinaryIO, scratch: Path) -> int:
    """Write the workbook; ``scratch`` is a directory for parts. Returns the rows of the lines. ``LibraryMissing``."""
    made = library("xlsxwriter", "an XLSX file").Workbook(
        sink, {"constant_memory": True, "tmpdir": str(scratch), "strings_to_formulas": False, "strings_to_urls": False}
    )
    made.set_properties(
        {
            "title": plain(f"{TITLES[statement.reader]} {statement.number}"),
            "author": plain(statement.operator.name),
            "created": decided_at(statement.month).replace(tzinfo=None),
        }
    )
    sheets = _Sheets(made)
    _summary(sheets, statement)
    _lines(sheets, statement)
    _accounts(sheets, statement)
    for name, together in groupby(tables(statement), lambda table: table.name):
        _tables(sheets, name, list(together))
    made.close()
    return len(statement.report.lines)


class _Sheets:
    """A workbook and the formats that its cells share."""

    def __init__(self, workbook: Any) -> None:
        self.workbook = workbook
        # quote_prefix: a text stays one when somebody opens its cell and leaves it again.
        base = {"font_name": "Arial", "font_size": 10, "font_color": _INK, "valign": "top"}
        text = {**base, "quote_prefix": True}
        right = {**base, "align": "right"}
        head = {**text, "bold": True, "bg_color": _PALE, "bottom": 1, "border_color": _LINE, "text_wrap": True}
        sums = {"bold": True, "top": 1, "border_color": _LINE}
        styles: dict[str, dict[str, Any]] = {
            "text": text,
            "label": {**text, "font_color": "#5B6673"},
            "title": {**text, "bold": True, "font_size": 18},
            "draft": {**text, "bold": True, "font_color": "#B54708"},
            "wrap": {**text, "text_wrap": True},
            "head": head,
            "head_right": {**head, "align": "right"},
            "amount": {**right, "num_format": _AMOUNT},
            "count": {**right, "num_format": _COUNT},
            "text_right": {**text, "align": "right"},
            "sum_text": {**text, **sums},
            "sum_text_right": {**text, **sums, "align": "right"},
            "sum_amount": {**right, **sums, "num_format": _AMOUNT},
            "sum_count": {**right, **sums, "num_format": _COUNT},
        }
        self.style = {name: workbook.add_format(style) for name, style in styles.items()}

    def add(self, name: str, widths: list[float], *, landscape: bool = False) -> Any:
        """A sheet with its columns' widths, fit to the page's width when printed."""
        sheet = self.workbook.add_worksheet(name)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width)
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&8&A&R&8Page &P of &N")
        if landscape:
            sheet.set_landscape()
        return sheet

    def text(self, sheet: Any, row: int, column: int, text: str, style: str = "text") -> None:
        """An explicit string, whatever it looks like."""
        sheet.write_string(row, column, plain(text, TEXT_LENGTH_MAX), self.style[style])

    def amount(self, sheet: Any, row: int, column: int, micros: int, style: str = "amount") -> None:
        """An amount in units of its currency, as a number where a spreadsheet can hold it exactly."""
        if exact(micros):
            sheet.write_number(row, column, Decimal(micros) / MICROS_PER_UNIT, self.style[style])
        else:
            sheet.write_string(row, column, format_micros(micros), self.style[style])


def exact(micros: int) -> bool:
    """Whether a spreadsheet's numbers have the digits for an amount."""
    return len(str(abs(micros)).rstrip("0")) <= DIGITS_MAX


def _summary(sheets: _Sheets, statement: Statement) -> None:
    sheet = sheets.add("Statement", [36, 24, 24, 24])
    sheets.text(sheet, 0, 0, TITLES[statement.reader], "title")
    sheet.set_row(0, 26)
    row = 1
    if statement.draft:
        sheets.text(sheet, row, 0, "Draft: this month is not closed", "draft")
    row += 1
    for label, value in _facts(statement):
        sheets.text(sheet, row, 0, label, "label")
        sheets.text(sheet, row, 1, value)
        row += 1
    for currency in statement.currencies:
        row += 1
        sheets.text(sheet, row, 0, f"Summary in {currency}", "head")
        sheets.text(sheet, row, 1, "Amount", "head_right")
        total = statement.total(currency)
        for figure in figures(statement, currency):
            row += 1
            sheets.text(sheet, row, 0, figure.name, "sum_text" if figure.sum else "text")
            sheets.amount(sheet, row, 1, figure.micros, "sum_amount" if figure.sum else "amount")
        counts = (
            ("Number of pages", total.pages),
            ("Number of pages given back", total.reversed_pages),
            ("Number of free pages", total.free_pages),
        )
        for name, pages in counts:
            row += 1
            sheets.text(sheet, row, 0, name, "label")
            sheet.write_number(row, 1, pages, sheets.style["count"])
        row += 1
    sheet.set_row(row + 1, 70)
    sheets.text(sheet, row + 1, 0, "How to check", "label")
    words = plain(how_to_check(statement), TEXT_LENGTH_MAX)
    sheet.merge_range(row + 1, 1, row + 1, 3, "", sheets.style["wrap"])
    sheet.write_string(row + 1, 1, words, sheets.style["wrap"])


def _facts(statement: Statement) -> Iterator[tuple[str, str]]:
    yield "Statement number", statement.number
    yield "Period", period(statement.month)
    yield "Issued by", statement.operator.name
    for line in statement.operator.about:
        yield "", line
    if statement.party is not None:
        yield "For", statement.party.name
        for line in statement.party.about:
            yield "", line
    yield "Ledger entries", f"{statement.report.entry_count}"
    yield "SHA-256 of the lines", statement.digest


def _lines(sheets: _Sheets, statement: Statement) -> None:
    sheet = sheets.add("Lines", [width for _, _, width in _LINE_COLUMNS], landscape=True)
    for place, (heading, name, _) in enumerate(_LINE_COLUMNS):
        sheets.text(sheet, 0, place, heading, "head_right" if _numeric(name) else "head")
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    ordered = sorted(statement.report.lines, key=lambda line: line.currency)
    for row, line in enumerate(ordered, start=1):
        _line(sheets, sheet, row, line)
    last = len(ordered)
    if ordered:
        sheet.autofilter(0, 0, last, len(_LINE_COLUMNS) - 1)
    for row, total in enumerate(statement.report.totals, start=last + 1):
        _total(sheets, sheet, row, last, total)


def _line(sheets: _Sheets, sheet: Any, row: int, line: ReportLine) -> None:
    for place, (_, name, _) in enumerate(_LINE_COLUMNS):
        value = getattr(line, name)
        if name.endswith("_micros"):
            sheets.amount(sheet, row, place, value)
        elif _numeric(name):
            sheet.write_number(row, place, value, sheets.style["count"])
        else:
            sheets.text(sheet, row, place, value)


def _total(sheets: _Sheets, sheet: Any, row: int, last: int, total: Any) -> None:
    """A currency's total: a formula over the lines, so that it can be followed, with the exact value beside it."""
    sheets.text(sheet, row, 0, total.currency, "sum_text")
    sheets.text(sheet, row, 1, "Total", "sum_text")
    for place, (_, name, _) in enumerate(_LINE_COLUMNS[2:], start=2):
        if not _numeric(name):
            sheets.text(sheet, row, place, "", "sum_text")
            continue
        value = getattr(total, name)
        micros = name.endswith("_micros")
        if micros and not exact(value):
            sheets.amount(sheet, row, place, value, "sum_amount")
            continue
        shown = Decimal(value) / MICROS_PER_UNIT if micros else value
        letter = chr(ord("A") + place)
        formula = f'=SUMIF($A$2:$A${last + 1},"{total.currency}",{letter}$2:{letter}${last + 1})'
        sheet.write_formula(row, place, formula, sheets.style["sum_amount" if micros else "sum_count"], shown)


def _accounts(sheets: _Sheets, statement: Statement) -> None:
    sheet = sheets.add("Accounts", [width for _, width in _ACCOUNT_COLUMNS], landscape=True)
    for place, (heading, _) in enumerate(_ACCOUNT_COLUMNS):
        sheets.text(sheet, 0, place, heading, "head_right" if place > 2 else "head")
    sheet.freeze_panes(1, 0)
    for row, account in enumerate(statement.accounts, start=1):
        for place, text in enumerate((account.code, account_title(account), account.currency)):
            sheets.text(sheet, row, place, text)
        amounts = (account.opening_micros, account.credited_micros, -account.debited_micros, account.closing_micros)
        for place, micros in enumerate(amounts, start=3):
            sheets.amount(sheet, row, place, micros)


def _tables(sheets: _Sheets, name: str, together: list[Table]) -> None:
    """Tables of a statement's own, below one another on a sheet."""
    columns = together[0].columns
    sheet = sheets.add(name, [max(12, round(column.width * _TABLE_CHARACTERS)) for column in columns])
    row = 0
    for table in together:
        row = _table(sheets, sheet, row, table) + 2


def _table(sheets: _Sheets, sheet: Any, row: int, table: Table) -> int:
    """One of them from ``row`` on; returns the row after it."""
    sheet.set_row(row, 26)
    sheets.text(sheet, row, 0, table.title, "title")
    row += 1
    for place, column in enumerate(table.columns):
        sheets.text(sheet, row, place, column.heading, "head_right" if column.right else "head")
    for each in table.rows:
        row += 1
        for place, cell in enumerate(each.cells):
            if isinstance(cell, int):
                sheets.amount(sheet, row, place, cell, "sum_amount" if each.sum else "amount")
            else:
                right = "_right" * table.columns[place].right
                sheets.text(sheet, row, place, cell, f"sum_text{right}" if each.sum else f"text{right}")
    if table.note:
        row += 1
        sheets.text(sheet, row, 0, table.note, "label")
    return row + 1


def _numeric(name: str) -> bool:
    return name.endswith(("_micros", "pages"))
