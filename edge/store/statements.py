"""A reader's statement of a month, read in one snapshot and checked before anybody sees it.

A month that is closed is read from what was kept when it was closed; any other is added up from its entries, and is a
draft.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from edge.core.month import Month
from edge.core.report import check, fold
from edge.core.report_files import jsonl_digest
from edge.core.statement import Party, Reader, Statement
from edge.store.closed_months import closed_statement, names_in
from edge.store.month_reading import Names, Part
from edge.store.month_sums import Reading, account_months, entry_sums, read_month
from edge.store.particulars import read_particulars
from edge.store.reader_counts import count_readers
from edge.store.sample_site import SUFFIX
from edge.store.tables import crawler, publisher, site

RECEIPTS_PATH = "/.well-known/receipts/"


def read_statement(
    connection: Connection,
    month: Month,
    part: Part,
    *,
    operator: Party,
    names: Names | None = None,
    by_days: bool = False,
) -> Statement:
    """A month as it was closed, else as it stands; raises ``ReportMismatch``.

    ``operator`` is whom an open month names; a closed one says what it said then. The connection must read one snapshot
    (``Database.read``). ``by_days`` is for screens, which shall not add up a million entries: of an open month, whole
    days are read as they were summed when they were over.
    """
    reader, party = _party(connection, part)
    known = names or names_in(connection, month, Names.read(connection))
    made = closed_statement(connection, month, reader, party)
    if made is None:
        made, _ = fold_statement(connection, month, part, operator=operator, draft=True, names=known, by_days=by_days)
    return replace(made, particulars=read_particulars(connection, made, part, known))


def fold_statement(
    connection: Connection,
    month: Month,
    part: Part,
    *,
    operator: Party,
    draft: bool,
    names: Names,
    by_days: bool = False,
) -> tuple[Statement, Reading]:
    """Add a month up from its entries and hold it against what the accounts moved; raises ``ReportMismatch``."""
    reading = read_month(connection, names, month, part, by_days=by_days)
    rows = (move.row(names, month) for move in (*reading.named, *reading.fees))
    report = fold(month, rows, draft=draft)
    check(report, entry_sums(reading.moved, reading.fees, names))
    counted = count_readers(connection, month, reading, names, part).whole
    reader, party = _party(connection, part)
    made = Statement(
        report,
        operator,
        reader,
        party,
        account_months(connection, names, reading.moved, reading.since, part),
        counted.suspended_micros,
        jsonl_digest(report),
        receipts_at(connection, part),
        counted.topped_up_micros,
        counted.receipts,
        counted.movements,
    )
    return made, reading


def receipts_at(connection: Connection, part: Part) -> str | None:
    """Where the receipts of a part's charges are served.

    Every site has those of all, so the first one is named; never a sample, which is served to nobody.
    """
    real = site.c.active & site.c.host.not_like(f"%{SUFFIX}")
    query = select(site.c.scheme, site.c.host).where(real).order_by(site.c.id).limit(1)
    if part.publisher_id is not None:
        query = query.where(site.c.publisher_id == part.publisher_id)
    found = connection.execute(query).one_or_none()
    return None if found is None else f"{found.scheme or 'https'}://{found.host}{RECEIPTS_PATH}"


def party_of_publisher(connection: Connection, publisher_id: int) -> Party:
    """A publisher as a statement names it."""
    found = connection.execute(select(publisher).where(publisher.c.id == publisher_id)).one()
    return Party(found.name, found.id, (*found.letterhead.splitlines(), found.email))


def party_of_crawler(connection: Connection, crawler_id: int) -> Party:
    """A crawler as a statement names it."""
    found = connection.execute(select(crawler).where(crawler.c.id == crawler_id)).one()
    return Party(found.name, found.id, (found.operator, found.agent_url))


def _party(connection: Connection, part: Part) -> tuple[Reader, Party | None]:
    if part.publisher_id is not None:
        return Reader.PUBLISHER, party_of_publisher(connection, part.publisher_id)
    if part.crawler_id is not None:
        return Reader.CRAWLER, party_of_crawler(connection, part.crawler_id)
    return Reader.OPERATOR, None
