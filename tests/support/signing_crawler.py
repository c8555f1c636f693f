"""A registered crawler that signs raw requests, with a key that is the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.identity import CrawlerKind, RegisteredCrawler
from edge.core.keys import PublicKey, public_half
from edge.core.request import CrawlRequest
from edge.core.signature_agent import WELL_KNOWN_PATH
from edge.core.target import read_target
from edge.core.web_bot_auth import sign_request

COVERED = ("@method", "@authority", "@target-uri", "signature-agent")
PRICE_HEADERS = ("crawler-max-price", "crawler-exact-price")


def request(target: str, *lines: str, host: str = "news.example", method: str = "GET", version: str = "1.1") -> bytes:
    """A request as it goes over the wire; ``lines`` are complete header lines."""
    head = [f"{method} {target} HTTP/{version}", f"Host: {host}", *lines]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode("latin-1")


def claimed(target: str, *lines: str, host: str = "news.example", method: str = "GET", version: str = "1.1") -> bytes:
    """A request of a crawler that only claims its name."""
    return request(target, "User-Agent: GPTBot/1.1", *lines, host=host, method=method, version=version)


def browsed(target: str, *lines: str, host: str = "news.example", method: str = "GET", version: str = "1.1") -> bytes:
    """A request of a person's browser."""
    agent = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    return request(target, agent, *lines, host=host, method=method, version=version)


@dataclass
class SigningCrawler:
    """``number`` makes it another crawler; ``now`` is the time that it signs at, in Unix seconds."""

    number: int
    now: int
    _nonces: count[int] = field(default_factory=lambda: count(1))

    @property
    def host(self) -> str:
        return f"https://bot{self.number}.example"

    @property
    def agent_url(self) -> str:
        """The identity that a verifier sees."""
        return self.host + WELL_KNOWN_PATH

    @property
    def private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes([self.number]) * 32)

    @property
    def public_key(self) -> PublicKey:
        return public_half(self.private_key)

    def registered(self, *, suspended: bool = False) -> RegisteredCrawler:
        """Its entry in the register."""
        name = f"bot{self.number}"
        return RegisteredCrawler(self.number, name, "Bots Inc", CrawlerKind.TRAINING, self.agent_url, suspended)

    def signed(
        self,
        target: str,
        *lines: str,
        host: str = "news.example",
        method: str = "GET",
        covered: Sequence[str] | None = None,
        nonce: str | None = None,
        created: int | None = None,
        seconds: int = 120,
        version: str = "1.1",
    ) -> bytes:
        """A signed request with these header lines; it covers every price header among them unless told otherwise."""
        fields = {"host": host}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        if covered is None:
            covered = (*COVERED, *(name for name in PRICE_HEADERS if name in fields))
        start = self.now if created is None else created
        made = sign_request(
            _view(target, host, method, fields),
            self.private_key,
            self.host,
            covered,
            start,
            start + seconds,
            nonce or f"{self.number}-{next(self._nonces)}",
        )
        return request(
            target, *lines, *(f"{name}: {value}" for name, value in made.items()),
            host=host, method=method, version=version,
        )  # fmt: skip

    def paying(self, target: str, *lines: str, limit: str = "USD 1.00", **more: str) -> bytes:
        """A signed request that accepts up to ``limit``."""
        return self.signed(target, f"crawler-max-price: {limit}", *lines, **more)  # type: ignore[arg-type]


def _view(target: str, host: str, method: str, fields: dict[str, str]) -> CrawlRequest:
    """The request as a signature sees it, spelt as it is sent."""
    path, mark, query = target.partition("?")
    name, _, port = host.lower().partition(":")
    name = name.removesuffix(".")
    authority = name if not port or int(port) == 80 else f"{name}:{int(port)}"
    return CrawlRequest(
        method, "http", authority, name, target, path, query if mark else None, fields, {},
        read_target(target), False, "127.0.0.1", "view",
    )  # fmt: skip
