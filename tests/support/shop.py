"""A seller on loopback that checks signatures for real: what a crawler's client is tested against.

It sells as the edge promises to (one charge per signed request, a retry is the same charge), and misbehaves on request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from edge.core.keys import PublicKey
from edge.core.message import Request
from edge.core.money import Money, parse_price
from edge.core.signature_agent import normalise_agent_url
from edge.core.terms import Offer, OfferMistake, read_offer
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown, Verified, covers_target, examine

PAGE = b"<p>A page that is worth its price.</p>" * 20


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``cut_after`` bytes of the body the connection is closed, ``None`` for never."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut_after: int | None = None


@dataclass
class Shop:
    """Serves on a free port while the ``with`` block lasts.

    ``charges`` maps each signature that paid to its receipt id. ``twist`` may replace the answer to a request, given
    its number (from 1) and the answer that an honest seller would give. ``moved`` maps paths to where they went.
    """

    price: Money = field(default_factory=lambda: parse_price("USD 0.01"))
    twist: Callable[[int, Request, Reply], Reply] = lambda number, request, honest: honest
    moved: dict[str, str] = field(default_factory=dict)
    keys: dict[tuple[str, str], PublicKey] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    charges: dict[bytes, str] = field(default_factory=dict)
    port: int = 0

    def register(self, agent: str, key: PublicKey) -> None:
        """Let a crawler pay."""
        identity = normalise_agent_url(agent, allow_loopback_http=True)
        assert isinstance(identity, str), identity
        self.keys[identity, key.thumbprint] = key

    def find_key(self, agent_url: str, thumbprint: str) -> KeyAnswer:
        """The key lookup of the signature check."""
        return self.keys.get((agent_url, thumbprint), KeyUnknown())

    def url(self, path: str = "/articles/1") -> str:
        """The absolute URL of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(self, request: Request) -> Reply:
        """What the request gets, twisted or not."""
        self.seen.append(request)
        return self.twist(len(self.seen), request, self.honest(request))

    def honest(self, request: Request) -> Reply:
        """What an honest seller says, in the order of the wire contract."""
        if request.path in self.moved:
            return Reply(302, (("Location", self.moved[request.path]), ("Set-Cookie", "id=1")))
        offer = read_offer(request.fields, self.price.currency)
        asked = (("crawler-price", str(self.price)), ("x-request-id", f"req-{len(self.seen)}"))
        if offer is None:
            return Reply(402, (*asked, ("crawler-error", "MissingCrawlerPrice")))
        if isinstance(offer, OfferMistake):
            return Reply(400, (("crawler-error", "InvalidCrawlerPriceValue"),))
        proof = examine(request, self.find_key, time.time(), allow_loopback_http=True)
        if not isinstance(proof, Verified):
            return Reply(400, (("crawler-error", "InvalidSignature"), ("crawler-error-detail", type(proof).__name__)))
        if not covers_target(proof) or not {"@method", offer.kind.value} <= proof.covered:
            return Reply(400, (("crawler-error", "InvalidSignature"), ("crawler-error-detail", "coverage")))
        if not offer.accepts(self.price):
            return Reply(402, (*asked, ("crawler-error", _too_low(offer))))
        receipt = self.charges.setdefault(proof.signature, f"ch_{len(self.charges) + 1}")
        return Reply(200, (("crawler-charged", str(self.price)), ("crawler-receipt", receipt)), PAGE)

    def __enter__(self) -> Shop:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _too_low(offer: Offer) -> str:
    return "InvalidCrawlerExactPrice" if "exact" in offer.kind.value else "InvalidCrawlerMaxPrice"


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Request.from_wire("GET", self.path, self.headers.items(), scheme="http")
            self._send(shop.answer(request))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in reply.headers):
                self.send_header("Content-Length", str(len(reply.body)))
            if reply.cut_after is not None:
                self.close_connection = True
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_after])

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests keep their output to themselves."""

    return Handler
