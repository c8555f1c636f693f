"""The audit log: who did what to money and to accounts, and why. It is the entries themselves.

Rules of this file
- A refund, a credit note, a top-up or a fee is an entry with its author. A change that moves nothing (terms, limit,
  budget, suspension, operator's share) is an entry of kind NOTE, amount 0, written in the transaction of the change:
  neither can be without the other. So the log is append-only, chained, and read by ``farebox verify`` like money.
- A note is about an account; what concerns several accounts of one owner is noted for each.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, tuple_

from edge.core.ledger import EntryKind, charge_id
from edge.core.ledger_corrections import NoteOrder
from edge.core.ledger_operations import Note
from edge.core.money import Money
from edge.core.report import Pocket
from edge.store.account_rows import funding_account
from edge.store.accounts import command_hand
from edge.store.database import Database, now_micros
from edge.store.month_reading import pocket_of
from edge.store.tables import account, crawler, entry, publisher

Made = TypeVar("Made")
_STREAM_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody did. ``what`` is JSON, for notes alone; ``charge`` the charge concerned, if any.

    ``payer`` and ``payee`` say which way the money went, where ``amount`` is any.
    """

    at_micros: int
    author: str
    kind: EntryKind
    crawler: str | None
    publisher: str | None
    amount: Money
    reference: str | None
    charge: str | None
    what: str | None
    reason: str | None
    position: tuple[int, int]
    payer: Pocket
    payee: Pocket


def change_noted(
    database: Database,
    accounts: Sequence[int],
    what: Mapping[str, object],
    change: Callable[[Connection], Made],
    *,
    author: str,
    reason: str,
    clock: Callable[[], int] = now_micros,
) -> Made:
    """Make a change and note it for each of the accounts, in one transaction; without accounts, only make it.

    ``clock`` is the notes'. Raises what ``change`` raises, and then nothing has happened; ``LedgerUnavailable``
    likewise.
    """
    with database.write() as connection:
        notes = [_note(connection, number, what, author, reason) for number in accounts]
    if not notes:
        with database.write() as connection:
            return change(connection)
    made: list[Made] = []
    with command_hand(database, clock) as hand:
        hand.write_with([Note(order) for order in notes], lambda connection: made.append(change(connection)))
    return made[-1]


def accounts_owned(connection: Connection, owner_kind: str, owner_id: int) -> list[int]:
    """The accounts of a ``crawler`` or ``publisher``, by id."""
    owned = (account.c.owner_kind == owner_kind) & (account.c.owner_id == owner_id)
    return list(connection.execute(select(account.c.id).where(owned).order_by(account.c.id)).scalars())


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the log, and the place of its last row when there are more."""

    rows: tuple[AuditRow, ...]
    next_before: tuple[int, int, int] | None


def audit_rows(connection: Connection, since_micros: int | None = None) -> Iterator[AuditRow]:
    """What people and commands did, oldest first; the connection is busy until the end."""
    query = _authored().order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    if since_micros is not None:
        query = query.where(entry.c.recorded_at_micros >= since_micros)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for row in rows:
            yield _audit_row(row)


def newest_audit_rows(
    connection: Connection,
    limit: int,
    *,
    kinds: Sequence[EntryKind] = (),
    uncharged_notes: bool = False,
    since_micros: int | None = None,
    until_micros: int | None = None,
    before: tuple[int, int, int] | None = None,
    author: str | None = None,
    crawler_id: int | None = None,
) -> AuditPage:
    """What people and commands did last, newest first; ``before`` is the place of the last row that was shown.

    ``uncharged_notes`` takes credit and debit notes that correct no charge beside the ``kinds``.
    """
    place = (entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    query = _authored().order_by(*(column.desc() for column in place)).limit(limit + 1)
    if kinds:
        query = query.where(_is_of(kinds, uncharged_notes))
    if crawler_id is not None:
        query = query.where(entry.c.crawler_id == crawler_id)
    if author:
        query = query.where(entry.c.author == author)
    if since_micros is not None:
        query = query.where(entry.c.recorded_at_micros >= since_micros)
    if until_micros is not None:
        query = query.where(entry.c.recorded_at_micros < until_micros)
    if before is not None:
        query = query.where(tuple_(*place) < tuple_(*before))
    rows = [_audit_row(row) for row in connection.execute(query)]
    last = rows[limit - 1] if len(rows) > limit else None
    return AuditPage(tuple(rows[:limit]), None if last is None else (last.at_micros, *last.position))


def _is_of(kinds: Sequence[EntryKind], uncharged_notes: bool) -> ColumnElement[bool]:
    named = entry.c.kind.in_([kind.value for kind in kinds])
    if not uncharged_notes:
        return named
    return or_(named, and_(entry.c.kind == EntryKind.ADJUST.value, entry.c.request_id.is_(None)))


def _authored() -> Select[Any]:
    names = (crawler.c.name.label("crawler_name"), publisher.c.name.label("publisher_name"))
    payer, payee = account.alias("payer"), account.alias("payee")
    return (
        select(entry, *names, payer.c.code.label("payer_code"), payee.c.code.label("payee_code"))
        .select_from(
            entry.outerjoin(crawler, crawler.c.id == entry.c.crawler_id)
            .outerjoin(publisher, publisher.c.id == entry.c.publisher_id)
            .join(payer, payer.c.id == entry.c.debit_account)
            .join(payee, payee.c.id == entry.c.credit_account)
        )
        .where(entry.c.author.is_not(None))
    )


def _audit_row(row: Row[Any]) -> AuditRow:
    kind = EntryKind(row.kind)
    charge = charge_id(row.key) if kind is EntryKind.REVERSE else None
    return AuditRow(
        row.recorded_at_micros,
        row.author,
        kind,
        row.crawler_name,
        row.publisher_name,
        Money(row.amount_micros, row.currency),
        row.reference,
        row.request_id if kind is EntryKind.ADJUST else charge,
        row.evidence if kind is EntryKind.NOTE else None,
        row.reason,
        (row.writer_id, row.number),
        pocket_of(row.payer_code),
        pocket_of(row.payee_code),
    )


def _note(connection: Connection, number: int, what: Mapping[str, object], author: str, reason: str) -> NoteOrder:
    concerned = connection.execute(select(account).where(account.c.id == number)).one()
    is_crawler = concerned.owner_kind == "crawler"
    return NoteOrder(
        number=f"note-{secrets.token_hex(8)}",
        account=number,
        counter_account=funding_account(connection, concerned.currency),
        currency=concerned.currency,
        crawler_id=concerned.owner_id if is_crawler else None,
        publisher_id=None if is_crawler else concerned.owner_id,
        what=orjson.dumps(what, option=orjson.OPT_SORT_KEYS).decode(),
        reason=reason,
        author=author,
    )
