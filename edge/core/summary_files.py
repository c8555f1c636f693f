"""What a statement says beside its lines, as CSV and JSON Lines: one row for each figure, with its exact amount.

Sections, in this order, each by currency:

- ``total``: pages paid and given back, earned, reversed, adjusted, net, fee and payable: the sums of the lines;
- ``suspense``: what nobody has earned or spent at the month's end, and how that changed in the month;
- ``share``: whose fee it is, what it was taken of and at what rate; of a draft, what it would be now;
- ``top_up``: each payment, then ``sum`` of all of them; ``receipts``: how many pages were paid for;
- ``note``: each credit or debit note between the operator and a crawler, then ``sum`` of all of them;
- ``correction``: each entry that changes what an earlier month said, then ``sum`` of all of them;
- ``balance``: how each account came from its beginning to its end; ``account``: what went in and out.

Rules of this file: as of lines, no floats, no formulas, the same statement the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from edge.core.balance_story import balance_story
from edge.core.fees import format_share
from edge.core.money import format_micros
from edge.core.particulars import Listed
from edge.core.report import CurrencyTotal
from edge.core.report_files import safe_cell
from edge.core.statement import Reader, Statement

SUM = "sum"
_TOTALS = ("earned", "reversed", "adjusted", "amount", "fee", "payable")


@dataclass(frozen=True, slots=True)
class About:
    """What a figure is about, in words; empty where that says nothing."""

    party: str = ""
    account: str = ""
    at: str = ""
    of_month: str = ""
    charge: str = ""
    reference: str = ""
    reason: str = ""
    author: str = ""


NOTHING = About()


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One figure; ``count`` says of how many pages, payments or corrections, None where nothing is counted."""

    section: str
    item: str
    currency: str
    amount_micros: int | None = None
    count: int | None = None
    about: About = NOTHING


_TEXTS = tuple(field.name for field in fields(About))
CSV_COLUMNS = (
    *("statement", "month", "draft", "section", "item", "currency", "amount", "amount_micros", "count"),
    *_TEXTS,
)


def summary_rows(statement: Statement) -> Iterator[SummaryRow]:
    """Every figure, in the order of the file."""
    for currency in statement.currencies:
        yield from _total_rows(statement, statement.total(currency))
    for currency in statement.currencies:
        total = statement.total(currency)
        yield SummaryRow("suspense", "at the end", currency, statement.suspended(currency))
        yield SummaryRow("suspense", "change", currency, total.suspended_micros, total.suspended_pages)
    yield from _share_rows(statement)
    if statement.reader is not Reader.PUBLISHER:
        yield from _top_up_rows(statement)
        yield from _note_rows(statement)
    yield from _correction_rows(statement)
    if statement.party is not None:
        for account in statement.accounts:
            for step in balance_story(statement, account):
                whose = About(account=account.code)
                yield SummaryRow("balance", step.name, account.currency, step.micros, about=whose)
    for account in statement.accounts:
        about = About(account.owner or "", account.code)
        for item in ("opening", "credited", "debited", "closing"):
            yield SummaryRow("account", item, account.currency, getattr(account, f"{item}_micros"), about=about)


def summary_csv(statement: Statement) -> tuple[bytes, int]:
    """The rows as CSV with a header (RFC 4180, UTF-8), and how many there are."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    rows = list(summary_rows(statement))
    known = (statement.number, statement.month.label, "yes" if statement.draft else "no")
    for row in rows:
        amount = "" if row.amount_micros is None else format_micros(row.amount_micros)
        texts = (safe_cell(getattr(row.about, name)) for name in _TEXTS)
        writer.writerow((*known, row.section, row.item, row.currency, amount, row.amount_micros, row.count, *texts))
    return text.getvalue().encode(), len(rows)


def summary_jsonl(statement: Statement) -> tuple[bytes, int]:
    """The rows as JSON Lines, amounts in micro-units, and how many there are; every row has every key."""
    known = {"statement": statement.number, "month": statement.month.label, "draft": statement.draft}
    lines = []
    for row in summary_rows(statement):
        figure = {"section": row.section, "item": row.item, "currency": row.currency}
        numbers = {"amount_micros": row.amount_micros, "count": row.count}
        told = {**known, **figure, **numbers, **asdict(row.about)}
        lines.append(json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode(), len(lines)


def _total_rows(statement: Statement, total: CurrencyTotal) -> Iterator[SummaryRow]:
    yield SummaryRow("total", "pages", total.currency, count=total.pages)
    yield SummaryRow("total", "reversed_pages", total.currency, count=total.reversed_pages)
    yield SummaryRow("total", "free_pages", total.currency, count=total.free_pages)
    for item in _TOTALS:
        if statement.reader is Reader.CRAWLER and item in ("fee", "payable"):
            continue
        yield SummaryRow("total", item, total.currency, getattr(total, f"{item}_micros"))


def _share_rows(statement: Statement) -> Iterator[SummaryRow]:
    for share in statement.particulars.shares:
        basis = share.basis
        whose = About(share.publisher, of_month=statement.month.label)
        yield SummaryRow("share", "net", basis.currency, basis.net_micros, about=whose)
        yield SummaryRow("share", "carried from earlier months", basis.currency, basis.carried_micros, about=whose)
        item = f"expected at {format_share(basis.share_ppm)}" if statement.draft else format_share(basis.share_ppm)
        yield SummaryRow("share", item, basis.currency, basis.fee_micros, about=whose)


def _top_up_rows(statement: Statement) -> Iterator[SummaryRow]:
    found = statement.particulars.top_ups
    for each in found.items:
        told = About(each.crawler, at=_time_text(each.at_micros), reference=each.reference)
        yield SummaryRow("top_up", "payment", each.currency, each.amount_micros, about=told)
    yield from _sum_rows("top_up", found)
    yield SummaryRow("receipts", SUM, "", count=statement.receipts)


def _note_rows(statement: Statement) -> Iterator[SummaryRow]:
    found = statement.particulars.notes
    for each in found.items:
        told = About(each.crawler, at=_time_text(each.at_micros), reference=each.reference, reason=each.reason)
        item = "credit" if each.given_micros > 0 else "debit"
        yield SummaryRow("note", item, each.currency, each.given_micros, about=told)
    yield from _sum_rows("note", found)


def _time_text(at_micros: int) -> str:
    return datetime.fromtimestamp(at_micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _correction_rows(statement: Statement) -> Iterator[SummaryRow]:
    found = statement.particulars.corrections
    for each in found.items:
        told = About(
            of_month=each.month.label,
            charge=each.charge,
            reference=each.reference or "",
            reason=each.reason or "",
            author=each.author or "",
        )
        yield SummaryRow("correction", each.kind.value, each.currency, each.given_back_micros, about=told)
    yield from _sum_rows("correction", found)


def _sum_rows(section: str, found: Listed[Any]) -> Iterator[SummaryRow]:
    """What all of them come to; how many they are stands once, because they are counted in all currencies together."""
    for currency, micros in found.sums_micros:
        yield SummaryRow(section, SUM, currency, micros)
    if found.count:
        yield SummaryRow(section, "number", "", count=found.count)
