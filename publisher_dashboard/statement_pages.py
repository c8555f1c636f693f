"""Statements of months for whoever reads them: a publisher, a crawler's team, or the operator.

Rules of this file
- The caller says whose part is read, out of the visit; nothing here reads it from an address.
- A file is written whole before it is sent: what cannot be made is said, not cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from edge.core.detail_files import checked, csv_header, csv_rows
from edge.core.month import InvalidMonth, Month
from edge.core.report import CurrencyTotal, ReportMismatch, is_draft
from edge.core.statement import Statement
from edge.core.summary_files import summary_csv
from edge.files.folder import write_folder
from edge.files.formats import FORMATS, FormatUnfit, Sources
from edge.files.needed import LibraryMissing
from edge.files.tables import tables
from edge.files.wording import figures, how_to_check, period
from edge.store.closed_months import find_closed, names_in
from edge.store.connection import Connection
from edge.store.month_close import has_begun
from edge.store.month_reading import WHOLE, Names, Part, charges_by_day, month_details, transfers_by_day
from edge.store.month_totals import months_of
from edge.store.statements import read_statement
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.rendering import month_name
from publisher_dashboard.visit import Desk, Visit

MONTHS_SHOWN_MAX = 36
PIECE_BYTES = 64 * 1024
SUMMARY = "summary"
CHARGES = "charges"
CHARGES_AT_ONCE = 1_000
NOT_INSTALLED = "This download is not installed here; ask the operator for it."
DISAGREES = (
    "This statement does not agree with the books. Whoever runs this edge has to look; nothing is shown until then."
)


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month of a list: under way, over, being closed, or closed for ever."""

    month: Month
    name: str
    draft: bool
    closing: bool
    closed: bool
    totals: tuple[CurrencyTotal, ...]


def month_lines(connection: Connection, part: Part, first_at: int | None, now_micros: int) -> list[MonthLine]:
    """The months from ``first_at`` on, the newest first; none without it."""
    if first_at is None:
        return []
    months = _months(Month.of(first_at), Month.of(now_micros))
    return [
        MonthLine(
            month,
            month_name(month),
            is_draft(month, now_micros),
            not closed and has_begun(connection, month),
            closed,
            totals,
        )
        for month, closed, totals in months_of(connection, part, months)
    ]


def month_of(visit: Visit) -> Month:
    """The month of the address. Raises ``Turned``."""
    return read_month(str(visit.request.path_params["month"]), visit.now_micros)


def read_month(text: str, now_micros: int) -> Month:
    """The month of an address; one that has not begun does not exist. Raises ``Turned``."""
    try:
        month = Month.parse(text)
    except InvalidMonth as wrong:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE) from wrong
    if month > Month.of(now_micros):
        raise Turned(HTTPStatus.NOT_FOUND, "This month has not begun yet.")
    return month


def show_statement(visit: Visit, part: Part, template: str, **more: Any) -> Response:
    """One month's statement: figures, lines, and what it lists beside them.

    One that does not agree with the books is shown to nobody; the operator's template is told ``statement=None``.
    """
    month = month_of(visit)
    with visit.desk.database.read() as connection:
        closed = find_closed(connection, month)
        closing = closed is None and has_begun(connection, month)
        try:
            statement = _read(visit.desk, connection, month, part, by_days=True)
        except ReportMismatch as wrong:
            if part != WHOLE:
                raise Turned(HTTPStatus.SERVICE_UNAVAILABLE, DISAGREES) from wrong
            statement = None
    state: dict[str, Any] = {
        "name": month_name(month),
        "under_way": is_draft(month, visit.now_micros),
        "closed": closed,
        "closing": closing,
    }
    if statement is None:
        return visit.render(template, HTTPStatus.SERVICE_UNAVAILABLE, statement=None, **state, **more)
    return visit.render(
        template,
        statement=statement,
        report=statement.report,
        **state,
        summaries=[(currency, tuple(figures(statement, currency))) for currency in statement.currencies],
        tables=tuple(tables(statement)),
        period=period(month),
        how_to_check=how_to_check(statement),
        **more,
    )


def send_file(visit: Visit, part: Part, name: str) -> Response:
    """The statement of the address in one format."""
    return file_of(visit.desk, month_of(visit), part, name)


def file_of(desk: Desk, month: Month, part: Part, name: str) -> Response:
    """The statement in one format, its summary or its single charges as CSV; what is not for this reader is not there.

    The file of charges is the one that crawlers hold their own books against (``farebox-crawl reconcile``).
    """
    if name not in FORMATS and name not in (SUMMARY, CHARGES):
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE)
    parts = TemporaryFile()  # noqa: SIM115 - closed when the answer has gone
    try:
        made = _write(desk, month, part, name, parts)
    except FormatUnfit as why:
        parts.close()
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE) from why
    except LibraryMissing as why:
        parts.close()
        raise Turned(HTTPStatus.NOT_FOUND, NOT_INSTALLED) from why
    ending = {SUMMARY: "summary.csv", CHARGES: "charges.csv"}.get(name) or FORMATS[name].ending
    media_type = FORMATS[name if name in FORMATS else "csv"].media_type
    return _answer(parts, _file_name(made, ending), media_type)


def send_folder(visit: Visit, part: Part) -> Response:
    """Every format of the statement of the address, as one ZIP file."""
    return folder_of(visit.desk, month_of(visit), part)


def folder_of(desk: Desk, month: Month, part: Part) -> Response:
    """Every format of the statement with the manifest that pins them, as one ZIP file."""
    parts = TemporaryFile()  # noqa: SIM115 - closed when the answer has gone
    try:
        with desk.database.read() as connection, TemporaryDirectory(prefix="farebox-") as folder:
            names = names_in(connection, month, Names.read(connection))
            made = _read(desk, connection, month, part)
            fits = [name for name, form in FORMATS.items() if made.reader in form.readers]
            write_folder(Path(folder), _sources(connection, names, made, part), fits)
            with ZipFile(parts, "w", ZIP_DEFLATED) as archive:
                for file in sorted(Path(folder).iterdir()):
                    archive.write(file, file.name)
    except LibraryMissing as why:
        parts.close()
        raise Turned(HTTPStatus.NOT_FOUND, NOT_INSTALLED) from why
    return _answer(parts, _file_name(made, "zip"), "application/zip")


def _read(desk: Desk, connection: Connection, month: Month, part: Part, *, by_days: bool = False) -> Statement:
    """The statement as its reader may have it: a crawler's team is not told which person gave something back."""
    made = read_statement(connection, month, part, operator=desk.operator_party, by_days=by_days)
    if part.crawler_id is None:
        return made
    listed = made.particulars.corrections
    unnamed = replace(listed, items=tuple(replace(each, author=None) for each in listed.items))
    return replace(made, particulars=replace(made.particulars, corrections=unnamed))


def _answer(parts: BinaryIO, name: str, media_type: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-length": str(parts.tell())}
    parts.seek(0)
    return StreamingResponse(
        _pieces(parts), media_type=media_type, headers=headers, background=BackgroundTask(parts.close)
    )


def _sources(connection: Connection, names: Names, made: Statement, part: Part) -> Sources:
    return Sources(
        made,
        lambda: charges_by_day(connection, names, made.month, part),
        lambda: transfers_by_day(connection, names, made.month),
    )


def _write(desk: Desk, month: Month, part: Part, name: str, parts: BinaryIO) -> Statement:
    """Write one format inside the snapshot that the statement was read from."""
    with desk.database.read() as connection, TemporaryDirectory(prefix="farebox-") as scratch:
        names = names_in(connection, month, Names.read(connection))
        made = _read(desk, connection, month, part)
        if name == SUMMARY:
            parts.write(summary_csv(made)[0])
            return made
        if name == CHARGES:
            rows = checked(month_details(connection, names, month, part), made.report)
            parts.write(csv_header())
            while chunk := list(islice(rows, CHARGES_AT_ONCE)):
                unnamed = part.crawler_id is not None
                parts.write(csv_rows([each._replace(author="") for each in chunk] if unnamed else chunk))
            return made
        FORMATS[name].check(made)
        FORMATS[name].write(_sources(connection, names, made, part), parts, Path(scratch))
        return made


def _file_name(made: Statement, ending: str) -> str:
    return f"farebox-{made.month.label}{'-draft' if made.draft else ''}.{ending}"


def _pieces(parts: BinaryIO) -> Iterator[bytes]:
    while piece := parts.read(PIECE_BYTES):
        yield piece


def _months(first: Month, last: Month) -> list[Month]:
    months = [first]
    while months[-1] < last:
        months.append(months[-1].following)
    return months[-MONTHS_SHOWN_MAX:][::-1]
