"""Both logs as one list: what was done to money, out of the entries, and all else that people changed, by its time.

Rules of this file
- Neither log is copied: each is read as it is, and a page says where each goes on.
- The operator sees everybody's; a crawler's team what concerns its own account and its own team.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from sqlalchemy import Connection

from edge.core.ledger import EntryKind
from edge.store.audit import AuditRow, audit_rows, newest_audit_rows
from edge.store.audit_events import AuditEvent, AuditFilter, all_operators_events, crawler_events, operators_events

Line = AuditRow | AuditEvent
TEAM_KINDS = (EntryKind.CREDIT, EntryKind.NOTE)
"""What a crawler's team reads of the books here, beside notes that correct no charge; the others stand with theirs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: before this entry, and before this event; None is the newest."""

    entry: tuple[int, int, int] | None = None
    event: int | None = None


@dataclass(frozen=True, slots=True)
class WholePage:
    """A page of both, the newest first, and where the next begins; None at the end."""

    lines: tuple[Line, ...]
    following: Place | None


@dataclass(frozen=True, slots=True)
class WholeFilter:
    """Which lines: empty or None takes all. With ``kinds`` entries alone, with an ``area`` events alone."""

    author: str = ""
    kinds: Sequence[EntryKind] = ()
    area: str = ""
    since_micros: int | None = None
    until_micros: int | None = None


def operators_page(connection: Connection, wanted: WholeFilter, place: Place, limit: int) -> WholePage:
    """What people and commands did, whoever's it is, the newest first."""
    entries = [] if wanted.area else _entries(connection, wanted, place, limit, None)
    narrowed = _events_filter(wanted, place)
    events = [] if wanted.kinds else operators_events(connection, narrowed, limit + 1)
    return _page(entries, events, place, limit)


def team_page(connection: Connection, crawler_id: int, place: Place, limit: int) -> WholePage:
    """What was done for one crawler, by its team and by the operator, the newest first."""
    wanted = WholeFilter(kinds=TEAM_KINDS)
    entries = _entries(connection, wanted, place, limit, crawler_id, uncharged_notes=True)
    events = crawler_events(connection, crawler_id, _events_filter(wanted, place), limit + 1)
    return _page(entries, events, place, limit)


def whole_log(connection: Connection, since_micros: int | None = None) -> Iterator[Line]:
    """All of both, the oldest first; the connection is busy until the end."""
    entries: Iterator[Line] = audit_rows(connection, since_micros)
    events: Iterator[Line] = all_operators_events(connection, since_micros)
    yield from merge(entries, events, key=_time)


def _entries(
    connection: Connection,
    wanted: WholeFilter,
    place: Place,
    limit: int,
    crawler_id: int | None,
    *,
    uncharged_notes: bool = False,
) -> list[AuditRow]:
    page = newest_audit_rows(
        connection,
        limit + 1,
        kinds=wanted.kinds,
        uncharged_notes=uncharged_notes,
        since_micros=wanted.since_micros,
        until_micros=wanted.until_micros,
        before=place.entry,
        author=wanted.author or None,
        crawler_id=crawler_id,
    )
    return list(page.rows)


def _events_filter(wanted: WholeFilter, place: Place) -> AuditFilter:
    return AuditFilter(wanted.author, wanted.area, wanted.since_micros, wanted.until_micros, place.event)


def _page(entries: Sequence[Line], events: Sequence[Line], place: Place, limit: int) -> WholePage:
    found = list(merge(entries, events, key=_time, reverse=True))
    shown = found[:limit]
    if len(found) <= limit:
        return WholePage(tuple(shown), None)
    entry, event = place.entry, place.event
    for line in shown:
        match line:
            case AuditRow():
                entry = (line.at_micros, *line.position)
            case AuditEvent():
                event = line.event_id
    return WholePage(tuple(shown), Place(entry, event))


def _time(line: Line) -> int:
    return line.at_micros
