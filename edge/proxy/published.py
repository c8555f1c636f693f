"""Everything that a site publishes of its prices, put together from the parts of one edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter

from edge.core.catalogue import Catalogue
from edge.core.identity import Identity
from edge.core.keys import PublicKey
from edge.core.ladder import identify
from edge.core.policy import Knowledge, Policy
from edge.core.request import CrawlRequest
from edge.proxy.own_robots import OwnRobotsFiles
from edge.proxy.public_pages import PublicDesk, public_routes
from edge.proxy.signal_documents import SignalDocuments
from edge.proxy.signal_routes import SignalDesk, signal_routes
from edge.proxy.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Publishing:
    """What is needed to publish. ``key`` gives the key that signs, ``keys`` all of ours by thumbprint, ``clock`` Unix
    seconds; ``receipt_of`` the signed receipt of a charge's number."""

    operator: str
    policy: Callable[[], Policy]
    knowledge: Knowledge
    catalogue: Catalogue
    upstream: Upstream
    key: Callable[[], Ed25519PrivateKey]
    clock: Callable[[], float]
    keys: Callable[[], Mapping[str, PublicKey]]
    receipt_of: Callable[[str], str | None]
    contact: str | None = None
    documents: SignalDocuments = field(init=False)

    def __post_init__(self) -> None:
        made = SignalDocuments(self.operator, self.key, self.catalogue.crawlers, self.clock)
        object.__setattr__(self, "documents", made)


def published_routes(parts: Publishing) -> list[APIRouter]:
    """The routes of the documents and of the pages for people."""

    def who_asks(request: CrawlRequest) -> Identity:
        return identify(request, parts.policy(), parts.knowledge, parts.clock())

    documents = parts.documents
    robots = OwnRobotsFiles(parts.upstream, parts.clock)
    pages = PublicDesk(
        parts.operator, parts.contact, parts.policy, parts.keys, parts.receipt_of, documents.is_known, parts.clock
    )
    return [signal_routes(SignalDesk(documents, robots, parts.policy, who_asks, parts.clock)), public_routes(pages)]
