"""The operator's audit log: what was done to money, out of the books, and what else people changed; and as a file.

Rules of this file
- Nothing here can change a line: the books' are entries of the chain, the others are append-only.
- Every filter stands in the address. People's own accounts (who signed in when) are in their own logs alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import assert_never
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from edge.core.ledger import EntryKind
from edge.core.money import format_micros
from edge.core.report_files import safe_cell
from edge.store.audit import AuditRow
from edge.store.audit_events import AuditEvent
from edge.store.whole_audit import Line, Place, WholeFilter, whole_log
from publisher_dashboard.csv_stream import csv_answer
from publisher_dashboard.day_range import read_days
from publisher_dashboard.rendering import at
from publisher_dashboard.views.whole_audit import KIND_WORDS, OPERATOR_AREAS, Log, operators_log
from publisher_dashboard.visit import Visit

AUDIT = "/operator/audit"
_CURSOR = re.compile(r"(?:([0-9]{1,18})-([0-9]{1,9})-([0-9]{1,18}))?\.([0-9]{1,18})?")
_CSV = (
    *("at", "author", "kind", "crawler", "publisher", "currency", "amount", "reference", "charge", "change", "reason"),
    *("from", "to"),
)


def show(visit: Visit) -> Response:
    """Who did what, the newest first."""
    form = {name: visit.query(name) for name in ("who", "kind", "from", "to")}
    errors: dict[str, str] = {}
    since, until = read_days(form, errors)
    wanted = WholeFilter(
        author=form["who"],
        kinds=(EntryKind(form["kind"]),) if form["kind"] in KIND_WORDS else (),
        area=form["kind"] if form["kind"] in OPERATOR_AREAS else "",
        since_micros=since,
        until_micros=until,
    )
    place = read_place(visit.query("after"))
    with visit.desk.database.read() as connection:
        log = Log((), None) if errors else operators_log(connection, wanted, place)
    query = urlencode({name: value for name, value in form.items() if value})
    following = place_text(log.following)
    return visit.render(
        "operator_audit.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        lines=log.lines,
        form=form,
        errors=errors,
        filters=query,
        kinds=[*KIND_WORDS.items(), *OPERATOR_AREAS.items()],
        next_page=f"{AUDIT}?{query}{'&' if query else ''}after={following}" if following else None,
        first_page=f"{AUDIT}{'?' if query else ''}{query}" if place != Place() else None,
    )


def download(visit: Visit) -> Response:
    """The whole log as CSV, oldest first."""
    return csv_answer("audit.csv", _CSV, _csv_rows(visit))


def read_place(text: str) -> Place:
    """Where a page goes on, as its address says it; the newest when it says nothing of the kind."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        return Place()
    entry = None if found[1] is None else (int(found[1]), int(found[2]), int(found[3]))
    return Place(entry, None if found[4] is None else int(found[4]))


def place_text(place: Place | None) -> str:
    """The same for an address; empty at the end."""
    if place is None:
        return ""
    entry = "" if place.entry is None else "-".join(map(str, place.entry))
    return f"{entry}.{'' if place.event is None else place.event}"


def _csv_rows(visit: Visit) -> Iterator[list[str | int]]:
    with visit.desk.database.read() as connection:
        for line in whole_log(connection):
            yield _csv_row(line)


def _csv_row(line: Line) -> list[str | int]:
    when = at(line.at_micros).isoformat(timespec="microseconds")
    match line:
        case AuditRow():
            return [
                when,
                safe_cell(line.author),
                line.kind.value,
                safe_cell(line.crawler or ""),
                safe_cell(line.publisher or ""),
                line.amount.currency,
                format_micros(line.amount.amount_micros),
                safe_cell(line.reference or ""),
                line.charge or "",
                safe_cell(line.what or ""),
                safe_cell(line.reason or ""),
                *((line.payer.value, line.payee.value) if line.amount.amount_micros else ("", "")),
            ]
        case AuditEvent():
            told = safe_cell(orjson.dumps(dict(line.details)).decode()) if line.details else ""
            names = (safe_cell(line.crawler or ""), safe_cell(line.publisher or ""))
            return [
                when,
                safe_cell(line.author),
                line.action,
                *names,
                "",
                "",
                safe_cell(line.subject),
                "",
                told,
                "",
                "",
                "",
            ]
        case _:
            assert_never(line)
