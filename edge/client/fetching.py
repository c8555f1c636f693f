"""Getting pages with a wallet, as a conversation: the flow says what to send and is told what came.

One flow for every HTTP library, sync and async; it touches no socket and sleeps nowhere itself. When it asks again is a
table, and always with the same signed request, so that no retry is a second charge:

| what happened | asked again |
|---|---|
| no connection came about | twice, after 1 and 3 seconds |
| the transfer broke after the request had left | once, at once |
| 429, 503 or a key that cannot be had, with ``Retry-After`` of at most 30 seconds | twice, after that |
| ``InternalError`` | twice, after 1 and 3 seconds |
| anything else | never |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from edge.client.answers import Answer, Delivered, is_page, price_of, refusal_of, retry_after
from edge.client.errors import (
    CrawlRefused,
    MissingCrawlerPrice,
    PageUnreachable,
    PaymentInDoubt,
    Refusal,
    SpendingStopped,
    WrongCharge,
)
from edge.client.flow import NoAnswer, Send
from edge.client.wallet import Asked, Ready, SignMore, Wallet
from edge.core.money import Money
from edge.core.refusals import CrawlerError
from edge.core.terms import CRAWLER_ERROR

if TYPE_CHECKING:
    from edge.core.rules import Rule

T = TypeVar("T")

PATIENCE_SECONDS = 30
ROUNDS_MAX = 4
"""Asked, asked to sign more, offered, and one more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next step; expects None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Quote:
    """The most that a page costs now; ``price`` is None where nothing is asked for it.

    It may cost nothing all the same: what an account gets free is decided with the purchase alone. ``rule`` is the
    one of the site's price list that says so, None where the page was asked; ``knows_us`` that the list was for us.
    """

    url: str
    price: Money | None
    status: int
    rule: Rule | None = None
    knows_us: bool = False


@dataclass(frozen=True, slots=True)
class Resolved:
    """What became of a purchase that was in doubt; ``delivered`` is None when it was not charged, or not yet known."""

    url: str
    delivered: Delivered | None
    says: str


Step: TypeAlias = Send | Wait
Event: TypeAlias = Answer | NoAnswer | None
Conversation: TypeAlias = Generator[Step, Event, T]


def fetch(wallet: Wallet, url: str, quoted: Money | None = None) -> Conversation[Delivered]:
    """Get one page for at most what the wallet's policy allows, and for at most ``quoted`` when that is given.

    Raises ``CrawlRefused``, ``SpendingStopped``, ``PaymentInDoubt``, ``PageUnreachable`` or ``WrongCharge``.
    """
    also: tuple[str, ...] = ()
    price = quoted
    may_repeat = True
    for _ in range(ROUNDS_MAX):
        ready = wallet.prepare(url, price, also, may_repeat=may_repeat)
        may_repeat = may_repeat and ready.repeats is None
        verdict = wallet.judge(ready, (yield from _answer_to(wallet, ready)))
        match verdict:
            case Delivered():
                return verdict
            case Asked():
                price = verdict.price
            case SignMore():
                also = verdict.components
    raise MissingCrawlerPrice(Refusal(url, 402, price=price, detail="the offer was made and was asked for again"))


def quote(wallet: Wallet, url: str) -> Conversation[Quote]:
    """Ask what a page costs, without its body where the server answers HEAD. Raises ``CrawlRefused``."""
    answer = yield from _answer_to(wallet, wallet.signed(url, method="HEAD"))
    if answer.status in (405, 501):
        answer = yield from _answer_to(wallet, wallet.signed(url))
    price = price_of(answer)
    if answer.status == 402 and price is not None:
        return Quote(url, price, answer.status)
    refused = refusal_of(url, answer)
    if refused is not None:
        raise refused
    return Quote(url, None, answer.status)


def resolve(wallet: Wallet) -> Conversation[list[Resolved]]:
    """Ask again for every purchase whose answer never came, each with its own signed request."""
    results = []
    for purchase in wallet.in_doubt():
        ready = wallet.take_up(purchase)
        if ready is None:
            continue
        try:
            verdict = wallet.judge(ready, (yield from _answer_to(wallet, ready)))
        except (CrawlRefused, SpendingStopped, PaymentInDoubt, PageUnreachable, WrongCharge) as why:
            results.append(Resolved(purchase.url, None, str(why)))
            continue
        delivered = verdict if isinstance(verdict, Delivered) and verdict.charged is not None else None
        says = f"it was charged {delivered.charged}" if delivered is not None else "it was not charged"
        results.append(Resolved(purchase.url, delivered, says))
    return results


def _answer_to(wallet: Wallet, ready: Ready) -> Generator[Step, Event, Answer]:
    """Send a request, again where the table says so, until there is an answer that is whole."""
    paused, has_broken = 0, False
    while True:
        came = yield Send(ready.url, ready.headers, ready.method)
        assert isinstance(came, Answer | NoAnswer), "a Send is answered"
        if isinstance(came, NoAnswer) and not came.was_sent:
            if paused == len(wallet.pauses_seconds):
                wallet.not_charged(ready)
                raise came.error or PageUnreachable(ready.url, came.reason)
            yield Wait(wallet.pauses_seconds[paused])
            paused += 1
            continue
        if isinstance(came, NoAnswer) or (came.fault is not None and is_page(came)):
            if has_broken:
                raise _broken(ready, came)
            has_broken = True
            wallet.sent_again(ready)
            continue
        pause = _pause(wallet, ready, came, paused)
        if pause is None:
            return came
        yield Wait(pause)
        paused += 1


def _broken(ready: Ready, came: Answer | NoAnswer) -> Exception:
    reason = came.reason if isinstance(came, NoAnswer) else came.fault or ""
    if ready.purchase is not None:
        return PaymentInDoubt(ready.url, reason)
    own = came.error if isinstance(came, NoAnswer) else None
    return own or PageUnreachable(ready.url, reason)


def _pause(wallet: Wallet, ready: Ready, answer: Answer, paused: int) -> float | None:
    """How long to wait before the same request is sent again; None when it is not."""
    if paused == len(wallet.pauses_seconds):
        return None
    error, after = answer.fields.get(CRAWLER_ERROR), retry_after(answer)
    may_come = answer.status in (429, 503) or error in (CrawlerError.INTERNAL_ERROR, CrawlerError.STRONG_AUTH_REQUIRED)
    seconds: float | None = None
    if after is not None and may_come:
        seconds = float(after) if after <= PATIENCE_SECONDS else None
    elif error == CrawlerError.INTERNAL_ERROR:
        seconds = wallet.pauses_seconds[paused]
    if seconds is None or not ready.headers:
        return None
    is_fresh = wallet.now_micros() + seconds * 1_000_000 < ready.expires_micros
    return seconds if is_fresh else None


def drive(flow: Conversation[T], send: Callable[[Send], Answer | NoAnswer]) -> T:
    """Carry a conversation out, one step after the other."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                step = flow.send(None)
            else:
                step = flow.send(send(step))
    except StopIteration as done:
        result: T = done.value
        return result


async def drive_async(flow: Conversation[T], send: Callable[[Send], Awaitable[Answer | NoAnswer]]) -> T:
    """Carry a conversation out on asyncio; the spend store's waiting for its disk is kept off the loop."""
    event: Event = None
    while True:
        step, result = await asyncio.to_thread(_advance, flow, event)
        if step is None:
            return result  # type: ignore[no-any-return]  # it is the flow's own
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            event = None
        else:
            event = await send(step)


def _advance(flow: Conversation[Any], event: Event) -> tuple[Step | None, Any]:
    """The next step, or None and the result: a StopIteration does not pass through a future."""
    try:
        return flow.send(event), None
    except StopIteration as done:
        return None, done.value
