"""Every reason to say no, in one closed list: status, ``crawler-error``, problem code and the sentence.

Rules of this file: a code never changes its meaning or its spelling; scripts rely on them. The eleven
``crawler-error`` words are those of Cloudflare's pay per crawl (docs/protocol.md, "Refusals"), so that a crawler
written for it works here unchanged; ``code`` is finer and ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CrawlerError(StrEnum):
    """The values of the ``crawler-error`` header."""

    FORBIDDEN = "CrawlerForbidden"
    STRONG_AUTH_REQUIRED = "StrongAuthRequired"
    INVALID_SIGNATURE = "InvalidSignature"
    INVALID_PRICE_VALUE = "InvalidCrawlerPriceValue"
    MISSING_PRICE = "MissingCrawlerPrice"
    PAYMENT_FAILED = "PaymentFailed"
    INVALID_EXACT_PRICE = "InvalidCrawlerExactPrice"
    INVALID_MAX_PRICE = "InvalidCrawlerMaxPrice"
    CONFLICTING_PRICES = "ConflictingPriceHeaders"
    INVALID_CONTENT_PRICE = "InvalidContentPrice"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class RefusalText:
    """What one refusal code means on the wire.

    ``status`` is the HTTP status, ``crawler_error`` the header or None where no crawler word fits, ``title``
    the fixed short text of the problem body and ``detail`` the sentence that says what would pass.
    """

    status: int
    crawler_error: CrawlerError | None
    title: str
    detail: str


class RefusalCode(StrEnum):
    """The problem body's ``code``: snake case, closed, never translated."""

    # The request itself
    MALFORMED_REQUEST = "malformed_request"
    AMBIGUOUS_TARGET = "ambiguous_target"
    HEADERS_TOO_LARGE = "headers_too_large"
    TARGET_TOO_LONG = "target_too_long"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_NOT_ALLOWED = "body_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    UNKNOWN_SITE = "unknown_site"
    LOOP_DETECTED = "loop_detected"
    REQUEST_TIMEOUT = "request_timeout"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TOO_MANY_BAD_SIGNATURES = "too_many_bad_signatures"
    # The publisher's wish
    CRAWLER_BLOCKED = "crawler_blocked"
    RATE_EXCEEDED = "rate_exceeded"
    # The offer
    PAYMENT_REQUIRED = "payment_required"
    CONFLICTING_PRICES = "conflicting_prices"
    INVALID_PRICE = "invalid_price"
    MAX_PRICE_TOO_LOW = "max_price_too_low"
    EXACT_PRICE_DIFFERS = "exact_price_differs"
    # The identity
    SIGNATURE_REQUIRED = "signature_required"
    SIGNATURE_INVALID = "signature_invalid"
    KEY_UNAVAILABLE = "key_unavailable"
    PRICE_NOT_SIGNED = "price_not_signed"
    TARGET_NOT_SIGNED = "target_not_signed"
    SIGNATURE_STALE = "signature_stale"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 a word of this list, no password
    IDEMPOTENCY_KEY_SPENT = "idempotency_key_spent"
    # The account
    CRAWLER_UNREGISTERED = "crawler_unregistered"
    ACCOUNT_MISSING = "account_missing"
    ACCOUNT_SUSPENDED = "account_suspended"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    BUDGET_EXCEEDED = "budget_exceeded"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    # The machinery
    INVALID_CONTENT_PRICE = "invalid_content_price"
    ORIGIN_UNREACHABLE = "origin_unreachable"
    ORIGIN_TIMEOUT = "origin_timeout"
    ORIGIN_MALFORMED = "origin_malformed"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    INTERNAL_ERROR = "internal_error"
    RECEIPT_UNKNOWN = "receipt_unknown"


_C = RefusalCode
_E = CrawlerError

REFUSALS: dict[RefusalCode, RefusalText] = {
    _C.MALFORMED_REQUEST: RefusalText(
        400, None, "Malformed request", "The request breaks HTTP's rules; the detail header names the part."
    ),
    _C.AMBIGUOUS_TARGET: RefusalText(
        400,
        None,
        "Ambiguous address",
        "This spelling of the address can be read in two ways; ask for the canonical address instead.",
    ),
    _C.HEADERS_TOO_LARGE: RefusalText(
        431, None, "Headers too large", "Send at most 100 header fields and 16 KiB of them."
    ),
    _C.TARGET_TOO_LONG: RefusalText(414, None, "Address too long", "Ask for an address of at most 8 KiB."),
    _C.METHOD_NOT_ALLOWED: RefusalText(
        405, None, "Method not allowed", "This site does not take that method here; use GET or HEAD."
    ),
    _C.BODY_NOT_ALLOWED: RefusalText(
        400, None, "Body not allowed", "A priced page is asked for without a body; send GET without one."
    ),
    _C.BODY_TOO_LARGE: RefusalText(413, None, "Body too large", "Send a smaller body."),
    _C.UNKNOWN_SITE: RefusalText(
        421, None, "Unknown site", "No site of that name is served here; check the Host header."
    ),
    _C.LOOP_DETECTED: RefusalText(
        508, None, "Loop detected", "This request has passed through this edge before; check the site's origin."
    ),
    _C.REQUEST_TIMEOUT: RefusalText(408, None, "Request timeout", "Send the whole request sooner."),
    _C.TOO_MANY_CONNECTIONS: RefusalText(
        503, None, "Too many connections", "Use fewer connections at once; ask again on one that is open."
    ),
    _C.TOO_MANY_BAD_SIGNATURES: RefusalText(
        429,
        None,
        "Too many bad signatures",
        "Too many signatures from your address did not verify; mend them, and sign again after the time given.",
    ),
    _C.CRAWLER_BLOCKED: RefusalText(
        403,
        _E.FORBIDDEN,
        "Crawler not welcome",
        "The publisher does not offer this page to your crawler at any price.",
    ),
    _C.RATE_EXCEEDED: RefusalText(
        429,
        None,
        "Too many requests",
        "The publisher limits how often each crawler may ask; ask again after the seconds of retry-after.",
    ),
    _C.PAYMENT_REQUIRED: RefusalText(
        402,
        _E.MISSING_PRICE,
        "Payment required",
        "Accept the price with crawler-max-price or crawler-exact-price in a signed request.",
    ),
    _C.CONFLICTING_PRICES: RefusalText(
        400,
        _E.CONFLICTING_PRICES,
        "Conflicting price headers",
        "Send crawler-exact-price or crawler-max-price, not both.",
    ),
    _C.INVALID_PRICE: RefusalText(
        400,
        _E.INVALID_PRICE_VALUE,
        "Price not understood",
        "Write one price in the site's currency, such as 'USD 0.01'.",
    ),
    _C.MAX_PRICE_TOO_LOW: RefusalText(
        402,
        _E.INVALID_MAX_PRICE,
        "Price is higher than your maximum",
        "Send a crawler-max-price of at least crawler-price.",
    ),
    _C.EXACT_PRICE_DIFFERS: RefusalText(
        402,
        _E.INVALID_EXACT_PRICE,
        "Price differs from your offer",
        "Send a crawler-exact-price that equals crawler-price.",
    ),
    _C.SIGNATURE_REQUIRED: RefusalText(
        400,
        _E.STRONG_AUTH_REQUIRED,
        "Signature required",
        "Sign the request with Web Bot Auth (RFC 9421, Ed25519); accept-signature says what to cover.",
    ),
    _C.SIGNATURE_INVALID: RefusalText(
        400,
        _E.INVALID_SIGNATURE,
        "Signature does not verify",
        "Sign again as accept-signature says; crawler-error-detail names the check that failed.",
    ),
    _C.KEY_UNAVAILABLE: RefusalText(
        400,
        _E.STRONG_AUTH_REQUIRED,
        "Key not available",
        "The key of this signature is not known here; register the crawler, publish the key, or try again later.",
    ),
    _C.PRICE_NOT_SIGNED: RefusalText(
        400,
        _E.INVALID_SIGNATURE,
        "Price header not signed",
        "The signature must cover the price header that accepts the price.",
    ),
    _C.TARGET_NOT_SIGNED: RefusalText(
        400,
        _E.INVALID_SIGNATURE,
        "Address not signed",
        "This site asks that the signature covers @target-uri, or @path with @query.",
    ),
    _C.SIGNATURE_STALE: RefusalText(
        400,
        _E.INVALID_SIGNATURE,
        "Signature too old",
        "Sign again: a paid request must be signed within the last 300 seconds.",
    ),
    _C.CRAWLER_UNREGISTERED: RefusalText(
        403,
        _E.PAYMENT_FAILED,
        "Crawler not registered",
        "The agent that signed is not registered here; register it where the link says, then send the request again.",
    ),
    _C.TOKEN_REFUSED: RefusalText(
        400,
        _E.STRONG_AUTH_REQUIRED,
        "Token not accepted",
        "Send a token that is in force for this site, or sign the request; the detail header says what is wrong.",
    ),
    _C.IDEMPOTENCY_KEY_SPENT: RefusalText(
        409,
        None,
        "Idempotency key used up",
        "This Idempotency-Key, or request id, paid for this page more than a day ago; send a new one to buy it again.",
    ),
    _C.ACCOUNT_MISSING: RefusalText(
        403,
        _E.PAYMENT_FAILED,
        "No account",
        "This crawler is known but has no account in the site's currency; ask the operator to open one.",
    ),
    _C.ACCOUNT_SUSPENDED: RefusalText(
        403, _E.PAYMENT_FAILED, "Account suspended", "This crawler's account is suspended; write to the operator."
    ),
    _C.INSUFFICIENT_CREDITS: RefusalText(
        402, _E.PAYMENT_FAILED, "Not enough credit", "Top up the account, then send the same request again."
    ),
    _C.BUDGET_EXCEEDED: RefusalText(
        402,
        _E.PAYMENT_FAILED,
        "Budget used up",
        "Wait until the budget resets, which retry-after says, or have it raised; topping up does not help.",
    ),
    _C.SUBSCRIPTION_EXPIRED: RefusalText(
        402,
        _E.MISSING_PRICE,
        "No subscription pages left",
        "The subscription has ended, or this month's pages are used up; offer the price, or have it renewed.",
    ),
    _C.INVALID_CONTENT_PRICE: RefusalText(
        502,
        _E.INVALID_CONTENT_PRICE,
        "Origin stated an invalid price",
        "Nothing was charged; the publisher's origin sent a crawler-price that is not a price.",
    ),
    _C.ORIGIN_UNREACHABLE: RefusalText(502, None, "Origin unreachable", "Nothing was charged; try again later."),
    _C.ORIGIN_TIMEOUT: RefusalText(504, None, "Origin timed out", "Nothing was charged; try again later."),
    _C.ORIGIN_MALFORMED: RefusalText(
        502, None, "Origin answered badly", "Nothing was charged; the origin's answer breaks HTTP's rules."
    ),
    _C.LEDGER_UNAVAILABLE: RefusalText(
        503,
        _E.INTERNAL_ERROR,
        "Ledger unavailable",
        "Nothing was charged: paid pages wait until the ledger can be written; try again later.",
    ),
    _C.INTERNAL_ERROR: RefusalText(
        500, _E.INTERNAL_ERROR, "Internal error", "Nothing was charged; try again with increasing pauses."
    ),
    _C.RECEIPT_UNKNOWN: RefusalText(404, None, "No such receipt", "Check the charge id in crawler-receipt."),
}
"""What each code means on the wire; complete by test."""
