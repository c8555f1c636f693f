"""Paying for pages in requests: an adapter to mount on a ``requests.Session``.

Rules of this file
- It sits below redirects, so that each hop is a request of its own: the policy is asked again, and signed afresh.
- Only GET is signed and paid; everything else passes as it is.
- An answer is read whole before it is given on, because only a whole page has been bought.
- What became of the money is the response's ``farebox``: a ``Delivered``.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from edge.client.answers import Answer
from edge.client.errors import PageUnreachable
from edge.client.fetching import drive, fetch
from edge.client.flow import NoAnswer, Send
from edge.client.wallet import Wallet, is_own


class PayingAdapter(HTTPAdapter):
    """Pays with a wallet; ``session.mount("https://", PayingAdapter(wallet))``.

    ``options`` are those of ``HTTPAdapter``, but for its retries: the flow has its own. Raises what
    ``edge.client.fetching.fetch`` raises, and requests' own errors where no money was involved.
    """

    def __init__(self, wallet: Wallet, **options: Any) -> None:
        super().__init__(**options, max_retries=0)
        self._wallet = wallet

    def send(self, request: requests.PreparedRequest, stream: bool = False, *args: Any, **kwargs: Any) -> Any:
        if request.method != "GET" or request.url is None:
            return super().send(request, stream, *args, **kwargs)
        last: list[requests.Response] = []

        def send(step: Send) -> Answer | NoAnswer:
            return self._send_once(_with(request, step), last, args, kwargs)

        delivered = drive(fetch(self._wallet, request.url.partition("#")[0]), send)
        if not last:
            raise PageUnreachable(request.url, "no answer came")
        response = last[0]
        # The session looks for redirects and keeps history by the request that it knows, which is not signed.
        response.request = request
        response.farebox = delivered  # type: ignore[attr-defined]
        return response

    def _send_once(
        self, request: requests.PreparedRequest, last: list[requests.Response], args: Any, kwargs: Any
    ) -> Answer | NoAnswer:
        try:
            response = super().send(request, True, *args, **kwargs)
            body = response.content
        except requests.RequestException as why:
            return NoAnswer(str(why) or type(why).__name__, was_sent=not _never_left(why), error=why)
        last[:] = [response]
        fields = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, fields, body if len(body) < 65_536 else b"")


def _with(request: requests.PreparedRequest, step: Send) -> requests.PreparedRequest:
    """A copy with our headers; the caller's own stays as it was, for the next hop is made from it."""
    signed = request.copy()
    for name in [name for name, value in signed.headers.items() if is_own(name, str(value))]:
        del signed.headers[name]
    signed.headers.update(dict(step.headers))
    return signed


def _never_left(why: requests.RequestException) -> bool:
    """Whether the request surely did not reach the server."""
    if isinstance(why, requests.exceptions.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    inner = why.args[0] if why.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError)
