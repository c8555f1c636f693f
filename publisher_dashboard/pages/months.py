"""A publisher's months: what each came to, and its report, checked against the ledger before anyone sees it."""

from __future__ import annotations

from starlette.responses import Response

from edge.core.month import Month
from edge.store.earnings import first_page_at
from edge.store.month_reading import Part
from edge.store.publishers import list_publishers
from publisher_dashboard.rendering import at
from publisher_dashboard.statement_pages import SUMMARY, month_lines, send_file, show_statement
from publisher_dashboard.visit import Visit


def show(visit: Visit) -> Response:
    """The months since the first page that was paid or free, the newest first."""
    part = _part(visit)
    with visit.desk.database.read() as connection:
        first_at = first_page_at(connection, visit.publisher.publisher_id)
        lines = month_lines(connection, part, first_at, visit.now_micros)
        shared = any(
            one.share_ppm for one in list_publishers(connection) if one.publisher_id == visit.publisher.publisher_id
        )
    ends = at(Month.of(visit.now_micros).end_micros)
    return visit.render("months.html", months=lines, shared=shared, ends=f"{ends.day} {ends:%B %Y}, 00:00 UTC")


def show_one(visit: Visit) -> Response:
    """One month's statement: figures, lines, and what it lists beside them."""
    return show_statement(visit, _part(visit), "month.html")


def download_csv(visit: Visit) -> Response:
    """The report as CSV."""
    return send_file(visit, _part(visit), "csv")


def download_summary(visit: Visit) -> Response:
    """Everything that the statement says beside its lines, as CSV."""
    return send_file(visit, _part(visit), SUMMARY)


def download_json_lines(visit: Visit) -> Response:
    """The report as JSON Lines, amounts in micro-units."""
    return send_file(visit, _part(visit), "jsonl")


def download_workbook(visit: Visit) -> Response:
    """The statement as a workbook."""
    return send_file(visit, _part(visit), "xlsx")


def download_parquet(visit: Visit) -> Response:
    """The report as Parquet."""
    return send_file(visit, _part(visit), "parquet")


def download_pdf(visit: Visit) -> Response:
    """The statement as a PDF."""
    return send_file(visit, _part(visit), "pdf")


def _part(visit: Visit) -> Part:
    return Part(publisher_id=visit.publisher.publisher_id)
