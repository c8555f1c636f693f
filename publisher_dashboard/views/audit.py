"""The log of a publisher and of a person's own account, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge.store.audit_events import (
    Action,
    AuditEvent,
    AuditFilter,
    all_publisher_events,
    authors_of,
    own_events,
    publisher_events,
)
from edge.store.connection import Connection

LINES_SHOWN = 50

WORDS: Mapping[str, str] = {
    Action.RULES_PUBLISHED: "Published prices",
    Action.RULES_ROLLED_BACK: "Rolled prices back",
    Action.RULES_SCHEDULED: "Scheduled prices",
    Action.RULES_UNSCHEDULED: "Took a scheduled publication back",
    Action.DRAFT_DISCARDED: "Discarded the draft",
    Action.SITE_ADDED: "Added a site",
    Action.SITE_CHANGED: "Changed a site's settings",
    Action.SITE_PAUSED: "Stopped serving a site",
    Action.SITE_RESUMED: "Serves a site again",
    Action.SITE_ASKED: "Asked for a site",
    Action.SITE_REFUSED: "Refused a site",
    Action.SITE_WITHDRAWN: "Took a site back that waited",
    Action.ESTIMATE_KEPT: "Kept an estimate",
    Action.ESTIMATE_DELETED: "Deleted an estimate",
    Action.PUBLISHER_ADDED: "Added a publisher",
    Action.PUBLISHER_CHANGED: "Changed the publisher's settings",
    Action.MEMBER_INVITED: "Invited",
    Action.INVITATION_RENEWED: "Made a new invitation link",
    Action.INVITATION_REVOKED: "Revoked an invitation",
    Action.MEMBER_JOINED: "Joined the team",
    Action.ROLE_CHANGED: "Changed a role",
    Action.MEMBER_REMOVED: "Removed from the team",
    Action.MEMBER_LEFT: "Left the team",
    Action.TOKEN_MADE: "Made an API token",
    Action.TOKEN_ROTATED: "Replaced an API token",
    Action.TOKEN_REVOKED: "Revoked an API token",
    Action.WEBHOOK_ADDED: "Added a webhook",
    Action.WEBHOOK_CHANGED: "Changed a webhook",
    Action.WEBHOOK_REMOVED: "Removed a webhook",
    Action.WEBHOOK_SECRET_ROTATED: "Made a new webhook secret",
    Action.WEBHOOK_REPLAYED: "Sent webhook events again",
    Action.WEBHOOK_TESTED: "Sent a test event",
    Action.ALERT_SET: "Set an alert",
    Action.ALERT_REMOVED: "Removed an alert",
    Action.CRAWLER_ADDED: "Registered a crawler",
    Action.KEYS_FETCHED: "Had the key directory asked",
    Action.REGISTRATION_APPROVED: "Approved a registration",
    Action.REGISTRATION_REJECTED: "Rejected a registration",
    Action.PAYMENT_CLOSED: "Closed a payment",
    Action.OPERATOR_MADE: "Let somebody operate",
    Action.OPERATOR_UNMADE: "Lets somebody operate no more",
    Action.OPERATOR_TOKEN_MADE: "Made a token of the operator’s",
    Action.OPERATOR_TOKEN_REVOKED: "Revoked a token of the operator’s",
    Action.SIGNED_IN: "Signed in",
    Action.SIGNED_OUT: "Signed out",
    Action.SESSIONS_ENDED: "Ended sessions",
    Action.PASSWORD_CHANGED: "Changed the password",
    Action.SECOND_FACTOR_ON: "Turned the second step on",
    Action.SECOND_FACTOR_OFF: "Turned the second step off",
    Action.RECOVERY_CODES_MADE: "Made new recovery codes",
    Action.RECOVERY_CODE_USED: "Used a recovery code",
    Action.PASSKEY_ADDED: "Added a passkey",
    Action.PASSKEY_REMOVED: "Removed a passkey",
    Action.PREFERENCES_CHANGED: "Changed preferences",
}

AREAS: Mapping[str, str] = {
    "rules": "Prices",
    "draft": "Drafts",
    "team": "Team",
    "token": "API tokens",
    "webhook": "Webhooks",
    "site": "Sites",
    "estimate": "Estimates",
    "publisher": "Publisher",
}
"""What a publisher's log can be narrowed to: the part of an action before its point."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event with what it means in words; ``details`` is empty where there is no more to say."""

    event: AuditEvent
    words: str
    details: str


@dataclass(frozen=True, slots=True)
class AuditLog:
    """One page of a publisher's log; ``next_before`` goes on from here, None at the end."""

    lines: tuple[AuditLine, ...]
    authors: tuple[str, ...]
    next_before: int | None


def audit_log(connection: Connection, publisher_id: int, wanted: AuditFilter) -> AuditLog:
    """What people changed, the newest first."""
    found = publisher_events(connection, publisher_id, wanted, LINES_SHOWN + 1)
    shown = found[:LINES_SHOWN]
    return AuditLog(
        tuple(_line(event) for event in shown),
        tuple(authors_of(connection, publisher_id)),
        shown[-1].event_id if len(found) > LINES_SHOWN else None,
    )


def whole_log(connection: Connection, publisher_id: int, wanted: AuditFilter) -> Iterator[AuditLine]:
    """All of a filter, for a file."""
    for event in all_publisher_events(connection, publisher_id, replace(wanted, before_id=None)):
        yield _line(event)


def own_log(connection: Connection, email: str, limit: int) -> tuple[AuditLine, ...]:
    """What happened with a person's own account."""
    return tuple(_line(event) for event in own_events(connection, email, limit))


def _line(event: AuditEvent) -> AuditLine:
    return AuditLine(event, WORDS.get(event.action, event.action), details_text(event.details))


def details_text(details: Mapping[str, Any]) -> str:
    """Details as people read them: ``version 4, rules 7``; a change as ``origin: a → b``."""
    parts = []
    for name, value in details.items():
        match value:
            case {"before": before, "after": after}:
                parts.append(f"{_name(name)}: {_value(before)} → {_value(after)}")
            case [] | "" | None:
                continue
            case _:
                parts.append(f"{_name(name)} {_value(value)}")
    return ", ".join(parts)


def _name(name: str) -> str:
    return name.replace("_", " ")


def _value(value: object) -> str:
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "on" if value else "off"
        case list():
            return " and ".join(str(one) for one in value)
        case _:
            return str(value)
