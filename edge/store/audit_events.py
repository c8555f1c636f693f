"""The log of what people change and when they sign in: written in the transaction of the change, never changed after.

Rules of this file
- What was done and that it was done are one transaction: neither can be without the other.
- A list is of one publisher, of one crawler's team, or of one person's own events; ``operators_events`` alone reads
  across them.
- What is nobody's in particular (a registration, a token of the operator's programs) names neither publisher nor
  crawler, and stands in the operator's log alone.
- Details hold no secret and nobody's name: names stand in ``author`` and ``subject``, where erasing finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select

from edge.store.tables import audit_event, crawler, publisher, site

SUBJECT_LENGTH_MAX = 320
_STREAM_CHUNK = 1_000
_OWN_AREA = "account."
_NOT_ONES_OWN = ~audit_event.c.action.startswith(_OWN_AREA, autoescape=True)


class Action(StrEnum):
    """Everything that is written down, by area and verb; the words are stable, exports name them."""

    RULES_PUBLISHED = "rules.published"
    RULES_ROLLED_BACK = "rules.rolled-back"
    RULES_SCHEDULED = "rules.scheduled"
    RULES_UNSCHEDULED = "rules.unscheduled"
    DRAFT_DISCARDED = "draft.discarded"
    SITE_ADDED = "site.added"
    SITE_CHANGED = "site.changed"
    SITE_PAUSED = "site.paused"
    SITE_RESUMED = "site.resumed"
    SITE_ASKED = "site.asked"
    SITE_REFUSED = "site.refused"
    SITE_WITHDRAWN = "site.withdrawn"
    ESTIMATE_KEPT = "estimate.kept"
    ESTIMATE_DELETED = "estimate.deleted"
    PUBLISHER_ADDED = "publisher.added"
    PUBLISHER_CHANGED = "publisher.changed"
    MEMBER_INVITED = "team.invited"
    INVITATION_RENEWED = "team.invitation-renewed"
    INVITATION_REVOKED = "team.invitation-revoked"
    MEMBER_JOINED = "team.joined"
    ROLE_CHANGED = "team.role-changed"
    MEMBER_REMOVED = "team.removed"
    MEMBER_LEFT = "team.left"
    TOKEN_MADE = "token.made"  # noqa: S105 -- a word of the log
    TOKEN_ROTATED = "token.rotated"  # noqa: S105 -- a word of the log
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 -- a word of the log
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_SECRET_ROTATED = "webhook.secret-rotated"  # noqa: S105 -- a word of the log
    WEBHOOK_REPLAYED = "webhook.replayed"
    WEBHOOK_TESTED = "webhook.tested"
    ALERT_SET = "alert.set"
    ALERT_REMOVED = "alert.removed"
    CRAWLER_ADDED = "crawler.added"
    KEYS_FETCHED = "crawler.keys-fetched"
    REGISTRATION_APPROVED = "registration.approved"
    REGISTRATION_REJECTED = "registration.rejected"
    PAYMENT_CLOSED = "payment.closed"
    OPERATOR_MADE = "operator.made"
    OPERATOR_UNMADE = "operator.unmade"
    OPERATOR_TOKEN_MADE = "operator.token-made"  # noqa: S105 -- a word of the log
    OPERATOR_TOKEN_REVOKED = "operator.token-revoked"  # noqa: S105 -- a word of the log
    SIGNED_IN = "account.signed-in"
    SIGNED_OUT = "account.signed-out"
    SESSIONS_ENDED = "account.sessions-ended"
    PASSWORD_CHANGED = "account.password-changed"  # noqa: S105 -- a word of the log
    SECOND_FACTOR_ON = "account.second-factor-on"
    SECOND_FACTOR_OFF = "account.second-factor-off"
    RECOVERY_CODES_MADE = "account.recovery-codes-made"
    RECOVERY_CODE_USED = "account.recovery-code-used"
    PASSKEY_ADDED = "account.passkey-added"
    PASSKEY_REMOVED = "account.passkey-removed"
    PREFERENCES_CHANGED = "account.preferences-changed"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that somebody did. ``site`` is its host; ``details`` plain JSON values by name.

    ``publisher`` and ``crawler`` are the names of those in whose log it stands.
    """

    event_id: int
    at_micros: int
    author: str
    action: str
    subject: str
    site: str | None
    details: Mapping[str, Any]
    publisher: str | None = None
    crawler: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events: empty or None takes all. ``area`` is the part of an action before its point; ends are exclusive."""

    author: str = ""
    area: str = ""
    since_micros: int | None = None
    until_micros: int | None = None
    before_id: int | None = field(default=None)


def record(
    connection: Connection,
    action: Action,
    *,
    author: str,
    now_micros: int,
    publisher_id: int | None = None,
    crawler_id: int | None = None,
    site_id: int | None = None,
    subject: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Write one event, in the transaction of what it tells of.

    Without ``publisher_id`` and ``crawler_id`` it stands in the own log of the person whose address is the ``subject``.
    """
    assert publisher_id is None or crawler_id is None, "an event stands in one log"
    row = {
        "at_micros": now_micros,
        "publisher_id": publisher_id,
        "crawler_id": crawler_id,
        "site_id": site_id,
        "author": author,
        "action": action.value,
        "subject": subject[:SUBJECT_LENGTH_MAX],
        "details": orjson.dumps(dict(details or {}), option=orjson.OPT_SORT_KEYS).decode(),
    }
    connection.execute(insert(audit_event).values(row))


def publisher_events(connection: Connection, publisher_id: int, wanted: AuditFilter, limit: int) -> list[AuditEvent]:
    """A publisher's events, the newest first."""
    query = _query(audit_event.c.publisher_id == publisher_id, wanted).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def all_publisher_events(connection: Connection, publisher_id: int, wanted: AuditFilter) -> Iterator[AuditEvent]:
    """All of a filter, the newest first, for an export; the connection is busy until the end."""
    query = _query(audit_event.c.publisher_id == publisher_id, wanted).execution_options(yield_per=_STREAM_CHUNK)
    with connection.execute(query) as rows:
        for row in rows:
            yield _event(row)


def crawler_events(connection: Connection, crawler_id: int, wanted: AuditFilter, limit: int) -> list[AuditEvent]:
    """The events of a crawler's team, the newest first."""
    query = _query(audit_event.c.crawler_id == crawler_id, wanted).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def operators_events(connection: Connection, wanted: AuditFilter, limit: int) -> list[AuditEvent]:
    """Everybody's events but those of people's own accounts, the newest first."""
    return [_event(row) for row in connection.execute(_query(_NOT_ONES_OWN, wanted).limit(limit))]


def all_operators_events(connection: Connection, since_micros: int | None = None) -> Iterator[AuditEvent]:
    """The same, all of them, the oldest first, for an export; the connection is busy until the end."""
    query = _query(_NOT_ONES_OWN, AuditFilter(since_micros=since_micros)).order_by(None).order_by(audit_event.c.id)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for row in rows:
            yield _event(row)


def own_events(connection: Connection, email: str, limit: int) -> list[AuditEvent]:
    """What happened with a person's own account, whoever did it, the newest first."""
    own = (audit_event.c.subject == email) & ~_NOT_ONES_OWN
    return [_event(row) for row in connection.execute(_query(own, AuditFilter()).limit(limit))]


def authors_of(connection: Connection, publisher_id: int) -> list[str]:
    """Everybody who stands in a publisher's log, for a filter."""
    mine = audit_event.c.publisher_id == publisher_id
    return list(
        connection.execute(select(audit_event.c.author).where(mine).distinct().order_by(audit_event.c.author)).scalars()
    )


def _query(mine: ColumnElement[bool], wanted: AuditFilter) -> Select[tuple[Any, ...]]:
    event = audit_event.c
    named = audit_event.outerjoin(site, site.c.id == event.site_id)
    named = named.outerjoin(publisher, publisher.c.id == event.publisher_id)
    named = named.outerjoin(crawler, crawler.c.id == event.crawler_id)
    names = (publisher.c.name.label("publisher"), crawler.c.name.label("crawler"))
    query = select(audit_event, site.c.host, *names).select_from(named)
    query = query.where(mine).order_by(event.id.desc())
    if wanted.author:
        query = query.where(event.author == wanted.author)
    if wanted.area:
        query = query.where(event.action.startswith(f"{wanted.area}.", autoescape=True))
    if wanted.since_micros is not None:
        query = query.where(event.at_micros >= wanted.since_micros)
    if wanted.until_micros is not None:
        query = query.where(event.at_micros < wanted.until_micros)
    if wanted.before_id is not None:
        query = query.where(event.id < wanted.before_id)
    return query


def _event(row: Row[tuple[Any, ...]]) -> AuditEvent:
    details = orjson.loads(row.details)
    return AuditEvent(
        row.id, row.at_micros, row.author, row.action, row.subject, row.host, details, row.publisher, row.crawler
    )
