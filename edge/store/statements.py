"""A reader's statement of a month, read in one snapshot and checked before anybody sees it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from edge.core.month import Month
from edge.core.report import check, fold, is_draft
from edge.core.report_files import jsonl_digest
from edge.core.statement import Party, Reader, Statement
from edge.store.month_reading import Names, Part
from edge.store.month_sums import account_months, entry_sums, read_month, suspended
from edge.store.tables import crawler, publisher, site

RECEIPTS_PATH = "/.well-known/receipts/"


def read_statement(
    connection: Connection,
    month: Month,
    part: Part,
    *,
    operator: Party,
    now_micros: int,
    names: Names | None = None,
) -> Statement:
    """Add a month up and hold it against what the accounts moved; raises ``ReportMismatch``.

    The connection must read one snapshot (``Database.read``).
    """
    known = names or Names.read(connection)
    reading = read_month(connection, known, month, part)
    rows = (move.row(known, month) for move in (*reading.named, *reading.fees))
    report = fold(month, rows, draft=is_draft(month, now_micros))
    check(report, entry_sums(reading.moved, reading.fees, known))
    reader, party = _party(connection, part)
    return Statement(
        report,
        operator,
        reader,
        party,
        account_months(connection, known, reading.moved, reading.since, part),
        suspended(connection, month, part),
        jsonl_digest(report),
        _receipts_at(connection, part),
    )


def _receipts_at(connection: Connection, part: Part) -> str | None:
    """Where the receipts of a part's charges are served: every site has those of all, so the first one is named."""
    query = select(site.c.scheme, site.c.host).where(site.c.active).order_by(site.c.id).limit(1)
    if part.publisher_id is not None:
        query = query.where(site.c.publisher_id == part.publisher_id)
    found = connection.execute(query).one_or_none()
    return None if found is None else f"{found.scheme or 'https'}://{found.host}{RECEIPTS_PATH}"


def _party(connection: Connection, part: Part) -> tuple[Reader, Party | None]:
    if part.publisher_id is not None:
        found = connection.execute(select(publisher).where(publisher.c.id == part.publisher_id)).one()
        return Reader.PUBLISHER, Party(found.name, found.id, (found.email,))
    if part.crawler_id is not None:
        found = connection.execute(select(crawler).where(crawler.c.id == part.crawler_id)).one()
        return Reader.CRAWLER, Party(found.name, found.id, (found.operator, found.agent_url))
    return Reader.OPERATOR, None
