"""Fetch one document from a stranger's server, within bounds that the stranger cannot widen.

Rules of this file (docs/protocol.md, "Signatures"):

- https on port 443 to public addresses only; in development also http on this machine's loopback, and then nothing but
  loopback;
- only 200 counts, a redirect is never followed, no cookie, no proxy from the environment;
- 64 KiB after decoding (more only for lists of addresses) and 5 s for everything, name lookup included;
- one fetch per host at a time, 8 at once in all; whoever waits for a turn is not yet on the clock;
- what goes wrong is a ``FetchFailure``, never an exception.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from aiohttp import (
    ClientConnectorDNSError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSSLError,
)
from yarl import URL

from edge.core.directory import MAX_BODY_BYTES, MEDIA_TYPE
from edge.core.signature_agent import agent_reference
from edge.core.signature_faults import Flaw
from edge.proxy.address_guard import AddressForbidden, Lookup, Vet, why_forbidden
from edge.proxy.guarded_sessions import READ_BYTES, GuardedSessions

FETCH_SECONDS = 5.0
FETCHES_AT_ONCE = 8
RETRY_AFTER_MAX_SECONDS = 86_400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

KEY_DOCUMENTS = f"{MEDIA_TYPE}, application/json;q=0.5"
_REQUEST_HEADERS = MappingProxyType({"Accept-Encoding": "identity", "User-Agent": "farebox-edge"})


class FetchFault(StrEnum):
    """Why a document could not be had."""

    URL_REFUSED = "url_refused"
    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    STATUS = "status"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"
    BROKEN = "broken"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A 200 answer. ``raw`` is the body as sent, ``body`` after content decoding; ``headers`` are field lines."""

    url: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """No document; ``retry_after_seconds`` is the server's own wish, where it sent one.

    ``told`` is what a stranger who had it fetched may hear instead of ``detail``: where a name leads inside is ours to
    know, and whether a name is known inside at all.
    """

    fault: FetchFault
    detail: str
    retry_after_seconds: int | None = None
    told: str | None = None


NO_PUBLIC_ADDRESS = "the host's name leads to no public address"

Fetch: TypeAlias = Callable[[str], Awaitable[Fetched | FetchFailure]]


class AddressGuardedFetcher:
    """The real ``Fetch``. Make it anywhere, call it on one event loop, and ``close`` it there.

    ``vet`` judges the addresses of https hosts; only tests give another than ``why_forbidden``. ``lookup`` is the
    border to DNS, ``tls`` the context with the trusted authorities (the system's when None). ``accept`` says what is
    asked for and ``body_bytes`` how much of it is taken.
    """

    def __init__(
        self,
        *,
        allow_loopback_http: bool = False,
        lookup: Lookup | None = None,
        vet: Vet = why_forbidden,
        tls: ssl.SSLContext | None = None,
        fetch_seconds: float = FETCH_SECONDS,
        accept: str = KEY_DOCUMENTS,
        body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._allow_loopback_http = allow_loopback_http
        headers = {**_REQUEST_HEADERS, "Accept": accept}
        self._sessions = GuardedSessions(headers, FETCHES_AT_ONCE, lookup=lookup, vet=vet, tls=tls)
        self._fetch_seconds = fetch_seconds
        self._body_bytes = body_bytes
        self._slots = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._hosts: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, url: str) -> Fetched | FetchFailure:
        """GET one document."""
        reference = agent_reference(url, self._allow_loopback_http)
        if isinstance(reference, Flaw):
            return FetchFailure(FetchFault.URL_REFUSED, str(reference))
        # The lock of a host lives as long as somebody holds or awaits it.
        host = self._hosts.setdefault(urlsplit(url).netloc, asyncio.Lock())
        async with host, self._slots:
            return await self._timed(reference.url)

    async def close(self) -> None:
        """Close the connections and give up the lookup threads."""
        await self._sessions.close()

    async def _timed(self, url: str) -> Fetched | FetchFailure:
        try:
            async with asyncio.timeout(self._fetch_seconds):
                return await self._get(url)
        except TimeoutError:
            return FetchFailure(FetchFault.TIMEOUT, f"no complete answer within {self._fetch_seconds:g} s")
        except ClientConnectorDNSError as why:
            return _lookup_failure(why)
        except AddressForbidden as why:
            return _forbidden(why)
        except ClientSSLError as why:
            return FetchFailure(FetchFault.TLS, str(why))
        except ClientPayloadError:
            return FetchFailure(FetchFault.BROKEN, "the answer broke off")
        except ClientResponseError:
            return FetchFailure(FetchFault.MALFORMED, "the answer is not well-formed HTTP, or its head is too long")
        except (ClientError, OSError) as why:
            return _connect_failure(why)

    async def _get(self, url: str) -> Fetched | FetchFailure:
        session = self._sessions.of(urlsplit(url).scheme)
        async with session.get(URL(url, encoded=True), allow_redirects=False) as response:
            if response.status != 200:
                return _not_ok(response)
            raw = await _read(response, self._body_bytes)
            if raw is None:
                return FetchFailure(FetchFault.TOO_LARGE, f"more than {self._body_bytes} bytes")
            headers = tuple((name, value) for name, value in response.headers.items())
            coding = response.headers.get("Content-Encoding", "identity")
            return _decoded(Fetched(url, headers, raw, raw), coding, self._body_bytes)


def _forbidden(why: AddressForbidden) -> FetchFailure:
    return FetchFailure(FetchFault.ADDRESS_REFUSED, str(why), told=NO_PUBLIC_ADDRESS)


def _lookup_failure(why: ClientConnectorDNSError) -> FetchFailure:
    cause = why.os_error
    if isinstance(cause, AddressForbidden):
        return _forbidden(cause)
    return FetchFailure(FetchFault.UNREACHABLE, f"the name {why.host} does not resolve", told=NO_PUBLIC_ADDRESS)


def _connect_failure(why: ClientError | OSError) -> FetchFailure:
    cause = getattr(why, "os_error", None)
    if isinstance(cause, AddressForbidden):
        return _forbidden(cause)
    return FetchFailure(FetchFault.UNREACHABLE, str(why)[:200] or type(why).__name__)


def _not_ok(response: ClientResponse) -> FetchFailure:
    if response.status in _REDIRECTS:
        location = response.headers.get("Location", "nowhere")
        detail = f"{response.status} to {location[:200]!r}; name the final URL, redirects are not followed"
        return FetchFailure(FetchFault.REDIRECT, detail)
    wish = response.headers.get("Retry-After", "")
    seconds = min(int(wish), RETRY_AFTER_MAX_SECONDS) if wish.isascii() and wish.isdigit() and len(wish) < 10 else None
    return FetchFailure(FetchFault.STATUS, f"status {response.status} instead of 200", seconds)


async def _read(response: ClientResponse, limit: int) -> bytes | None:
    """The body as sent, or None once it is too long."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(READ_BYTES):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _decoded(sent: Fetched, coding: str, limit: int) -> Fetched | FetchFailure:
    """Undo gzip or deflate, for servers that compress although they were asked not to."""
    match coding.strip().lower():
        case "identity" | "":
            return sent
        case "gzip" | "x-gzip" | "deflate" as known:
            inflate = zlib.decompressobj(zlib.MAX_WBITS if known == "deflate" else zlib.MAX_WBITS | 16)
        case unknown:
            return FetchFailure(FetchFault.ENCODING, f"content-encoding {unknown[:40]!r} was not asked for")
    try:
        body = inflate.decompress(sent.raw, limit + 1)
    except zlib.error:
        return FetchFailure(FetchFault.ENCODING, f"the body is not {known}")
    if len(body) > limit:
        return FetchFailure(FetchFault.TOO_LARGE, f"more than {limit} bytes after decoding")
    if not inflate.eof:
        return FetchFailure(FetchFault.BROKEN, "the answer broke off")
    return replace(sent, body=body)
