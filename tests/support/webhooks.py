"""What tests of webhooks start from: parties, endpoints that listen, and what was written for them."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from edge.store.database import Database
from edge.store.service_keys import ServiceKeys
from edge.store.tables import crawler, publisher, site, webhook_delivery, webhook_event
from edge.store.webhook_endpoints import Endpoint, NewEndpoint, add_endpoint

AT = 1_790_000_000_000_000
SECOND, DAY = 1_000_000, 86_400_000_000
URL = "https://hooks.example/"


def introduce(connection: Connection) -> None:
    """Two publishers with a site each, and two crawlers."""
    for number in (1, 2):
        names = {"created_at_micros": AT, "id": number}
        people = {"name": f"News{number}", "name_key": f"news{number}", "email": "a@news.example"}
        connection.execute(insert(publisher).values(**people, **names))
        switches = dict.fromkeys(("strict", "in_band_pricing", "error_detail", "case_sensitive_paths"), False)
        place = {"host": f"news{number}.example", "origin": "http://127.0.0.1", "currency": "USD", "active": True}
        connection.execute(insert(site).values(publisher_id=number, **place, **switches, **names))
        about = {"agent_url": f"https://bot{number}.example", "kind": "training", "operator": "Example"}
        bot = {"name": f"Bot{number}", "name_key": f"bot{number}", "suspended": False}
        connection.execute(insert(crawler).values(**about, **bot, **names))


def listen(
    database: Database,
    keys: ServiceKeys,
    *events: str,
    url: str = URL,
    publisher_id: int | None = None,
    crawler_id: int | None = None,
    at_micros: int = AT,
) -> tuple[Endpoint, str]:
    """Add an endpoint and return it with its secret."""
    new = NewEndpoint(url, events, publisher_id, crawler_id, created_by="test", allow_dev=True)
    with database.write() as connection:
        return add_endpoint(connection, new, keys, at_micros)


def bodies(database: Database, endpoint: Endpoint) -> list[dict[str, Any]]:
    """What was written for an endpoint, in the order of the events."""
    query = (
        select(webhook_event.c.body)
        .join(webhook_delivery, webhook_delivery.c.event_id == webhook_event.c.id)
        .where(webhook_delivery.c.endpoint_id == endpoint.endpoint_id)
        .order_by(webhook_event.c.at_micros, webhook_event.c.id)
    )
    with database.read() as connection:
        return [orjson.loads(body) for body in connection.execute(query).scalars()]
