"""Closed months as they are kept: written once, in one transaction, and read the same for ever.

Rules of this file
- Whoever inserts the row of ``month_close`` has closed the month; everybody else reads what that one wrote.
- A statement is read with its lines, and is no statement unless they are the ones that were closed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select

from edge.core.closing import canonical
from edge.core.fees import FeeBasis
from edge.core.frozen_statement import head_of, thaw
from edge.core.month import Month
from edge.core.report import MonthReport, ReportLine
from edge.core.report_files import jsonl_digest
from edge.core.statement import NO_MOVEMENTS, Party, Reader, Statement
from edge.store.month_reading import Names
from edge.store.tables import month_close, month_fee, month_line, month_statement

_LINE = tuple(column for column in month_line.columns if column.name not in ("month", "position"))
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """That a month is closed: by whom, when, and the texts that pin it."""

    month: Month
    closed_at_micros: int
    closed_by: str
    manifest: str
    token: str


def find_closed(connection: Connection, month: Month) -> ClosedMonth | None:
    """The month's close, None while it is open."""
    row = connection.execute(select(month_close).where(month_close.c.month == month.label)).one_or_none()
    return None if row is None else ClosedMonth(month, row.closed_at_micros, row.closed_by, row.manifest, row.token)


def closed_labels(connection: Connection) -> frozenset[str]:
    """Every closed month, as ``2026-10``."""
    return frozenset(connection.execute(select(month_close.c.month)).scalars())


def keep_close(connection: Connection, closed: ClosedMonth, names: str) -> None:
    """Say that the month is closed; raises ``IntegrityError`` when somebody else did."""
    connection.execute(
        insert(month_close).values(
            month=closed.month.label,
            closed_at_micros=closed.closed_at_micros,
            closed_by=closed.closed_by,
            manifest=closed.manifest,
            token=closed.token,
            names=names,
        )
    )


def keep_statements(connection: Connection, whole: Statement, documents: Mapping[tuple[Reader, int], str]) -> None:
    """Keep the operator's lines, and every reader's statement without them."""
    label = whole.month.label
    lines = [
        {"month": label, "position": position, **{column.name: getattr(line, column.name) for column in _LINE}}
        for position, line in enumerate(whole.report.lines)
    ]
    for start in range(0, len(lines), _ROWS_AT_ONCE):
        connection.execute(insert(month_line), lines[start : start + _ROWS_AT_ONCE])
    rows = [
        {"month": label, "reader": reader.value, "party_id": number, "document": text}
        for (reader, number), text in documents.items()
    ]
    connection.execute(insert(month_statement), rows)


def keep_fees(connection: Connection, month: Month, bases: Iterable[FeeBasis]) -> None:
    """Keep what each fee was taken of."""
    rows = [
        {
            "month": month.label,
            "publisher_id": basis.publisher_id,
            "currency": basis.currency,
            "share_ppm": basis.share_ppm,
            "net_micros": basis.net_micros,
            "carried_micros": basis.carried_micros,
            "fee_micros": basis.fee_micros,
        }
        for basis in bases
    ]
    if rows:
        connection.execute(insert(month_fee), rows)


def kept_fees(connection: Connection, month: Month) -> list[tuple[FeeBasis, int]]:
    """What each fee of a closed month was taken of, and what was taken, in micro-units."""
    own = month_fee.c
    query = select(month_fee).where(own.month == month.label).order_by(own.publisher_id, own.currency)
    return [(_basis(row), row.fee_micros) for row in connection.execute(query)]


def carried_before(connection: Connection, month: Month) -> dict[tuple[int, str], int]:
    """What months before this one lacked and none has made up for, by publisher and currency: zero or negative."""
    own = month_fee.c
    last = (
        select(own.publisher_id, own.currency, func.max(own.month).label("month"))
        .where(own.month < month.label)
        .group_by(own.publisher_id, own.currency)
        .subquery()
    )
    same = (own.publisher_id == last.c.publisher_id) & (own.currency == last.c.currency) & (own.month == last.c.month)
    found = [_basis(row) for row in connection.execute(select(month_fee).join(last, same))]
    return {(basis.publisher_id, basis.currency): basis.carries_micros for basis in found}


def closed_statement(connection: Connection, month: Month, reader: Reader, party: Party | None) -> Statement | None:
    """A reader's statement as it was closed, None while the month is open; raises ``ReportMismatch``.

    A party that had nothing in the month gets a statement of nothing.
    """
    document = kept_document(connection, month, reader, 0 if party is None else party.number or 0)
    if document is not None:
        named = head_of(document).party
        return thaw(document, kept_lines(connection, month, reader, "" if named is None else named.name))
    whole = kept_document(connection, month, Reader.OPERATOR, 0)
    if whole is None:
        return None
    nothing = MonthReport(month, (), (), 0, False)
    made = thaw(whole, kept_lines(connection, month, Reader.OPERATOR, ""))
    empty = replace(made, report=nothing, reader=reader, party=party, accounts=(), suspended_micros=())
    nowhere = replace(empty, digest=jsonl_digest(nothing), verify_at=None)
    return replace(nowhere, topped_up_micros=(), receipts=0, movements=NO_MOVEMENTS)


def kept_document(connection: Connection, month: Month, reader: Reader, party_id: int) -> str | None:
    """The text of a statement, as it was kept."""
    own = month_statement.c
    mine = (own.month == month.label, own.reader == reader.value, own.party_id == party_id)
    return connection.execute(select(own.document).where(*mine)).scalar_one_or_none()


def kept_documents(connection: Connection, month: Month) -> dict[tuple[Reader, int], str]:
    """The texts of all statements of a month."""
    rows = connection.execute(select(month_statement).where(month_statement.c.month == month.label))
    return {(Reader(row.reader), row.party_id): row.document for row in rows}


def kept_lines(connection: Connection, month: Month, reader: Reader, name: str) -> tuple[ReportLine, ...]:
    """A reader's lines of a closed month, in their order; a crawler's without the fee."""
    query = select(*_LINE).where(month_line.c.month == month.label).order_by(month_line.c.position)
    if reader is Reader.PUBLISHER:
        query = query.where(month_line.c.publisher == name)
    if reader is Reader.CRAWLER:
        query = query.where(month_line.c.crawler == name)
    lines = (ReportLine(**row) for row in connection.execute(query).mappings())
    return tuple(replace(line, fee_micros=0) if reader is Reader.CRAWLER else line for line in lines)


def names_text(names: Names) -> str:
    """What everybody was called, as a text to be kept."""
    return canonical(
        {
            "publishers": {str(number): name for number, name in names.publishers.items()},
            "crawlers": {str(number): name for number, name in names.crawlers.items()},
            "sites": {str(number): name for number, name in names.sites.items()},
        }
    )


def kept_names(connection: Connection, month: Month) -> str | None:
    """What everybody was called, as the text that was kept; None while the month is open."""
    query = select(month_close.c.names).where(month_close.c.month == month.label)
    return connection.execute(query).scalar_one_or_none()


def names_in(connection: Connection, month: Month, now: Names) -> Names:
    """What everybody was called when the month was closed, else ``now``: for what is read from entries."""
    text = kept_names(connection, month)
    if text is None:
        return now
    kept: dict[str, dict[str, str]] = json.loads(text)
    of: Sequence[dict[int | None, str]] = [
        {**later, **{int(number): name for number, name in kept[kind].items()}}
        for kind, later in (("publishers", now.publishers), ("crawlers", now.crawlers), ("sites", now.sites))
    ]
    return Names(now.accounts, *of)


def _basis(row: Any) -> FeeBasis:
    return FeeBasis(row.publisher_id, row.currency, row.share_ppm, row.net_micros, row.carried_micros)
