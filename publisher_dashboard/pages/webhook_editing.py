"""Add, change, try and remove a publisher's webhooks.

Rules of this file
- A secret is on the page that made it and nowhere afterwards.
- An endpoint is looked for among the publisher's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

from edge.core.webhooks import HEARS, Audience, WebhookEvent
from edge.store.connection import Connection
from edge.store.problems import InvalidValue, StoreProblem, UnknownName
from edge.store.publisher_webhooks import (
    begin_webhook,
    change_webhook,
    enable_webhook,
    find_webhook,
    remove_webhook,
    rotate_webhook,
    try_webhook,
)
from edge.store.service_keys import ServiceKeys
from edge.store.webhook_endpoints import Endpoint
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.forms import sentence
from publisher_dashboard.visit import Need, Visit

EVENT_WORDS: Mapping[WebhookEvent, str] = {
    WebhookEvent.CHARGE_POSTED: "Pages were paid.",
    WebhookEvent.STATEMENT_CLOSED: "A month was closed and has its statement.",
    WebhookEvent.RULES_PUBLISHED: "New prices are in force.",
    WebhookEvent.CRAWLER_FIRST_SEEN: "A crawler came for the first time.",
}
"""What each event that a publisher can hear of means."""

assert set(EVENT_WORDS) == HEARS[Audience.PUBLISHER], "every event has its words"


def show_new(visit: Visit) -> Response:
    """The form for a new webhook."""
    return _form(visit, None, {"url": ""}, [event.value for event in EVENT_WORDS], {})


def add(visit: Visit) -> Response:
    """Add it and show its secret, once."""
    url, events = visit.form.get("url", ""), _events(visit)
    try:
        with visit.desk.database.write() as connection:
            made, secret = begin_webhook(
                connection,
                visit.publisher.publisher_id,
                url,
                events,
                _keys(visit),
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except InvalidValue as wrong:
        return _form(visit, None, visit.form, events, {_field(wrong): sentence(str(wrong))})
    return _secret_page(visit, made, secret, is_new=True)


def show(visit: Visit) -> Response:
    """One webhook: its form, and what else can be done with it."""
    found = _find(visit)
    return _form(visit, found, {"url": found.url}, found.events, {})


def save(visit: Visit) -> Response:
    """Change where it sends, and what."""
    found, events = _find(visit), _events(visit)
    try:
        with visit.desk.database.write() as connection:
            changed = change_webhook(
                connection,
                visit.publisher.publisher_id,
                found.endpoint_id,
                visit.form.get("url", ""),
                events,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except InvalidValue as wrong:
        return _form(visit, found, visit.form, events, {_field(wrong): sentence(str(wrong))})
    return visit.go(visit.publisher_path("webhooks"), "same" if changed == found else "webhook-saved")


def rotate(visit: Visit) -> Response:
    """Give it a new secret and show it, once."""
    found = _find(visit)
    try:
        with visit.desk.database.write() as connection:
            _, secret = rotate_webhook(
                connection,
                visit.publisher.publisher_id,
                found.endpoint_id,
                _keys(visit),
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except StoreProblem as moved:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(moved)), visit.publisher_path("webhooks")) from moved
    return _secret_page(visit, found, secret, is_new=False)


def remove(visit: Visit) -> Response:
    """Forget it."""
    return _do(visit, remove_webhook, "webhook-removed")


def enable(visit: Visit) -> Response:
    """Take it up again after it was disabled."""
    return _do(visit, enable_webhook, "webhook-enabled")


def try_out(visit: Visit) -> Response:
    """Send it a test event."""
    return _do(visit, try_webhook, "webhook-tried")


def _do(visit: Visit, act: Callable[..., object], said: str) -> Response:
    back = visit.publisher_path("webhooks")
    number = _find(visit).endpoint_id
    try:
        with visit.desk.database.write() as connection:
            act(
                connection,
                visit.publisher.publisher_id,
                number,
                author=visit.person.email,
                now_micros=visit.now_micros,
            )
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back) from unknown
    except InvalidValue as wrong:
        raise Turned(HTTPStatus.CONFLICT, sentence(str(wrong)), back) from wrong
    return visit.go(back, said)


def _find(visit: Visit) -> Endpoint:
    try:
        with visit.desk.database.read() as connection:
            return _own(visit, connection)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, visit.publisher_path("webhooks")) from unknown


def _own(visit: Visit, connection: Connection) -> Endpoint:
    return find_webhook(connection, visit.publisher.publisher_id, int(visit.request.path_params["webhook_id"]))


def _keys(visit: Visit) -> ServiceKeys:
    keys = visit.desk.service_keys()
    if keys is None:
        why = "This dashboard runs without its keys, so it cannot make secrets."
        raise Turned(HTTPStatus.CONFLICT, why, visit.publisher_path("webhooks"))
    return keys


def _events(visit: Visit) -> list[str]:
    wanted = visit.lists.get("events", [])
    return [event.value for event in EVENT_WORDS if event.value in wanted]


def _field(wrong: InvalidValue) -> str:
    return "events" if wrong.field in ("event", "events") else "url"


def _secret_page(visit: Visit, made: Endpoint, secret: str, *, is_new: bool) -> Response:
    return visit.render("webhook_secret.html", HTTPStatus.CREATED, made=made, secret=secret, is_new=is_new)


def _form(
    visit: Visit,
    found: Endpoint | None,
    form: Mapping[str, str],
    chosen: Sequence[str],
    errors: Mapping[str, str],
) -> Response:
    return visit.render(
        "webhook.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        webhook=found,
        form=form,
        chosen=chosen,
        words=EVENT_WORDS,
        errors=errors,
        may_manage=visit.may(Need.MANAGE),
    )
