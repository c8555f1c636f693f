"""What can keep a crawler from a page: one class for each ``crawler-error``, and one for each reason of its own.

Rules of this file: a server's refusal is a ``CrawlRefused``, the crawler's own policy a ``SpendingStopped``; nothing
was charged in either case. ``PaymentInDoubt`` and ``WrongCharge`` are about money that was, or may have been, taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.client.advice import next_step
from edge.core.errors import EdgeError
from edge.core.money import Money
from edge.core.refusals import REFUSALS, CrawlerError, RefusalCode


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusing answer said: ``code`` is the problem body's, if it had one that could be read."""

    url: str
    status: int
    code: str | None = None
    detail: str | None = None
    price: Money | None = None
    retry_after_seconds: int | None = None
    request_id: str | None = None


class CrawlRefused(EdgeError):
    """The edge said no, and nothing was charged. ``refusal`` holds what it said."""

    error: CrawlerError

    def __init__(self, refusal: Refusal) -> None:
        said = f" The edge says: {refusal.detail}" if refusal.detail else ""
        super().__init__(f"{refusal.url}: {self.error} (status {refusal.status}). {self._advice(refusal)}{said}")
        self.refusal = refusal

    def _advice(self, refusal: Refusal) -> str:
        known = next((code for code in RefusalCode if code == refusal.code), None)
        return next_step(self.error, refusal.status) if known is None else REFUSALS[known].detail


class CrawlerForbidden(CrawlRefused):
    """The publisher does not sell this page to this crawler."""

    error = CrawlerError.FORBIDDEN


class StrongAuthRequired(CrawlRefused):
    """The edge could not tell who asks: no signature, or a key that it cannot find."""

    error = CrawlerError.STRONG_AUTH_REQUIRED


class InvalidSignature(CrawlRefused):
    """The signature was not accepted."""

    error = CrawlerError.INVALID_SIGNATURE


class InvalidCrawlerPriceValue(CrawlRefused):
    """The offer is no price at this site, which may sell in another currency."""

    error = CrawlerError.INVALID_PRICE_VALUE


class MissingCrawlerPrice(CrawlRefused):
    """The page has a price, and nothing was offered."""

    error = CrawlerError.MISSING_PRICE


class PaymentFailed(CrawlRefused):
    """The account at the operator, or a budget of it, did not cover the page."""

    error = CrawlerError.PAYMENT_FAILED


class InvalidCrawlerExactPrice(CrawlRefused):
    """The page has another price than the exact one that was offered."""

    error = CrawlerError.INVALID_EXACT_PRICE


class InvalidCrawlerMaxPrice(CrawlRefused):
    """The page costs more than was offered."""

    error = CrawlerError.INVALID_MAX_PRICE


class ConflictingPriceHeaders(CrawlRefused):
    """Both price headers arrived."""

    error = CrawlerError.CONFLICTING_PRICES


class InvalidContentPrice(CrawlRefused):
    """The publisher's origin stated a price that is none."""

    error = CrawlerError.INVALID_CONTENT_PRICE


class InternalError(CrawlRefused):
    """The edge could not sell just now."""

    error = CrawlerError.INTERNAL_ERROR


REFUSED: Mapping[CrawlerError, type[CrawlRefused]] = {
    kind.error: kind
    for kind in (
        *(CrawlerForbidden, StrongAuthRequired, InvalidSignature, InvalidCrawlerPriceValue, MissingCrawlerPrice),
        *(PaymentFailed, InvalidCrawlerExactPrice, InvalidCrawlerMaxPrice, ConflictingPriceHeaders),
        *(InvalidContentPrice, InternalError),
    )
}
"""Complete by test."""


class SpendingStopped(EdgeError):
    """The crawler's own policy kept the money. ``reason`` is a word for statistics."""

    reason: str

    def __init__(self, url: str, sentence: str, price: Money | None = None) -> None:
        super().__init__(f"{url}: {sentence}")
        self.url = url
        self.price = price


class AboveCap(SpendingStopped):
    """The page costs more than ``per_request``."""

    reason = "above_cap"


class CapReached(SpendingStopped):
    """A cap over several pages does not cover this one. ``scope`` is ``total``, ``day`` or ``domain_day``."""

    reason = "cap_reached"

    def __init__(self, url: str, sentence: str, price: Money, scope: str) -> None:
        super().__init__(url, sentence, price)
        self.scope = scope


class NotAllowed(SpendingStopped):
    """The page's domain is not one where money may be spent."""

    reason = "not_allowed"


class CurrencyNotAllowed(SpendingStopped):
    """The page is sold in a currency without a cap."""

    reason = "currency"


class RobotsForbid(SpendingStopped):
    """The site's robots.txt does not let this crawler have the page, and the policy obeys it."""

    reason = "robots"


class PriceUnknown(SpendingStopped):
    """The page has a price that was not known before, and the policy is not to ask."""

    reason = "price_unknown"


class PriceRose(SpendingStopped):
    """The page costs more than it was quoted at."""

    reason = "price_rose"


class AlreadyBought(SpendingStopped):
    """The page was bought before, and the policy is not to buy it again yet."""

    reason = "already_bought"


class PaymentInDoubt(EdgeError):
    """The transfer broke, and whether the page was charged is not known yet.

    The money stays reserved. Asking for the page again, or ``resolve()``, sends the same signed request, which is the
    same charge.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"{url}: not known whether it was charged ({why}); ask again soon, which is never a second charge"
        )
        self.url = url


class PageUnreachable(EdgeError):
    """No connection came about, so nothing can have been charged."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: no connection ({why}); nothing was charged")
        self.url = url


class WrongCharge(EdgeError):
    """The answer says that it charged something else than was offered. Our books hold what was offered, not more."""

    def __init__(self, url: str, charged: str, offered: str, receipt_id: str | None) -> None:
        super().__init__(
            f"{url}: the answer says it charged {charged[:100]!r}, the offer was {offered}; ask the operator for a"
            " refund, and buy nothing more there until it is explained"
        )
        self.url = url
        self.charged = charged
        self.receipt_id = receipt_id
