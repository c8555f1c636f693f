"""Paying for pages in Playwright: a handler for ``page.route`` or ``context.route`` of the async API.

Rules of this file
- Only GET is signed and paid, and of what a page loads only the kinds that are named: documents, unless you say more.
- A redirect is given to the browser as a page that goes there, so that the next address is routed, decided by the
  policy and signed like any other; a browser does not ask a route about redirects.
- What cannot be bought is shown as the site answered it, or aborted where it did not; ``problems`` says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from playwright.async_api import APIResponse, Error, Request, Route

from edge.client.answers import Answer, Delivered
from edge.client.errors import CrawlRefused, PageUnreachable, PaymentInDoubt, SpendingStopped, WrongCharge
from edge.client.fetching import drive_async, fetch
from edge.client.flow import REDIRECTS, NoAnswer, Send
from edge.client.page_url import BadPageUrl, redirect_target
from edge.client.wallet import Wallet, is_own
from edge.core.errors import EdgeError
from edge.core.fields import collect

_NEVER_SENT = ("ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH")


class PayingRoute:
    """Pays with a wallet; ``await page.route("**/*", PayingRoute(wallet))``.

    ``kinds`` are Playwright's resource types. ``delivered`` has what each address cost, ``problems`` why one was not
    had.
    """

    def __init__(self, wallet: Wallet, kinds: Iterable[str] = ("document",)) -> None:
        self._wallet = wallet
        self._kinds = frozenset(kinds)
        self.delivered: dict[str, Delivered] = {}
        self.problems: dict[str, EdgeError] = {}

    async def __call__(self, route: Route, request: Request) -> None:
        """Answer one request of the browser."""
        if request.method != "GET" or request.resource_type not in self._kinds:
            await route.fallback()
            return
        url = request.url.partition("#")[0]
        last: list[APIResponse] = []

        async def send(step: Send) -> Answer | NoAnswer:
            return await _send_once(route, request, step, last)

        try:
            self.delivered[url] = await drive_async(fetch(self._wallet, url), send)
        except (CrawlRefused, SpendingStopped, PaymentInDoubt, WrongCharge, PageUnreachable) as why:
            self.problems[url] = why
        except Error:
            last.clear()
        await _show(route, url, last, is_document=request.resource_type == "document")


async def _send_once(route: Route, request: Request, step: Send, last: list[APIResponse]) -> Answer | NoAnswer:
    theirs = {name: value for name, value in (await request.all_headers()).items() if not is_own(name, value)}
    try:
        response = await route.fetch(headers={**theirs, **dict(step.headers)}, max_redirects=0)
        body = await response.body()
    except Error as why:
        text = str(why).splitlines()[0]
        return NoAnswer(text, was_sent=not any(word in str(why) for word in _NEVER_SENT), error=why)
    last[:] = [response]
    fields, _ = collect((line["name"], line["value"]) for line in response.headers_array)
    return Answer(response.status, fields, body if len(body) < 65_536 else b"")


async def _show(route: Route, url: str, last: list[APIResponse], *, is_document: bool) -> None:
    if not last:
        await route.abort()
        return
    where = _goes_to(url, last[0]) if is_document else None
    if where is None:
        await route.fulfill(response=last[0])
        return
    page = f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(where, quote=True)}">'
    await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=page)


def _goes_to(url: str, response: APIResponse) -> str | None:
    """The web address that a redirect leads to."""
    location = response.headers.get("location")
    if response.status not in REDIRECTS or not location:
        return None
    try:
        return redirect_target(url, location)
    except BadPageUrl:
        return None
