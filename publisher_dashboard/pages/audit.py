"""The audit log of a publisher: who changed what, narrowed by what stands in the address, as a table or a file."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from edge.core.report_files import safe_cell
from edge.store.audit_events import AuditFilter
from publisher_dashboard.auth import Turned
from publisher_dashboard.csv_stream import csv_answer
from publisher_dashboard.day_range import read_days
from publisher_dashboard.rendering import at
from publisher_dashboard.views.audit import AREAS, AuditLog, audit_log, whole_log
from publisher_dashboard.visit import Visit

CSV_COLUMNS = ("at", "author", "action", "subject", "site", "details")
_FILTERS = ("who", "area", "from", "to")
_CURSOR_DIGITS_MAX = 18


def show(visit: Visit) -> Response:
    """The log, the newest first."""
    form, wanted, errors = _narrow(visit)
    with visit.desk.database.read() as connection:
        log = audit_log(connection, visit.publisher.publisher_id, wanted)
    if errors:
        log = AuditLog((), log.authors, None)
    path = visit.publisher_path("audit")
    query = urlencode({name: value for name, value in form.items() if value})
    following = urlencode({"before": log.next_before}) if log.next_before else ""
    return visit.render(
        "audit.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        log=log,
        form=form,
        errors=errors,
        filters=query,
        who_options=[(name, name) for name in log.authors],
        areas=list(AREAS.items()),
        next_page=f"{path}?{'&'.join(part for part in (query, following) if part)}" if following else None,
        first_page=f"{path}{'?' if query else ''}{query}" if wanted.before_id else None,
    )


def download(visit: Visit) -> Response:
    """Exactly the events of this filter as CSV."""
    _, wanted, errors = _narrow(visit)
    if errors:
        raise Turned(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(errors.values()))
    return csv_answer("audit.csv", CSV_COLUMNS, _csv_rows(visit, wanted))


def _narrow(visit: Visit) -> tuple[dict[str, str], AuditFilter, dict[str, str]]:
    form = {name: visit.query(name) for name in _FILTERS}
    errors: dict[str, str] = {}
    since, until = read_days(form, errors)
    before = visit.query("before")
    cursor = int(before) if before.isdecimal() and before.isascii() and len(before) <= _CURSOR_DIGITS_MAX else None
    return form, AuditFilter(form["who"], form["area"], since, until, cursor), errors


def _csv_rows(visit: Visit, wanted: AuditFilter) -> Iterator[list[str | int]]:
    with visit.desk.database.read() as connection:
        for line in whole_log(connection, visit.publisher.publisher_id, wanted):
            event = line.event
            yield [
                at(event.at_micros).isoformat(timespec="microseconds"),
                safe_cell(event.author),
                event.action,
                safe_cell(event.subject),
                event.site or "",
                safe_cell(orjson.dumps(dict(event.details)).decode()),
            ]
