"""Hold a closed month against the books: what was kept must be what its entries come to, to the byte.

The entries are folded again under the names of then, every reader's statement is cut again, and the manifest is written
again; what was signed must be that manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest

from sqlalchemy import Connection

from edge.core.closing import Share, check_fees, cut, manifest_text, month_fault
from edge.core.frozen_statement import StatementHead, freeze, head_of
from edge.core.keys import PublicKey
from edge.core.month import Month
from edge.core.report import ReportLine, ReportMismatch
from edge.core.statement import Reader, Statement
from edge.store.closed_months import (
    ClosedMonth,
    carried_before,
    find_closed,
    kept_documents,
    kept_fees,
    kept_lines,
    kept_names,
    names_in,
)
from edge.store.faults import Fault
from edge.store.month_reading import WHOLE, Names
from edge.store.month_sums import Reading
from edge.store.reader_counts import ReaderCounts, count_readers, writer_parts
from edge.store.statements import fold_statement

Documents = Mapping[tuple[Reader, int], str]


def closed_month_faults(connection: Connection, month: Month, keys: Mapping[str, PublicKey]) -> Iterator[Fault]:
    """Everything in which a closed month is not what its entries say; nothing for one that is open.

    Raises ``ReportMismatch`` when the entries themselves come to no statement.
    """
    closed = find_closed(connection, month)
    if closed is None:
        return
    place = f"month {month.label}"
    wrong = month_fault(month, closed.manifest, closed.token, keys)
    if wrong is not None:
        yield Fault("I6", place, wrong)
    documents = kept_documents(connection, month)
    if (Reader.OPERATOR, 0) not in documents:
        yield Fault("I5", place, "is closed, but its statements are missing")
        return
    yield from _content_faults(connection, closed, documents, place)


def _content_faults(connection: Connection, closed: ClosedMonth, documents: Documents, place: str) -> Iterator[Fault]:
    month, names = closed.month, names_in(connection, closed.month, Names.read(connection))
    heads = {key: head_of(text) for key, text in documents.items()}
    whole, reading = _folded(connection, month, names, heads[Reader.OPERATOR, 0])
    yield from _line_faults(whole.report.lines, kept_lines(connection, month, Reader.OPERATOR, ""), place)
    yield from _fee_faults(connection, whole, names, place)
    counts = count_readers(connection, month, reading, names)
    for key, text in documents.items():
        if freeze(_cut_again(whole, key, heads[key], counts)) != text:
            yield Fault("I5", f"{place}, {key[0]} {key[1] or ''}".rstrip(), "is not what its entries come to")
    written = manifest_text(
        whole,
        [basis for basis, _ in kept_fees(connection, month)],
        writer_parts(connection, month),
        {heads[key].number: text for key, text in documents.items()},
        kept_names(connection, month) or "",
    )
    if written != closed.manifest:
        yield Fault("I5", place, "has a manifest that is not of what was recorded and kept")


def _folded(connection: Connection, month: Month, names: Names, head: StatementHead) -> tuple[Statement, Reading]:
    """The operator's statement out of the entries, under the names of then."""
    whole, reading = fold_statement(connection, month, WHOLE, operator=head.operator, draft=False, names=names)
    return replace(whole, verify_at=head.verify_at), reading


def _line_faults(folded: tuple[ReportLine, ...], kept: tuple[ReportLine, ...], place: str) -> Iterator[Fault]:
    """The first line that differs: one changed entry or line is enough to shift all that follow."""
    for position, (now, then) in enumerate(zip_longest(folded, kept)):
        if now != then:
            told = then or now
            assert told is not None
            what = f"{told.publisher}, {told.crawler}, {told.rule}, {told.currency}"
            yield Fault("I5", f"{place}, line {position}", f"is not what its entries come to ({what})")
            return


def _fee_faults(connection: Connection, whole: Statement, names: Names, place: str) -> Iterator[Fault]:
    """Each fee is the share of its basis, was taken as such, and goes on from the month before."""
    carried, kept = carried_before(connection, whole.month), kept_fees(connection, whole.month)
    for basis, taken in kept:
        before = carried.get((basis.publisher_id, basis.currency), 0)
        if taken != basis.fee_micros or basis.carried_micros != before:
            whose = f"{place}, fee of publisher {basis.publisher_id} in {basis.currency}"
            yield Fault("I5", whose, f"is {taken} micro-units, its share of the month comes to something else")
    ids = {name: number for number, name in names.publishers.items() if number is not None}
    try:
        check_fees(whole.report, [basis for basis, _ in kept], ids)
    except ReportMismatch as wrong:
        yield Fault("I5", place, str(wrong))


def _cut_again(whole: Statement, key: tuple[Reader, int], head: StatementHead, counts: ReaderCounts) -> Statement:
    reader, number = key
    if head.party is None:
        return whole
    known = counts.publishers if reader is Reader.PUBLISHER else counts.crawlers
    return cut(whole, reader, head.party, replace(known.get(number, Share()), verify_at=head.verify_at))
