"""The documents that a site publishes from its rules, made when they are asked for and remembered.

Rules of this file: what is remembered is bounded, and a document is made again when the rules change; a price list is
made again when half of its time is over, so that whoever fetches one may use it for a while.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.identity import ClaimedCrawler, Payer
from edge.core.policy import SitePolicy
from edge.core.refusal_fields import contact_link
from edge.core.signals.page_fields import page_fields
from edge.core.signals.price_list import (
    VALID_SECONDS,
    PriceList,
    price_list_document,
    public_rules,
    reader_of,
    rules_for,
)
from edge.core.signals.published import RSL_TYPE, Signal
from edge.core.signals.robots_merge import merge_robots
from edge.core.signals.rsl import rsl_document
from edge.core.signals.scopes import Projection, project
from edge.core.signals.tdmrep import tdm_policy, tdmrep_document
from edge.proxy.forwarding import Header

REMEMBERED_MAX = 256
_BYTES_REMEMBERED_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is sent; ``etag`` is a strong one."""

    body: bytes
    media_type: str
    etag: str
    made_at: float


@dataclass(frozen=True, slots=True)
class SignalDocuments:
    """Makes the documents. ``issuer`` is the operator's name, ``key`` gives the one that signs, ``crawlers`` are those
    that are widely known; ``clock`` gives Unix seconds."""

    issuer: str
    key: Callable[[], Ed25519PrivateKey]
    crawlers: tuple[ClaimedCrawler, ...]
    clock: Callable[[], float]
    _made: dict[tuple[object, ...], Document] = field(default_factory=dict)
    _fields: dict[tuple[object, ...], tuple[Header, ...]] = field(default_factory=dict)
    _projections: dict[tuple[str, int], Projection] = field(default_factory=dict)
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = [name.casefold() for one in self.crawlers for name in (one.name, one.operator) if name]
        object.__setattr__(self, "_known", frozenset(names))

    def price_list(self, site: SitePolicy, payer: Payer | None) -> Document:
        """The signed list for anybody, or for the crawler that proved its name."""
        reader = None if payer is None else reader_of(payer)
        key = (Signal.PRICES, site.host, site.rule_version, site.in_band_pricing, reader)
        found = self._made.get(key)
        now = self.clock()
        if found is not None and 0 <= now - found.made_at < VALID_SECONDS / 2:
            return found
        given = site.rules.rule_set
        prices = PriceList(
            issuer=self.issuer,
            site=site.host,
            version=site.rule_version,
            issued_at=int(now),
            expires_at=int(now) + VALID_SECONDS,
            currency=site.currency,
            case_sensitive=site.rules.case_sensitive,
            in_band_pricing=site.in_band_pricing,
            reader=reader,
            rules=public_rules(given, self.is_known) if payer is None else rules_for(given, payer),
        )
        body = orjson.dumps(price_list_document(prices, self.key()), option=orjson.OPT_INDENT_2) + b"\n"
        return self._remember(key, body, "application/json", now)

    def rsl(self, site: SitePolicy, base: str) -> Document:
        """The licence in RSL; ``base`` is scheme and authority."""
        return self._made_once(
            (Signal.RSL, site.host, site.rule_version, base),
            RSL_TYPE,
            lambda: rsl_document(base, self.projection(site).scopes),
        )

    def tdmrep(self, site: SitePolicy, base: str) -> Document:
        """The reservation for text and data mining."""
        return self._made_once(
            (Signal.TDMREP, site.host, site.rule_version, base),
            "application/json",
            lambda: tdmrep_document(base, self.projection(site)),
        )

    def tdm_policy(self, site: SitePolicy, base: str) -> Document:
        """What the reservation points to, for pages that are sold."""
        link = contact_link(site.contact or "") or ""
        mail = link if link.startswith("mailto:") else None
        return self._made_once(
            ("policy", site.host, base, mail), "application/ld+json", lambda: tdm_policy(base, site.host, mail)
        )

    def robots(self, site: SitePolicy, base: str, own: str) -> Document:
        """The site's own robots.txt with ours merged in."""
        with_licence = Signal.RSL in site.signals
        return self._made_once(
            (Signal.ROBOTS, site.host, site.rule_version, base, own, with_licence),
            "text/plain; charset=utf-8",
            lambda: merge_robots(
                own, base, site.rules, self.projection(site), self.crawlers, with_licence=with_licence
            ),
        )

    def fields(self, site: SitePolicy) -> tuple[Header, ...]:
        """The header fields that each page of the site gets: the licence's address, and the preference that is true of
        every page."""
        key = (site.host, site.rule_version, site.scheme, site.signals)
        found = self._fields.get(key)
        if found is None:
            if len(self._fields) >= REMEMBERED_MAX:
                self._fields.clear()
            found = self._fields[key] = tuple(
                (name.encode(), value.encode())
                for name, value in page_fields(
                    f"{site.scheme or 'https'}://{site.host}", self.projection(site), Signal.RSL in site.signals
                )
            )
        return found

    def projection(self, site: SitePolicy) -> Projection:
        """The rules as the signals state them."""
        key = (site.host, site.rule_version)
        found = self._projections.get(key)
        if found is None:
            if len(self._projections) >= REMEMBERED_MAX:
                self._projections.clear()
            found = self._projections[key] = project(site.rules)
        return found

    def is_known(self, name: str) -> bool:
        """Whether a crawler or operator is widely known, so that a rule for it tells nothing."""
        return name.casefold() in self._known

    def _made_once(self, key: tuple[object, ...], media_type: str, make: Callable[[], str]) -> Document:
        found = self._made.get(key)
        if found is not None:
            return found
        return self._remember(key, make().encode("utf-8", "surrogateescape"), media_type, self.clock())

    def _remember(self, key: tuple[object, ...], body: bytes, media_type: str, now: float) -> Document:
        made = Document(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"', now)
        if len(self._made) >= REMEMBERED_MAX or _size(self._made.values()) > _BYTES_REMEMBERED_MAX:
            self._made.clear()
        self._made[key] = made
        return made


def _size(documents: Iterable[Document]) -> int:
    return sum(len(document.body) for document in documents)
