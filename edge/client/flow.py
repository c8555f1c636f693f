"""Buying one page, as a conversation: the flow says what to send and is told what came; it touches no socket itself.

Rules of this file:

- an answer is never believed blindly: what was charged is held against what was offered, and a page counts only when
  it came whole;
- a transfer that breaks is asked for once more with the very same signed request: for the seller that is the same
  charge, so the retry is free, where a fresh signature would buy the page again;
- a redirect is a new address, so it is followed only when that is wished, with a signature of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from edge.client.outcomes import (
    Bought,
    Free,
    Incomplete,
    Outcome,
    Overcharged,
    Priced,
    Redirected,
    Refused,
    Unreachable,
)
from edge.client.page_url import BadPageUrl, redirect_target
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.terms import (
    CRAWLER_CHARGED,
    CRAWLER_ERROR,
    CRAWLER_ERROR_DETAIL,
    CRAWLER_PRICE,
    CRAWLER_RECEIPT,
    Offer,
)

Headers: TypeAlias = tuple[tuple[str, str], ...]

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request with these headers; expects a ``Head`` (or ``Answer``) or a ``NoAnswer``.

    With ``most_bytes`` no more of a body is read than that: what is longer is an answer with a fault.
    """

    url: str
    headers: Headers
    method: str = "GET"
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TakeBody:
    """Read the body of the answer whose head came last, and keep it or throw it away; expects a ``Body``."""

    keep: bool


@dataclass(frozen=True, slots=True)
class Head:
    """Status and fields (lower-case name to combined value) of an answer."""

    status: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No head came. ``was_sent`` is false when the request surely did not reach the server.

    ``error`` is the HTTP library's own, for whoever uses that library.
    """

    reason: str
    was_sent: bool
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What came of a body; ``fault`` says why it is not whole."""

    received_bytes: int
    fault: str | None = None


Step: TypeAlias = Send | TakeBody
Event: TypeAlias = Head | NoAnswer | Body
Flow: TypeAlias = Generator[Step, Event, Outcome]
Sign: TypeAlias = Callable[[str, Offer | None], Headers]


def buy(url: str, offer: Offer | None, sign: Sign, follow: int = 0) -> Flow:
    """Get one page for at most what ``offer`` says; without an offer, ask what it costs.

    ``sign`` makes the headers of a request afresh. ``follow`` is how many redirects are followed, each time with the
    same offer; only the page at the end is paid for.
    """
    outcome = yield from _ask(url, offer, sign)
    for _ in range(follow):
        if not isinstance(outcome, Redirected) or not outcome.location:
            break
        try:
            target = redirect_target(outcome.url, outcome.location)
        except BadPageUrl as why:
            return replace(outcome, reason=str(why))
        outcome = yield from _ask(target, offer, sign)
    return outcome


def _ask(url: str, offer: Offer | None, sign: Sign) -> Flow:
    request = Send(url, sign(url, offer))
    first = yield from _attempt(request, offer)
    if not isinstance(first, Incomplete):
        return first
    return _after_retry(first, (yield from _attempt(request, offer)))


def _after_retry(first: Incomplete, second: Outcome) -> Outcome:
    """Both attempts are one purchase: what the first head said about money is not forgotten."""
    match second:
        case Bought():
            return replace(second, was_retried=True)
        case Free() | Overcharged():
            return second
        case Incomplete():
            charged, receipt_id = second.charged or first.charged, second.receipt_id or first.receipt_id
            return replace(second, charged=charged, receipt_id=receipt_id)
        case Unreachable():
            return replace(first, reason=f"{first.reason}; the retry found no connection ({second.reason})")
        case Refused() | Priced() | Redirected():
            if first.charged is None:
                return second
            return replace(first, reason=f"{first.reason}; the retry was answered with status {second.status}")
        case _ as unreachable:
            assert_never(unreachable)


def _attempt(request: Send, offer: Offer | None) -> Flow:
    head = yield request
    if isinstance(head, NoAnswer):
        if head.was_sent:
            return Incomplete(request.url, None, None, head.reason)
        return Unreachable(request.url, head.reason)
    assert isinstance(head, Head), "a Send is answered by a Head or a NoAnswer"
    is_page = 200 <= head.status < 300
    body = yield TakeBody(keep=is_page)
    assert isinstance(body, Body), "a TakeBody is answered by a Body"
    if is_page:
        return _page(request.url, head, body, offer)
    return _no_page(request.url, head, offer)


def _page(url: str, head: Head, body: Body, offer: Offer | None) -> Outcome:
    """A 2xx answer: whole or not, and charged as agreed or not."""
    text, receipt_id = head.fields.get(CRAWLER_CHARGED), head.fields.get(CRAWLER_RECEIPT)
    if body.fault is not None:
        return Incomplete(url, text, receipt_id, body.fault)
    if text is None:
        return Free(url, head.status, body.received_bytes)
    charged = _money(text)
    if charged is None or (charged.amount_micros and (offer is None or not offer.accepts(charged))):
        return Overcharged(url, head.status, text, offer, receipt_id, body.received_bytes)
    return Bought(url, head.status, charged, receipt_id, body.received_bytes)


def _no_page(url: str, head: Head, offer: Offer | None) -> Outcome:
    if head.status in REDIRECTS:
        return Redirected(url, head.status, head.fields.get("location", ""))
    price = _money(head.fields.get(CRAWLER_PRICE))
    if head.status == 402 and offer is None and price is not None:
        return Priced(url, head.status, price)
    return Refused(
        url,
        head.status,
        error=head.fields.get(CRAWLER_ERROR),
        detail=head.fields.get(CRAWLER_ERROR_DETAIL),
        price=price,
        retry_after=head.fields.get("retry-after"),
        request_id=head.fields.get("x-request-id"),
    )


def _money(text: str | None) -> Money | None:
    try:
        return None if text is None else parse_price(text)
    except InvalidPrice:
        return None
