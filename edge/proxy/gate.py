"""The gate: one request from the wire to its answer, readable top to bottom.

    read the request -> decide -> refuse, demand payment, pass on, or sell

Rules of this file: deciding never waits and never touches the network or the ledger; everything that can be
answered from the decision alone is answered at once. Selling lives in ``sale.py``, the words in ``messages.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from edge.core.decision import Admit, AdmitReason, AskOrigin, Charge, Decision, DemandPayment, Refuse, decide
from edge.core.identity import ClaimedCrawler
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.policy import Knowledge, Policy, SitePolicy
from edge.core.rates import RateLimiter
from edge.core.rationing import within_rate
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.target import Target
from edge.core.values import per_request
from edge.core.web_bot_auth import Unverified
from edge.proxy.activity import ActivityRecorder
from edge.proxy.bad_signatures import BadSignatures
from edge.proxy.forwarding import (
    Header,
    client_headers,
    is_for_one_address,
    origin_headers,
    private_headers,
    with_signals,
)
from edge.proxy.key_directories import KeyDirectories
from edge.proxy.live_policy import LivePolicy
from edge.proxy.messages import Answer, Refusals
from edge.proxy.read_request import BadRequest, RequestReader
from edge.proxy.relay import Exchange, Send, relay
from edge.proxy.sale import Sale, SaleEnd
from edge.proxy.traffic import TrafficRecorder
from edge.proxy.upstream import OriginAnswer, OriginFault, Upstream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
TOO_MANY_RETRY_SECONDS = 5

ControlApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def no_fields(site: SitePolicy) -> tuple[Header, ...]:
    """For a gate that adds nothing to pages."""
    return ()


@dataclass(frozen=True, slots=True)
class Gate:
    """A raw ASGI application in front of every site; made once per process by ``edge.proxy.app``."""

    live: LivePolicy
    knowledge: Knowledge
    directories: KeyDirectories
    reader: RequestReader
    refusals: Refusals
    upstream: Upstream
    sale: Sale
    traffic: TrafficRecorder
    control: ControlApp
    clock: Callable[[], float]
    request_body_bytes: int
    report: Callable[[str, BaseException], None]
    activity: ActivityRecorder
    bad_signatures: BadSignatures = field(default_factory=BadSignatures)
    rates: RateLimiter = field(default_factory=RateLimiter)
    signal_fields: Callable[[SitePolicy], tuple[Header, ...]] = no_fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3, ``http`` scopes only)."""
        if scope["type"] != "http":
            raise AssertionError(f"the gate takes http, not {scope['type']}")
        judged = scope.pop("edge.judged", None) or self._judge(scope)
        if isinstance(judged, Answer):
            await send_answer(judged, scope, send)
        else:
            await self._act(judged, scope, receive, send)

    def answer_at_once(self, scope: Scope) -> Answer | None:
        """The fast lane: the whole answer when it needs no waiting; else None, the judgement kept in the scope."""
        try:
            judged = self._judge(scope)
        except Exception as error:  # a fault of ours: the crawler hears so, and the next request is served
            self.report("judging a request", error)
            return self.answer_bad(RefusalCode.INTERNAL_ERROR, "", closes=False)
        if isinstance(judged, Answer):
            return judged
        scope["edge.judged"] = judged
        return None

    def answer_bad(self, code: RefusalCode, detail: str, *, closes: bool = True) -> Answer:
        """The answer to something that never became a request."""
        self.traffic.count_bad(code)
        return self.refusals.bad(code, detail, self.reader.new_request_id(), closes=closes)

    def turn_away(self) -> bytes:
        """The answer, as it goes over the wire, to an address that has too many connections."""
        code = RefusalCode.TOO_MANY_CONNECTIONS
        self.traffic.count_bad(code)
        answer = self.refusals.bad(code, "", self.reader.new_request_id(), TOO_MANY_RETRY_SECONDS)
        return answer.to_bytes(b"connection: close\r\n", with_body=True)

    # Deciding

    def _judge(self, scope: Scope) -> Answer | Judged:
        policy = self.live.policy
        request = self.reader.read(scope, policy)
        if isinstance(request, BadRequest):
            self.traffic.count_bad(request.code)
            return self.refusals.bad(request.code, request.detail, request.request_id)
        now = self.clock()
        wait = self.bad_signatures.seconds_to_wait(request.peer, now)
        if wait and "signature" in request.fields:
            site = policy.sites.get(request.host)
            refusal = Refuse(RefusalCode.TOO_MANY_BAD_SIGNATURES, "", site, retry_after_seconds=wait)
            return self.say_no(refusal, request)
        decision = decide(request, policy, self.knowledge, now)
        awaited = self._awaited_key(decision, request.peer)
        if awaited is None:
            decision = within_rate(decision, self.rates, now)
            if isinstance(decision, Refuse | DemandPayment):
                return self.say_no(decision, request)
        return Judged(request, decision, policy, awaited)

    def say_no(self, decision: DemandPayment | Refuse, request: CrawlRequest) -> Answer:
        """The answer for a refusal, counted."""
        if decision.code is RefusalCode.SIGNATURE_INVALID:
            self.bad_signatures.note(request.peer, self.clock())
        self.traffic.count(decision)
        answer = self.refusals.answer(decision, request)
        self.activity.note(request, decision, decision.code.value, answer.status)
        return answer

    # Acting

    async def _act(self, judged: Judged, scope: Scope, receive: Receive, send: Send) -> None:
        request, decision = judged.request, judged.decision
        # Taken out, not read: the answer knows its scope, and a cycle would keep both until it is collected.
        exchange = Exchange(request, scope.get("edge.connection"), send, scope.pop("edge.cycle", None))
        try:
            if isinstance(decision, Admit) and decision.reason is AdmitReason.OWN_DOCUMENT:
                scope["edge.request"] = request
                await self.control(scope, receive, _with_request_id(send, request.request_id))
                return
            if judged.awaited is not None:
                await self.directories.ensure(*judged.awaited)
                now = self.clock()
                decision = within_rate(decide(request, judged.policy, self.knowledge, now), self.rates, now)
            await self._carry_out(decision, exchange, receive, judged.policy)
        except OriginFault as fault:
            await self._give_up(fault.code, fault.detail, exchange, judged.policy)
        except Exception as error:  # a fault of ours: nothing is charged for what cannot be completed
            self.report("answering a request", error)
            await self._give_up(RefusalCode.INTERNAL_ERROR, "", exchange, judged.policy)

    async def _give_up(self, code: RefusalCode, detail: str, exchange: Exchange, policy: Policy) -> None:
        if exchange.started:
            exchange.cut()  # the client must see that the answer is not complete
            return
        request = exchange.request
        await exchange.answer(self.say_no(Refuse(code, detail, policy.sites.get(request.host)), request))

    async def _carry_out(self, decision: Decision, exchange: Exchange, receive: Receive, policy: Policy) -> None:
        request = exchange.request
        match decision:
            case Refuse() | DemandPayment():
                await exchange.answer(self.say_no(decision, request))
            case Admit():
                self.traffic.count(decision)
                await self._pass_on(decision, exchange, receive)
            case AskOrigin():
                await self._sell_at_origins_price(decision, exchange, policy)
            case Charge():
                refusal = await self.sale.refusal_before(decision, request)
                if refusal is None:
                    await self._sell(decision, await self._ask_to_sell(decision, request), exchange)
                else:
                    await exchange.answer(self.say_no(refusal, request))
            case _:
                assert_never(decision)

    async def _pass_on(self, admit: Admit, exchange: Exchange, receive: Receive) -> None:
        request = exchange.request
        headers = origin_headers(request, admit.identity, self.reader.via, sold=False)
        if "content-length" in request.fields:
            headers.append(("content-length", request.fields["content-length"]))
        body = _incoming(receive, self.request_body_bytes, exchange) if request.has_body else None
        answer = await self.upstream.ask(admit.site.origin, request.method, forwarded_target(request), headers, body)
        self._add_signals(admit.site, answer)
        self.activity.note(request, admit, admit.reason.value, answer.status)
        await _relay_admitted(admit, answer, exchange)

    async def _ask_to_sell(self, decision: Charge | AskOrigin, request: CrawlRequest) -> OriginAnswer:
        headers = origin_headers(request, decision.identity, self.reader.via, sold=True)
        answer = await self.upstream.ask(
            decision.site.origin, request.method, forwarded_target(request), headers, sold=True
        )
        self._add_signals(decision.site, answer)
        return answer

    def _add_signals(self, site: SitePolicy, answer: OriginAnswer) -> None:
        if site.adds_fields:
            answer.headers = with_signals(answer.headers, self.signal_fields(site))

    async def _sell(self, charge: Charge, answer: OriginAnswer, exchange: Exchange) -> None:
        end = await self.sale.sell(charge, answer, exchange)
        if isinstance(end, SaleEnd):
            self.traffic.count_sale(charge, end.value)
            self.activity.note(exchange.request, charge, end.value, answer.status)
        else:
            await exchange.answer(self.say_no(end, exchange.request))

    async def _sell_at_origins_price(self, ask: AskOrigin, exchange: Exchange, policy: Policy) -> None:
        """In-band pricing: the origin's answer names the price, then the same decision is made with it."""
        request = exchange.request
        answer = await self._ask_to_sell(ask, request)
        try:
            price = origin_price(answer, ask)
        except InvalidPrice:
            answer.release()
            refusal = Refuse(RefusalCode.INVALID_CONTENT_PRICE, "the origin's crawler-price", ask.site, ask.identity)
            await exchange.answer(self.say_no(refusal, request))
            return
        decision = decide(request, policy, self.knowledge, self.clock(), content_price=price)
        match decision:
            case Charge():
                await self._sell(decision, answer, exchange)
            case Admit():
                self.traffic.count(decision)
                self.activity.note(request, decision, decision.reason.value, answer.status)
                await _relay_admitted(decision, answer, exchange)
            case Refuse() | DemandPayment():
                answer.release()
                await exchange.answer(self.say_no(decision, request))
            case AskOrigin():
                raise AssertionError("the origin's price was given, and asked for again")
            case _:
                assert_never(decision)

    def _awaited_key(self, decision: Decision, source: str) -> tuple[str, str, str] | None:
        """The (agent, thumbprint) whose directory is on its way and could change this decision, if any."""
        identity = decision.identity
        failure = identity.failure if isinstance(identity, ClaimedCrawler) else None
        if not isinstance(failure, Unverified) or failure.agent_url is None or failure.thumbprint is None:
            return None
        if self.directories.is_settled(failure.agent_url, failure.thumbprint, source):
            return None
        return failure.agent_url, failure.thumbprint, source


@per_request
class Judged:
    """A request that needs more than its decision: an origin, a key, the ledger, or one of our own documents.

    ``awaited`` is the (agent, thumbprint, source) of a key that is on its way: then it is decided again.
    """

    request: CrawlRequest
    decision: Decision
    policy: Policy
    awaited: tuple[str, str, str] | None


async def _relay_admitted(admit: Admit, answer: OriginAnswer, exchange: Exchange) -> None:
    """Pass on what costs nothing; of a priced page only the head, whatever the origin sends to such a method."""
    headers = client_headers(answer.headers, exchange.request.request_id)
    if is_for_one_address(admit.identity):
        headers = private_headers(headers)
    with_content = admit.reason is not AdmitReason.METHOD_NOT_CHARGED
    await relay(answer, headers, exchange, with_content=with_content)


def _with_request_id(send: Send, request_id: str) -> Send:
    """``send``, adding the request's id to the answer of our own documents.

    The framework's own page for a fault is left out: the fault is raised to the gate, which answers it.
    """
    is_fault = False

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        nonlocal is_fault
        if message["type"] == "http.response.start":
            is_fault = message["status"] == 500
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
        if not is_fault:
            await send(message)

    return send_with_id


def forwarded_target(request: CrawlRequest) -> str:
    """The target that goes to the origin: the canonical one that was priced; as received for people.

    Only a visitor's target can be ambiguous here, because ``decide`` refuses every crawler's.
    """
    resource = request.resource
    if not isinstance(resource, Target):
        raise AssertionError("a malformed target is refused before it is forwarded")
    if resource.ambiguity is None:
        return resource.text
    return request.path if request.query is None else f"{request.path}?{request.query}"


def origin_price(answer: OriginAnswer, ask: AskOrigin) -> Money:
    """The price that the origin's answer states, else the rule's; raises ``InvalidPrice``."""
    stated = [value for name, value in answer.headers if name.lower() == b"crawler-price"]
    if not stated:
        if ask.match.rule.price is None:
            raise AssertionError("a charge rule has a price")
        return ask.match.rule.price
    price = parse_price(b", ".join(stated).decode("latin-1"))
    if price.currency != ask.site.currency:
        raise InvalidPrice(f"the origin prices in {price.currency}, the site in {ask.site.currency}")
    return price


async def _incoming(receive: Receive, limit: int, exchange: Exchange) -> AsyncIterator[bytes]:
    """The request's body as it arrives; ends the upload when the client goes away, dawdles or sends too much."""
    total = 0
    while True:
        message = await receive()
        if exchange.content_overdue:
            raise OriginFault(RefusalCode.REQUEST_TIMEOUT, "the content came too slowly")
        if message["type"] != "http.request":
            raise OriginFault(RefusalCode.REQUEST_TIMEOUT, "the client went away while sending")
        total += len(message["body"])
        if total > limit:
            raise OriginFault(RefusalCode.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
        if message["body"]:
            yield message["body"]
        if not message.get("more_body", False):
            return


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """Send an answer of ours as ASGI messages."""
    headers = answer.headers()
    if answer.closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
