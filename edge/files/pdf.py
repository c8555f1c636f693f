"""A statement as a PDF that a finance department can file: parties, number, period, sums, lines, pages, how to check.

Rules of this file
- One look: left for words, right for figures, a line for a sum. Amounts of a column have the same decimals.
- Nothing in it depends on when it is made: dates are the month's, fonts come from wheels, no time of day.
- Names of strangers are cut to their column, with what cannot be seen written out. What a reader must look up or add
  up is never cut: figures are set smaller, charge ids and payment references go on, on the next line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from edge.core.money import MICROS_PER_UNIT
from edge.core.report import ReportLine
from edge.core.statement import Party, Reader, Statement
from edge.files.fitting import cut, wrapped
from edge.files.fonts import MAIN, Letters, quiet_subsetting
from edge.files.line_words import all_amounts, line_words, party_word, shown_amounts
from edge.files.needed import library
from edge.files.tables import Cell, Table, TableRow, tables
from edge.files.wording import TITLES, account_title, decided_at, figures, how_to_check, period

MARGIN, WIDTH, BOTTOM = 18.0, 174.0, 20.0
INK, GREY, RULE, PALE, AMBER = (31, 42, 55), (91, 102, 115), (201, 208, 216), (243, 245, 248), (181, 71, 8)
_FIGURES = (17.0, 19.0, 26.0, 24.0, 26.0)
_WORDS = WIDTH - sum(_FIGURES)
_ACCOUNT = (54.0, 16.0, 26.0, 26.0, 26.0, 26.0)


def write_pdf(statement: Statement, sink: BinaryIO, scratch: Path) -> int:
    """Write the document; ``scratch`` is a directory for the fonts. Returns the lines it has. ``LibraryMissing``."""
    with quiet_subsetting():
        sink.write(bytes(_Page(statement, scratch).made()))
    return len(statement.report.lines)


class _Page:
    """The document while it is set."""

    def __init__(self, statement: Statement, scratch: Path) -> None:
        self._statement = statement
        self._pdf = pdf = _document(statement)
        self._letters = Letters(pdf, scratch, _texts(statement))
        pdf.footer = self._footer
        pdf.add_page()

    def made(self) -> bytearray:
        """Set everything and return the file."""
        self._head()
        self._parties()
        for currency in self._statement.currencies:
            self._summary(currency)
        for currency in self._statement.currencies:
            self._lines(currency)
        if self._statement.party is None and self._statement.accounts:
            self._accounts()
        for table in tables(self._statement):
            self._table(table)
        self._check()
        output: bytearray = self._pdf.output()
        return output

    def _head(self) -> None:
        statement, pdf = self._statement, self._pdf
        self._text(statement.operator.name, WIDTH / 2, 10, size=11, bold=True)
        title = TITLES[statement.reader]
        self._text(title, WIDTH / 2, 10, size=17, bold=True, align="R")
        pdf.ln(10)
        self._text("", WIDTH / 2, 6)
        state = "DRAFT: this month is not closed" if statement.draft else f"No. {statement.number}"
        self._text(state, WIDTH / 2, 6, size=9, bold=statement.draft, align="R", ink=AMBER if statement.draft else GREY)
        pdf.ln(8)
        self._rule()
        pdf.ln(5)

    def _parties(self) -> None:
        statement, pdf = self._statement, self._pdf
        top, third = pdf.get_y(), WIDTH / 3
        parties = [("Issued by", statement.operator)]
        if statement.party is not None:
            parties.append(("For", statement.party))
        lowest = top
        for place, (label, party) in enumerate(parties):
            lowest = max(lowest, self._party(MARGIN + place * third, top, label, party))
        pdf.set_xy(MARGIN + 2 * third, top)
        facts = {
            "Statement": statement.number,
            "Period": period(statement.month),
            "Ledger entries": f"{statement.report.entry_count:,}",
        }
        for label, value in facts.items():
            self._text(label, third, 4.5, size=7.5, ink=GREY)
            pdf.set_xy(MARGIN + 2 * third, pdf.get_y() + 4.2)
            self._text(value, third, 5, size=9.5)
            pdf.set_xy(MARGIN + 2 * third, pdf.get_y() + 6)
        pdf.set_xy(MARGIN, max(lowest, pdf.get_y()) + 5)

    def _party(self, left: float, top: float, label: str, party: Party) -> float:
        pdf = self._pdf
        pdf.set_xy(left, top)
        self._text(label, WIDTH / 3 - 4, 4.5, size=7.5, ink=GREY)
        pdf.set_xy(left, top + 4.2)
        self._text(party.name, WIDTH / 3 - 4, 5, size=9.5, bold=True)
        for line in party.about:
            pdf.set_xy(left, pdf.get_y() + 5)
            self._text(line, WIDTH / 3 - 4, 5, size=8.5, ink=GREY)
        bottom: float = pdf.get_y() + 6
        return bottom

    def _summary(self, currency: str) -> None:
        pdf, statement = self._pdf, self._statement
        shown = list(figures(statement, currency))
        total = statement.total(currency)
        self._room(14 + 6.2 * len(shown))
        self._heading(f"Summary in {currency}")
        decimals = _decimals(figure.micros for figure in shown)
        pages = f"{total.pages:,} {'page' if total.pages == 1 else 'pages'}"
        if total.reversed_pages:
            pages += f", {total.reversed_pages:,} given back"
        if total.free_pages:
            pages += f", {total.free_pages:,} free"
        for place, figure in enumerate(shown):
            if figure.sum:
                self._rule(light=True)
            size = 10.5 if figure.sum else 9.5
            name = f"{figure.name} ({pages})" if place == 0 else figure.name
            self._text(name, WIDTH - 50, 6.2, size=size, bold=figure.sum)
            self._text(f"{currency} {_money(figure.micros, decimals)}", 50, 6.2, size=size, bold=figure.sum, align="R")
            pdf.ln(6.2)
        pdf.ln(5)

    def _lines(self, currency: str) -> None:
        lines = [line for line in self._statement.report.lines if line.currency == currency]
        if not lines:
            return
        self._room(34)
        self._heading(f"Lines in {currency}")
        total = self._statement.total(currency)
        amounts = [micros for line in [*lines, total] for micros in all_amounts(self._statement.reader, line)]
        decimals = _decimals(amounts)
        headings = ("Pages", "Given back", "Gross", "Corrections", "Net")
        if self._statement.reader is not Reader.CRAWLER and total.fee_micros:
            headings = ("Pages", "Given back", "Net", "Fee", "Payable")
        self._columns(party_word(self._statement.reader), headings)
        for line in lines:
            if self._pdf.will_page_break(10.5):
                self._pdf.add_page()
                self._columns(party_word(self._statement.reader), headings)
            self._line(line, decimals, bool(total.fee_micros))
        self._room(9)
        self._rule()
        self._text(f"Total in {currency}", _WORDS, 7, size=9, bold=True)
        top = self._pdf.get_y()
        self._figures(total, decimals, bool(total.fee_micros), bold=True)
        self._free(total, top + 6)
        self._pdf.set_xy(MARGIN, top + 11)

    def _columns(self, words: str, headings: Sequence[str]) -> None:
        self._pdf.set_fill_color(*PALE)
        self._text(words, _WORDS, 6.5, size=7.5, bold=True, ink=GREY, fill=True)
        for width, heading in zip(_FIGURES, headings, strict=True):
            self._text(heading, width, 6.5, size=7.5, bold=True, ink=GREY, align="R", fill=True)
        self._pdf.ln(7.5)

    def _line(self, line: ReportLine, decimals: int, fees: bool) -> None:
        pdf = self._pdf
        top = pdf.get_y()
        first, second = line_words(self._statement.reader, line)
        self._text(first, _WORDS - 2, 5, size=9)
        pdf.set_xy(MARGIN, top + 4.6)
        self._text(second, _WORDS - 2, 4.2, size=7.5, ink=GREY)
        pdf.set_xy(MARGIN + _WORDS, top)
        self._figures(line, decimals, fees)
        self._free(line, top + 4.6)
        pdf.set_xy(MARGIN, top + 9.4)
        self._rule(light=True)
        pdf.set_y(top + 10.4)

    def _figures(self, line: Any, decimals: int, fees: bool, *, bold: bool = False) -> None:
        counts = [f"{line.pages:,}", f"{line.reversed_pages:,}" if line.reversed_pages else "–"]
        amounts = shown_amounts(self._statement.reader, line, fees)
        gross, between, net = (_money(micros, decimals) for micros in amounts)
        shown = [*counts, gross, between if amounts[1] else "–", net]
        for width, text in zip(_FIGURES, shown, strict=True):
            self._text(text, width, 7 if bold else 5, size=9, bold=bold, align="R")

    def _free(self, line: Any, top: float) -> None:
        """Below the paid pages, those that were free: they are in no amount."""
        if line.free_pages:
            self._pdf.set_xy(MARGIN + _WORDS, top)
            self._text(f"{line.free_pages:,} free", _FIGURES[0], 4.2, size=7.5, align="R", ink=GREY)

    def _accounts(self) -> None:
        headings = ("Account", "Currency", "At the beginning", "In", "Out", "At the end")
        self._room(30)
        self._heading("Accounts")
        self._account_row(headings, head=True)
        rows = [
            (
                account,
                (account.opening_micros, account.credited_micros, -account.debited_micros, account.closing_micros),
            )
            for account in self._statement.accounts
        ]
        decimals = _decimals(micros for _, amounts in rows for micros in amounts)
        for account, amounts in rows:
            if self._pdf.will_page_break(10):
                self._pdf.add_page()
                self._account_row(headings, head=True)
            shown = (_money(micros, decimals) for micros in amounts)
            self._account_row((account_title(account), account.currency, *shown))
        self._pdf.ln(5)

    def _account_row(self, cells: Sequence[str], *, head: bool = False) -> None:
        self._cells(
            [
                (width, text, place > 1, 1 if place else 2)
                for place, (width, text) in enumerate(zip(_ACCOUNT, cells, strict=True))
            ],
            head=head,
        )
        if not head:
            self._rule(light=True)

    def _table(self, table: Table) -> None:
        """A table of a statement's own; its heading is repeated on every page."""
        self._room(28)
        self._heading(table.title)
        headings = TableRow(tuple(column.heading for column in table.columns))
        self._table_row(table, headings, 2, head=True)
        decimals = _decimals(cell for row in table.rows for cell in row.cells if isinstance(cell, int))
        for row in table.rows:
            if self._pdf.will_page_break(7):
                self._pdf.add_page()
                self._table_row(table, headings, 2, head=True)
            self._table_row(table, row, decimals)
        if table.note:
            self._pdf.ln(1)
            self._paragraph(table.note, size=7.5)
        self._pdf.ln(5)

    def _table_row(self, table: Table, row: TableRow, decimals: int, *, head: bool = False) -> None:
        if row.sum:
            self._rule()
        columns = zip(table.columns, row.cells, strict=True)
        self._cells(
            [(WIDTH * column.width, _told(cell, decimals), column.right, column.lines) for column, cell in columns],
            head=head,
            bold=row.sum,
        )
        if not head and not row.sum:
            self._rule(light=True)

    def _cells(self, cells: Sequence[tuple[float, str, bool, int]], *, head: bool = False, bold: bool = False) -> None:
        """One row: of each cell its width, its text, whether it stands to the right, and the lines that it may take."""
        pdf = self._pdf
        size, ink = (7.5, GREY) if head else (8.5, INK)
        pdf.set_fill_color(*PALE)
        pdf.set_font(MAIN, "B" if head or bold else "", size)
        told = [
            [text] if right else wrapped(self._letters.shown(text), width - 1, pdf.get_string_width, lines)
            for width, text, right, lines in cells
        ]
        height = 6.2 + 4.2 * (max(map(len, told)) - 1)
        self._room(height + 0.2)
        top, left = pdf.get_y(), MARGIN
        for (width, _, right, _), lines in zip(cells, told, strict=True):
            for place, line in enumerate(lines):
                pdf.set_xy(left, top + 4.2 * place)
                align = "R" if right else "L"
                self._text(line, width, 6.2, size=size, bold=head or bold, ink=ink, align=align, fill=head)
            left += width
        pdf.set_xy(MARGIN, top + height)

    def _check(self) -> None:
        pdf = self._pdf
        self._room(38)
        self._heading("How to check this statement")
        self._paragraph(how_to_check(self._statement), size=8)
        pdf.ln(1.5)
        self._text("SHA-256 of the lines", 34, 5, size=8, ink=GREY)
        self._text(self._statement.digest, WIDTH - 34, 5, size=8)
        pdf.ln(5)
        if self._statement.verify_at:
            self._text("Verify at", 34, 5, size=8, ink=GREY)
            self._text(self._statement.verify_at, WIDTH - 34, 5, size=8)
            pdf.ln(5)

    def _footer(self) -> None:
        pdf, statement = self._pdf, self._statement
        pdf.set_y(-15)
        self._rule(light=True)
        pdf.ln(1.5)
        words = f"{statement.operator.name} · {TITLES[statement.reader]} {statement.number}"
        words += " · draft" if statement.draft else ""
        self._text(words, WIDTH - 40, 5, size=7.5, ink=GREY)
        self._text(f"Page {pdf.page_no()} of {{nb}}", 40, 5, size=7.5, ink=GREY, align="R")

    # What everything is set with

    def _paragraph(self, text: str, *, size: float) -> None:
        """A sentence that goes on, on the next line."""
        pdf = self._pdf
        pdf.set_text_color(*GREY)
        pdf.set_font(MAIN, "", size)
        self._letters.shape("")
        words = self._letters.shown(text, 1_000)
        pdf.multi_cell(WIDTH, 4.4, words, align="L", new_x="LMARGIN", new_y="NEXT")

    def _heading(self, text: str) -> None:
        self._text(text, WIDTH, 7, size=12, bold=True)
        self._pdf.ln(8)

    def _room(self, height: float) -> None:
        if self._pdf.will_page_break(height):
            self._pdf.add_page()

    def _rule(self, *, light: bool = False) -> None:
        pdf = self._pdf
        pdf.set_draw_color(*(RULE if light else INK))
        pdf.set_line_width(0.15 if light else 0.3)
        pdf.line(MARGIN, pdf.get_y(), MARGIN + WIDTH, pdf.get_y())

    def _text(
        self,
        text: str,
        width: float,
        height: float,
        *,
        size: float = 9,
        bold: bool = False,
        align: str = "L",
        ink: tuple[int, int, int] = INK,
        fill: bool = False,
    ) -> None:
        pdf = self._pdf
        pdf.set_font(MAIN, "B" if bold else "", size)
        pdf.set_text_color(*ink)
        shown = self._letters.shown(text)
        self._letters.shape(shown)
        if align == "R":
            self._shrunk(shown, width - 1, size)
        else:
            shown = cut(shown, width - 1, pdf.get_string_width)
        pdf.cell(width, height, shown, align=align, fill=fill)

    def _shrunk(self, text: str, width: float, size: float) -> None:
        """Set a figure smaller where its column ends: a figure is never cut."""
        needed = self._pdf.get_string_width(text)
        if needed > width:
            self._pdf.set_font_size(size * width / needed)


def _document(statement: Statement) -> Any:
    pdf = library("fpdf", "a PDF file").FPDF(format="A4")
    pdf.set_margins(MARGIN, MARGIN)
    pdf.set_auto_page_break(True, BOTTOM)
    pdf.c_margin = 0.5
    pdf.set_creation_date(decided_at(statement.month))
    pdf.set_title(f"{TITLES[statement.reader]} {statement.number}")
    pdf.set_author(statement.operator.name)
    pdf.set_creator("farebox")
    pdf.set_lang("en")
    return pdf


def _texts(statement: Statement) -> Iterator[str]:
    yield statement.operator.name
    yield from statement.operator.about
    if statement.party is not None:
        yield statement.party.name
        yield from statement.party.about
    for line in statement.report.lines:
        yield from (line.publisher, line.crawler, line.site, line.rule, line.licence)


def _decimals(amounts: Any) -> int:
    """How many decimals a column needs: two at least, six at most."""
    return max((len(f"{abs(micros) % MICROS_PER_UNIT:06d}".rstrip("0")) for micros in amounts), default=2) or 2


def _told(cell: Cell, decimals: int) -> str:
    return _money(cell, decimals) if isinstance(cell, int) else cell


def _money(micros: int, decimals: int) -> str:
    whole, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    decimals = max(decimals, 2)
    return f"{'−' if micros < 0 else ''}{whole:,}.{f'{fraction:06d}'[:decimals]}"
