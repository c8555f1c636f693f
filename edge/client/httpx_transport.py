"""Paying for pages in httpx2: a transport to give to ``httpx2.Client`` or ``httpx2.AsyncClient``.

Rules of this file
- It sits below redirects, so that each hop is a request of its own: the policy is asked again, and signed afresh.
- Only GET is signed and paid; everything else passes as it is.
- An answer is read whole before it is given on, because only a whole page has been bought.
- What became of the money is in the response's extensions, under ``farebox``: a ``Delivered``.
"""

from __future__ import annotations

import httpx2

from edge.client.answers import Answer
from edge.client.errors import PageUnreachable
from edge.client.fetching import drive, drive_async, fetch
from edge.client.flow import NoAnswer, Send
from edge.client.wallet import Wallet, is_own
from edge.core.fields import collect
from edge.core.money import Money

# Raised before a byte of the request can have left.
NOT_SENT = (
    *(httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol),
)
PRICE = "farebox_price"
"""A request's extension: the ``Money`` that it was quoted at, beyond which it is not bought."""
DELIVERED = "farebox"


class PayingTransport(httpx2.BaseTransport):
    """Pays with a wallet; ``httpx2.Client(transport=PayingTransport(wallet))``.

    ``inner`` sends the requests; give one of your own for proxies, certificates or retries. Raises what
    ``edge.client.fetching.fetch`` raises, and httpx2's own errors where no money was involved.
    """

    def __init__(self, wallet: Wallet, inner: httpx2.BaseTransport | None = None) -> None:
        self._wallet = wallet
        self._inner = inner or httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            return self._inner.handle_request(request)
        last: list[httpx2.Response] = []

        def send(step: Send) -> Answer | NoAnswer:
            try:
                response = self._inner.handle_request(_with(request, step))
                try:
                    body = b"".join(response.stream)  # type: ignore[arg-type]  # a sync transport's is iterable
                finally:
                    response.close()
            except httpx2.TransportError as why:
                return no_answer(why)
            return _kept(last, response, body)

        flow = fetch(self._wallet, _url(request), _quoted(request))
        delivered = drive(flow, send)
        return _found(request, last, delivered)

    def close(self) -> None:
        self._inner.close()


class AsyncPayingTransport(httpx2.AsyncBaseTransport):
    """The same for ``httpx2.AsyncClient``, on asyncio."""

    def __init__(self, wallet: Wallet, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._wallet = wallet
        self._inner = inner or httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "GET":
            return await self._inner.handle_async_request(request)
        last: list[httpx2.Response] = []

        async def send(step: Send) -> Answer | NoAnswer:
            try:
                response = await self._inner.handle_async_request(_with(request, step))
                try:
                    body = b"".join([piece async for piece in response.stream])  # type: ignore[union-attr]
                finally:
                    await response.aclose()
            except httpx2.TransportError as why:
                return no_answer(why)
            return _kept(last, response, body)

        flow = fetch(self._wallet, _url(request), _quoted(request))
        delivered = await drive_async(flow, send)
        return _found(request, last, delivered)

    async def aclose(self) -> None:
        await self._inner.aclose()


def no_answer(why: httpx2.TransportError) -> NoAnswer:
    """What an error of httpx2 says about whether the request left."""
    text = str(why).strip().rstrip(".") or type(why).__name__
    return NoAnswer(text, was_sent=not isinstance(why, NOT_SENT), error=why)


def _url(request: httpx2.Request) -> str:
    return str(request.url.copy_with(fragment=None))


def _quoted(request: httpx2.Request) -> Money | None:
    quoted = request.extensions.get(PRICE)
    assert quoted is None or isinstance(quoted, Money), f"the extension {PRICE} is a Money"
    return quoted


def _with(request: httpx2.Request, step: Send) -> httpx2.Request:
    """The caller's request with our headers; their own stays as it was, for the next hop is made from it."""
    theirs = [(name, value) for name, value in request.headers.multi_items() if not is_own(name, value)]
    return httpx2.Request(
        step.method, request.url, headers=[*theirs, *step.headers], stream=request.stream, extensions=request.extensions
    )


def _kept(last: list[httpx2.Response], response: httpx2.Response, body: bytes) -> Answer:
    whole = httpx2.Response(
        response.status_code,
        headers=response.headers.raw,
        stream=httpx2.ByteStream(body),
        extensions=dict(response.extensions),
    )
    last[:] = [whole]
    fields, _ = collect(response.headers.multi_items())
    announced = fields.get("content-length", "")
    is_short = announced.isascii() and announced.isdigit() and int(announced) != len(body)
    fault = f"{len(body)} of {announced} bytes came" if is_short else None
    return Answer(response.status_code, fields, body if len(body) < 65_536 else b"", fault)


def _found(request: httpx2.Request, last: list[httpx2.Response], delivered: object) -> httpx2.Response:
    if not last:
        raise PageUnreachable(_url(request), "no answer came")
    last[0].extensions[DELIVERED] = delivered
    return last[0]
