"""Send one event to one endpoint, within bounds that the receiver cannot widen.

Rules of this file

- the address guard of key directories holds here too: https to public addresses only; in development also http on this
  machine's loopback, and then nothing but loopback;
- a redirect is never followed: whoever moved says so with ``farebox webhook add``;
- the status is the whole answer: not a byte of the receiver's body is read, and none is ever shown to anybody;
- one time for everything, name lookup included;
- what goes wrong is a ``Reply`` without a status, never an exception.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from aiohttp import ClientConnectorDNSError, ClientError, ClientResponse, ClientResponseError, ClientSSLError
from yarl import URL

from edge.core.webhook_tries import Reply
from edge.core.webhooks import InvalidWebhookUrl, read_webhook_url
from edge.proxy.address_guard import AddressForbidden, Lookup, Vet, why_forbidden
from edge.proxy.guarded_sessions import GuardedSessions

SENDS_AT_ONCE = 64
_DETAIL_CHARACTERS_MAX = 200
_HEADERS = MappingProxyType(
    {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "farebox-webhooks"}
)


class WebhookSender:
    """Posts events. Make it anywhere, call it on one event loop, and ``close`` it there.

    ``send_seconds`` bounds one try. ``vet``, ``lookup`` and ``tls`` are as in ``GuardedSessions``.
    """

    def __init__(
        self,
        send_seconds: float,
        *,
        allow_loopback_http: bool = False,
        lookup: Lookup | None = None,
        vet: Vet = why_forbidden,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._send_seconds = send_seconds
        self._allow_loopback_http = allow_loopback_http
        self._sessions = GuardedSessions(_HEADERS, SENDS_AT_ONCE, lookup=lookup, vet=vet, tls=tls)

    async def __call__(self, url: str, headers: Mapping[str, str], body: str) -> Reply:
        """Post one signed body."""
        try:
            # Judged again at every try: an endpoint that was added in development is not sent to in earnest.
            checked = read_webhook_url(url, allow_loopback_http=self._allow_loopback_http)
            async with asyncio.timeout(self._send_seconds):
                return await self._post(checked, headers, body)
        except TimeoutError:
            return Reply(None, f"no answer within {self._send_seconds:g} s")
        except ClientSSLError as why:
            return _no_answer(f"TLS failed: {why}")
        except ClientResponseError:
            return Reply(None, "its answer is not well-formed HTTP, or its head is too long")
        except ClientConnectorDNSError as why:
            return _no_answer(_guarded(why) or f"the name {why.host} does not resolve")
        except (ClientError, OSError, InvalidWebhookUrl) as why:
            return _no_answer(_guarded(why) or str(why) or type(why).__name__)

    async def close(self) -> None:
        """Close the connections and give up the lookup threads."""
        await self._sessions.close()

    async def _post(self, url: str, headers: Mapping[str, str], body: str) -> Reply:
        session = self._sessions.of(urlsplit(url).scheme)
        request = session.post(URL(url, encoded=True), data=body.encode(), headers=headers, allow_redirects=False)
        async with request as response:
            if 300 <= response.status < 400:
                return Reply(response.status, f"it answered {response.status}; redirects are not followed")
            return Reply(response.status, retry_after_seconds=_wish(response))


def _wish(response: ClientResponse) -> int | None:
    """Retry-After in seconds (RFC 9110 section 10.2.3); a date is not heeded."""
    wish = response.headers.get("Retry-After", "")
    return int(wish) if wish.isascii() and wish.isdigit() and len(wish) < 10 else None


def _guarded(why: BaseException) -> str | None:
    """What the address guard said, wherever aiohttp has put it."""
    for cause in (why, getattr(why, "os_error", None)):
        if isinstance(cause, AddressForbidden):
            return str(cause)
    return None


def _no_answer(detail: str) -> Reply:
    return Reply(None, detail[:_DETAIL_CHARACTERS_MAX])
