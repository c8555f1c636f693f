"""A publisher's months: what each came to, and its report, checked against the ledger before anyone sees it."""

from __future__ import annotations

from starlette.responses import Response

from edge.core.month import Month
from edge.store.accounts import publisher_balances
from edge.store.books_tasks import find_task
from edge.store.earnings import first_page_at
from edge.store.month_reading import Part
from edge.store.publishers import list_publishers
from publisher_dashboard.books_work import Work, verify_closed, verify_name
from publisher_dashboard.rendering import at
from publisher_dashboard.statement_pages import (
    SUMMARY,
    month_lines,
    month_of,
    send_file,
    send_folder,
    show_statement,
)
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """The months since the first page that was paid or free, the newest first."""
    part = _part(visit)
    with visit.desk.database.read() as connection:
        first_at = first_page_at(connection, visit.publisher.publisher_id)
        lines = month_lines(connection, part, first_at, visit.now_micros)
        shared = any(
            one.share_ppm for one in list_publishers(connection) if one.publisher_id == visit.publisher.publisher_id
        )
        owed = publisher_balances(connection, visit.publisher.publisher_id)
    ends = at(Month.of(visit.now_micros).end_micros)
    return visit.render(
        "months.html", months=lines, shared=shared, owed=owed, ends=f"{ends.day} {ends:%B %Y}, 00:00 UTC"
    )


def show_one(visit: Visit) -> Response:
    """One month's statement: figures, lines, and what it lists beside them; and how its last check ended."""
    with visit.desk.database.read() as connection:
        check = find_task(connection, verify_name(month_of(visit)))
    can_verify = visit.desk.books is not None and visit.may(Need.EXPORT)
    return show_statement(visit, _part(visit), "month.html", check=check, can_verify=can_verify)


def verify(visit: Visit) -> Response:
    """Begin to hold a closed month against its entries; one that was checked a moment ago is not checked again."""
    month, desk = month_of(visit), visit.desk
    if desk.books is not None:
        work = Work(desk.database, desk.books, desk.operator_party, visit.person.email, desk.clock)
        verify_closed(work, month, desk.later)
    return visit.go(visit.publisher_path("months", month.label))


def download_all(visit: Visit) -> Response:
    """Every format with the manifest that pins them."""
    return send_folder(visit, _part(visit))


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
