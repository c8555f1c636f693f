"""Close a month, once and for ever.

Rules of this file
- The steps are: read the whole of the books; decide the shares and let nothing be recorded into the month any more;
  take the fees; keep the statements. Each can be done again: whoever dies in between, or comes second, goes on where
  the books stand, and comes to the same.
- Nothing is kept unless the entries, the accounts, the fees and the three readers' statements agree.
- One insert decides who closed the month; the other one is told so, and reads the same bytes.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from edge.core.closing import Share, check_fees, check_readers, cut, fee_bases, manifest_text, sign_month
from edge.core.errors import EdgeError
from edge.core.fees import FeeBasis, format_share
from edge.core.frozen_statement import freeze
from edge.core.ledger import EntryKind, InvariantBroken
from edge.core.ledger_corrections import FeeOrder, Recorded
from edge.core.ledger_operations import Fee
from edge.core.money import Money, format_signed
from edge.core.month import Month
from edge.core.report import Pocket, is_draft
from edge.core.report_files import sums_document
from edge.core.statement import Party, Reader, Statement
from edge.core.webhooks import WebhookEvent
from edge.store import outbox, writers
from edge.store.account_rows import fees_account, publisher_account
from edge.store.batch_writer import BatchWriter
from edge.store.checkpoints import BooksBroken
from edge.store.closed_months import (
    ClosedMonth,
    carried_before,
    closed_labels,
    find_closed,
    keep_close,
    keep_fees,
    keep_statements,
    names_text,
)
from edge.store.database import Database
from edge.store.insertion import insert_new
from edge.store.month_reading import WHOLE, Names, Part
from edge.store.month_sums import Reading
from edge.store.reader_counts import count_readers, writer_parts
from edge.store.service_keys import ServiceKeys
from edge.store.statements import fold_statement, party_of_crawler, party_of_publisher, receipts_at
from edge.store.tables import entry, month_share, publisher
from edge.store.verify import Progress, verify
from edge.store.verify_checkpoints import Signed

BATCH_LIMIT = 64


class MonthNotClosable(EdgeError):
    """The month cannot be closed now; the message says why, and what to do first."""


@dataclass(frozen=True, slots=True)
class Closer:
    """Who closes months: the operator as statements name it, the person or command, the keys, and the time."""

    operator: Party
    author: str
    keys: ServiceKeys
    now_micros: int


def close_month(
    database: Database, month: Month, closer: Closer, signed: Signed | None = None, progress: Progress | None = None
) -> tuple[ClosedMonth, bool]:
    """Close a month; False when it was closed before, or somebody else was faster.

    ``signed`` holds the books against every checkpoint first; ``progress`` hears how far that is.

    Raises ``MonthNotClosable``, ``BooksBroken``,
    ``ReportMismatch`` and ``LedgerUnavailable``; whatever was done by then is right, and the next try goes on from it.
    """
    with database.read() as connection:
        closed = find_closed(connection, month)
        if closed is not None:
            return closed, False
        check_closable(connection, month, closer.now_micros)
    found = verify(database, (), signed, progress=progress)
    if not found.holds:
        raise BooksBroken(found.faults)
    begin_close(database, month)
    take_fees(database, month, closer)
    return freeze_month(database, month, closer)


def check_closable(connection: Connection, month: Month, now_micros: int) -> None:
    """Refuse a month that is not over, and one before which another is open; raises ``MonthNotClosable``."""
    if is_draft(month, now_micros):
        raise MonthNotClosable(
            f"{month.label} is not over; close it from {month.following.label}-01 00:01 UTC on, "
            f"and see `farebox report {month.label}` for the draft"
        )
    earlier = max((Month.parse(label) for label in closed_labels(connection)), default=None)
    since = 0 if earlier is None else earlier.end_micros
    recorded = entry.c.recorded_at_micros
    first = connection.execute(
        # A month in which nothing but earlier ones' fees was recorded needs no closing.
        select(func.min(recorded)).where(
            recorded >= since, recorded < month.start_micros, entry.c.kind != EntryKind.FEE.value
        )
    ).scalar_one()
    if first is not None:
        waits = Month.of(first).label
        raise MonthNotClosable(f"{waits} has entries and is open; close it first, with `farebox close {waits}`")


def has_begun(connection: Connection, month: Month) -> bool:
    """Whether the close of a month was begun: its shares are decided, and nothing is recorded into it any more."""
    begun = select(month_share.c.month).where(month_share.c.month == month.label).limit(1)
    return connection.execute(begun).first() is not None


def begin_close(database: Database, month: Month) -> None:
    """Decide each publisher's share of the month, and let no writer record anything into it any more."""
    with database.write() as connection:
        for row in connection.execute(select(publisher.c.id, publisher.c.share_ppm).order_by(publisher.c.id)).all():
            decided = {"month": month.label, "publisher_id": row.id, "share_ppm": row.share_ppm}
            insert_new(connection, month_share, decided)
        writers.fence(connection, f"{socket.gethostname()} close {month.label}", month.end_micros)


def take_fees(database: Database, month: Month, closer: Closer) -> tuple[FeeBasis, ...]:
    """Record the operator's share of each publisher's month, through the ledger's own hand, once."""
    with database.read() as connection:
        names = Names.read(connection)
        whole, _ = fold_statement(connection, month, WHOLE, operator=closer.operator, draft=True, names=names)
        bases = _bases(connection, whole, names)
    orders = [order for basis in bases if (order := _fee_order(database, month, basis, closer.author)) is not None]
    hand = BatchWriter(database, f"{socket.gethostname()} close", clock=lambda: closer.now_micros)
    try:
        for start in range(0, len(orders), BATCH_LIMIT):
            chunk = orders[start : start + BATCH_LIMIT]
            for order, answer in zip(chunk, hand.write([Fee(order) for order in chunk]), strict=True):
                if not isinstance(answer, Recorded):
                    raise InvariantBroken(f"the fee {order} of {month.label} was answered with {answer}")
    finally:
        hand.close()
    return bases


def freeze_month(database: Database, month: Month, closer: Closer) -> tuple[ClosedMonth, bool]:
    """Keep the month as it stands, when all who read it are told the same; False when somebody else was faster."""
    with database.read() as connection:
        names = Names.read(connection)
        whole, reading = fold_statement(connection, month, WHOLE, operator=closer.operator, draft=False, names=names)
        bases = _bases(connection, whole, names)
        check_fees(whole.report, bases, _ids(names.publishers))
        readers = _readers(connection, whole, reading, names)
        parts = writer_parts(connection, month)
    documents = {key: freeze(statement) for key, statement in readers.items()}
    known = names_text(names)
    manifest = manifest_text(whole, bases, parts, {readers[key].number: text for key, text in documents.items()}, known)
    token = sign_month(
        month, manifest, closer.operator.name, closer.author, closer.now_micros, closer.keys.current.private
    )
    closed = ClosedMonth(month, closer.now_micros, closer.author, manifest, token)
    try:
        with database.write() as connection:
            keep_close(connection, closed, known)
            keep_fees(connection, month, bases)
            keep_statements(connection, whole, documents)
            for statement in readers.values():
                _tell(connection, statement, closed)
    except IntegrityError:
        with database.read() as connection:
            others = find_closed(connection, month)
        if others is None:
            raise
        return others, False
    return closed, True


def _bases(connection: Connection, whole: Statement, names: Names) -> tuple[FeeBasis, ...]:
    decided = select(month_share.c.publisher_id, month_share.c.share_ppm).where(
        month_share.c.month == whole.month.label
    )
    shares = {row.publisher_id: row.share_ppm for row in connection.execute(decided)}
    return fee_bases(whole.report, _ids(names.publishers), shares, carried_before(connection, whole.month))


def _fee_order(database: Database, month: Month, basis: FeeBasis, author: str) -> FeeOrder | None:
    if not basis.fee_micros:
        return None
    with database.write() as connection:
        earns = publisher_account(connection, basis.publisher_id, basis.currency)
        fees = fees_account(connection, basis.currency)
    why = f"{format_share(basis.share_ppm)} of {format_signed(basis.basis_micros, basis.currency)}"
    money = Money(basis.fee_micros, basis.currency)
    return FeeOrder(month.label, earns, fees, basis.publisher_id, money, author, why)


def _readers(
    connection: Connection, whole: Statement, reading: Reading, names: Names
) -> dict[tuple[Reader, int], Statement]:
    """The operator's statement and those cut out of it, for each party that has anything in the month; checked."""
    counts = count_readers(connection, whole.month, reading, names)
    publishers: dict[int, Statement] = {}
    for number in sorted(counts.publishers.keys() | _owners(whole, Pocket.PUBLISHER)):
        place = receipts_at(connection, Part(publisher_id=number))
        own = replace(counts.publishers.get(number, Share()), verify_at=place)
        publishers[number] = cut(whole, Reader.PUBLISHER, party_of_publisher(connection, number), own)
    crawlers: dict[int, Statement] = {}
    for number in sorted(counts.crawlers.keys() | _owners(whole, Pocket.CRAWLER)):
        own = replace(counts.crawlers.get(number, Share()), verify_at=whole.verify_at)
        crawlers[number] = cut(whole, Reader.CRAWLER, party_of_crawler(connection, number), own)
    check_readers(whole, list(publishers.values()), list(crawlers.values()))
    return {
        (Reader.OPERATOR, 0): whole,
        **{(Reader.PUBLISHER, number): statement for number, statement in publishers.items()},
        **{(Reader.CRAWLER, number): statement for number, statement in crawlers.items()},
    }


def _tell(connection: Connection, statement: Statement, closed: ClosedMonth) -> None:
    """Write ``statement.closed`` into the outbox, for the one whose statement it is."""
    number = None if statement.party is None else statement.party.number
    data = {
        "month": closed.month.label,
        "statement": statement.number,
        "lines_sha256": statement.digest,
        "totals": {total.currency: sums_document(total) for total in statement.report.totals},
        "token": closed.token,
    }
    outbox.add(
        connection,
        WebhookEvent.STATEMENT_CLOSED,
        f"statement {statement.number}",
        data,
        publisher_id=number if statement.reader is Reader.PUBLISHER else None,
        crawler_id=number if statement.reader is Reader.CRAWLER else None,
        at_micros=closed.closed_at_micros,
        operator=statement.reader is Reader.OPERATOR,
    )


def _owners(whole: Statement, pocket: Pocket) -> set[int]:
    """Whose accounts the statement shows: they hold something, or were moved."""
    return {int(account.code.split(":")[1]) for account in whole.accounts if account.pocket is pocket}


def _ids(names: Mapping[int | None, str]) -> dict[str, int]:
    return {name: number for number, name in names.items() if number is not None}
