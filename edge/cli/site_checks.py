"""Questions about a site that somebody sets up: does DNS know it, does its server answer, does its name lead here?

Rules of this file
- The public name and files on it are asked at public addresses over https alone, with the guard of key directories
  (``edge.proxy.address_guard``): a stranger's words must not make this machine ask its own network.
- The server behind a site is asked as the edge asks it, wherever it is: who runs the edge allowed that by serving the
  site. Redirects are not followed; of an answer nothing is shown but its status.
- Nothing raises and nothing waits for long.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

import dns.exception
import dns.resolver
import httpx2
import orjson
from aiohttp import ClientError, ClientTimeout

from edge.core.errors import EdgeError
from edge.proxy.address_guard import Lookup, Vet, why_forbidden
from edge.proxy.guarded_sessions import GuardedSessions
from publisher_dashboard.site_checks import Answer

SECONDS = 5.0
TEXT_BYTES_MAX = 64 * 1024
OWN_KEYS_PATH = "/.well-known/farebox/jwks.json"


class RealSiteChecks:
    """Asks the real world; ``thumbprints`` are those of this edge's own keys, by which it knows itself.

    ``vet`` judges public addresses, ``lookup`` and ``resolver`` are the borders to DNS, ``tls`` the trusted
    authorities; only tests give them.
    """

    def __init__(
        self,
        thumbprints: frozenset[str],
        vet: Vet = why_forbidden,
        lookup: Lookup | None = None,
        resolver: dns.resolver.Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._thumbprints = thumbprints
        self._vet = vet
        self._lookup = lookup
        self._resolver = resolver
        self._tls = tls

    def addresses(self, host: str) -> Sequence[str]:
        """The addresses that the system's resolver knows of a host."""
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return ()
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))

    def records(self, name: str) -> Sequence[str]:
        """The texts of a name's TXT records, the parts of each joined (RFC 7208 section 3.3)."""
        try:
            resolver = self._resolver or dns.resolver.get_default_resolver()
            answer = resolver.resolve(name, "TXT", lifetime=SECONDS, search=False)
        except dns.exception.DNSException:
            return ()
        return tuple(b"".join(record.strings).decode("latin-1") for record in answer)

    def page(self, url: str) -> str | None:
        """The beginning of a text at a public https address."""
        try:
            status, text = asyncio.run(self._get(url))
        except (ClientError, EdgeError, OSError, TimeoutError, ValueError):
            return None
        return text if status == 200 else None

    def origin(self, origin: str, host: str) -> Answer:
        """Whether the server behind a site answers for its host."""
        try:
            answer = httpx2.head(f"{origin}/", headers={"host": host}, timeout=SECONDS, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as why:
            return Answer(
                False, f"{origin} does not answer ({type(why).__name__}); is it running, and is the port right?"
            )
        if answer.status_code >= 500:
            return Answer(False, f"{origin} answers {answer.status_code}: the server has trouble of its own.")
        return Answer(True, f"{origin} answers {answer.status_code}.")

    def front(self, host: str) -> Answer:
        """Whether the public name leads to this edge: what answers there has this edge's own keys."""
        text = self.page(f"https://{host}{OWN_KEYS_PATH}")
        if text is None:
            return Answer(False, f"https://{host} does not lead to a farebox edge yet, as seen from here.")
        if self._thumbprints.isdisjoint(_key_ids(text)):
            return Answer(False, f"Another edge answers at https://{host}: its keys are not this one's.")
        return Answer(True, f"https://{host} leads to this edge.")

    async def _get(self, url: str) -> tuple[int, str]:
        sessions = GuardedSessions({"accept": "*/*"}, 1, vet=self._vet, lookup=self._lookup, tls=self._tls)
        try:
            timeout = ClientTimeout(total=SECONDS)
            async with sessions.of("https").get(url, timeout=timeout, allow_redirects=False) as answer:
                body = await answer.content.read(TEXT_BYTES_MAX)
                return answer.status, body.decode("utf-8", "replace")
        finally:
            await sessions.close()


def _key_ids(text: str) -> set[str]:
    try:
        document = orjson.loads(text)
        return {str(key["kid"]) for key in document["keys"]}
    except (ValueError, KeyError, TypeError):
        return set()
