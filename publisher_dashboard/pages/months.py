"""The months: what each came to, and its report, checked against the ledger before anyone sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from edge.core.month import InvalidMonth, Month
from edge.core.report import CurrencyTotal, is_draft
from edge.core.statement import Statement
from edge.core.summary_files import summary_csv
from edge.files.formats import FORMATS, Sources
from edge.files.needed import LibraryMissing
from edge.files.tables import tables
from edge.files.wording import figures, how_to_check, period
from edge.store.closed_months import find_closed
from edge.store.earnings import first_page_at
from edge.store.month_reading import Part
from edge.store.month_totals import publisher_months
from edge.store.publishers import list_publishers
from edge.store.statements import read_statement
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.rendering import at, month_name
from publisher_dashboard.visit import Visit

MONTHS_SHOWN_MAX = 36
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month of the list: under way, over, or closed for ever."""

    month: Month
    name: str
    draft: bool
    closed: bool
    totals: tuple[CurrencyTotal, ...]


def show(visit: Visit) -> Response:
    """The months since the first page that was paid or free, the newest first."""
    this = Month.of(visit.now_micros)
    with visit.desk.database.read() as connection:
        first_at = first_page_at(connection, visit.publisher.publisher_id)
        months = _months(Month.of(first_at), this) if first_at is not None else []
        lines = [
            MonthLine(month, month_name(month), is_draft(month, visit.now_micros), closed, totals)
            for month, closed, totals in publisher_months(connection, visit.publisher.publisher_id, months)
        ]
        shared = any(
            one.share_ppm for one in list_publishers(connection) if one.publisher_id == visit.publisher.publisher_id
        )
    ends = at(this.end_micros)
    return visit.render("months.html", months=lines, shared=shared, ends=f"{ends.day} {ends:%B %Y}, 00:00 UTC")


def show_one(visit: Visit) -> Response:
    """One month's statement: figures, lines, and what it lists beside them."""
    statement = _statement(visit)
    with visit.desk.database.read() as connection:
        closed = find_closed(connection, statement.month)
    return visit.render(
        "month.html",
        statement=statement,
        report=statement.report,
        name=month_name(statement.month),
        under_way=is_draft(statement.month, visit.now_micros),
        closed=closed,
        summaries=[(currency, tuple(figures(statement, currency))) for currency in statement.currencies],
        tables=tuple(tables(statement)),
        period=period(statement.month),
        how_to_check=how_to_check(statement),
    )


def download_csv(visit: Visit) -> Response:
    """The report as CSV."""
    return _file(visit, "csv")


def download_summary(visit: Visit) -> Response:
    """Everything that the statement says beside its lines, as CSV."""
    made = _statement(visit)
    content, _ = summary_csv(made)
    headers = {"content-disposition": f'attachment; filename="{_file_name(made, "summary.csv")}"'}
    return Response(content, media_type=FORMATS["csv"].media_type, headers=headers)


def download_json_lines(visit: Visit) -> Response:
    """The report as JSON Lines, amounts in micro-units."""
    return _file(visit, "jsonl")


def download_workbook(visit: Visit) -> Response:
    """The statement as a workbook."""
    return _file(visit, "xlsx")


def download_parquet(visit: Visit) -> Response:
    """The report as Parquet."""
    return _file(visit, "parquet")


def download_pdf(visit: Visit) -> Response:
    """The statement as a PDF."""
    return _file(visit, "pdf")


def _file(visit: Visit, name: str) -> Response:
    """The statement in one format, written to a file first: what cannot be made is said, not cut off."""
    made, form = _statement(visit), FORMATS[name]
    parts = TemporaryFile()  # noqa: SIM115 - closed when the answer has gone
    try:
        with TemporaryDirectory(prefix="farebox-") as scratch:
            # A publisher's formats never ask for the days.
            form.write(Sources(made, tuple, tuple), parts, Path(scratch))
    except LibraryMissing as why:
        parts.close()
        raise Turned(HTTPStatus.NOT_FOUND, "This download is not installed here; ask the operator for it.") from why
    headers = {
        "content-disposition": f'attachment; filename="{_file_name(made, form.ending)}"',
        "content-length": str(parts.tell()),
    }
    parts.seek(0)
    return StreamingResponse(
        _pieces(parts), media_type=form.media_type, headers=headers, background=BackgroundTask(parts.close)
    )


def _file_name(made: Statement, ending: str) -> str:
    return f"farebox-{made.month.label}{'-draft' if made.draft else ''}.{ending}"


def _pieces(parts: BinaryIO) -> Iterator[bytes]:
    while piece := parts.read(PIECE_BYTES):
        yield piece


def _statement(visit: Visit) -> Statement:
    """The month of the address for this publisher, checked; a month that has not begun does not exist."""
    try:
        month = Month.parse(str(visit.request.path_params["month"]))
    except InvalidMonth as wrong:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE) from wrong
    if month > Month.of(visit.now_micros):
        raise Turned(HTTPStatus.NOT_FOUND, "This month has not begun yet.")
    with visit.desk.database.read() as connection:
        return read_statement(
            connection,
            month,
            Part(publisher_id=visit.publisher.publisher_id),
            operator=visit.desk.operator_party,
        )


def _months(first: Month, last: Month) -> list[Month]:
    months = [first]
    while months[-1] < last:
        months.append(months[-1].following)
    return months[-MONTHS_SHOWN_MAX:][::-1]
