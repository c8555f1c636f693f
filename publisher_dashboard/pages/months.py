"""The months: what each came to, and its report, checked against the ledger before anyone sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from edge.core.month import InvalidMonth, Month
from edge.core.report import MonthReport, check, fold, is_draft
from edge.core.report_files import csv_file, jsonl_file
from edge.store.earnings import Earned, Period, earned_by_currency, first_earning_at
from edge.store.month_entries import month_sums, stream_month
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.rendering import at, month_name
from publisher_dashboard.visit import Visit

MONTHS_SHOWN_MAX = 36


@dataclass(frozen=True, slots=True)
class MonthLine:
    """One month of the list; a draft is still under way."""

    month: Month
    name: str
    draft: bool
    sums: tuple[Earned, ...]


def show(visit: Visit) -> Response:
    """The months since the first paid page, the newest first."""
    this = Month.of(visit.now_micros)
    with visit.desk.database.read() as connection:
        first_at = first_earning_at(connection, visit.publisher.publisher_id)
        months = _months(Month.of(first_at), this) if first_at is not None else []
        lines = [
            MonthLine(
                month,
                month_name(month),
                is_draft(month, visit.now_micros),
                tuple(earned_by_currency(connection, visit.publisher.publisher_id, _period(month)).values()),
            )
            for month in months
        ]
    ends = at(this.end_micros)
    return visit.render("months.html", months=lines, ends=f"{ends.day} {ends:%B %Y}, 00:00 UTC")


def show_one(visit: Visit) -> Response:
    """One month's lines and totals."""
    report = _report(visit)
    return visit.render("month.html", report=report, name=month_name(report.month))


def download_csv(visit: Visit) -> Response:
    """The report as CSV."""
    return _file(visit, csv_file, "csv", "text/csv; charset=utf-8")


def download_json_lines(visit: Visit) -> Response:
    """The report as JSON Lines, amounts in micro-units."""
    return _file(visit, jsonl_file, "jsonl", "application/jsonl; charset=utf-8")


def _file(visit: Visit, write: Callable[[MonthReport], bytes], ending: str, media_type: str) -> Response:
    report = _report(visit)
    name = f"farebox-{report.month.label}{'-draft' if report.draft else ''}.{ending}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(write(report), media_type=media_type, headers=headers)


def _report(visit: Visit) -> MonthReport:
    """The month of the address for this publisher, checked; a month that has not begun does not exist."""
    try:
        month = Month.parse(str(visit.request.path_params["month"]))
    except InvalidMonth as wrong:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE) from wrong
    this = Month.of(visit.now_micros)
    if month > this:
        raise Turned(HTTPStatus.NOT_FOUND, "This month has not begun yet.")
    own = frozenset({visit.publisher.publisher_id})
    with visit.desk.database.read() as connection:
        report = fold(
            month, stream_month(connection, month, publisher_ids=own), draft=is_draft(month, visit.now_micros)
        )
        check(report, month_sums(connection, month, publisher_ids=own))
    return report


def _months(first: Month, last: Month) -> list[Month]:
    months = [first]
    while months[-1] < last:
        months.append(months[-1].following)
    return months[-MONTHS_SHOWN_MAX:][::-1]


def _period(month: Month) -> Period:
    return Period(month.start_micros, month.end_micros)
