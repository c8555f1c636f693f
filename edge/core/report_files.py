"""A month's report as files: CSV for people, JSON Lines for machines, and a manifest that pins both.

Rules of this file: the same report gives the same bytes, for ever; amounts are integers or exact decimals, never
floats; a name that a spreadsheet would run as a formula is made text.

Source: RFC 4180 (CSV); OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from edge.core.money import format_micros
from edge.core.month import Month
from edge.core.report import CurrencyTotal, MonthReport, ReportLine

CSV_COLUMNS = (
    "month", "publisher", "site", "crawler", "rule", "licence", "currency",
    "pages", "reversed_pages", "earned", "reversed", "adjusted", "amount", "fee", "payable",
    "amount_micros", "fee_micros", "suspended_pages", "suspended_micros", "free_pages",
)  # fmt: skip
LABEL_LENGTH_MAX = 100
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One written file: its name, how many rows it holds, its size and its SHA-256 in hexadecimal."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a statement's files are, so that a copy can be checked years later.

    ``publisher`` or ``crawler`` says whose part of the month it is; both are None for the whole. ``digest`` is the
    SHA-256 of the lines as JSON Lines, which every file for people bears too.
    """

    number: str
    month: str
    draft: bool
    publisher: str | None
    crawler: str | None
    entry_count: int
    totals: tuple[CurrencyTotal, ...]
    digest: str
    files: tuple[FileDigest, ...]

    def to_json(self) -> bytes:
        """The manifest's canonical bytes."""
        files = {
            file.name: {"rows": file.rows, "sha256": file.sha256, "size_bytes": file.size_bytes} for file in self.files
        }
        return _canonical_json(
            {
                "statement": self.number,
                "month": self.month,
                "draft": self.draft,
                "publisher": self.publisher,
                "crawler": self.crawler,
                "entry_count": self.entry_count,
                "totals": {total.currency: sums_document(total) for total in self.totals},
                "lines_sha256": self.digest,
                "files": files,
            }
        )


def sums_document(total: CurrencyTotal) -> dict[str, int]:
    """One currency's sums as JSON, in pages and micro-units."""
    return {
        "pages": total.pages,
        "reversed_pages": total.reversed_pages,
        "earned_micros": total.earned_micros,
        "reversed_micros": total.reversed_micros,
        "adjusted_micros": total.adjusted_micros,
        "suspended_pages": total.suspended_pages,
        "suspended_micros": total.suspended_micros,
        "amount_micros": total.amount_micros,
        "fee_micros": total.fee_micros,
        "payable_micros": total.payable_micros,
        "free_pages": total.free_pages,
    }


def csv_file(report: MonthReport) -> bytes:
    """The lines as CSV with a header, lines ended by CR LF (RFC 4180), in UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for line in report.lines:
        writer.writerow(_csv_row(report.month.label, line))
    return text.getvalue().encode()


def jsonl_file(report: MonthReport) -> bytes:
    """The lines as JSON Lines, keys sorted, amounts in micro-units."""
    return b"".join(_canonical_json(_json_row(report.month.label, line)) for line in report.lines)


def jsonl_digest(report: MonthReport) -> str:
    """The SHA-256 of the JSON Lines file, in hexadecimal: what pins a statement's lines wherever they are printed."""
    return sha256(jsonl_file(report)).hexdigest()


def part_label(
    month: Month, *, publisher: tuple[int, str] | None = None, crawler: tuple[int, str] | None = None
) -> str:
    """What tells the files of a month, or of a reader's part, from others: ``2026-11-publisher-1-example-news``.

    The number makes it unique: names differ in more than a file name may show.
    """
    for kind, reader in (("publisher", publisher), ("crawler", crawler)):
        if reader is not None:
            number, name = reader
            words = [month.label, kind, str(number), *re.findall(r"[a-z0-9]+", name.lower())]
            return "-".join(words)[:LABEL_LENGTH_MAX].rstrip("-")
    return month.label


def safe_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before a start that could be one."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _csv_row(month: str, line: ReportLine) -> list[str | int]:
    names = (line.publisher, line.site, line.crawler, line.rule, line.licence)
    amounts = (
        *(line.earned_micros, line.reversed_micros, line.adjusted_micros),
        *(line.amount_micros, line.fee_micros, line.payable_micros),
    )
    return [
        month,
        *(safe_cell(name) for name in names),
        line.currency,
        line.pages,
        line.reversed_pages,
        *(format_micros(amount) for amount in amounts),
        line.amount_micros,
        line.fee_micros,
        line.suspended_pages,
        line.suspended_micros,
        line.free_pages,
    ]


def _json_row(month: str, line: ReportLine) -> dict[str, str | int]:
    return {
        "month": month,
        "publisher": line.publisher,
        "site": line.site,
        "crawler": line.crawler,
        "rule": line.rule,
        "licence": line.licence,
        "currency": line.currency,
        "pages": line.pages,
        "reversed_pages": line.reversed_pages,
        "earned_micros": line.earned_micros,
        "reversed_micros": line.reversed_micros,
        "adjusted_micros": line.adjusted_micros,
        "suspended_pages": line.suspended_pages,
        "suspended_micros": line.suspended_micros,
        "amount_micros": line.amount_micros,
        "fee_micros": line.fee_micros,
        "payable_micros": line.payable_micros,
        "free_pages": line.free_pages,
    }


def _canonical_json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
