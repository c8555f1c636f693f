"""A publisher's own webhooks: added, changed, tried and removed by its people, each with a line in its audit log.

Rules of this file
- An endpoint is looked for within its publisher; of another it does not exist.
- Only https addresses are taken; whether one leads to a public address is looked at each time something is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, update

from edge.core.webhooks import HEARS, Audience, InvalidWebhookUrl, WebhookEvent, read_webhook_url
from edge.store import outbox
from edge.store.audit_events import Action, record
from edge.store.charge_feed import begin_feed
from edge.store.problems import InvalidValue, UnknownName
from edge.store.service_keys import ServiceKeys
from edge.store.tables import webhook_endpoint, webhook_subscription
from edge.store.webhook_deliveries import replay
from edge.store.webhook_endpoints import (
    Endpoint,
    NewEndpoint,
    add_endpoint,
    enable_endpoint,
    find_endpoint,
    remove_endpoint,
    rotate_secret,
)
from edge.store.webhook_lists import endpoints_of

ENDPOINTS_MAX = 20
"""Of one publisher."""


def begin_webhook(
    connection: Connection,
    publisher_id: int,
    url: str,
    events: Sequence[str],
    keys: ServiceKeys,
    *,
    author: str,
    now_micros: int,
) -> tuple[Endpoint, str]:
    """Add an endpoint and return it with its secret, which is not shown again. Raises ``InvalidValue``."""
    if not events:
        raise InvalidValue("choose at least one event", "events")
    if len(endpoints_of(connection, publisher_id)) >= ENDPOINTS_MAX:
        raise InvalidValue(f"there are {ENDPOINTS_MAX} webhooks; remove one first", "url")
    new = NewEndpoint(url.strip(), tuple(events), publisher_id=publisher_id, created_by=author)
    made, secret = add_endpoint(connection, new, keys, now_micros)
    _tell(connection, Action.WEBHOOK_ADDED, made, author, now_micros, {"events": list(made.events)})
    return made, secret


def find_webhook(connection: Connection, publisher_id: int, endpoint_id: int) -> Endpoint:
    """One endpoint of a publisher; raises ``UnknownName``."""
    found = next((one for one in endpoints_of(connection, publisher_id) if one.endpoint_id == endpoint_id), None)
    if found is None:
        raise UnknownName("there is no such webhook", "webhook")
    return found


def change_webhook(
    connection: Connection,
    publisher_id: int,
    endpoint_id: int,
    url: str,
    events: Sequence[str],
    *,
    author: str,
    now_micros: int,
) -> Endpoint:
    """Change where it sends, and what. Raises ``UnknownName`` and ``InvalidValue``."""
    before = find_webhook(connection, publisher_id, endpoint_id)
    wanted = sorted(set(events))
    if not wanted or not set(wanted) <= HEARS[Audience.PUBLISHER]:
        raise InvalidValue("choose at least one event of these", "events")
    try:
        where = read_webhook_url(url.strip(), allow_loopback_http=False)
    except InvalidWebhookUrl as why:
        raise InvalidValue(str(why), "url") from why
    if (where, tuple(wanted)) == (before.url, before.events):
        return before
    if WebhookEvent.CHARGE_POSTED in wanted and WebhookEvent.CHARGE_POSTED not in before.events:
        begin_feed(connection, now_micros)
    connection.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id).values(url=where))
    connection.execute(delete(webhook_subscription).where(webhook_subscription.c.endpoint_id == endpoint_id))
    rows = [{"event": event, "endpoint_id": endpoint_id} for event in wanted]
    connection.execute(insert(webhook_subscription), rows)
    after = find_endpoint(connection, endpoint_id)
    details: dict[str, object] = {}
    if after.url != before.url:
        details["url"] = {"before": before.url, "after": after.url}
    if after.events != before.events:
        details["events"] = {"before": list(before.events), "after": list(after.events)}
    _tell(connection, Action.WEBHOOK_CHANGED, after, author, now_micros, details)
    return after


def remove_webhook(
    connection: Connection, publisher_id: int, endpoint_id: int, *, author: str, now_micros: int
) -> Endpoint:
    """Forget an endpoint, its secrets and its deliveries. Raises ``UnknownName``."""
    gone = find_webhook(connection, publisher_id, endpoint_id)
    remove_endpoint(connection, endpoint_id)
    _tell(connection, Action.WEBHOOK_REMOVED, gone, author, now_micros, {})
    return gone


def rotate_webhook(
    connection: Connection, publisher_id: int, endpoint_id: int, keys: ServiceKeys, *, author: str, now_micros: int
) -> tuple[Endpoint, str]:
    """Give it a new secret; the one before signs too for a day. Raises ``UnknownName`` and ``StoreProblem``."""
    found = find_webhook(connection, publisher_id, endpoint_id)
    secret = rotate_secret(connection, endpoint_id, keys, now_micros)
    _tell(connection, Action.WEBHOOK_SECRET_ROTATED, found, author, now_micros, {})
    return found, secret


def enable_webhook(
    connection: Connection, publisher_id: int, endpoint_id: int, *, author: str, now_micros: int
) -> Endpoint:
    """Take a disabled endpoint up again. Raises ``UnknownName``."""
    find_webhook(connection, publisher_id, endpoint_id)
    found = enable_endpoint(connection, endpoint_id, now_micros)
    _tell(connection, Action.WEBHOOK_CHANGED, found, author, now_micros, {"state": "enabled"})
    return found


def try_webhook(connection: Connection, publisher_id: int, endpoint_id: int, *, author: str, now_micros: int) -> str:
    """Send a test event to this endpoint alone, as soon as an edge runs; return its id. Raises ``UnknownName``."""
    found = find_webhook(connection, publisher_id, endpoint_id)
    if found.state == "disabled":
        raise InvalidValue("this webhook is disabled; enable it first", "webhook")
    event_id = outbox.add_test(connection, endpoint_id, publisher_id, now_micros)
    _tell(connection, Action.WEBHOOK_TESTED, found, author, now_micros, {})
    return event_id


def replay_webhook(connection: Connection, found: Endpoint, event_id: str, *, author: str, now_micros: int) -> int:
    """Send one event again, or with an empty id all that were given up; how many. Raises ``UnknownName``."""
    event_ids = (event_id,) if event_id else ()
    count = replay(connection, found.endpoint_id, now_micros, event_ids=event_ids, only_failed=not event_id)
    if count:
        record(
            connection,
            Action.WEBHOOK_REPLAYED,
            author=author,
            now_micros=now_micros,
            publisher_id=found.publisher_id,
            subject=f"webhook {found.endpoint_id}",
            details={"events": count},
        )
    return count


def _tell(
    connection: Connection, action: Action, found: Endpoint, author: str, now_micros: int, details: dict[str, object]
) -> None:
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=found.publisher_id,
        subject=found.url[:320],
        details={"webhook": found.endpoint_id, **details},
    )
