"""The demo's exchanges: what each one sends, what must come back, and what it must cost.

Each is one row of the decision table of docs/protocol.md, sent over a real socket. What a crawler would get wrong is
made here on purpose; what it does right goes through ``farebox-crawl``, as a crawler team would.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.core.keys import private_key_from_pem, public_half
from edge.core.message import Request
from edge.core.request_signing import sign_request

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BOT = "ExampleBot/1.0 (+https://bot.example)"
UNSIGNED_BOT = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
BLOCKED_BOT = "Bytespider"
COVERED = ("@method", "@authority", "@target-uri", "signature-agent")
SIGNATURE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come back. ``charged`` is what the headers state, ``posts`` how many charges the ledger gains."""

    status: int
    error: str | None = None
    price: str | None = None
    charged: str | None = None
    posts: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its purpose; ``offer`` is (header, value), signed unless ``signed`` is False."""

    purpose: str
    path: str
    expected: Expected
    user_agent: str = BOT
    offer: Mapping[str, str] | None = None
    signed: bool = False
    method: str = "GET"
    forged: bool = False
    crawler: str = "ExampleBot"


def _most(price: str) -> dict[str, str]:
    return {"crawler-max-price": price}


ARTICLE, IMAGE, ARCHIVE = "/articles/tides", "/images/chart.png", "/files/archive.bin"

EXCHANGES: tuple[Exchange, ...] = (
    Exchange("a person with a browser reads for nothing", ARTICLE, Expected(200), BROWSER),
    Exchange("robots.txt is always free", "/robots.txt", Expected(200), UNSIGNED_BOT),
    Exchange(
        "an unsigned crawler hears the price", ARTICLE,
        Expected(402, "MissingCrawlerPrice", "USD 0.005"), UNSIGNED_BOT,
    ),
    Exchange(
        "an offer without a signature is not believed", ARTICLE,
        Expected(400, "StrongAuthRequired"), UNSIGNED_BOT, _most("USD 0.01"),
    ),
    Exchange(
        "a signed crawler pays the price, not its maximum", ARTICLE,
        Expected(200, charged="USD 0.005", posts=1), offer=_most("USD 0.05"), signed=True,
    ),
    Exchange(
        "an exact price that is right", IMAGE,
        Expected(200, charged="USD 0.01", posts=1), offer={"crawler-exact-price": "USD 0.01"}, signed=True,
    ),
    Exchange(
        "a large file, its last piece kept back until it is paid", ARCHIVE,
        Expected(200, charged="USD 0.02", posts=1), offer=_most("USD 0.02"), signed=True,
    ),
    Exchange(
        "a price that is too low", ARTICLE,
        Expected(402, "InvalidCrawlerMaxPrice", "USD 0.005"), offer=_most("USD 0.001"), signed=True,
    ),
    Exchange(
        "an exact price that differs", ARTICLE,
        Expected(402, "InvalidCrawlerExactPrice", "USD 0.005"), offer={"crawler-exact-price": "USD 0.01"}, signed=True,
    ),
    Exchange(
        "two price headers contradict each other", ARTICLE, Expected(400, "ConflictingPriceHeaders"),
        offer={"crawler-exact-price": "USD 0.005", "crawler-max-price": "USD 0.005"}, signed=True,
    ),
    Exchange(
        "a price that is not one", ARTICLE,
        Expected(400, "InvalidCrawlerPriceValue"), offer=_most("0.01 dollars"), signed=True,
    ),
    Exchange(
        "a forged signature", ARTICLE,
        Expected(400, "InvalidSignature"), offer=_most("USD 0.05"), signed=True, forged=True,
    ),
    Exchange(
        "a second spelling of the same page", "/articles//tides",
        Expected(400), offer=_most("USD 0.05"), signed=True,
    ),
    Exchange("HEAD is never charged", ARTICLE, Expected(200), offer=_most("USD 0.05"), signed=True, method="HEAD"),
    Exchange("a page that is not there", "/articles/none", Expected(404), offer=_most("USD 0.05"), signed=True),
    Exchange("an origin that fails", "/error", Expected(500), offer=_most("USD 0.05"), signed=True),
    Exchange("a redirect", "/moved", Expected(301), offer=_most("USD 0.05"), signed=True),
    Exchange("an origin that breaks off a page", "/truncated", Expected(502), offer=_most("USD 0.05"), signed=True),
    Exchange(
        "an origin that breaks off a large file: the connection is cut, the hold given back", "/truncated.bin",
        Expected(200, charged="USD 0.001", complete=False), offer=_most("USD 0.05"), signed=True,
    ),
    Exchange("a crawler that the publisher does not want", ARTICLE, Expected(403, "CrawlerForbidden"), BLOCKED_BOT),
    Exchange(
        "a crawler without credit", ARTICLE, Expected(402, "PaymentFailed", "USD 0.005"),
        offer=_most("USD 0.05"), signed=True, crawler="PoorBot",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back. ``complete`` is False when the connection was cut before the end."""

    status: int
    fields: Mapping[str, str]
    body_bytes: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Agent:
    """A crawler's name on the wire: its agent URL and its private key."""

    url: str
    key: Ed25519PrivateKey

    @classmethod
    def load(cls, url: str, pem: Path) -> Agent:
        """Read the key that ``farebox-crawl keygen`` wrote."""
        return cls(url, private_key_from_pem(pem.read_bytes()))


def request_fields(exchange: Exchange, base: str, agents: Mapping[str, Agent]) -> dict[str, str]:
    """The header fields of one exchange, signed afresh."""
    fields = {"user-agent": exchange.user_agent, "accept": "*/*", **(exchange.offer or {})}
    if not exchange.signed:
        return fields
    agent = agents[exchange.crawler]
    key = Ed25519PrivateKey.generate() if exchange.forged else agent.key
    keyid = _thumbprint(agent) if exchange.forged else None
    now = int(time.time())
    request = Request.from_parts(exchange.method, base + exchange.path, list(fields.items()))
    covered = (*COVERED, *(exchange.offer or {}))
    signature = sign_request(
        request, key, agent.url, covered, now, now + SIGNATURE_SECONDS, secrets.token_urlsafe(32),
        keyid=keyid, allow_loopback_http=True,
    )  # fmt: skip
    return fields | signature


def send(exchange: Exchange, base: str, fields: Mapping[str, str]) -> Seen:
    """Send one exchange and read its answer to the end, or to where it was cut."""
    size = 0
    client = httpx2.Client(trust_env=False, timeout=30)
    with client, client.stream(exchange.method, base + exchange.path, headers=dict(fields)) as response:
        complete = True
        try:
            for chunk in response.iter_raw():
                size += len(chunk)
        except httpx2.TransportError:
            complete = False
        return Seen(response.status_code, dict(response.headers), size, complete)


def differences(expected: Expected, seen: Seen, posts: int) -> list[str]:
    """What is not as it must be, one phrase each; empty when all is."""
    wanted = {
        "status": (expected.status, seen.status),
        "crawler-error": (expected.error, seen.fields.get("crawler-error")),
        "crawler-price": (expected.price, seen.fields.get("crawler-price")),
        "crawler-charged": (expected.charged, seen.fields.get("crawler-charged")),
        "complete": (expected.complete, seen.complete),
        "charges in the ledger": (expected.posts, posts),
    }
    return [f"{name} should be {want}, was {got}" for name, (want, got) in wanted.items() if want != got]


def _thumbprint(agent: Agent) -> str:
    return public_half(agent.key).thumbprint
