"""Webhooks as people look at them: endpoints with how their latest deliveries went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edge.store.tables import webhook_endpoint
from edge.store.webhook_deliveries import Delivery, list_deliveries
from edge.store.webhook_endpoints import Endpoint, list_endpoints

DELIVERIES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class EndpointShown:
    """An endpoint with its latest deliveries, the newest events first."""

    endpoint: Endpoint
    deliveries: tuple[Delivery, ...]


def endpoints_of(connection: Connection, publisher_id: int) -> list[Endpoint]:
    """A publisher's own endpoints, by number."""
    return list_endpoints(connection, webhook_endpoint.c.publisher_id == publisher_id)


def with_deliveries(connection: Connection, endpoints: Sequence[Endpoint]) -> list[EndpointShown]:
    """Endpoints with their latest deliveries."""
    return [
        EndpointShown(each, tuple(list_deliveries(connection, each.endpoint_id, DELIVERIES_SHOWN)))
        for each in endpoints
    ]
