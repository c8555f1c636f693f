"""Months: what each came to, one's statement in figures and lines, its files, and what is owed now."""

from __future__ import annotations

from typing import Literal

from starlette.responses import Response

from edge.core.report import CurrencyTotal, ReportLine, ReportMismatch, is_draft
from edge.files.wording import figures, how_to_check
from edge.store.accounts import publisher_balances
from edge.store.closed_months import find_closed
from edge.store.earnings import first_page_at
from edge.store.month_reading import Part
from edge.store.statements import read_statement
from publisher_dashboard.api.operations import Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Amount, Model, Nothing, amount
from publisher_dashboard.statement_pages import DISAGREES, MonthLine, file_of, folder_of, month_lines, read_month


class Total(Model):
    """One currency of a month, before and after the operator's fee."""

    pages: int
    reversed_pages: int
    free_pages: int
    suspended_pages: int
    earned: Amount
    given_back: Amount
    fee: Amount
    payable: Amount


class MonthShown(Model):
    """One month: ``under_way``, ``over``, ``closing`` or ``closed``."""

    month: str
    state: Literal["under_way", "over", "closing", "closed"]
    totals: tuple[Total, ...]


class MonthList(Model):
    """The months since the first page, the newest first."""

    data: tuple[MonthShown, ...]


class FigureShown(Model):
    """One figure of the summary in words; a ``sum`` is of those above it."""

    name: str
    amount: Amount
    sum: bool


class LineShown(Model):
    """What one crawler paid for one site, rule and licence."""

    site: str
    crawler: str
    rule: str
    licence: str
    pages: int
    reversed_pages: int
    free_pages: int
    earned: Amount
    payable: Amount


class StatementShown(Model):
    """A statement; ``digest`` pins its lines (SHA-256 of the JSON Lines file)."""

    number: str
    month: str
    draft: bool
    closed: bool
    digest: str
    figures: tuple[FigureShown, ...]
    lines: tuple[LineShown, ...]
    how_to_check: str


class BalanceShown(Model):
    """What is owed now in one currency."""

    balance: Amount


class Balances(Model):
    """What the operator owes the publisher now."""

    data: tuple[BalanceShown, ...]


def list_months(call: Call, asked: Nothing) -> MonthList:
    """Every month since the first page that was sold."""
    with call.desk.database.read() as connection:
        first_at = first_page_at(connection, call.publisher_id)
        lines = month_lines(connection, _part(call), first_at, call.now_micros)
    return MonthList(data=tuple(_month(line, call.now_micros) for line in lines))


def get_month(call: Call, asked: Nothing) -> StatementShown:
    """One month's statement, checked against the ledger before it is shown."""
    month = read_month(call.text("month"), call.now_micros)
    with call.desk.database.read() as connection:
        closed = find_closed(connection, month) is not None
        try:
            made = read_statement(connection, month, _part(call), operator=call.desk.operator_party)
        except ReportMismatch:
            raise Problem(Code.BUSY, DISAGREES) from None
    return StatementShown(
        number=made.number,
        month=month.label,
        draft=made.draft,
        closed=closed,
        digest=made.digest,
        figures=tuple(
            FigureShown(name=one.name, amount=amount(one.micros, code), sum=one.sum)
            for code in made.currencies
            for one in figures(made, code)
        ),
        lines=tuple(_line(line) for line in made.report.lines),
        how_to_check=how_to_check(made),
    )


def download_month(call: Call, asked: Nothing) -> Response:
    """A month's statement as a file: csv, summary, jsonl, xlsx, parquet, pdf, or zip for all with their manifest."""
    month, name = read_month(call.text("month"), call.now_micros), call.text("name")
    return folder_of(call.desk, month, _part(call)) if name == "zip" else file_of(call.desk, month, _part(call), name)


def get_balance(call: Call, asked: Nothing) -> Balances:
    """What is owed to the publisher now, by currency."""
    with call.desk.database.read() as connection:
        owed = publisher_balances(connection, call.publisher_id)
    return Balances(data=tuple(BalanceShown(balance=amount(one.balance_micros, one.currency)) for one in owed))


def _part(call: Call) -> Part:
    return Part(publisher_id=call.publisher_id)


def _month(line: MonthLine, now_micros: int) -> MonthShown:
    over: Literal["under_way", "over"] = "under_way" if is_draft(line.month, now_micros) else "over"
    state: Literal["under_way", "over", "closing", "closed"] = (
        "closed" if line.closed else "closing" if line.closing else over
    )
    return MonthShown(month=line.month.label, state=state, totals=tuple(_total(one) for one in line.totals))


def _total(one: CurrencyTotal) -> Total:
    return Total(
        pages=one.pages,
        reversed_pages=one.reversed_pages,
        free_pages=one.free_pages,
        suspended_pages=one.suspended_pages,
        earned=amount(one.amount_micros, one.currency),
        given_back=amount(one.reversed_micros + one.adjusted_micros, one.currency),
        fee=amount(one.fee_micros, one.currency),
        payable=amount(one.payable_micros, one.currency),
    )


def _line(one: ReportLine) -> LineShown:
    return LineShown(
        site=one.site,
        crawler=one.crawler,
        rule=one.rule,
        licence=one.licence,
        pages=one.pages,
        reversed_pages=one.reversed_pages,
        free_pages=one.free_pages,
        earned=amount(one.amount_micros, one.currency),
        payable=amount(one.payable_micros, one.currency),
    )
