"""A small client of its own: ``get``, ``quote``, ``plan`` and ``resolve``, over httpx2, sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx2

from edge.client.answers import Answer, Delivered
from edge.client.errors import CrawlRefused, PageUnreachable, PaymentInDoubt, PriceRose, RobotsForbid
from edge.client.fetching import Quote, Resolved, drive, drive_async, resolve
from edge.client.flow import NoAnswer, Send
from edge.client.httpx_transport import DELIVERED, PRICE, AsyncPayingTransport, PayingTransport, no_answer
from edge.client.licences import Licence
from edge.client.plan import NoQuote, Plan, make_plan, unless_failed
from edge.client.receipt_check import ReceiptProblem, collect_receipts
from edge.client.site_reading import SiteReading
from edge.client.site_signals import SiteSignals
from edge.client.wallet import Wallet
from edge.core.fields import collect
from edge.core.money import Money

TIMEOUT_SECONDS = 30.0
NOT_MODIFIED = 304
UNQUOTED = (CrawlRefused, RobotsForbid, PageUnreachable, PaymentInDoubt, httpx2.TransportError)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came, and what it cost. ``charged`` is None for a free one; 304 says that it has not changed.

    ``is_repeat`` says that ``charged`` was paid before, and nothing now.
    """

    url: str
    status: int
    content: bytes
    headers: Mapping[str, str]
    charged: Money | None
    charge_id: str | None
    is_repeat: bool = False

    @property
    def is_unchanged(self) -> bool:
        """Whether it was asked for only if it changed, and had not: nothing was charged."""
        return self.status == NOT_MODIFIED


class PaidClient:
    """Gets pages and pays for them; a context manager. ``options`` go to ``httpx2.Client``.

    ``inner`` is a transport of your own below the paying one, for proxies or certificates. With ``price_lists`` False
    every price is asked of its page.
    """

    def __init__(
        self,
        wallet: Wallet,
        *,
        inner: httpx2.BaseTransport | None = None,
        price_lists: bool = True,
        **options: Any,
    ) -> None:
        self.wallet = wallet
        self._reading = SiteReading(wallet, price_lists)
        plain = inner or httpx2.HTTPTransport()
        settings = {"follow_redirects": True, "timeout": TIMEOUT_SECONDS, **options}
        self._paying = httpx2.Client(transport=PayingTransport(wallet, plain), **settings)
        self._asking = httpx2.Client(transport=plain, **{**settings, "follow_redirects": False})

    def __enter__(self) -> PaidClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the wallet is its owner's to close."""
        self._paying.close()
        self._asking.close()

    def get(
        self,
        url: str,
        *,
        price: Money | None = None,
        only_if_changed: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Get a page, for at most ``price`` when that is given; redirects are followed, each on its own terms.

        ``only_if_changed`` sends the validators of the last time, so that an unchanged page costs nothing. Where the
        site's price list was read, its price is offered at once; if the page is dearer by now, it is asked. Raises the
        errors of ``edge.client.errors``, and httpx2's own where no money was involved.
        """
        drive(self._reading.check_robots(url), self.send)
        sent = _headers(self.wallet, url, only_if_changed, headers)
        listed = self._reading.listed_price(url) if price is None else None
        try:
            response = self._paying.get(url, headers=sent, extensions=_extensions(price or listed))
        except PriceRose:
            if listed is None:
                raise
            response = self._paying.get(url, headers=sent)
        page = _page(response)
        _remember(self.wallet, url, page)
        return page

    def quote(self, url: str) -> Quote:
        """What a page costs, without buying it: by the site's signed price list where it has one, else by asking.

        Raises ``CrawlRefused``, ``RobotsForbid`` or ``PageUnreachable``.
        """
        return drive(self._reading.quote(url), self.send)

    def read_price_list(self, url: str) -> bool:
        """Read the signed price list of the page's site, so that ``get`` need not ask first; whether it has one."""
        return drive(self._reading.read_list(url), self.send)

    def plan(self, urls: Iterable[str]) -> Plan:
        """Quote pages, and say what buying them would cost and what the policy would keep from it."""
        return make_plan(self.wallet, [self.try_quote(url) for url in urls])

    def signals(self, url: str) -> SiteSignals:
        """What the page's host says to crawlers in robots.txt: what is allowed, and its licences."""
        return drive(self._reading.robots(url), self.send)

    def licences(self, url: str) -> tuple[Licence, ...]:
        """What the licences (RSL) that the host's robots.txt names say of a page; none where it names none."""
        return drive(self._reading.licences(url), self.send)

    def resolve(self) -> list[Resolved]:
        """Find out about every purchase whose answer never came, such as after a crash."""
        return drive(resolve(self.wallet), self.send)

    def collect_receipts(self) -> list[ReceiptProblem]:
        """Fetch the signed receipts that are not kept yet, check them, and say which do not hold."""
        return drive(collect_receipts(self.wallet), self.send)

    def send(self, step: Send) -> Answer | NoAnswer:
        """Carry out one step of a conversation without paying by itself."""
        try:
            if step.most_bytes is None:
                return _answer(self._asking.request(step.method, step.url, headers=dict(step.headers)))
            with self._asking.stream(step.method, step.url, headers=dict(step.headers)) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > step.most_bytes:
                        break
        except httpx2.TransportError as why:
            return no_answer(why)
        return _bounded(response, bytes(body), step.most_bytes)

    def try_quote(self, url: str) -> Quote | NoQuote:
        """As ``quote``, with the reason where there is none."""
        try:
            return unless_failed(self.quote(url))
        except UNQUOTED as why:
            return NoQuote(url, str(why).removeprefix(f"{url}: "))


class AsyncPaidClient:
    """The same on asyncio; an async context manager."""

    def __init__(
        self,
        wallet: Wallet,
        *,
        inner: httpx2.AsyncBaseTransport | None = None,
        price_lists: bool = True,
        **options: Any,
    ) -> None:
        self.wallet = wallet
        self._reading = SiteReading(wallet, price_lists)
        plain = inner or httpx2.AsyncHTTPTransport()
        settings = {"follow_redirects": True, "timeout": TIMEOUT_SECONDS, **options}
        self._paying = httpx2.AsyncClient(transport=AsyncPayingTransport(wallet, plain), **settings)
        self._asking = httpx2.AsyncClient(transport=plain, **{**settings, "follow_redirects": False})

    async def __aenter__(self) -> AsyncPaidClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """As ``PaidClient.close``."""
        await self._paying.aclose()
        await self._asking.aclose()

    async def get(
        self,
        url: str,
        *,
        price: Money | None = None,
        only_if_changed: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """As ``PaidClient.get``."""
        await drive_async(self._reading.check_robots(url), self.send)
        sent = _headers(self.wallet, url, only_if_changed, headers)
        listed = self._reading.listed_price(url) if price is None else None
        try:
            response = await self._paying.get(url, headers=sent, extensions=_extensions(price or listed))
        except PriceRose:
            if listed is None:
                raise
            response = await self._paying.get(url, headers=sent)
        page = _page(response)
        await asyncio.to_thread(_remember, self.wallet, url, page)
        return page

    async def quote(self, url: str) -> Quote:
        """As ``PaidClient.quote``."""
        return await drive_async(self._reading.quote(url), self.send)

    async def read_price_list(self, url: str) -> bool:
        """As ``PaidClient.read_price_list``."""
        return await drive_async(self._reading.read_list(url), self.send)

    async def plan(self, urls: Iterable[str]) -> Plan:
        """As ``PaidClient.plan``."""
        return make_plan(self.wallet, [await self.try_quote(url) for url in urls])

    async def signals(self, url: str) -> SiteSignals:
        """As ``PaidClient.signals``."""
        return await drive_async(self._reading.robots(url), self.send)

    async def licences(self, url: str) -> tuple[Licence, ...]:
        """As ``PaidClient.licences``."""
        return await drive_async(self._reading.licences(url), self.send)

    async def resolve(self) -> list[Resolved]:
        """As ``PaidClient.resolve``."""
        return await drive_async(resolve(self.wallet), self.send)

    async def collect_receipts(self) -> list[ReceiptProblem]:
        """As ``PaidClient.collect_receipts``."""
        return await drive_async(collect_receipts(self.wallet), self.send)

    async def send(self, step: Send) -> Answer | NoAnswer:
        """As ``PaidClient.send``."""
        try:
            if step.most_bytes is None:
                return _answer(await self._asking.request(step.method, step.url, headers=dict(step.headers)))
            async with self._asking.stream(step.method, step.url, headers=dict(step.headers)) as response:
                body = bytearray()
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > step.most_bytes:
                        break
        except httpx2.TransportError as why:
            return no_answer(why)
        return _bounded(response, bytes(body), step.most_bytes)

    async def try_quote(self, url: str) -> Quote | NoQuote:
        """As ``PaidClient.try_quote``."""
        try:
            return unless_failed(await self.quote(url))
        except UNQUOTED as why:
            return NoQuote(url, str(why).removeprefix(f"{url}: "))


def _headers(wallet: Wallet, url: str, only_if_changed: bool, given: Mapping[str, str] | None) -> dict[str, str]:
    return {**(wallet.store.validators(url) if only_if_changed else {}), **(given or {})}


def _extensions(price: Money | None) -> dict[str, Any]:
    return {} if price is None else {PRICE: price}


def _page(response: httpx2.Response) -> Page:
    delivered = response.extensions.get(DELIVERED)
    paid = delivered if isinstance(delivered, Delivered) else None
    return Page(
        str(response.url),
        response.status_code,
        response.content,
        response.headers,
        paid.charged if paid is not None else None,
        paid.charge_id if paid is not None else None,
        paid is not None and paid.is_repeat,
    )


def _remember(wallet: Wallet, url: str, page: Page) -> None:
    """Keep a page's validators under the address that was asked for."""
    etag, modified = page.headers.get("etag"), page.headers.get("last-modified")
    if page.status == 200 and (etag or modified):
        wallet.store.remember_page(url, etag, modified)


def _bounded(response: httpx2.Response, body: bytes, most_bytes: int) -> Answer:
    fields, _ = collect(response.headers.multi_items())
    fault = f"it is longer than {most_bytes} bytes" if len(body) > most_bytes else None
    return Answer(response.status_code, fields, body[:most_bytes], fault)


def _answer(response: httpx2.Response) -> Answer:
    fields, _ = collect(response.headers.multi_items())
    return Answer(response.status_code, fields, response.content)
