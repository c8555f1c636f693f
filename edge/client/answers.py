"""What comes back from a site, and how it is read: a page, a price, a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from edge.client.errors import REFUSED, CrawlRefused, Refusal
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.refusals import CrawlerError
from edge.core.terms import CRAWLER_ERROR, CRAWLER_ERROR_DETAIL, CRAWLER_PRICE


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: fields by lower-case name; ``body`` is needed of refusals only. ``fault``: it is not whole."""

    status: int
    fields: Mapping[str, str]
    body: bytes = b""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """An answer for the caller: a page, paid or free, or whatever the site says that is not about money.

    ``is_repeat`` says that ``charged`` was paid before, or by somebody who asked for the page at the same time, and
    nothing now.
    """

    url: str
    status: int
    charged: Money | None = None
    charge_id: str | None = None
    purchase: int | None = None
    is_repeat: bool = False


def is_page(answer: Answer) -> bool:
    """Whether an answer is one that a sale may stand behind."""
    return 200 <= answer.status < 300


def price_of(answer: Answer) -> Money | None:
    """The price that an answer names."""
    return money_of(answer.fields.get(CRAWLER_PRICE))


def refusal_of(url: str, answer: Answer) -> CrawlRefused | None:
    """The typed error of a refusing answer; None when it is the site's own, such as a 404."""
    try:
        error = CrawlerError(answer.fields.get(CRAWLER_ERROR, ""))
    except ValueError:
        return None
    return REFUSED[error](
        Refusal(
            url,
            answer.status,
            code=_code(answer.body),
            detail=answer.fields.get(CRAWLER_ERROR_DETAIL),
            price=price_of(answer),
            retry_after_seconds=retry_after(answer),
            request_id=answer.fields.get("x-request-id"),
        )
    )


def retry_after(answer: Answer) -> int | None:
    """The seconds of Retry-After; a date is not waited for."""
    text = answer.fields.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _code(body: bytes) -> str | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    code = document.get("code") if isinstance(document, dict) else None
    return code if isinstance(code, str) else None


def money_of(text: str | None) -> Money | None:
    """The amount that a header names; None where it is none."""
    try:
        return None if text is None else parse_price(text)
    except InvalidPrice:
        return None
