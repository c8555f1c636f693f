"""Quotes from the signed price list of a site, read once, instead of a question for every page.

Rules of this file
- The list is asked for as a purchase is: signed, so that the site writes the list that is for us, and never over plain
  http beyond this machine. It counts when its signature holds, it is for this host, and its time has not passed.
- Where it does not, or cannot tell, the page is asked: a list saves questions, it never decides alone. A page that
  turns out dearer than it was listed stops (``PriceRose``), it is not paid.
- What is decoded is bounded, and so is how long a site that has no list is left in peace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from edge.client.answers import Answer
from edge.client.errors import CrawlerForbidden, CrawlRefused, Refusal
from edge.client.fetching import Conversation, Quote
from edge.client.flow import Send
from edge.client.receipt_check import KEYS_PATH
from edge.client.site_cache import SiteCache, site_of
from edge.client.spend_policy import domain_of
from edge.client.wallet import Wallet
from edge.core.money import Money

if TYPE_CHECKING:
    from edge.core.signals.price_list import PriceBook

LIST_PATH = "/.well-known/crawl-prices.json"
LIST_BYTES_MAX = 8 * 1024 * 1024
KEPT_SECONDS = 3_600.0
NOTHING_KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class NoList:
    """There is no list to go by, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class PriceLists:
    """The lists of the sites that were asked; one for all threads and tasks of a client."""

    wallet: Wallet
    kept: SiteCache[PriceBook | NoList]

    def of(self, url: str) -> Conversation[PriceBook | NoList]:
        """The list of a page's site, from memory where that counts."""
        if not site_of(url):
            return NoList("this is no address of a page")
        found = self.kept.find(url)
        if found is None:
            found = yield from _read(self.wallet, url)
            left = KEPT_SECONDS
            if isinstance(found, NoList):
                left = NOTHING_KEPT_SECONDS
            else:
                left = min(left, found.prices.expires_at - self.wallet.now_micros() / 1_000_000)
            self.kept.keep(url, found, left)
        return found

    def remembered_price(self, url: str) -> Money | None:
        """What a list that was read before says that a page costs; None where there is none, or it cannot tell."""
        found = self.kept.find(url)
        if found is None or isinstance(found, NoList):
            return None
        try:
            listed = _listed(found, url, self.wallet.now_micros() / 1_000_000)
        except CrawlRefused:
            return None  # the page itself shall say so
        return None if listed is None else listed.price

    def quote(self, url: str) -> Conversation[Quote | None]:
        """What the list says that a page costs; None where it cannot tell. Raises ``CrawlerForbidden``."""
        found = yield from self.of(url)
        return None if isinstance(found, NoList) else _listed(found, url, self.wallet.now_micros() / 1_000_000)


def _listed(book: PriceBook, url: str, now: float) -> Quote | None:
    from edge.core.signals.price_list import Listed

    parts = urlsplit(url)
    said = book.look_up(f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", now)
    if not isinstance(said, Listed):
        return None
    if said.is_blocked:
        raise CrawlerForbidden(Refusal(url, 403, code="crawler_blocked", detail="the site's price list blocks it"))
    is_ours = book.prices.reader is not None
    return Quote(url, said.price, 402 if said.price else 200, said.rule, knows_us=is_ours)


def _read(wallet: Wallet, url: str) -> Conversation[PriceBook | NoList]:
    where = urljoin(url, LIST_PATH)
    came = yield Send(where, wallet.signed(where).headers, most_bytes=LIST_BYTES_MAX)
    if not isinstance(came, Answer) or came.fault is not None or came.status != 200:
        return NoList("the site publishes no price list")
    keys = yield Send(urljoin(url, KEYS_PATH), (), most_bytes=LIST_BYTES_MAX)
    if not isinstance(keys, Answer) or keys.fault is not None or keys.status != 200:
        return NoList("the site's keys are not to be had")
    return _checked(came.body, keys.body, domain_of(url), wallet.now_micros() / 1_000_000)


def _checked(body: bytes, key_set: bytes, host: str, now: float) -> PriceBook | NoList:
    import orjson

    from edge.core.directory import parse_directory
    from edge.core.jws import JwsFault
    from edge.core.signals.price_list import PriceBook, verify_price_list

    keys = parse_directory(key_set)
    try:
        document = orjson.loads(body)
        jws = document["jws"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return NoList("what the site publishes is no price list")
    if not isinstance(keys, tuple) or not isinstance(jws, str):
        return NoList("what the site publishes is no price list")
    prices = verify_price_list(jws, {key.thumbprint: key for key in keys})
    if isinstance(prices, JwsFault):
        return NoList(f"the price list does not hold: {prices.value}")
    if prices.site != host:
        return NoList(f"the price list is for {prices.site}")
    book = PriceBook(prices)
    late = book.why_not_now(now)
    return book if late is None else NoList(late)
