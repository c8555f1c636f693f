"""The formats of a statement: what each is called, what it is for, and how it is written.

Every one is a function of the statement and of rows that are read as they are written; which library it needs, it
loads itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.core.beancount_books import beancount_lines
from edge.core.errors import EdgeError
from edge.core.focus import focus_lines
from edge.core.month_rows import DayCharges, DayTransfers
from edge.core.report_files import csv_file, jsonl_file
from edge.core.statement import Reader, Statement
from edge.files.parquet import LINE_TYPES, write_parquet
from edge.files.pdf import write_pdf
from edge.files.xlsx import write_xlsx


class FormatUnfit(EdgeError):
    """This reader's part of a month cannot be written in this format; the message says why."""


@dataclass(frozen=True, slots=True)
class Sources:
    """A statement, and where its days come from when a format asks for them."""

    statement: Statement
    charges: Callable[[], Iterable[DayCharges]]
    transfers: Callable[[], Iterable[DayTransfers]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the end of its file's name, its media type, whether it is text, and who it is for."""

    name: str
    ending: str
    media_type: str
    is_text: bool
    write: Callable[[Sources, BinaryIO, Path], int]
    readers: frozenset[Reader] = frozenset(Reader)
    unfit: str = ""

    def check(self, statement: Statement) -> None:
        """Raise ``FormatUnfit`` for a reader that it is not for."""
        if statement.reader not in self.readers:
            raise FormatUnfit(self.unfit)


def _csv(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    sink.write(csv_file(sources.statement.report))
    return len(sources.statement.report.lines)


def _jsonl(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    sink.write(jsonl_file(sources.statement.report))
    return len(sources.statement.report.lines)


def _parquet(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    lines = scratch / "lines.jsonl"
    lines.write_bytes(jsonl_file(sources.statement.report))
    write_parquet(lines, LINE_TYPES, sink, scratch)
    return len(sources.statement.report.lines)


def _xlsx(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    return write_xlsx(sources.statement, sink, scratch)


def _pdf(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    return write_pdf(sources.statement, sink, scratch)


def _focus(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    return _write_lines(focus_lines(sources.statement, sources.charges()), sink) - 1


def _beancount(sources: Sources, sink: BinaryIO, scratch: Path) -> int:
    return _write_lines(beancount_lines(sources.statement, sources.transfers()), sink)


def _write_lines(lines: Iterator[str], sink: BinaryIO) -> int:
    count = 0
    for line in lines:
        count += line.count("\n")
        sink.write(line.encode())
    return count


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS = {
    form.name: form
    for form in (
        Format("csv", "csv", "text/csv; charset=utf-8", True, _csv),
        Format("jsonl", "jsonl", "application/jsonl; charset=utf-8", True, _jsonl),
        Format("xlsx", "xlsx", _XLSX, False, _xlsx),
        Format("parquet", "parquet", "application/vnd.apache.parquet", False, _parquet),
        Format("pdf", "pdf", "application/pdf", False, _pdf),
        Format(
            "focus",
            "focus.csv",
            "text/csv; charset=utf-8",
            True,
            _focus,
            frozenset({Reader.CRAWLER, Reader.OPERATOR}),
            "FOCUS is about what a crawler spends, not about what a publisher earns; for a publisher choose csv, "
            "xlsx or parquet, for a crawler give --crawler NAME",
        ),
        Format(
            "beancount",
            "beancount",
            "text/plain; charset=utf-8",
            True,
            _beancount,
            frozenset({Reader.OPERATOR}),
            "beancount is the whole double entry of a month; leave --publisher and --crawler out",
        ),
    )
}
