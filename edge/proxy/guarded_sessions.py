"""HTTP towards strangers' servers: sessions whose connections reach vetted addresses and nothing else.

Used where a stranger names the address: key directories and webhooks. Rules of this file:

- https goes to addresses that ``vet`` allows, http (in development) to this machine's loopback and nowhere else;
- each connection is judged by the very answer it uses, and is used once;
- no cookie, no proxy from the environment, a short head. Redirects are for the caller to refuse.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from edge.proxy.address_guard import (
    GuardedResolver,
    Lookup,
    SystemLookup,
    Vet,
    guarded_socket,
    why_forbidden,
    why_not_loopback,
)

READ_BYTES = 8192


class GuardedSessions:
    """One session for https and one for http, each made when first asked for, on the event loop that asks.

    ``headers`` go with every request; ``connections`` is how many are open at once. ``vet`` judges the addresses of
    https hosts; only tests give another than ``why_forbidden``. ``lookup`` is the border to DNS, ``tls`` the context
    with the trusted authorities (the system's when None).
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        connections: int,
        *,
        lookup: Lookup | None = None,
        vet: Vet = why_forbidden,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._headers = headers
        self._connections = connections
        # A thread for each: names that do not resolve in time keep nobody else's from being looked up.
        self._system_lookup = SystemLookup(connections) if lookup is None else None
        self._lookup = lookup or self._system_lookup
        self._vet = vet
        self._tls = tls
        self._sessions: dict[str, ClientSession] = {}

    def of(self, scheme: str) -> ClientSession:
        """The session for URLs of this scheme."""
        session = self._sessions.get(scheme)
        if session is None:
            vet = self._vet if scheme == "https" else why_not_loopback
            session = self._sessions[scheme] = self._new_session(vet)
        return session

    async def close(self) -> None:
        """Close the connections and give up the lookup threads."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        if self._system_lookup is not None:
            self._system_lookup.close()

    def _new_session(self, vet: Vet) -> ClientSession:
        assert self._lookup is not None
        connector = TCPConnector(
            resolver=GuardedResolver(self._lookup, vet),
            use_dns_cache=False,  # each connection is judged by the answer it uses
            force_close=True,
            limit=self._connections,
            ssl=self._tls or ssl.create_default_context(),
            socket_factory=guarded_socket(vet),
        )
        return ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=ClientTimeout(total=None),  # asyncio.timeout covers the whole, lookup included
            read_bufsize=READ_BYTES,
            max_line_size=4096,
            max_field_size=4096,
            max_headers=64,
        )
