"""Webhooks: where events are sent, and sending them again. A secret is in the answer that made it and nowhere after."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from edge.core.webhooks import WebhookEvent
from edge.store.problems import InvalidValue
from edge.store.publisher_webhooks import (
    begin_webhook,
    change_webhook,
    enable_webhook,
    find_webhook,
    remove_webhook,
    replay_webhook,
    rotate_webhook,
    try_webhook,
)
from edge.store.service_keys import ServiceKeys
from edge.store.webhook_endpoints import Endpoint
from edge.store.webhook_lists import EndpointShown, endpoints_of, with_deliveries
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.values import Done, Model, Nothing, time_of
from publisher_dashboard.forms import sentence
from publisher_dashboard.rendering import at


class DeliveryShown(Model):
    """One event that was sent, or waits."""

    event_id: str
    event: str
    subject: str
    at: datetime
    state: str
    attempts: int
    tried_at: datetime | None
    status: int | None
    trouble: str | None


class WebhookShown(Model):
    """Where events are sent; ``secret`` is there only where it was just made."""

    id: int
    url: str
    events: tuple[str, ...]
    state: str
    trouble: str | None
    created_by: str
    created_at: datetime
    deliveries: tuple[DeliveryShown, ...] = ()
    secret: str | None = None


class WebhookList(Model):
    """All webhooks of the publisher, with their latest deliveries."""

    data: tuple[WebhookShown, ...]


class WebhookChange(Model):
    """An https address and the events to send there."""

    url: Annotated[str, Field(max_length=2048)]
    events: tuple[WebhookEvent, ...]


class Replay(Model):
    """One event by its id, or, without, all that were given up."""

    event_id: str = ""


class Replayed(Model):
    """How many deliveries wait to be sent again."""

    count: int


def list_webhooks(call: Call, asked: Nothing) -> WebhookList:
    """The publisher's webhooks and how the latest deliveries went."""
    with call.desk.database.read() as connection:
        found = with_deliveries(connection, endpoints_of(connection, call.publisher_id))
    return WebhookList(data=tuple(_shown(one) for one in found))


def get_webhook(call: Call, asked: Nothing) -> WebhookShown:
    """One webhook with its latest deliveries."""
    with call.desk.database.read() as connection:
        [found] = with_deliveries(connection, [find_webhook(connection, call.publisher_id, call.number("webhook_id"))])
    return _shown(found)


def add_webhook(call: Call, asked: Nothing, body: WebhookChange) -> Answer:
    """Send events to an address from now on; the secret is in this answer and nowhere afterwards."""
    keys, events = _keys(call), [event.value for event in body.events]
    with call.desk.database.write() as connection:
        made, secret = begin_webhook(
            connection, call.publisher_id, body.url, events, keys, author=call.author, now_micros=call.now_micros
        )
    return Answer(_webhook(made, secret=secret), 201)


def put_webhook(call: Call, asked: Nothing, body: WebhookChange) -> WebhookShown:
    """Change where it sends, and what."""
    with call.desk.database.write() as connection:
        changed = change_webhook(
            connection,
            call.publisher_id,
            call.number("webhook_id"),
            body.url,
            [event.value for event in body.events],
            author=call.author,
            now_micros=call.now_micros,
        )
    return _webhook(changed)


def delete_webhook(call: Call, asked: Nothing) -> Done:
    """Forget it; nothing is sent there any more."""
    with call.desk.database.write() as connection:
        number = call.number("webhook_id")
        remove_webhook(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    return Done(changed=True)


def rotate_webhook_secret(call: Call, asked: Nothing) -> WebhookShown:
    """Give it a new secret; the one before signs too for a day."""
    keys = _keys(call)
    with call.desk.database.write() as connection:
        number = call.number("webhook_id")
        found, secret = rotate_webhook(
            connection, call.publisher_id, number, keys, author=call.author, now_micros=call.now_micros
        )
    return _webhook(found, secret=secret)


def send_test_event(call: Call, asked: Nothing) -> Done:
    """Send it a test event, as soon as an edge runs."""
    number = call.number("webhook_id")
    try:
        with call.desk.database.write() as connection:
            try_webhook(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    except InvalidValue as disabled:
        raise Problem(Code.NOT_POSSIBLE, sentence(str(disabled))) from None
    return Done(changed=True)


def enable_own_webhook(call: Call, asked: Nothing) -> WebhookShown:
    """Take it up again after it was disabled."""
    number = call.number("webhook_id")
    with call.desk.database.write() as connection:
        found = enable_webhook(connection, call.publisher_id, number, author=call.author, now_micros=call.now_micros)
    return _webhook(found)


def replay_deliveries(call: Call, asked: Nothing, body: Replay) -> Replayed:
    """Send one event again, or all that were given up, under their old ids."""
    with call.desk.database.write() as connection:
        found = find_webhook(connection, call.publisher_id, call.number("webhook_id"))
        if found.state == "disabled":
            raise Problem(Code.NOT_POSSIBLE, "This webhook is disabled; enable it first.")
        count = replay_webhook(connection, found, body.event_id, author=call.author, now_micros=call.now_micros)
    return Replayed(count=count)


def _keys(call: Call) -> ServiceKeys:
    keys = call.desk.service_keys()
    if keys is None:
        raise Problem(Code.NOT_POSSIBLE, "This dashboard runs without its keys, so it cannot make secrets.")
    return keys


def _webhook(one: Endpoint, *, secret: str | None = None, deliveries: tuple[DeliveryShown, ...] = ()) -> WebhookShown:
    return WebhookShown(
        id=one.endpoint_id,
        url=one.url,
        events=one.events,
        state=one.state,
        trouble=one.trouble,
        created_by=one.created_by,
        created_at=at(one.created_at_micros),
        deliveries=deliveries,
        secret=secret,
    )


def _shown(one: EndpointShown) -> WebhookShown:
    deliveries = tuple(
        DeliveryShown(
            event_id=each.event_id,
            event=each.event,
            subject=each.subject,
            at=at(each.at_micros),
            state=each.state,
            attempts=each.attempts,
            tried_at=time_of(each.tried_at_micros),
            status=each.status,
            trouble=each.trouble,
        )
        for each in one.deliveries
    )
    return _webhook(one.endpoint, deliveries=deliveries)
