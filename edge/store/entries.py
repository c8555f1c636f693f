"""The books' read side: one charge, lists of charges, and a month's entries.

Rules of this file
- One row of a list is one attempt of one charge: its opening entry with what followed, joined by the unique index.
- Lists go newest first and are paged by the place of the last row, so that a page does not shift while charges
  come in.
- A publisher's view is bounded by ``publisher_ids`` in the query itself, never by leaving rows out afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, select, tuple_

from edge.core.ledger import BROKEN_OFF, NOBODY_WAITED, EntryKind, Step, charge_id, key_of_charge_id
from edge.core.ledger_state import Phase
from edge.core.money import Money
from edge.store.charge_notes import credited_by_charge, credited_of
from edge.store.database import Database
from edge.store.deliveries import covering_mark
from edge.store.tables import crawler, entry, publisher, site

PAGE_LENGTH = 50
_STREAM_CHUNK = 2_000
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,9})-([0-9]{1,18})")


class Evidence(StrEnum):
    """What is known of the delivery of a paid answer."""

    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ChargeView:
    """One attempt of one charge. Times are microseconds since the epoch; names are None where the row is gone.

    ``state`` is the phase it is in; ``position`` the entry that paid, else the one that opened it; ``delivery`` what
    became of the answer, None of one that was not paid. ``evidence`` says whose word that is. ``grant`` is the term
    that made it free, None of what was charged. ``credited_micros`` is what credit notes gave back of it.
    """

    charge_id: str
    attempt: int
    state: Phase
    amount: Money
    crawler_id: int
    crawler: str | None
    publisher_id: int
    publisher: str | None
    site_id: int
    site: str | None
    rule: str
    rule_version: int
    licence: str | None
    target: str
    offer: str
    request_id: str
    status: int
    evidence: str | None
    delivery: Evidence | None
    opened_at_micros: int
    paid_at_micros: int | None
    suspended_at_micros: int | None
    released_at_micros: int | None
    reversed_at_micros: int | None
    reason: str | None
    author: str | None
    position: tuple[int, int]
    opening: tuple[int, int]
    grant: str | None = None
    credited_micros: int = 0

    @property
    def earned_micros(self) -> int:
        """What the publisher has of it, and the crawler spent on it: nothing unless it stands."""
        return self.amount.amount_micros - self.credited_micros if self.state is Phase.LIVE else 0


@dataclass(frozen=True, slots=True)
class ChargeFilter:
    """What a list is narrowed to; None does not narrow. ``until_micros`` is exclusive."""

    publisher_ids: frozenset[int] | None = None
    site_id: int | None = None
    crawler_id: int | None = None
    since_micros: int | None = None
    until_micros: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class ChargePage:
    """A page of a list and the cursor of the next one, None on the last."""

    charges: tuple[ChargeView, ...]
    next_cursor: str | None


def charge_by_id(
    connection: Connection,
    text: str,
    *,
    publisher_ids: frozenset[int] | None = None,
    crawler_id: int | None = None,
) -> ChargeView | None:
    """The latest attempt of a charge; None for an unknown id, or one of another publisher or crawler than these."""
    key = key_of_charge_id(text)
    if key is None:
        return None
    query = charges_query(ChargeFilter(publisher_ids, crawler_id=crawler_id)).where(entry.c.key == key)
    row = connection.execute(query.order_by(entry.c.attempt.desc()).limit(1)).one_or_none()
    return None if row is None else _with_notes(connection, [_view(row)])[0]


def was_charged(database: Database, key: bytes) -> bool:
    """Whether a charge key was ever opened; what may be collected of it, the ledger decides."""
    with database.read() as connection:
        return connection.execute(select(entry.c.key).where(entry.c.key == key).limit(1)).first() is not None


_HAD = tuple(
    kind.value for kind in (EntryKind.POST, EntryKind.SETTLE, EntryKind.RELEASE, EntryKind.REDELIVER, EntryKind.GRANT)
)
"""After one of these the answer was paid for, or free, and delivered, as far as is known."""


def was_had_before(database: Database, key: bytes, before_micros: int) -> bool:
    """Whether a charge key paid for an answer before that time, and nothing of it is left to collect."""
    newest = (
        select(entry.c.kind, entry.c.recorded_at_micros)
        .where(entry.c.key == key)
        .order_by(entry.c.attempt.desc(), entry.c.step.desc())
        .limit(1)
    )
    with database.read() as connection:
        last = connection.execute(newest).first()
    return last is not None and last.kind in _HAD and last.recorded_at_micros < before_micros


def list_charges(
    connection: Connection, narrowed: ChargeFilter, cursor: str | None = None, limit: int = PAGE_LENGTH
) -> ChargePage:
    """Charges, newest first. A ``cursor`` that is not one counts as none."""
    place = (entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    query = charges_query(narrowed).order_by(*(column.desc() for column in place)).limit(limit + 1)
    after = _read_cursor(cursor)
    if after is not None:
        query = query.where(tuple_(*place) < tuple_(*after))
    rows = connection.execute(query).all()
    charges = _with_notes(connection, [_view(row) for row in rows[:limit]])
    if len(rows) <= limit:
        return ChargePage(charges, None)
    last = charges[-1]
    return ChargePage(charges, f"{last.opened_at_micros}-{last.opening[0]}-{last.opening[1]}")


def stream_charges(connection: Connection, narrowed: ChargeFilter) -> Iterator[ChargeView]:
    """All charges of a filter, oldest first, for exports of any length; the connection is busy until the end."""
    # Notes are written by people: there are few. They are read first, because the connection is busy then.
    credited = credited_by_charge(connection, filter_conditions(without_time(narrowed)))
    query = charges_query(narrowed).order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for one in map(_view, rows):
            noted = credited.get(one.charge_id) if one.state is Phase.LIVE else None
            yield one if noted is None else replace(one, credited_micros=noted[1])


def _with_notes(connection: Connection, charges: list[ChargeView]) -> tuple[ChargeView, ...]:
    """The same charges with what credit notes gave back; a charge that has one stands."""
    credited = credited_of(connection, [one.charge_id for one in charges if one.state is Phase.LIVE])
    return tuple(
        replace(one, credited_micros=credited[one.charge_id])
        if one.state is Phase.LIVE and one.charge_id in credited
        else one
        for one in charges
    )


def with_names() -> Any:
    """Entries with the names of their crawler, publisher and site, None where the row is gone."""
    return (
        entry.outerjoin(crawler, crawler.c.id == entry.c.crawler_id)
        .outerjoin(publisher, publisher.c.id == entry.c.publisher_id)
        .outerjoin(site, site.c.id == entry.c.site_id)
    )


_resolution = entry.alias("resolution")
_suspension = entry.alias("suspension")
_release = entry.alias("release")
_reversal = entry.alias("reversal")
_redelivery = entry.alias("redelivery")


_LATER_STEPS = (
    (_resolution, Step.RESOLVE),
    (_suspension, Step.SUSPEND),
    (_release, Step.RELEASE),
    (_reversal, Step.REVERSE),
    (_redelivery, Step.REDELIVER),
)


_OPENS = (EntryKind.POST.value, EntryKind.HOLD.value, EntryKind.GRANT.value)
_AT_ONCE = (EntryKind.POST.value, EntryKind.GRANT.value)


def charges_query(narrowed: ChargeFilter) -> Select[Any]:
    """Every opening that fits, with what followed it."""
    joined = with_names()
    for alias, step in _LATER_STEPS:
        same = (alias.c.key == entry.c.key) & (alias.c.attempt == entry.c.attempt) & (alias.c.step == step.value)
        joined = joined.outerjoin(alias, same)
    settled = _resolution.c.kind == EntryKind.SETTLE.value
    query = (
        select(
            entry,
            crawler.c.name.label("crawler_name"),
            publisher.c.name.label("publisher_name"),
            site.c.host.label("host"),
            _resolution.c.kind.label("resolved_as"),
            _resolution.c.writer_id.label("resolved_by"),
            _resolution.c.number.label("resolved_as_number"),
            _resolution.c.recorded_at_micros.label("resolved_at"),
            _resolution.c.reason.label("void_reason"),
            _suspension.c.recorded_at_micros.label("suspended_at"),
            _suspension.c.reason.label("suspension_reason"),
            _release.c.recorded_at_micros.label("released_at"),
            _release.c.reason.label("release_reason"),
            _reversal.c.recorded_at_micros.label("reversed_at"),
            _reversal.c.reason.label("reversal_reason"),
            _reversal.c.author.label("reversed_by"),
            _redelivery.c.number.label("redelivered_as"),
            covering_mark(
                case((settled, _resolution.c.writer_id), else_=entry.c.writer_id),
                case((settled, _resolution.c.number), else_=entry.c.number),
            ).label("mark"),
        )
        .select_from(joined)
        .where(entry.c.step == Step.OPEN.value, entry.c.kind.in_(_OPENS))
    )
    return query.where(*filter_conditions(narrowed))


def filter_conditions(narrowed: ChargeFilter) -> Iterator[ColumnElement[bool]]:
    """What a filter asks of an opening."""
    if narrowed.publisher_ids is not None:
        yield entry.c.publisher_id.in_(narrowed.publisher_ids)
    if narrowed.site_id is not None:
        yield entry.c.site_id == narrowed.site_id
    if narrowed.crawler_id is not None:
        yield entry.c.crawler_id == narrowed.crawler_id
    if narrowed.rule is not None:
        yield entry.c.rule == narrowed.rule
    if narrowed.since_micros is not None:
        yield entry.c.recorded_at_micros >= narrowed.since_micros
    if narrowed.until_micros is not None:
        yield entry.c.recorded_at_micros < narrowed.until_micros


def without_time(narrowed: ChargeFilter) -> ChargeFilter:
    """The same filter for any time."""
    return replace(narrowed, since_micros=None, until_micros=None)


def _phase(row: Row[Any]) -> Phase:
    if row.reversed_at is not None:
        return Phase.REVERSED if row.redelivered_as is None else Phase.REDELIVERED
    if row.suspended_at is not None and row.released_at is None:
        return Phase.SUSPENDED
    if row.kind in _AT_ONCE or row.resolved_as == EntryKind.SETTLE:
        return Phase.LIVE
    return Phase.HELD if row.resolved_as is None else Phase.VOIDED


def _delivery(row: Row[Any]) -> Evidence | None:
    if row.kind == EntryKind.HOLD and row.resolved_as != EntryKind.SETTLE:
        return None
    if row.mark is not None:
        return Evidence.DELIVERED
    taken_back = row.suspension_reason if row.suspended_at is not None else row.reversal_reason
    return Evidence.BROKEN if taken_back in (BROKEN_OFF, NOBODY_WAITED) else Evidence.UNCONFIRMED


def _view(row: Row[Any]) -> ChargeView:
    opening = (row.writer_id, row.number)
    settled = row.resolved_as == EntryKind.SETTLE
    paid_at = row.recorded_at_micros if row.kind in _AT_ONCE else row.resolved_at if settled else None
    return ChargeView(
        charge_id=charge_id(row.key),
        attempt=row.attempt,
        state=_phase(row),
        amount=Money(row.amount_micros, row.currency),
        crawler_id=row.crawler_id,
        crawler=row.crawler_name,
        publisher_id=row.publisher_id,
        publisher=row.publisher_name,
        site_id=row.site_id,
        site=row.host,
        rule=row.rule,
        rule_version=row.rule_version,
        licence=row.licence,
        target=row.target,
        offer=row.offer or "",
        request_id=row.request_id,
        status=row.status,
        evidence=row.evidence,
        delivery=_delivery(row),
        opened_at_micros=row.recorded_at_micros,
        paid_at_micros=paid_at,
        suspended_at_micros=row.suspended_at,
        released_at_micros=row.released_at,
        reversed_at_micros=row.reversed_at,
        reason=row.reversal_reason or row.release_reason or row.suspension_reason or row.void_reason,
        author=row.reversed_by,
        position=(row.resolved_by, row.resolved_as_number) if settled else opening,
        opening=opening,
        grant=row.reference if row.kind == EntryKind.GRANT else None,
    )


def _read_cursor(text: str | None) -> tuple[int, int, int] | None:
    found = _CURSOR.fullmatch(text or "")
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))
