"""``charge.posted``: charges that were earned, told in batches, behind the requests.

Rules of this file
- Each writer's entries are numbered without gaps and become visible in their order, so one number a writer says how
  far has been told. The cursor moves in the transaction that writes the events, from where it was seen or not at all:
  of two processes one tells, and nothing is told twice or left out.
- About once a minute, or as soon as 1,000 charges wait. At most 1,000 charges an event.
- Each listener gets its own cut: the operator all charges, a publisher what it earned, a crawler what it paid.
- A charge is told once, when it is posted or settled; whether it went into suspense or was given back later, statements
  say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from edge.core.ledger import EntryKind, charge_id
from edge.core.money import money_document
from edge.core.webhooks import WebhookEvent, timestamp_text
from edge.store import outbox
from edge.store.database import Database
from edge.store.insertion import insert_new
from edge.store.tables import (
    crawler,
    entry,
    publisher,
    site,
    webhook_cursor,
    webhook_endpoint,
    webhook_subscription,
    writer,
)

FOLD_EVERY_SECONDS = 60

_EARNS = (EntryKind.POST.value, EntryKind.SETTLE.value)


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """``charges`` an event has at most, and as many do not wait for the minute; ``entries`` of one writer a round."""

    charges: int = 1_000
    entries: int = 10_000


@dataclass(frozen=True, slots=True)
class _Span:
    """The entries of one writer that are to be told; ``new`` when no cursor of it is stored yet."""

    writer_id: int
    after: int
    until: int
    new: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """What parties and sites are called."""

    sites: Mapping[int, str]
    crawlers: Mapping[int, str]
    publishers: Mapping[int, str]


class _Told(Exception):
    """Another process told of these charges; nothing is written."""


def begin_feed(connection: Connection, now_micros: int) -> None:
    """Tell from now on, when nobody has listened until now; the first listener does not get the whole history."""
    if _listeners(connection):
        return
    heads = connection.execute(select(writer.c.id, writer.c.head_entry)).all()
    for head in heads:
        values = {"number": head.head_entry, "folded_at_micros": now_micros}
        if not insert_new(connection, webhook_cursor, {"writer_id": head.id, **values}):
            mine = webhook_cursor.c.writer_id == head.id
            connection.execute(update(webhook_cursor).where(mine).values(values))


def fold_charges(database: Database, now_micros: int, limits: FeedLimits | None = None) -> bool:
    """Tell of the charges since the last time, if it is time; whether there is more to tell at once."""
    limits = limits or FeedLimits()
    with database.read() as connection:
        listeners = _listeners(connection)
        spans = _spans(connection, now_micros, limits) if listeners else []
        if not spans:
            return False
        charges = [row for span in spans for row in _charges(connection, span)]
        names = _names(connection)
    try:
        with database.write() as connection:
            for span in spans:
                _advance(connection, span, now_micros)
            for cut, whose in _cuts(charges, listeners):
                for place, part in enumerate(_parts(cut, limits.charges)):
                    _tell(connection, part, names, whose, now_micros + place)
    except _Told:
        return False
    return any(span.until - span.after == limits.entries for span in spans)


def _listeners(connection: Connection) -> list[Row[Any]]:
    """Who hears of charges: each owner once, as (publisher_id, crawler_id)."""
    endpoint = webhook_endpoint.c
    query = (
        select(endpoint.publisher_id, endpoint.crawler_id)
        .join(webhook_subscription, webhook_subscription.c.endpoint_id == endpoint.id)
        .where(webhook_subscription.c.event == WebhookEvent.CHARGE_POSTED.value, endpoint.state != "disabled")
        .distinct()
    )
    return list(connection.execute(query))


def _spans(connection: Connection, now_micros: int, limits: FeedLimits) -> list[_Span]:
    """What is to be told now: nothing until a minute has passed or enough charges wait."""
    told = func.coalesce(webhook_cursor.c.number, 0)
    query = (
        select(writer.c.id, told.label("told"), writer.c.head_entry, webhook_cursor.c.folded_at_micros)
        .outerjoin(webhook_cursor, webhook_cursor.c.writer_id == writer.c.id)
        .where(writer.c.head_entry > told)
        .order_by(writer.c.id)
    )
    rows = connection.execute(query).all()
    last: int = connection.execute(select(func.max(webhook_cursor.c.folded_at_micros))).scalar_one() or 0
    waiting = sum(row.head_entry - row.told for row in rows)
    if now_micros - last < FOLD_EVERY_SECONDS * 1_000_000 and waiting < limits.charges:
        return []
    return [
        _Span(row.id, row.told, min(row.head_entry, row.told + limits.entries), row.folded_at_micros is None)
        for row in rows
    ]


def _charges(connection: Connection, span: _Span) -> Sequence[Row[Any]]:
    here = and_(entry.c.writer_id == span.writer_id, entry.c.number > span.after, entry.c.number <= span.until)
    columns = (
        *(entry.c.key, entry.c.amount_micros, entry.c.currency, entry.c.recorded_at_micros),
        *(entry.c.crawler_id, entry.c.publisher_id, entry.c.site_id, entry.c.rule),
    )
    query: Select[Any] = select(*columns).where(here, entry.c.kind.in_(_EARNS)).order_by(entry.c.number)
    return connection.execute(query).all()


def _advance(connection: Connection, span: _Span, now_micros: int) -> None:
    """Move a writer's cursor from where it was seen; raises ``_Told`` when another process has moved it."""
    to = {"number": span.until, "folded_at_micros": now_micros}
    if span.new:
        if not insert_new(connection, webhook_cursor, {"writer_id": span.writer_id, **to}):
            raise _Told
        return
    seen = and_(webhook_cursor.c.writer_id == span.writer_id, webhook_cursor.c.number == span.after)
    if connection.execute(update(webhook_cursor).where(seen).values(to)).rowcount != 1:
        raise _Told


def _cuts(charges: list[Row[Any]], listeners: Iterable[Row[Any]]) -> Iterator[tuple[list[Row[Any]], Row[Any]]]:
    """What each listener hears of."""
    for whose in listeners:
        if whose.publisher_id is not None:
            yield [row for row in charges if row.publisher_id == whose.publisher_id], whose
        elif whose.crawler_id is not None:
            yield [row for row in charges if row.crawler_id == whose.crawler_id], whose
        else:
            yield charges, whose


def _parts(cut: list[Row[Any]], length: int) -> Iterator[list[Row[Any]]]:
    for start in range(0, len(cut), length):
        yield cut[start : start + length]


def _tell(connection: Connection, part: Sequence[Row[Any]], names: _Names, whose: Row[Any], now_micros: int) -> None:
    is_operators = whose.publisher_id is None and whose.crawler_id is None
    outbox.add(
        connection,
        WebhookEvent.CHARGE_POSTED,
        f"{len(part)} {'charge' if len(part) == 1 else 'charges'}",
        {"totals": _totals(part), "charges": [_charge(row, names) for row in part]},
        publisher_id=whose.publisher_id,
        crawler_id=whose.crawler_id,
        at_micros=now_micros,
        operator=is_operators,
    )


def _totals(part: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    by_currency = groupby(sorted(part, key=lambda row: row.currency), key=lambda row: row.currency)
    sums = {currency: [row.amount_micros for row in rows] for currency, rows in by_currency}
    return [
        {"charges": len(amounts), "amount": money_document(sum(amounts), currency)}
        for currency, amounts in sums.items()
    ]


def _charge(row: Row[Any], names: _Names) -> dict[str, Any]:
    return {
        "charge_id": charge_id(row.key),
        "amount": money_document(row.amount_micros, row.currency),
        "posted_at": timestamp_text(row.recorded_at_micros),
        "site": names.sites.get(row.site_id),
        "publisher": names.publishers.get(row.publisher_id),
        "crawler": names.crawlers.get(row.crawler_id),
        "rule": row.rule,
    }


def _names(connection: Connection) -> _Names:
    def all_of(key: Any, value: Any) -> dict[int, str]:
        return {row[0]: row[1] for row in connection.execute(select(key, value))}

    return _Names(
        all_of(site.c.id, site.c.host),
        all_of(crawler.c.id, crawler.c.name),
        all_of(publisher.c.id, publisher.c.name),
    )
