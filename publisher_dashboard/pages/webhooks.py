"""Webhooks: where events are sent, how the latest deliveries went, and sending them again.

Rules of this file
- An endpoint is looked for among those that the visitor may see, never by its number alone.
- Secrets are not shown here; ``publisher_dashboard.pages.webhook_editing`` makes and changes endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response

from edge.store.problems import UnknownName
from edge.store.publisher_webhooks import replay_webhook
from edge.store.webhook_endpoints import Endpoint
from edge.store.webhook_lists import endpoints_of, with_deliveries
from publisher_dashboard.auth import NOT_HERE, Turned
from publisher_dashboard.visit import Need, Visit


def show(visit: Visit) -> Response:
    """The publisher's own webhooks."""
    with visit.desk.database.read() as connection:
        shown = with_deliveries(connection, endpoints_of(connection, visit.publisher.publisher_id))
    return visit.render(
        "webhooks.html",
        shown=shown,
        owners={},
        here=visit.publisher_path("webhooks"),
        may_replay=visit.may(Need.EDIT),
        may_manage=visit.may(Need.MANAGE),
        of=f"of {visit.publisher.publisher_name}",
    )


def send_own_again(visit: Visit) -> Response:
    """Send events of a webhook of this publisher again."""
    with visit.desk.database.read() as connection:
        found = endpoints_of(connection, visit.publisher.publisher_id)
    return send_again(visit, found, visit.publisher_path("webhooks"))


def send_again(visit: Visit, among: Sequence[Endpoint], back: str) -> Response:
    """Send one event again, or all that were given up, to an endpoint that is among these."""
    wanted = visit.form.get("webhook", "")
    found = next((each for each in among if str(each.endpoint_id) == wanted), None)
    if found is None:
        raise Turned(HTTPStatus.NOT_FOUND, NOT_HERE, back)
    if found.state == "disabled":
        can = "An owner can enable it on its page, whoever runs this edge with farebox webhook enable."
        why = f"Webhook {found.endpoint_id} is disabled. {can}"
        raise Turned(HTTPStatus.CONFLICT, why, back)
    event = visit.form.get("event", "")
    try:
        with visit.desk.database.write() as connection:
            count = replay_webhook(connection, found, event, author=visit.person.email, now_micros=visit.now_micros)
    except UnknownName as unknown:
        raise Turned(HTTPStatus.NOT_FOUND, "This webhook was never sent that event.", back) from unknown
    return visit.go(back, "sent-again" if count else "nothing-to-send")
