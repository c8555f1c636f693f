"""What an outcome means: the exit code for scripts, a document for programs, and for people a plain sentence or two.

Rules of this file: every ``crawler-error`` has a sentence that says what to do next; money is always mentioned, also
when none was spent; what a server wrote is shown without characters that could drive a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never
from urllib.parse import urljoin

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
from edge.core.money import Money
from edge.core.refusals import CrawlerError

DONE, FAILED, WRONG_USAGE, PARTLY_DONE = 0, 1, 2, 3
_SHOWN_LENGTH = 300

_E = CrawlerError
NEXT_STEPS: Mapping[CrawlerError, str] = {
    _E.FORBIDDEN: "The publisher does not sell this page to your crawler; no offer helps, ask the publisher.",
    _E.STRONG_AUTH_REQUIRED: (
        "The edge could not tell who you are; check that your key is published at the agent's URL and that the operator"
        " has registered it, then try again."
    ),
    _E.INVALID_SIGNATURE: "The signature was not accepted; check the key, the agent's URL and this machine's clock.",
    _E.INVALID_PRICE_VALUE: "The offer is no price there; offer in the site's currency, such as 'USD 0.01'.",
    _E.MISSING_PRICE: "The page has a price; accept it with --max.",
    _E.PAYMENT_FAILED: (
        "Your account, or a budget of it, did not cover the page; top it up or ask the operator about it, then try"
        " again."
    ),
    _E.INVALID_EXACT_PRICE: "The page has another price than you offered with --exact; offer that price.",
    _E.INVALID_MAX_PRICE: "The page costs more than you offered; raise --max if it is worth that to you.",
    _E.CONFLICTING_PRICES: "Two price headers arrived where one was sent; look at what stands between you.",
    _E.INVALID_CONTENT_PRICE: "The publisher's own server stated a price that is none; tell the publisher.",
    _E.INTERNAL_ERROR: "The edge could not sell just now; try again, with growing pauses.",
}
"""Complete by test."""


MAY_NOT_PAY = (
    "Your crawler may not pay here: it is not registered, has no account in the site's currency, or is suspended."
    " `farebox-crawl register` asks to be registered and, with --status, says how that stands; else ask the operator."
)
"""For a PaymentFailed of status 403, which no top-up helps."""


def exit_code(outcome: Outcome) -> int:
    """0 done, 1 failed, 3 partly done (the page is elsewhere)."""
    match outcome:
        case Bought() | Free() | Priced():
            return DONE
        case Redirected():
            return PARTLY_DONE
        case Overcharged() | Incomplete() | Refused() | Unreachable():
            return FAILED
        case _ as unreachable:
            assert_never(unreachable)


def sentences(outcome: Outcome) -> list[str]:
    """What happened, then what to do about it."""
    match outcome:
        case Bought():
            again = (
                " The first transfer broke; the second, with the same signature, was free."
                if outcome.was_retried
                else ""
            )
            return [f"Charged {outcome.charged} for {outcome.received_bytes:,} bytes.{again}", *_receipt(outcome)]
        case Free():
            return [f"Nothing was charged for {outcome.received_bytes:,} bytes."]
        case Priced():
            return [f"The page costs {outcome.price}. To buy it, ask again with --max '{outcome.price}'."]
        case Overcharged():
            return _overcharged(outcome)
        case Incomplete():
            return _incomplete(outcome)
        case Redirected():
            return _redirected(outcome)
        case Refused():
            return _refused(outcome)
        case Unreachable():
            return [f"No connection to {_plain(outcome.url)}: {_plain(outcome.reason)}.", "Nothing was charged."]
        case _ as unreachable:
            assert_never(unreachable)


def _receipt(outcome: Bought | Overcharged | Incomplete) -> list[str]:
    url = receipt_url(outcome.url, outcome.receipt_id)
    return [] if url is None else [f"Receipt {_plain(outcome.receipt_id or '')}: {url}"]


def receipt_url(url: str, receipt_id: str | None) -> str | None:
    """Where the signed receipt is; None without a receipt, or with an id that is not one."""
    if receipt_id is None or not receipt_id.replace("-", "").replace("_", "").isalnum() or not receipt_id.isascii():
        return None
    return urljoin(url, f"/.well-known/receipts/{receipt_id}")


def _overcharged(outcome: Overcharged) -> list[str]:
    offered = f"the offer was {outcome.offer}" if outcome.offer is not None else "nothing was offered"
    return [
        f"WRONG CHARGE: the answer says it charged {_plain(outcome.charged)!r}, but {offered}.",
        *_receipt(outcome),
        "The page was kept. Ask the operator for a refund, and buy nothing more there until it is explained.",
    ]


def _incomplete(outcome: Incomplete) -> list[str]:
    lines = [f"The transfer broke twice ({_plain(outcome.reason)}); nothing was kept."]
    if outcome.charged is None:
        return [*lines, "No charge was reported. Try again later."]
    lines.append(f"The answer reported a charge of {_plain(outcome.charged)}; what is not delivered is not owed.")
    return [*lines, *_receipt(outcome), "Look at the receipt later: unless it says 'reversed', ask for a refund."]


def _redirected(outcome: Redirected) -> list[str]:
    where = _plain(outcome.location) or "an address it does not name"
    if outcome.reason is not None:
        return [f"The page is at {where}, which was not followed: {_plain(outcome.reason)}"]
    return [f"The page is at {where}. Nothing was charged; ask there, or follow with --follow."]


def _refused(outcome: Refused) -> list[str]:
    known = _known_error(outcome.error)
    if known is None:
        lines = [f"The site answered with status {outcome.status}. Nothing was charged."]
    else:
        step = next_step(known, outcome.status, comes_back=bool(outcome.retry_after))
        lines = [f"{known} (status {outcome.status}). {step}"]
    if outcome.detail:
        lines.append(f"The edge says: {_plain(outcome.detail)}")
    if outcome.price is not None:
        lines.append(f"The page costs {outcome.price}.")
    if outcome.retry_after:
        lines.append(f"Come again after: {_plain(outcome.retry_after)} (seconds, or a date).")
    if outcome.request_id:
        lines.append(f"Request {_plain(outcome.request_id)}; the operator can find it by that.")
    return lines


def next_step(error: CrawlerError, status: int, *, comes_back: bool = False) -> str:
    """What to do next. Of what fails for want of money only a budget comes back; a 403 is no want of money."""
    if error is CrawlerError.PAYMENT_FAILED and status == 403:
        return MAY_NOT_PAY
    if error is CrawlerError.PAYMENT_FAILED and comes_back:
        return "A budget of your account is used up; wait until it resets, or have it raised: a top-up does not help."
    return NEXT_STEPS[error]


def _known_error(text: str | None) -> CrawlerError | None:
    try:
        return None if text is None else CrawlerError(text)
    except ValueError:
        return None


def _plain(text: str) -> str:
    shown = text[:_SHOWN_LENGTH]
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in shown)


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome for programs; absent values are null, amounts are integer micro-units beside their text."""
    values: dict[str, Any] = {
        "outcome": type(outcome).__name__.lower(),
        "url": outcome.url,
        "status": getattr(outcome, "status", None),
        "charged": _amount(getattr(outcome, "charged", None)),
        "price": _amount(getattr(outcome, "price", None)),
        "receipt_id": getattr(outcome, "receipt_id", None),
        "receipt_url": receipt_url(outcome.url, getattr(outcome, "receipt_id", None)),
        "received_bytes": getattr(outcome, "received_bytes", None),
        "location": getattr(outcome, "location", None),
        "crawler_error": getattr(outcome, "error", None),
        "detail": getattr(outcome, "detail", None) or getattr(outcome, "reason", None),
        "retry_after": getattr(outcome, "retry_after", None),
        "request_id": getattr(outcome, "request_id", None),
        "message": " ".join(sentences(outcome)),
    }
    return values


def _amount(value: Money | str | None) -> dict[str, Any] | None:
    match value:
        case None:
            return None
        case Money():
            return {"amount_micros": value.amount_micros, "currency": value.currency, "display": str(value)}
        case text:
            # What the server wrote where a price should stand.
            return {"amount_micros": None, "currency": None, "display": text}
