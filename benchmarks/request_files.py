"""The requests, written out before they are sent: what a claimed crawler, a person and a paying crawler ask.

Rules of this file: every target of a comparison gets the very same file; every paid request is different, with a
nonce and a signature of its own; the format is what `load.lua` reads, a length in eight digits before each request.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.peers.x402_terms import AMOUNT, ASSET, EXTRA, MAX_TIMEOUT_SECONDS, NETWORK, PAY_TO, PAYER, SCHEME
from edge.core.keys import private_key_from_pem, thumbprint_of
from edge.core.message import Request
from edge.core.web_bot_auth import sign_request

HOST = "pages.example"
AGENT = "https://crawler.example"
PRICE = "USD 0.005"
OFFER = "USD 0.01"
PATHS = 20_000
COVERED = ("@method", "@authority", "@target-uri", "signature-agent", "crawler-max-price")
SIGNATURE_SECONDS = 290
"""How long a signature lasts; the edge takes none for a charge that is older than 300 s."""
_PORTION = 2_500

# As these crawlers state themselves; all are priced by every target, none is a search engine that is let in free.
CRAWLERS = (
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.1; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 "
    "(compatible; Bytespider; spider-feedback@bytedance.com)",
    "Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com) AppleWebKit/537.36",
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "Mozilla/5.0 (compatible; Diffbot/0.1; +http://www.diffbot.com)",
    "Mozilla/5.0 (compatible; AI2Bot/1.0; +https://www.allenai.org/crawler)",
    "cohere-training-data-crawler/1.0 (+https://cohere.com)",
    "Mozilla/5.0 (compatible; Timpibot/0.9; +http://www.timpi.io)",
    "Mozilla/5.0 (compatible; omgili/0.5; +http://omgili.com)",
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.4 Mobile/15E148 Safari/604.1",
)
_BROWSER_HEADERS = (
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.8,de;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Sec-Fetch-Mode", "navigate"),
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A crawler's private key as PEM: what a worker process needs to sign."""

    pem: bytes

    def signed(self, count: int, now: float) -> Iterator[bytes]:
        """Offers to pay, each with a signature of its own made at ``now``."""
        key = private_key_from_pem(self.pem)
        keyid = thumbprint_of(key)
        for path in _paths(count, secrets.randbelow(PATHS)):
            offer = {"crawler-max-price": OFFER}
            request = Request("GET", "http", HOST, path, path, None, {"host": HOST, **offer})
            created = int(now)
            proof = sign_request(
                request, key, AGENT, COVERED, created, created + SIGNATURE_SECONDS, secrets.token_urlsafe(24),
                keyid=keyid,
            )  # fmt: skip
            yield raw_request(path, [*_crawler_headers("BenchBot/1.0"), *offer.items(), *proof.items()])


def claimed(count: int = PATHS) -> Iterator[bytes]:
    """Crawlers that say a name and offer nothing."""
    for path, agent in zip(_paths(count), cycle(CRAWLERS), strict=False):
        yield raw_request(path, _crawler_headers(agent))


def people(count: int = PATHS) -> Iterator[bytes]:
    """Browsers that ask for pages."""
    for path, agent in zip(_paths(count), cycle(BROWSERS), strict=False):
        yield raw_request(path, [("User-Agent", agent), *_BROWSER_HEADERS])


def x402_payments(count: int) -> Iterator[bytes]:
    """Payments as an x402 v2 client sends them, each with its own nonce; nobody will check their signature."""
    for path in _paths(count):
        yield raw_request(path, [*_crawler_headers("BenchBot/1.0"), ("PAYMENT-SIGNATURE", _x402_payment(path))])


def raw_request(path: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """One GET as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def framed(requests: Iterable[bytes]) -> bytes:
    """Requests in the format of the load's file."""
    return b"".join(b"%08d%b" % (len(request), request) for request in requests)


def write_signed(path: Path, signer: Signer, count: int) -> None:
    """Sign ``count`` requests now, on all cores, and write them."""
    portions = [_PORTION] * (count // _PORTION) + [count % _PORTION]
    now = time.time()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        path.write_bytes(b"".join(pool.map(_signed_portion, ((signer, portion, now) for portion in portions))))


def _signed_portion(order: tuple[Signer, int, float]) -> bytes:
    signer, count, now = order
    return framed(signer.signed(count, now))


def _paths(count: int, first: int = 0) -> Iterator[str]:
    return (f"/articles/{number}" for number in islice(cycle(range(PATHS)), first, first + count))


def _crawler_headers(agent: str) -> list[tuple[str, str]]:
    return [("User-Agent", agent), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate")]


def _x402_payment(path: str) -> str:
    now = int(time.time())
    payment = {
        "x402Version": 2,
        "resource": {"url": f"http://{HOST}{path}", "description": "", "mimeType": ""},
        "accepted": {
            "scheme": SCHEME, "network": NETWORK, "asset": ASSET, "amount": AMOUNT, "payTo": PAY_TO,
            "maxTimeoutSeconds": MAX_TIMEOUT_SECONDS, "extra": EXTRA,
        },
        "payload": {
            "signature": "0x" + secrets.token_hex(65),
            "authorization": {
                "from": PAYER, "to": PAY_TO, "value": AMOUNT, "validAfter": str(now - 60),
                "validBefore": str(now + MAX_TIMEOUT_SECONDS), "nonce": "0x" + secrets.token_hex(32),
            },
        },
    }  # fmt: skip
    return base64.b64encode(json.dumps(payment, separators=(",", ":")).encode("ascii")).decode("ascii")
