"""The entries behind a statement, one row each, as CSV and JSON Lines: what its lines are the sum of.

Rules of this file
- One row for every page that was sold or free, and one more for whatever changed it later: given back, put into
  suspense, released, corrected by a note. ``amount_micros`` is signed, so that its sum per currency is the statement's
  total. A fee is of a month, not of a charge, and is not here.
- Rows pass one by one and are added up on the way: a file that does not sum to the statement is never finished.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import orjson

from edge.core.ledger import charge_id
from edge.core.money import format_micros
from edge.core.month_rows import EntryDetail
from edge.core.report import Folding, MonthReport, ReportMismatch, effect_of
from edge.core.report_files import safe_cell

COLUMNS = (
    *("recorded_at", "kind", "charge_id", "attempt", "publisher", "site", "crawler", "target", "rule", "rule_version"),
    *("licence", "currency", "amount", "amount_micros", "status", "offer", "evidence", "request_id", "reference"),
    *("reason", "author", "writer", "entry"),
)


_NAMED = ("publisher", "site", "crawler", "rule", "licence", "currency")
_PARTS = (
    *(*_NAMED, "pages", "reversed_pages"),
    *("earned_micros", "reversed_micros", "adjusted_micros", "suspended_pages", "suspended_micros", "free_pages"),
)


def checked(details: Iterable[EntryDetail], report: MonthReport) -> Iterator[EntryDetail]:
    """Pass the rows on, and raise ``ReportMismatch`` at the end when they do not sum to the report's lines."""
    # Added up by what a report tells apart, and folded at the end: a row costs a look-up.
    firsts: dict[tuple[object, ...], EntryDetail] = {}
    counts: dict[tuple[object, ...], int] = {}
    amounts: dict[tuple[object, ...], int] = {}
    for detail in details:
        key: tuple[object, ...] = (
            *(detail.kind, detail.debit, detail.publisher, detail.site),
            *(detail.crawler, detail.rule, detail.licence, detail.currency),
        )
        firsts.setdefault(key, detail)
        counts[key] = counts.get(key, 0) + 1
        amounts[key] = amounts.get(key, 0) + detail.amount_micros
        yield detail
    folding = Folding(report.month)
    for group, first in firsts.items():
        folding.add(replace(first.row(), entries=counts[group], amount_micros=amounts[group]))
    if _told(folding.report()) != _told(report):
        raise ReportMismatch("the entries, one by one, do not sum to the lines that the database made of them")


def csv_header() -> bytes:
    """The first line of the CSV file."""
    return _csv([COLUMNS])


def csv_rows(details: Iterable[EntryDetail]) -> bytes:
    """Rows of CSV (RFC 4180); what strangers wrote cannot become a formula."""
    return _csv(map(_csv_row, details))


def jsonl_rows(details: Iterable[EntryDetail]) -> bytes:
    """Rows of JSON Lines, keys sorted, amounts in micro-units."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return b"".join(orjson.dumps(_json_row(detail), option=options) for detail in details)


def signed_micros(detail: EntryDetail) -> int:
    """What the entry adds to the statement's total."""
    return effect_of(detail.kind, detail.debit, detail.publisher or None).amount * detail.amount_micros


def _csv_row(detail: EntryDetail) -> list[str | int | None]:
    amount = signed_micros(detail)
    return [
        _time(detail.recorded_at_micros),
        detail.kind.value,
        _charge(detail),
        detail.attempt,
        safe_cell(detail.publisher),
        safe_cell(detail.site),
        safe_cell(detail.crawler),
        safe_cell(detail.target),
        safe_cell(detail.rule),
        detail.rule_version,
        safe_cell(detail.licence),
        detail.currency,
        format_micros(amount),
        amount,
        detail.status,
        safe_cell(detail.offer),
        detail.evidence,
        safe_cell(detail.request_id),
        safe_cell(detail.reference),
        safe_cell(detail.reason),
        safe_cell(detail.author),
        detail.writer,
        detail.number,
    ]


def _json_row(detail: EntryDetail) -> dict[str, str | int | None]:
    return {
        "recorded_at_micros": detail.recorded_at_micros,
        "kind": detail.kind.value,
        "charge_id": _charge(detail),
        "attempt": detail.attempt,
        "publisher": detail.publisher,
        "site": detail.site,
        "crawler": detail.crawler,
        "target": detail.target,
        "rule": detail.rule,
        "rule_version": detail.rule_version,
        "licence": detail.licence,
        "currency": detail.currency,
        "amount_micros": signed_micros(detail),
        "status": detail.status,
        "offer": detail.offer,
        "evidence": detail.evidence,
        "request_id": detail.request_id,
        "reference": detail.reference,
        "reason": detail.reason,
        "author": detail.author,
        "writer": detail.writer,
        "entry": detail.number,
    }


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _charge(detail: EntryDetail) -> str:
    """The charge that the entry belongs to; a note has a key of its own and names the charge as its request."""
    return detail.request_id if detail.kind == "adjust" else charge_id(detail.key)


def _time(at_micros: int) -> str:
    return f"{_second(at_micros // 1_000_000)}.{at_micros % 1_000_000:06d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Rows come in the order of time, many in each second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _told(report: MonthReport) -> set[tuple[object, ...]]:
    """The lines without their fees; one that is all zeros then says nothing."""
    lines = [tuple(getattr(line, name) for name in _PARTS) for line in report.lines]
    return {line for line in lines if any(line[len(_NAMED) :])}
