"""The outbox: an event is written in the very transaction that it tells of, with a delivery for each who hears of it.

Rules of this file
- ``add`` works inside any open transaction, the ledger's too: it only inserts, and takes no lock that anybody waits
  for. What is rolled back is never told; what is committed is told at least once.
- When nobody wants to hear of it nothing is written: one look into a small index.
- Who hears: the operator of everything, a publisher and a crawler of their own (``publisher_id``, ``crawler_id``).
  An event that names neither is the operator's alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, insert, or_, select

from edge.core.webhooks import TEST_EVENT, WebhookEvent, event_body
from edge.store.tables import webhook_delivery, webhook_endpoint, webhook_event, webhook_subscription

SUBJECT_CHARACTERS_MAX = 400


def add(
    connection: Connection,
    event: str,
    subject: str,
    data: Mapping[str, Any],
    *,
    publisher_id: int | None = None,
    crawler_id: int | None = None,
    at_micros: int,
    operator: bool = True,
) -> str | None:
    """Tell everybody who wants to hear of it; return the event's id, or None when nobody does.

    ``event`` is one of ``WebhookEvent``; ``subject`` names what it happened to, for people; ``data`` is plain JSON.
    Both parties that are named read the same data. Without ``operator`` the operator's endpoints are left out: for
    what they hear in another cut. Raises ``ValueError`` for an event that does not exist.
    """
    known = WebhookEvent(event)
    endpoints = _listeners(connection, known, publisher_id, crawler_id, operator)
    if not endpoints:
        return None
    event_id = new_event_id(at_micros)
    connection.execute(
        insert(webhook_event).values(
            id=event_id,
            event=known.value,
            subject=subject[:SUBJECT_CHARACTERS_MAX],
            publisher_id=publisher_id,
            crawler_id=crawler_id,
            body=event_body(known, subject, data, at_micros),
            at_micros=at_micros,
        )
    )
    connection.execute(insert(webhook_delivery), [_delivery(endpoint, event_id, at_micros) for endpoint in endpoints])
    return event_id


def add_test(connection: Connection, endpoint_id: int, publisher_id: int | None, at_micros: int) -> str:
    """Send a test event to one endpoint alone, whatever it subscribed to; return the event's id."""
    event_id, subject = new_event_id(at_micros), f"webhook {endpoint_id}"
    row = {
        "id": event_id,
        "event": TEST_EVENT,
        "subject": subject,
        "publisher_id": publisher_id,
        "crawler_id": None,
        "body": event_body(TEST_EVENT, subject, {"message": "It works."}, at_micros),
        "at_micros": at_micros,
    }
    connection.execute(insert(webhook_event).values(row))
    connection.execute(insert(webhook_delivery).values(_delivery(endpoint_id, event_id, at_micros)))
    return event_id


def new_event_id(at_micros: int) -> str:
    """A name that nobody else gives, and that sorts by time to the microsecond."""
    return f"evt_{at_micros:013x}{secrets.token_hex(10)}"


def _listeners(
    connection: Connection, event: WebhookEvent, publisher_id: int | None, crawler_id: int | None, operator: bool
) -> list[int]:
    endpoint = webhook_endpoint.c
    whose: list[ColumnElement[bool]] = [false()]
    if operator:
        whose.append(and_(endpoint.publisher_id.is_(None), endpoint.crawler_id.is_(None)))
    if publisher_id is not None:
        whose.append(endpoint.publisher_id == publisher_id)
    if crawler_id is not None:
        whose.append(endpoint.crawler_id == crawler_id)
    found = (
        select(endpoint.id)
        .join(webhook_subscription, webhook_subscription.c.endpoint_id == endpoint.id)
        .where(webhook_subscription.c.event == event.value, endpoint.state != "disabled", or_(*whose))
        .order_by(endpoint.id)
    )
    return list(connection.execute(found).scalars())


def _delivery(endpoint_id: int, event_id: str, at_micros: int) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "state": "pending",
        "attempts": 0,
        "due_at_micros": at_micros,
    }
