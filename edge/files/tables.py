"""What a statement lists beside its lines, as tables that a PDF and a workbook show alike.

A cell is a text, or an amount in micro-units; a row of sums is told apart, and what a list leaves out is said in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edge.core.balance_story import balance_story
from edge.core.fees import format_share
from edge.core.particulars import Listed, Sums
from edge.core.statement import Reader, Statement
from edge.files.wording import account_title

Cell = str | int
_REFERENCE_LINES = 12
"""Room for the longest payment reference, 200 letters, in the narrower of its columns."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its heading, its part of the width, and whether it stands to the right, as figures do.

    ``lines`` is how many lines a text may take where the column is too narrow for it; then it is cut.
    """

    heading: str
    width: float
    right: bool = False
    lines: int = 1


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of one row; a ``sum`` is set apart from what it sums."""

    cells: tuple[Cell, ...]
    sum: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table under its title; those of one short ``name`` belong together; ``note`` is a sentence below."""

    name: str
    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[TableRow, ...]
    note: str = ""


def tables(statement: Statement) -> Iterator[Table]:
    """The tables that have rows, in their order."""
    found = [_shares(statement), _top_ups(statement), _notes(statement), _corrections(statement), *_balances(statement)]
    yield from (table for table in found if table.rows)


def _shares(statement: Statement) -> Table:
    columns = (
        *(
            TableColumn("Publisher", 0.28, lines=2),
            TableColumn("Currency", 0.1),
            TableColumn("Month's net", 0.17, True),
        ),
        *(TableColumn("Carried over", 0.17, True), TableColumn("Share", 0.11, True), TableColumn("Fee", 0.17, True)),
    )
    rows, fees = [], dict[str, int]()
    for each in statement.particulars.shares:
        basis = each.basis
        amounts = (basis.net_micros, basis.carried_micros, format_share(basis.share_ppm), basis.fee_micros)
        rows.append(TableRow((each.publisher, basis.currency, *amounts)))
        fees[basis.currency] = fees.get(basis.currency, 0) + basis.fee_micros
    if statement.reader is Reader.OPERATOR:
        rows += [TableRow(("Total", currency, "", "", "", fee), True) for currency, fee in sorted(fees.items())]
    title, notes = "Operator's share", []
    if any(each.basis.carried_micros for each in statement.particulars.shares):
        notes.append("Carried over is what earlier months gave back beyond what they earned: no fee is due for it.")
    if statement.draft:
        title = "Operator's share, expected"
        notes.append("It is taken when the month is closed, and is not in the sums above.")
    return Table("Share", title, columns, tuple(rows), " ".join(notes))


def _top_ups(statement: Statement) -> Table:
    whole = statement.reader is Reader.OPERATOR
    found = statement.particulars.top_ups
    columns = (
        *(
            TableColumn("Date (UTC)", 0.16),
            TableColumn("Payment reference", 0.3 if whole else 0.54, lines=_REFERENCE_LINES),
        ),
        *((TableColumn("Crawler", 0.24, lines=2),) if whole else ()),
        *(TableColumn("Currency", 0.1), TableColumn("Amount", 0.2, True)),
    )
    rows = [
        TableRow(
            (
                _day(each.at_micros),
                each.reference,
                *((each.crawler,) if whole else ()),
                each.currency,
                each.amount_micros,
            )
        )
        for each in found.items
    ]
    rows += _sum_rows(found.sums_micros, len(columns))
    return Table("Paid in", "Paid in", columns, tuple(rows), _left_out(found))


def _notes(statement: Statement) -> Table:
    """What the operator's own notes gave, or took back, below zero."""
    whole = statement.reader is Reader.OPERATOR
    found = statement.particulars.notes
    columns = (
        *(
            TableColumn("Date (UTC)", 0.16),
            TableColumn("Number and reason", 0.3 if whole else 0.54, lines=_REFERENCE_LINES),
        ),
        *((TableColumn("Crawler", 0.24, lines=2),) if whole else ()),
        *(TableColumn("Currency", 0.1), TableColumn("Given", 0.2, True)),
    )
    rows = [
        TableRow(
            (_day(each.at_micros), each.why, *((each.crawler,) if whole else ()), each.currency, each.given_micros)
        )
        for each in found.items
    ]
    rows += _sum_rows(found.sums_micros, len(columns))
    return Table("Notes", "Credit and debit notes of the operator", columns, tuple(rows), _left_out(found))


def _corrections(statement: Statement) -> Table:
    found = statement.particulars.corrections
    columns = (
        *(TableColumn("Charge", 0.38, lines=2), TableColumn("Charged in", 0.1), TableColumn("Why", 0.27, lines=3)),
        *(TableColumn("Currency", 0.09), TableColumn("Given back", 0.16, True)),
    )
    rows = [
        TableRow((each.charge, each.month.label, each.why, each.currency, each.given_back_micros))
        for each in found.items
    ]
    rows += _sum_rows(found.sums_micros, len(columns))
    note = f"They are part of what was given back and of the notes in the summary. {_left_out(found)}".strip()
    return Table("Corrections", "Corrections of earlier months", columns, tuple(rows), note)


def _balances(statement: Statement) -> Iterator[Table]:
    """How each account came to its balance; of the operator's statement, all accounts are listed elsewhere."""
    if statement.party is None:
        return
    for account in statement.accounts:
        columns = (TableColumn(f"Account {account.code}", 0.7), TableColumn(account.currency, 0.3, True))
        rows = tuple(TableRow((each.name, each.micros), each.sum) for each in balance_story(statement, account))
        yield Table("Balances", f"{account_title(account)} in {account.currency}", columns, rows)


def _sum_rows(sums: Sums, width: int) -> list[TableRow]:
    return [TableRow(("Total", *[""] * (width - 3), currency, micros), True) for currency, micros in sums]


def _left_out(found: Listed[Any]) -> str:
    return (
        f"The list shows the first {len(found.items):,} of {found.count:,}; the totals are of all."
        if found.more
        else ""
    )


def _day(at_micros: int) -> str:
    return datetime.fromtimestamp(at_micros // 1_000_000, UTC).strftime("%Y-%m-%d")
