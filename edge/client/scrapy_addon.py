"""Paying for pages in Scrapy: an add-on that puts a downloader middleware nearest to the downloader.

Rules of this file
- A request that a 402 answers is scheduled once more with the price, or dropped with a reason; what is sent is signed
  when it leaves the queue, never before, because a signature does not live long.
- Money is reserved before the download. A download that breaks keeps it, and Scrapy's own retry sends the same
  signature again, which is not charged twice.
- What a cache answers is not asked for, so nothing is reserved for it.
- A full total closes the spider; what is still under way is finished and counted.
- The spend store waits for its disk, some milliseconds each time: in a thread of its own, beside the crawl. A request
  goes on when that is done: what leaves is reserved on the disk, what a spider sees is settled there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    IgnoreRequest,
    NotConfigured,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response
from scrapy.settings import BaseSettings
from scrapy.utils.asyncio import is_asyncio_available
from scrapy.utils.defer import deferred_from_coro

from edge.client.answers import Answer, Delivered, is_page
from edge.client.errors import CapReached, CrawlRefused, PaymentInDoubt, SpendingStopped, WrongCharge
from edge.client.identity import Identity
from edge.client.spend_policy import SpendPolicy
from edge.client.token_identity import TokenIdentity
from edge.client.wallet import Asked, Ready, SignMore, Wallet, is_own
from edge.core.errors import EdgeError
from edge.core.fields import collect
from edge.core.money import parse_price

T = TypeVar("T")

ORDER = 950
"""After everything that changes requests or answers from a cache, next to the downloader."""
META = "farebox"
ROUNDS_MAX = 4
CLOSED = "pay_total"
_RETRIED = frozenset({429, 500, 502, 503, 504})
_NEVER_SENT = (DownloadConnectionRefusedError, CannotResolveHostError, UnsupportedURLSchemeError)
_CAPS = {
    "PAY_PER_DOMAIN_DAY": "per_domain_day",
    "PAY_PER_DAY": "per_day",
    "PAY_TOTAL": "total",
    "PAY_ALLOW_DOMAINS": "allow_domains",
    "PAY_DENY_DOMAINS": "deny_domains",
    "PAY_ON_UNKNOWN_PRICE": "on_unknown_price",
    "PAY_BUY_AGAIN_AFTER_HOURS": "buy_again_after_hours",
}


class PayingAddon:
    """``ADDONS = {"edge.client.scrapy_addon.PayingAddon": 100}`` in the settings of a project."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Put the middleware in its place."""
        settings.setdefault_in_component_priority_dict("DOWNLOADER_MIDDLEWARES", PayingMiddleware, ORDER)


class NotBought(IgnoreRequest):
    """A request that was dropped; ``__cause__`` is the error of ``edge.client.errors``, for an errback."""


def wallet_from(settings: BaseSettings) -> Wallet:
    """The wallet that the ``PAY_*`` settings describe. Raises ``NotConfigured`` when one is missing."""
    who = ("PAY_TOKEN_FILE", "PAY_TOKEN_HOSTS") if settings.get("PAY_TOKEN_FILE") else ("PAY_KEY", "PAY_AGENT")
    missing = [name for name in (*who, "PAY_PER_REQUEST", "PAY_STORE") if not settings.get(name)]
    if missing:
        raise NotConfigured(f"paying for pages needs the settings {', '.join(missing)}")
    given: dict[str, Any] = {
        option: settings.get(name) for name, option in _CAPS.items() if settings.get(name) is not None
    }
    policy = SpendPolicy(per_request=settings["PAY_PER_REQUEST"], **given)
    return Wallet(_identity_from(settings), policy, settings["PAY_STORE"])


def _identity_from(settings: BaseSettings) -> Identity | TokenIdentity:
    """A token is named by its file, because Scrapy writes settings into its log."""
    if settings.get("PAY_TOKEN_FILE"):
        hosts = settings.getlist("PAY_TOKEN_HOSTS")
        return TokenIdentity.load(settings["PAY_TOKEN_FILE"], hosts, settings.get("PAY_AGENT"))
    return Identity.load(settings["PAY_KEY"], settings["PAY_AGENT"])


class PayingMiddleware:
    """Signs, offers and pays on the way to the downloader, and notes what became of it on the way back."""

    def __init__(self, crawler: Crawler, wallet: Wallet) -> None:
        self._crawler = crawler
        self._wallet = wallet
        self._sent: WeakKeyDictionary[Request, Ready] = WeakKeyDictionary()
        self._is_closing = False
        self._books = ThreadPoolExecutor(1, "pay")
        self._log = logging.getLogger(__name__)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> PayingMiddleware:
        """Make it out of the project's settings."""
        middleware = cls(crawler, wallet_from(crawler.settings))
        crawler.signals.connect(middleware._closed, signal=signals.spider_closed)
        return middleware

    async def process_request(self, request: Request) -> None:
        """Sign a request that is about to be downloaded, with the offer that the policy allows."""
        _undress(request)
        if request.method != "GET" or request.meta.get("dont_pay"):
            return
        url = request.url.partition("#")[0]
        known = _known(request, url)
        price = known.get("price")
        try:
            quoted = None if price is None else parse_price(price)
            also, may_repeat = tuple(known.get("also", ())), not known.get("has_repeated")
            ready = await self._in_books(partial(self._wallet.prepare, url, quoted, also, may_repeat=may_repeat))
        except SpendingStopped as why:
            raise self._dropped(why) from why
        for name, value in ready.headers:
            request.headers[name] = value
        self._sent[request] = ready

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Settle what was bought; schedule what has a price once more; drop what is not to be had."""
        _undress(request)
        ready = self._sent.pop(request, None)
        if ready is None:
            return response
        answer = _answer(response)
        if is_page(answer) and "dataloss" in response.flags:
            why = PaymentInDoubt(ready.url, "the page did not come whole")
            raise self._dropped(why) from why
        try:
            verdict = await self._in_books(partial(self._wallet.judge, ready, answer))
        except CrawlRefused as why:
            if answer.status in _RETRIED:
                return response  # Scrapy's own retry decides; nothing was charged
            raise self._dropped(why) from why
        except (SpendingStopped, PaymentInDoubt, WrongCharge) as why:
            raise self._dropped(why) from why
        match verdict:
            case Delivered():
                return self._delivered(request, response, verdict)
            case Asked():
                return self._again(request, ready, price=str(verdict.price))
            case SignMore():
                return self._again(request, ready, also=list(verdict.components))

    async def process_exception(self, request: Request, exception: Exception) -> None:
        """A download that never began costs nothing; one that broke stays reserved, and is retried as it was."""
        _undress(request)
        ready = self._sent.pop(request, None)
        if ready is not None and isinstance(exception, _NEVER_SENT):
            await self._in_books(partial(self._wallet.not_charged, ready))

    async def _in_books(self, work: Callable[[], T]) -> T:
        """Do what waits for the spend store's disk, one after the other, while the crawl goes on."""
        if is_asyncio_available():
            return await asyncio.get_running_loop().run_in_executor(self._books, work)
        from twisted.internet.threads import deferToThread  # installs a reactor, so not before there is one

        done: T = await deferToThread(work)
        return done

    def _again(self, request: Request, ready: Ready, **learnt: Any) -> Request:
        """The same request once more, with what was learnt; it waits in the scheduler like any other."""
        url = ready.url
        known = _known(request, url)
        if ready.repeats is not None:
            learnt["has_repeated"] = True
        rounds = known.get("rounds", 0) + 1
        if rounds == ROUNDS_MAX:
            self._count("dropped/asked_again")
            raise NotBought(f"{url}: the offer was made and was asked for again")
        self._count("rescheduled")
        meta = {**request.meta, META: {**known, **learnt, "url": url, "rounds": rounds}}
        return request.replace(meta=meta, dont_filter=True, priority=request.priority + 1)

    def _delivered(self, request: Request, response: Response, delivered: Delivered) -> Response:
        charged = delivered.charged
        if charged is None:
            self._count("free" if 200 <= delivered.status < 300 else "other")
        elif delivered.is_repeat:
            self._count("repeated")
        else:
            self._count("bought")
            self._count(f"spent_micros/{charged.currency}", charged.amount_micros)
        request.meta[META] = {
            "charged": None if charged is None else str(charged),
            "charge_id": delivered.charge_id,
        }
        return response

    def _dropped(self, why: EdgeError) -> NotBought:
        """Count and tell why a page is not had; a full total ends the crawl."""
        self._count(f"dropped/{_reason(why)}")
        self._log.info("Not bought: %s", why, extra={"spider": self._crawler.spider})
        if isinstance(why, WrongCharge):
            self._log.error("%s", why, extra={"spider": self._crawler.spider})
        if isinstance(why, CapReached) and why.scope == "total" and not self._is_closing:
            self._is_closing = True
            assert self._crawler.engine is not None, "requests come from a running engine"
            deferred_from_coro(self._crawler.engine.close_spider_async(reason=CLOSED))
        return NotBought(str(why))

    def _count(self, name: str, number: int = 1) -> None:
        assert self._crawler.stats is not None, "a running crawler has statistics"
        self._crawler.stats.inc_value(f"pay/{name}", number)

    def _closed(self) -> None:
        self._books.shutdown()
        self._wallet.close()


def _undress(request: Request) -> None:
    """Take our headers away: a queue on disk, a cache, or the host that a redirect leads to gets none of them."""
    lines = [(name.decode("latin-1"), value) for name, values in request.headers.items() for value in values]
    for name in {name for name, value in lines if is_own(name, value.decode("latin-1"))}:
        del request.headers[name]


def _known(request: Request, url: str) -> dict[str, Any]:
    """What was learnt about this very address; a redirect has another one."""
    known = request.meta.get(META) or {}
    return dict(known) if known.get("url") == url else {}


def _answer(response: Response) -> Answer:
    lines = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in response.headers.items()
        for value in values
    ]
    fields, _ = collect(lines)
    return Answer(response.status, fields, b"" if 200 <= response.status < 300 else response.body[:65_536])


def _reason(why: EdgeError) -> str:
    match why:
        case SpendingStopped():
            return why.reason
        case CrawlRefused():
            return why.error.value
        case WrongCharge():
            return "wrong_charge"
        case _:
            return "in_doubt"
