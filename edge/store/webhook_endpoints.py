"""Webhook endpoints: who wants to hear of what, where, and signed with which secret.

Rules of this file
- An endpoint is the operator's, one publisher's or one crawler's, for ever.
- A secret leaves this file when it is made or when a message is signed; nothing that lists endpoints has it.
- Changing a secret keeps the one before in force for a while: two at once, never three.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from edge.core.webhook_signing import SALT_BYTES, secret_of
from edge.core.webhooks import HEARS, Audience, InvalidWebhookUrl, WebhookEvent, read_webhook_url
from edge.store.charge_feed import begin_feed
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.service_keys import ServiceKeys
from edge.store.tables import webhook_delivery, webhook_endpoint, webhook_secret, webhook_subscription
from edge.store.webhook_deliveries import lock_endpoint

OVERLAP_SECONDS = 86_400
OVERLAP_SECONDS_MAX = 30 * 86_400


class SecretLost(StoreProblem):
    """The service key that makes an endpoint's secret is not among the key files; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What an endpoint takes; at most one of the two owners, no ``events`` meaning all that the owner can hear of.

    ``allow_dev`` lets http on this machine in.
    """

    url: str
    events: Sequence[str] = ()
    publisher_id: int | None = None
    crawler_id: int | None = None
    created_by: str = ""
    allow_dev: bool = False

    @property
    def audience(self) -> Audience:
        """Whose it will be."""
        return _audience(self.publisher_id, self.crawler_id)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as lists show it, without its secrets; times are microseconds since the epoch."""

    endpoint_id: int
    publisher_id: int | None
    crawler_id: int | None
    url: str
    events: tuple[str, ...]
    state: str
    failing_since_micros: int | None
    trouble: str | None
    created_by: str
    created_at_micros: int

    @property
    def audience(self) -> Audience:
        """Whose it is."""
        return _audience(self.publisher_id, self.crawler_id)


def add_endpoint(connection: Connection, new: NewEndpoint, keys: ServiceKeys, now_micros: int) -> tuple[Endpoint, str]:
    """Add an endpoint and return it with its secret, which is not shown again. Raises ``InvalidValue``."""
    assert new.publisher_id is None or new.crawler_id is None, "an endpoint has one owner"
    events = _read_events(new)
    row = {
        "publisher_id": new.publisher_id,
        "crawler_id": new.crawler_id,
        "url": _read_url(new.url, new.allow_dev),
        "state": "active",
        "created_by": new.created_by,
        "created_at_micros": now_micros,
    }
    if WebhookEvent.CHARGE_POSTED in events:
        begin_feed(connection, now_micros)
    made = connection.execute(insert(webhook_endpoint).values(row).returning(webhook_endpoint.c.id)).scalar_one()
    connection.execute(insert(webhook_subscription), [{"event": event, "endpoint_id": made} for event in events])
    return find_endpoint(connection, made), _add_secret(connection, made, 1, keys, now_micros)


def list_endpoints(connection: Connection, where: ColumnElement[bool] | None = None) -> list[Endpoint]:
    """All endpoints in the order they were made, or those of a condition."""
    events: dict[int, list[str]] = {}
    for row in connection.execute(select(webhook_subscription).order_by(webhook_subscription.c.event)):
        events.setdefault(row.endpoint_id, []).append(row.event)
    query = select(webhook_endpoint).order_by(webhook_endpoint.c.id)
    if where is not None:
        query = query.where(where)
    return [_endpoint(row, events.get(row.id, ())) for row in connection.execute(query)]


def find_endpoint(connection: Connection, endpoint_id: int) -> Endpoint:
    """One endpoint; raises ``UnknownName``."""
    found = list_endpoints(connection, webhook_endpoint.c.id == endpoint_id)
    if not found:
        raise UnknownName(f"there is no webhook {endpoint_id}; `farebox webhook list` shows all", "webhook")
    return found[0]


def remove_endpoint(connection: Connection, endpoint_id: int) -> Endpoint:
    """Forget an endpoint, its secrets and its deliveries; raises ``UnknownName``."""
    lock_endpoint(connection, endpoint_id)
    found = find_endpoint(connection, endpoint_id)
    for table in (webhook_delivery, webhook_subscription, webhook_secret):
        connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))
    connection.execute(delete(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id))
    return found


def enable_endpoint(connection: Connection, endpoint_id: int, now_micros: int) -> Endpoint:
    """Take up a disabled endpoint again; what was given up waits for ``replay``. Raises ``UnknownName``."""
    found = find_endpoint(connection, endpoint_id)
    if WebhookEvent.CHARGE_POSTED in found.events and found.state == "disabled":
        begin_feed(connection, now_micros)
    healthy = {"state": "active", "failing_since_micros": None, "trouble": None}
    connection.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id).values(healthy))
    return find_endpoint(connection, endpoint_id)


def rotate_secret(
    connection: Connection,
    endpoint_id: int,
    keys: ServiceKeys,
    now_micros: int,
    overlap_seconds: int = OVERLAP_SECONDS,
) -> str:
    """Give an endpoint a new secret and return it; the one before signs too for ``overlap_seconds``.

    Raises ``UnknownName`` and ``InvalidValue``.
    """
    if not 0 <= overlap_seconds <= OVERLAP_SECONDS_MAX:
        raise InvalidValue(f"the overlap is 0 to {OVERLAP_SECONDS_MAX // 86_400} days", "overlap")
    find_endpoint(connection, endpoint_id)
    secret = webhook_secret.c
    mine = secret.endpoint_id == endpoint_id
    last: int = connection.execute(select(func.max(secret.number)).where(mine)).scalar_one()
    try:
        # The primary key decides between two who rotate at once: both would add the same number.
        with connection.begin_nested():
            made = _add_secret(connection, endpoint_id, last + 1, keys, now_micros)
    except IntegrityError as why:
        raise StoreProblem("somebody else changed this secret just now; look who, before changing it again") from why
    connection.execute(delete(webhook_secret).where(mine, secret.number < last))
    ends = now_micros + overlap_seconds * 1_000_000
    connection.execute(update(webhook_secret).where(mine, secret.number == last).values(expires_at_micros=ends))
    return made


def secrets_in_force(connection: Connection, endpoint_id: int, keys: ServiceKeys, now_micros: int) -> list[str]:
    """The secrets that sign now, the newest first; raises ``SecretLost``."""
    secret = webhook_secret.c
    alive = or_(secret.expires_at_micros.is_(None), secret.expires_at_micros > now_micros)
    rows = connection.execute(
        select(secret.salt, secret.key_thumbprint)
        .where(secret.endpoint_id == endpoint_id, alive)
        .order_by(secret.number.desc())
    )
    return [_secret(row.salt, row.key_thumbprint, keys) for row in rows]


def _secret(salt: bytes, thumbprint: str, keys: ServiceKeys) -> str:
    for key in keys.keys:
        if key.public.thumbprint == thumbprint:
            return secret_of(key.private, salt)
    raise SecretLost(
        f"the service key {thumbprint} is not in FAREBOX_DATA_DIR; bring it back, or run `farebox webhook rotate`"
    )


def _add_secret(connection: Connection, endpoint_id: int, number: int, keys: ServiceKeys, now_micros: int) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    row = {
        "endpoint_id": endpoint_id,
        "number": number,
        "salt": salt,
        "key_thumbprint": keys.current.public.thumbprint,
        "created_at_micros": now_micros,
    }
    connection.execute(insert(webhook_secret).values(row))
    return secret_of(keys.current.private, salt)


def _read_url(text: str, allow_dev: bool) -> str:
    try:
        return read_webhook_url(text, allow_loopback_http=allow_dev)
    except InvalidWebhookUrl as why:
        raise InvalidValue(str(why), "url") from why


def _read_events(new: NewEndpoint) -> list[str]:
    can_hear = HEARS[new.audience]
    if not new.events:
        return sorted(event.value for event in can_hear)
    for name in new.events:
        if name not in can_hear:
            known = ", ".join(sorted(event.value for event in can_hear))
            raise InvalidValue(f"{name!r} is nothing that a {new.audience} hears of; choose from {known}", "event")
    return sorted(set(new.events))


def _audience(publisher_id: int | None, crawler_id: int | None) -> Audience:
    if publisher_id is not None:
        return Audience.PUBLISHER
    return Audience.OPERATOR if crawler_id is None else Audience.CRAWLER


def _endpoint(row: Row[tuple[object, ...]], events: Sequence[str]) -> Endpoint:
    return Endpoint(
        endpoint_id=row.id,
        publisher_id=row.publisher_id,
        crawler_id=row.crawler_id,
        url=row.url,
        events=tuple(events),
        state=row.state,
        failing_since_micros=row.failing_since_micros,
        trouble=row.trouble,
        created_by=row.created_by,
        created_at_micros=row.created_at_micros,
    )
