"""Sell one page: the origin's answer in, money and page out, in the order that wrongs nobody.

Rules of this file (docs/decisions, "What is charged" and "The tail is kept back"):

- no byte of a sold page leaves before a durable entry pays for it;
- a body within ``buffer_bytes`` is read whole and checked, then posted, then sent;
- a larger one is held, streamed, and its last piece kept back until the origin's body proved complete and the
  charge is settled. So whoever has the complete answer has been charged, and nobody else stays charged: a crash at
  any point leaves a hold to void or a charge that the same signed request collects for nothing;
- what cannot be completed is cut, not ended tidily, so that the crawler sees it;
- who leaves with a part of a large page, or reads until the origin gives up, is paid back as often a day as for a
  small one, and the ledger counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, assert_never

from edge.core.billable import is_billable
from edge.core.budgets import BudgetExceeded
from edge.core.decision import Charge, DemandPayment, Refuse
from edge.core.grants import SubscriptionPages, validator_of
from edge.core.identity import TokenCrawler
from edge.core.ledger import (
    AccountSuspended,
    ChargeOrder,
    ChargeRefusal,
    Held,
    HoldOutcome,
    InsufficientFunds,
    InvariantBroken,
    LedgerUnavailable,
    Lost,
    NoRight,
    Posted,
    PostOutcome,
    Redelivery,
    SettleOutcome,
    charge_key,
)
from edge.core.refusals import RefusalCode
from edge.core.request import CrawlRequest
from edge.core.rules import LedgerErrorChoice
from edge.core.target import Target
from edge.proxy.deliveries import OpenDeliveries
from edge.proxy.forwarding import Header, client_headers, paid_headers
from edge.proxy.refused_lately import CannotPay, RefusedLately
from edge.proxy.relay import Exchange, relay
from edge.proxy.upstream import OriginAnswer, OriginFault

LEDGER_RETRY_SECONDS = 5
HELD_UP_SECONDS = 5.0
"""A client that was waited for so long, in all, is why the origin gave up when it did."""

Refusal = Refuse | DemandPayment
HasRight = Callable[[bytes], Awaitable[bool]]
MayBeFree = Callable[[Charge, str], Awaitable[bool]]


class SaleEnd(StrEnum):
    """How a sale that was answered ended; counted with the traffic."""

    CHARGED = "charged"
    GRANTED = "granted"
    """Free, by the rule's terms or a subscription."""
    COLLECTED = "collected"
    """Delivered for nothing more: an earlier charge of the same signed request paid for it."""
    NOT_BILLABLE = "not_billable"
    UNBILLED = "unbilled"
    BROKEN_OFF = "broken_off"


class SellingLedger(Protocol):
    """What selling asks of the ledger; ``edge.store.charges.Ledger`` is the real one."""

    async def post(self, order: ChargeOrder) -> PostOutcome: ...
    async def hold(self, order: ChargeOrder) -> HoldOutcome: ...
    async def settle(self, held: Held) -> SettleOutcome: ...
    async def void(self, held: Held, reason: str) -> object: ...
    async def break_off(self, held: Held) -> object: ...


async def _always(charge: Charge, target: str) -> bool:
    """Ask the ledger, whatever it may have."""
    return True


async def never_spent(key: bytes) -> bool:
    """Where nothing is remembered of earlier days."""
    return False


@dataclass(frozen=True, slots=True)
class Sale:
    """Sells pages through one ledger; ``evidence`` names what a delivery will be judged by.

    ``has_right`` says whether a charge key may have something to collect, ``may_be_free`` whether one of a charge's
    terms may make that target free; the ledger decides for sure. ``is_spent`` says whether what a
    token's holder named was bought so long ago that it is no retry any more.
    """

    ledger: SellingLedger
    deliveries: OpenDeliveries
    buffer_bytes: int
    evidence: str
    has_right: HasRight
    may_be_free: MayBeFree = _always
    is_spent: HasRight = never_spent
    lately: RefusedLately = field(default_factory=RefusedLately)

    async def refusal_before(self, charge: Charge, request: CrawlRequest) -> Refusal | None:
        """The refusal of a request that can buy nothing new and has nothing to collect: the origin is not asked."""
        said = NoRight() if charge.otherwise else self.lately.find(charge, asyncio.get_running_loop().time())
        if said is None:
            return None
        if charge.grants and await self.may_be_free(charge, forwarded_text(request)):
            return None
        return None if await self.has_right(key_for(charge, request)) else _refusal(said, charge)

    async def sell(self, charge: Charge, answer: OriginAnswer, exchange: Exchange) -> Refusal | SaleEnd:
        """Sell this answer, or say why not; a ``SaleEnd`` when the exchange has its answer.

        Raises ``OriginFault`` when the origin fails before anything was sent; nothing is charged then.
        """
        try:
            if not is_billable(answer.status):
                await relay(answer, client_headers(answer.headers, exchange.request.request_id), exchange)
                return SaleEnd.NOT_BILLABLE
            order = order_for(charge, answer, exchange, self.evidence)
            if isinstance(charge.identity, TokenCrawler) and await self.is_spent(order.key):
                code = RefusalCode.IDEMPOTENCY_KEY_SPENT
                return Refuse(code, "send a new Idempotency-Key", charge.site, charge.identity, charge.match)
            beginning, whole = await _begin(answer, self.buffer_bytes)
            if whole and not beginning:
                # An empty page is worth nothing.
                await exchange.whole(answer.status, client_headers(answer.headers, exchange.request.request_id), b"")
                return SaleEnd.NOT_BILLABLE
            try:
                with self.deliveries.selling(order.key):
                    if whole:
                        return await self._sell_whole(charge, order, answer, b"".join(beginning), exchange)
                    return await self._sell_streamed(charge, order, answer, beginning, exchange)
            except (LedgerUnavailable, InvariantBroken):
                return await self._without_ledger(charge, answer, beginning, whole, exchange)
        finally:
            answer.release()

    async def _sell_whole(
        self, charge: Charge, order: ChargeOrder, answer: OriginAnswer, body: bytes, exchange: Exchange
    ) -> Refusal | SaleEnd:
        outcome = await self.ledger.post(order)
        if not isinstance(outcome, Posted | Redelivery):
            return self._refused(outcome, charge)
        with self.deliveries.handing_over(exchange, order.key, outcome):
            await exchange.whole(answer.status, _sold_headers(answer, outcome, exchange), body)
        return _end_of(outcome)

    async def _sell_streamed(
        self,
        charge: Charge,
        order: ChargeOrder,
        answer: OriginAnswer,
        beginning: list[bytes],
        exchange: Exchange,
    ) -> Refusal | SaleEnd:
        outcome = await self.ledger.hold(order)
        match outcome:
            case Held() | Posted() | Redelivery():
                pass
            case _:
                return self._refused(outcome, charge)
        settled = left = False
        try:
            headers = _sold_headers(answer, outcome, exchange)
            if answer.length is not None:
                headers.append((b"content-length", str(answer.length).encode()))
            await exchange.start(answer.status, headers)
            tail = await _send_all_but_the_tail(_continued(beginning, answer), exchange)
            if tail is None:
                left = exchange.content_begun
                return SaleEnd.BROKEN_OFF
            final = await self._settled(outcome, order)
            if isinstance(final, Lost):
                return SaleEnd.BROKEN_OFF
            settled = True
            with self.deliveries.handing_over(exchange, order.key, final):
                await exchange.body(tail, last=True)
            granted = isinstance(outcome, Posted) and outcome.fresh
            return SaleEnd.GRANTED if granted else _end_of(final)
        except OriginFault:
            # Who reads slowly until the origin gives up has left with a part, too; so has who went before it failed.
            made_to = exchange.client_gone or exchange.held_up_seconds >= HELD_UP_SECONDS
            left = exchange.content_begun and made_to
            return SaleEnd.BROKEN_OFF
        except (LedgerUnavailable, InvariantBroken):
            return SaleEnd.BROKEN_OFF  # the answer has begun: it can only be cut, and recovery voids the hold
        finally:
            if not settled:
                exchange.cut()
                await self._give_up(outcome, order, left=left)

    def _refused(self, outcome: NoRight | ChargeRefusal, charge: Charge) -> Refusal:
        if isinstance(outcome, CannotPay):
            self.lately.note(charge, outcome, asyncio.get_running_loop().time())
        return _refusal(outcome, charge)

    async def _settled(self, outcome: Held | Posted | Redelivery, order: ChargeOrder) -> SettleOutcome | Redelivery:
        """What pays for the tail that is about to leave."""
        if isinstance(outcome, Redelivery):
            return outcome
        return await self.ledger.settle(_to_settle(outcome, order))

    async def _give_up(self, outcome: Held | Posted | Redelivery, order: ChargeOrder, *, left: bool) -> None:
        """End what was not completed, also when this task is being cancelled; recovery voids a hold if this fails.

        ``left`` says that the client went, and has a part of the page; else it is our fault or the origin's.
        """
        if isinstance(outcome, Posted) and outcome.fresh:
            self.deliveries.broke_off(order.key, outcome)  # granted: nothing was held that could be voided
            return
        try:
            if left and not isinstance(outcome, Redelivery):
                await asyncio.shield(self.ledger.break_off(_to_settle(outcome, order)))
            elif isinstance(outcome, Held):
                await asyncio.shield(self.ledger.void(outcome, "the answer could not be completed"))
        except (LedgerUnavailable, InvariantBroken):
            return

    async def _without_ledger(
        self, charge: Charge, answer: OriginAnswer, beginning: list[bytes], whole: bool, exchange: Exchange
    ) -> Refusal | SaleEnd:
        """The ledger cannot be written: closed by default, open only where the rule says so (D6)."""
        rule = charge.match.rule
        if rule.on_ledger_error is not LedgerErrorChoice.SERVE_UNBILLED or charge.otherwise is not None:
            detail = "the ledger cannot be written just now"
            return Refuse(
                RefusalCode.LEDGER_UNAVAILABLE, detail, charge.site, charge.identity, charge.match, LEDGER_RETRY_SECONDS
            )
        headers = client_headers(answer.headers, exchange.request.request_id)
        headers = [pair for pair in headers if pair[0] != b"cache-control"] + [(b"cache-control", b"private")]
        length = sum(map(len, beginning)) if whole else answer.length
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await exchange.start(answer.status, headers)
        async for chunk in _continued(beginning, answer):
            await exchange.body(chunk, last=False)
        await exchange.body(b"", last=True)
        return SaleEnd.UNBILLED


def key_for(charge: Charge, request: CrawlRequest) -> bytes:
    """The charge key of this request: the same for every retry of it.

    A signature names the purchase by itself; who pays with a token names it (decision 0043).
    """
    payer = charge.identity
    name = payer.purchase if isinstance(payer, TokenCrawler) else payer.proof.signature
    return charge_key(charge.account.account_id, name, request.method, request.authority, forwarded_text(request))


def forwarded_text(request: CrawlRequest) -> str:
    """The canonical target; what is charged has one, because ``decide`` refuses every other."""
    if not isinstance(request.resource, Target):
        raise AssertionError("a malformed target is not sold")
    return request.resource.text


def order_for(charge: Charge, answer: OriginAnswer, exchange: Exchange, evidence: str) -> ChargeOrder:
    """All that the ledger must know about one sale."""
    request, rule, site = exchange.request, charge.match.rule, charge.site
    crawler = charge.identity.crawler
    return ChargeOrder(
        key=key_for(charge, request),
        price=charge.price,
        crawler_account=charge.account.account_id,
        publisher_account=site.publisher_account,
        crawler_id=crawler.crawler_id,
        publisher_id=site.publisher_id,
        site_id=site.site_id,
        rule=rule.name,
        rule_version=site.rule_version,
        licence=rule.licence,
        target=forwarded_text(request),
        offer=None if charge.offer is None else str(charge.offer),
        request_id=request.request_id,
        status=answer.status,
        evidence=evidence if _is_followed(exchange) else None,
        redelivery_only=charge.otherwise is not None,
        grants=charge.grants,
        validator=validator_of(answer.headers) if charge.grants else None,
    )


def _is_followed(exchange: Exchange) -> bool:
    """Whether it will be known what the client's TCP acknowledged: only then the entry promises evidence."""
    return exchange.connection is not None and exchange.connection.deliveries.can_tell


def _refusal(outcome: NoRight | ChargeRefusal, charge: Charge) -> Refusal:
    def refuse(code: RefusalCode, detail: str) -> Refuse:
        return Refuse(code, detail, charge.site, charge.identity, charge.match)

    match outcome:
        case NoRight():
            if charge.otherwise is None:
                raise AssertionError("only an order that may not charge can lack the right")
            return _not_free(charge, charge.otherwise)
        case InsufficientFunds():
            code = RefusalCode.INSUFFICIENT_CREDITS
            return DemandPayment(code, charge.price, charge.site, charge.identity, charge.match)
        case BudgetExceeded():
            code = RefusalCode.BUDGET_EXCEEDED
            return DemandPayment(code, charge.price, charge.site, charge.identity, charge.match, outcome)
        case AccountSuspended():
            name = charge.identity.crawler.name
            return refuse(RefusalCode.ACCOUNT_SUSPENDED, f"the account of {name} is suspended")
        case _:
            assert_never(outcome)


def _to_settle(outcome: Held | Posted, order: ChargeOrder) -> Held:
    """What must be settled before the tail leaves.

    A charge that was live when this answer began may have been reversed since, by another process whose copy of the
    same request broke off: settling says so, and charges again (D1); who may only collect is never charged. What lies
    in suspense is released by it.
    """
    if isinstance(outcome, Held):
        return outcome
    return Held(outcome.charge_id, outcome.amount, order, 0, fresh=False)


def _not_free(charge: Charge, otherwise: Refusal) -> Refusal:
    """The refusal of a page that is not free any more; a subscription without pages is why there was no offer."""
    subscribed = any(isinstance(grant, SubscriptionPages) for grant in charge.grants)
    if subscribed and isinstance(otherwise, DemandPayment) and otherwise.code is RefusalCode.PAYMENT_REQUIRED:
        return replace(otherwise, code=RefusalCode.SUBSCRIPTION_EXPIRED)
    return otherwise


def _end_of(outcome: Posted | Redelivery) -> SaleEnd:
    if not isinstance(outcome, Posted) or not outcome.fresh:
        return SaleEnd.COLLECTED
    return SaleEnd.CHARGED if outcome.amount.amount_micros else SaleEnd.GRANTED


def _sold_headers(answer: OriginAnswer, outcome: Posted | Held | Redelivery, exchange: Exchange) -> list[Header]:
    charged = None if isinstance(outcome, Redelivery) else str(outcome.amount).encode()
    headers = client_headers(answer.headers, exchange.request.request_id)
    return paid_headers(headers, charged, outcome.charge_id.encode())


async def _begin(answer: OriginAnswer, limit: int) -> tuple[list[bytes], bool]:
    """Read the body whole if it fits into ``limit`` bytes, else its beginning: the pieces, and whether that is all."""
    if answer.length is not None and answer.length > limit:
        return [], False
    if answer.length is not None:
        body = await answer.read()
        return ([body] if body else []), True
    pieces: list[bytes] = []
    size = 0
    async for chunk in answer.chunks():
        pieces.append(chunk)
        size += len(chunk)
        if size > limit:
            return pieces, False
    return pieces, True


async def _continued(beginning: list[bytes], answer: OriginAnswer) -> AsyncIterator[bytes]:
    for piece in beginning:
        yield piece
    async for chunk in answer.chunks():
        yield chunk


async def _send_all_but_the_tail(chunks: AsyncIterator[bytes], exchange: Exchange) -> bytes | None:
    """Stream, one piece behind the origin; the piece kept back is returned, None when the client has gone."""
    tail = b""
    async for chunk in chunks:
        if tail:
            await exchange.body(tail, last=False)
        if exchange.client_gone:
            return None
        tail = chunk
    return tail
