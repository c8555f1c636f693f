"""A seller on loopback for your own tests: prices, signatures, receipts, and misbehaviour on request.

It sells as an edge promises to: one charge for each signed request, or each key of a token's purchase; a retry is the
same charge; nothing but a page is charged, and none that has not changed. No database; a crawler is known once it is
registered::

    with FakeEdge() as edge:
        edge.register(wallet.identity)
        PaidClient(wallet).get(edge.url("/articles/1"))
        assert [str(charge.price) for charge in edge.charges.values()] == ["USD 0.01"]
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.client.identity import Identity
from edge.client.token_identity import TokenIdentity
from edge.core.api_token import purchase_name, read_token
from edge.core.decision import ALWAYS_FREE_PATHS
from edge.core.keys import PublicKey, new_private_key, public_half, public_keys_to_jwks
from edge.core.message import Request
from edge.core.money import Money, parse_price
from edge.core.receipts import Receipt, sign_receipt
from edge.core.refusals import REFUSALS, RefusalCode
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.core.signals.price_list import PriceList, Reader, price_list_document
from edge.core.signals.published import PATHS, Signal
from edge.core.signature_agent import normalise_agent_url
from edge.core.terms import Offer, OfferMistake, read_offer
from edge.core.web_bot_auth import KeyAnswer, KeyUnknown, Unsigned, Verified, covers_target, examine

PAGE = b"<p>A page that is worth its price.</p>" * 20
RECEIPTS = "/.well-known/receipts/"
KEYS = "/.well-known/farebox/jwks.json"
PRICE_LIST = PATHS[Signal.PRICES]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``cut_after`` bytes of the body the connection is closed, ``None`` for never."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cut_after: int | None = None


@dataclass(frozen=True, slots=True)
class FakeCharge:
    """A page that was sold."""

    id: str
    target: str
    price: Money
    agent_url: str
    at_micros: int


@dataclass
class FakeEdge:
    """Serves on a free port while the ``with`` block lasts.

    ``prices`` are by path, ``price`` is that of the others; a price of nothing makes a page free. ``charges`` are by
    the signature that paid. ``twist`` may replace the answer to a request, given its number (from 1) and the answer
    that an honest seller would give. ``moved`` maps paths to where they went. ``page`` is the body of a path, whose
    ETag is made of it. ``funds``, where given, are all that may be spent here; ``robots`` is what robots.txt says.
    ``publishes`` says whether there is a signed price list; it knows of ``prices``, not of what ``twist`` does.
    """

    price: Money = field(default_factory=lambda: parse_price("USD 0.01"))
    prices: dict[str, Money] = field(default_factory=dict)
    twist: Callable[[int, Request, Reply], Reply] = lambda number, request, honest: honest
    moved: dict[str, str] = field(default_factory=dict)
    page: Callable[[str], bytes] = lambda path: PAGE
    funds: Money | None = None
    robots: str = ""
    publishes: bool = True
    keys: dict[tuple[str, str], PublicKey] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    charges: dict[bytes, FakeCharge] = field(default_factory=dict)
    signing_key: Ed25519PrivateKey = field(default_factory=new_private_key)
    port: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def register(self, who: Identity | TokenIdentity | str, key: PublicKey | None = None) -> None:
        """Let a crawler pay: an identity, or an agent's URL and its key."""
        if isinstance(who, TokenIdentity):
            self.tokens[who.token] = who.agent or "https://bot.example"
            return
        agent, public = (who.agent, public_half(who.key)) if isinstance(who, Identity) else (who, key)
        identity = normalise_agent_url(agent, allow_loopback_http=True)
        assert isinstance(identity, str), identity
        assert public is not None, "an agent's URL comes with its key"
        self.keys[identity, public.thumbprint] = public

    def find_key(self, agent_url: str, thumbprint: str) -> KeyAnswer:
        """The key lookup of the signature check."""
        return self.keys.get((agent_url, thumbprint), KeyUnknown())

    def url(self, path: str = "/articles/1") -> str:
        """The absolute URL of a page."""
        return f"http://127.0.0.1:{self.port}{path}"

    def spent(self) -> int:
        """What all charges come to, in micro-units."""
        return sum(charge.price.amount_micros for charge in list(self.charges.values()))

    def answer(self, request: Request) -> Reply:
        """What the request gets, twisted or not."""
        with self._turn:
            self.seen.append(request)
            number = len(self.seen)
            honest = self.honest(request)
        return self.twist(number, request, honest)

    def honest(self, request: Request) -> Reply:
        """What an honest seller says, in the order of the wire contract."""
        if request.path == KEYS:
            return Reply(200, body=public_keys_to_jwks([public_half(self.signing_key)]))
        if request.path.startswith(RECEIPTS):
            return self._receipt(request.path.removeprefix(RECEIPTS))
        if request.path == PRICE_LIST and self.publishes:
            return self._price_list(request)
        if request.path in ALWAYS_FREE_PATHS:
            is_there = request.path == "/robots.txt" and self.robots
            return Reply(200, (), self.robots.encode()) if is_there else Reply(404)
        if request.path in self.moved:
            return Reply(302, (("Location", self.moved[request.path]), ("Set-Cookie", "id=1")))
        price = self.prices.get(request.path, self.price)
        if price.amount_micros == 0:
            return self._page(request)
        return self._sell(request, price)

    def _price_list(self, request: Request) -> Reply:
        """The signed list of ``prices`` and ``price``, for a crawler that is known or for anybody."""
        free = [Rule(path, where=_pattern(path)) for path, price in self.prices.items() if not price.amount_micros]
        sold = [
            Rule(path, where=_pattern(path), action=Action.CHARGE, price=price)
            for path, price in self.prices.items()
            if price.amount_micros
        ]
        is_known = isinstance(examine(request, self.find_key, time.time(), allow_loopback_http=True), Verified)
        now, currency = int(time.time()), self.price.currency
        same = [rule for rule in sold if rule.price is not None and rule.price.currency == currency]
        prices = PriceList(
            issuer="fake", site="127.0.0.1", version=1, issued_at=now, expires_at=now + 3600, currency=currency,
            case_sensitive=True, in_band_pricing=False, complete=same == sold,
            reader=Reader("Bot", "", "other", "signed") if is_known else None,
            rules=RuleSet((*free, *same), everything_else(Action.CHARGE, self.price)),
        )  # fmt: skip
        document = orjson.dumps(price_list_document(prices, self.signing_key))
        return Reply(200, (("content-type", "application/json"),), document)

    def _page(self, request: Request, *sold: tuple[str, str]) -> Reply:
        """A page with its validator, or 304 for whom it has not changed (RFC 9110 section 13.1.2)."""
        body = self.page(request.path)
        etag = f'"{sha256(body).hexdigest()[:16]}"'
        if request.fields.get("if-none-match") == etag:
            return Reply(304, (("etag", etag),))
        return Reply(200, (*sold, ("etag", etag)), body)

    def _sell(self, request: Request, price: Money) -> Reply:
        asked = (("crawler-price", str(price)), ("x-request-id", f"req-{len(self.seen)}"))
        offer = read_offer(request.fields, price.currency)
        if offer is None:
            return _refusal(RefusalCode.PAYMENT_REQUIRED, asked)
        if isinstance(offer, OfferMistake):
            return _refusal(offer.code)
        payer = self._payer(request, offer)
        if isinstance(payer, Reply):
            return payer
        if not offer.accepts(price):
            return _refusal(_too_low(offer), asked)
        honest = self._page(request)
        if request.method != "GET" or honest.status != 200:
            return Reply(honest.status)
        agent, name = payer
        charge = self.charges.get(name)
        if charge is None:
            if self.funds is not None and self.spent() + price.amount_micros > self.funds.amount_micros:
                return _refusal(RefusalCode.INSUFFICIENT_CREDITS, asked)
            number = f"ch_{len(self.charges) + 1}"
            charge = self.charges[name] = FakeCharge(number, request.target, price, agent, time.time_ns() // 1_000)
        return self._page(request, ("crawler-charged", str(charge.price)), ("crawler-receipt", charge.id))

    def _payer(self, request: Request, offer: Offer) -> tuple[str, bytes] | Reply:
        """Whose offer it is and what names the purchase, or why it is nobody's."""
        token = read_token(request.fields.get("authorization", ""))
        if token is not None and "signature" not in request.fields:
            agent = self.tokens.get(token)
            if agent is None:
                return _refusal(RefusalCode.TOKEN_REFUSED, (("crawler-error-detail", "the token is not known here"),))
            key = purchase_name(request.fields, f"req-{len(self.seen)}")
            return agent, b"\n".join((b"token", agent.encode(), key, request.target.encode()))
        proof = examine(request, self.find_key, time.time(), allow_loopback_http=True)
        if isinstance(proof, Unsigned):
            return _refusal(RefusalCode.SIGNATURE_REQUIRED)
        if not isinstance(proof, Verified):
            return _refusal(RefusalCode.SIGNATURE_INVALID, (("crawler-error-detail", type(proof).__name__),))
        if not covers_target(proof) or not {"@method", offer.kind.value} <= proof.covered:
            return _refusal(RefusalCode.TARGET_NOT_SIGNED, (("crawler-error-detail", "coverage"),))
        return proof.agent_url, proof.signature

    def _receipt(self, number: str) -> Reply:
        charge = next((one for one in self.charges.values() if one.id == number), None)
        if charge is None:
            return _refusal(RefusalCode.RECEIPT_UNKNOWN)
        receipt = Receipt(
            charge_id=charge.id, charged_at_micros=charge.at_micros, issuer="fake", crawler="Bot",
            agent_url=charge.agent_url, site="127.0.0.1", target=charge.target, rule="everything else", rule_version=1,
            licence=None, offer=f"max {charge.price}", price=charge.price, writer=1, entry=int(charge.id[3:]),
        )  # fmt: skip
        return Reply(200, (("content-type", "application/jose"),), sign_receipt(receipt, self.signing_key).encode())

    def __enter__(self) -> FakeEdge:
        self._server = _Server(("127.0.0.1", 0), _handler(self))
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


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no fault of the seller's: tests keep their output to themselves."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _pattern(path: str) -> str:
    """A path as a rule's address that means just this path."""
    return re.sub(r"([\\*:(){}?+])", r"\\\1", path)


def _too_low(offer: Offer) -> RefusalCode:
    return RefusalCode.EXACT_PRICE_DIFFERS if "exact" in offer.kind.value else RefusalCode.MAX_PRICE_TOO_LOW


def _refusal(code: RefusalCode, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    text = REFUSALS[code]
    word = () if text.crawler_error is None else (("crawler-error", text.crawler_error.value),)
    problem: Mapping[str, object] = {"title": text.title, "status": text.status, "code": code.value}
    kind = ("content-type", "application/problem+json")
    return Reply(text.status, (*headers, *word, kind), orjson.dumps(problem))


def _handler(edge: FakeEdge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Request.from_wire(self.command, self.path, self.headers.items(), scheme="http")
            self._send(edge.answer(request))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in reply.headers):
                self.send_header("Content-Length", str(len(reply.body)))
            if reply.cut_after is not None:
                self.close_connection = True
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: reply.cut_after])

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests keep their output to themselves."""

    return Handler
