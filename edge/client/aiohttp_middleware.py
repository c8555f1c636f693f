"""Paying for pages in aiohttp: a client middleware for ``aiohttp.ClientSession``.

Rules of this file
- aiohttp runs it for each hop of a redirect, so the policy is asked again and signed afresh there.
- Only GET is signed and paid; everything else passes as it is.
- An answer is read whole before it is given on, because only a whole page has been bought.
- What became of the money is told by ``delivered_of(response)``: a ``Delivered``.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ConnectionTimeoutError,
)

from edge.client.answers import Answer, Delivered
from edge.client.errors import PageUnreachable
from edge.client.fetching import drive_async, fetch
from edge.client.flow import NoAnswer, Send
from edge.client.wallet import Wallet, is_own
from edge.core.fields import collect


class PayingMiddleware:
    """Pays with a wallet; ``aiohttp.ClientSession(middlewares=[PayingMiddleware(wallet)])``.

    Raises what ``edge.client.fetching.fetch`` raises, and aiohttp's own errors where no money was involved.
    """

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self._delivered: WeakKeyDictionary[ClientResponse, Delivered] = WeakKeyDictionary()

    def delivered_of(self, response: ClientResponse) -> Delivered | None:
        """What a response cost; None for one that this middleware did not get."""
        return self._delivered.get(response)

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if request.method != "GET":
            return await handler(request)
        last: list[ClientResponse] = []

        async def send(step: Send) -> Answer | NoAnswer:
            for response in last:
                response.release()
            return await _send_once(request, handler, step, last)

        url = str(request.url.with_fragment(None))
        delivered = await drive_async(fetch(self._wallet, url), send)
        if not last:
            raise PageUnreachable(url, "no answer came")
        self._delivered[last[0]] = delivered
        return last[0]


async def _send_once(
    request: ClientRequest, handler: ClientHandlerType, step: Send, last: list[ClientResponse]
) -> Answer | NoAnswer:
    for name in {name for name, value in request.headers.items() if is_own(name, value)}:
        request.headers.popall(name, None)
    request.headers.update(dict(step.headers))
    try:
        response = await handler(request)
        body = await response.read()
    except (ClientError, TimeoutError) as why:
        never_left = isinstance(why, ClientConnectorError | ConnectionTimeoutError)
        return NoAnswer(str(why) or type(why).__name__, was_sent=not never_left, error=why)
    last[:] = [response]
    fields, _ = collect(response.headers.items())
    return Answer(response.status, fields, body if len(body) < 65_536 else b"")
