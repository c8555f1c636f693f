"""Everything that a site publishes of its prices, put together from the parts of one edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter

from edge.core.catalogue import Catalogue
from edge.core.identity import Identity
from edge.core.ladder import identify
from edge.core.policy import Knowledge, Policy
from edge.core.request import CrawlRequest
from edge.proxy.own_robots import OwnRobotsFiles
from edge.proxy.signal_documents import SignalDocuments
from edge.proxy.signal_routes import SignalDesk, signal_routes
from edge.proxy.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Publishing:
    """What is needed to publish. ``key`` gives the key that signs, ``clock`` Unix seconds."""

    operator: str
    policy: Callable[[], Policy]
    knowledge: Knowledge
    catalogue: Catalogue
    upstream: Upstream
    key: Callable[[], Ed25519PrivateKey]
    clock: Callable[[], float]


def published_routes(parts: Publishing) -> list[APIRouter]:
    """The routes of the documents."""

    def who_asks(request: CrawlRequest) -> Identity:
        return identify(request, parts.policy(), parts.knowledge, parts.clock())

    documents = SignalDocuments(parts.operator, parts.key, parts.catalogue.crawlers, parts.clock)
    robots = OwnRobotsFiles(parts.upstream, parts.clock)
    return [signal_routes(SignalDesk(documents, robots, parts.policy, who_asks, parts.clock))]
