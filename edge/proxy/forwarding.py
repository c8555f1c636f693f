"""What passes through the edge and what does not: header fields to the origin, and back to the client.

Rules of this file: hop-by-hop fields end here, in both directions, with everything that ``Connection`` names (RFC
9110 section 7.6.1); what only we may assert is removed from crawler and origin alike before ours is added; an
answer that was paid for is never storable by a shared cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from edge.core.api_token import holds_token
from edge.core.identity import Identity, Rung, Visitor, name_of, rung_of
from edge.core.request import CrawlRequest

Header = tuple[bytes, bytes]

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    }
)
_OURS_TO_SAY = frozenset(
    {
        "crawler-price",
        "crawler-charged",
        "crawler-error",
        "crawler-error-detail",
        "crawler-receipt",
        "payment-response",
        "cf-pay-per-crawl",
        "farebox-crawler",
        "farebox-trust",
    }
)
# What some origins believe about who asks, over what, or for which address: a stranger's word would get past the rules.
_FORWARDED = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-forwarded-uri",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "x-host",
        "x-original-host",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    }
)
_NOT_FORWARDED = _HOP_BY_HOP | _OURS_TO_SAY | _FORWARDED | {"host", "content-length", "expect", "via", "x-request-id"}
# A signature that accepts a price is money until it ages: it ends here, where it was meant for. That also holds where
# the page is free: one that covers no address would buy another page for whoever reads it at the origin.
_OFFERS = frozenset({"crawler-max-price", "crawler-exact-price"})
_NOT_FORWARDED_WITH_AN_OFFER = _NOT_FORWARDED | _OFFERS | {"signature", "signature-input"}
# A sold page is sold whole: a range would let somebody buy it in pieces or ask for the same bytes twice.
_NOT_FORWARDED_WHEN_SOLD = _NOT_FORWARDED_WITH_AN_OFFER | {"range", "if-range"}
# A token is money until it is revoked, whether it counted or not; it names the purchase together with the key.
_ONLY_OURS = frozenset({"authorization", "idempotency-key"})
_NOT_RETURNED = frozenset(
    name.encode()
    for name in _HOP_BY_HOP | _OURS_TO_SAY | {"content-length", "x-request-id", "date", "accept-signature"}
)
_SHARED_CACHE_FIELDS = frozenset({b"cache-control", b"expires", b"surrogate-control", b"cdn-cache-control"})
_SHARED_DIRECTIVE = re.compile(r"^(?:public|private|s-maxage|proxy-revalidate)\b", re.I)

VARY_OF_PRICED_SITES = (
    b"User-Agent, Authorization, Signature-Agent, Signature-Input, Signature, crawler-exact-price, crawler-max-price"
)


def origin_headers(request: CrawlRequest, identity: Identity | None, via: str, *, sold: bool) -> list[tuple[str, str]]:
    """The header fields to send to the origin: the client's, cleaned, and ours; text is Latin-1, as received."""
    fields = request.fields
    dropped = _NOT_FORWARDED_WHEN_SOLD if sold else _NOT_FORWARDED
    if not sold and not _OFFERS.isdisjoint(fields):
        dropped = _NOT_FORWARDED_WITH_AN_OFFER
    connection = fields.get("connection")
    if connection is not None:
        dropped = dropped | {token.strip().lower() for token in connection.split(",")}
    if "authorization" in fields and holds_token(fields["authorization"]):
        dropped = dropped | _ONLY_OURS
    headers = [("host", request.authority)]
    for name, value in fields.items():
        if name not in dropped:
            lines = request.repeated.get(name) if request.repeated else None
            headers += [(name, line) for line in lines] if lines else [(name, value)]
    headers += [
        ("x-forwarded-for", request.peer),
        ("x-forwarded-proto", request.scheme),
        ("x-forwarded-host", request.authority),
        ("x-request-id", request.request_id),
        ("via", f"{fields['via']}, {via}" if "via" in fields else via),
    ]
    if identity is not None and not isinstance(identity, Visitor):
        headers += [("farebox-crawler", _octets(name_of(identity))), ("farebox-trust", rung_of(identity).label)]
    return headers


def is_for_one_address(identity: Identity | None) -> bool:
    """Whether an answer is owed to who holds a token, or to an address, which no ``Vary`` can name: not for shared
    caches."""
    if identity is None or isinstance(identity, Visitor):
        return False
    return rung_of(identity) in (Rung.TOKEN, Rung.ADDRESS, Rung.REVERSE_DNS)


def client_headers(raw_headers: Iterable[Header], request_id: str) -> list[Header]:
    """The origin's header fields as the client may see them, without its framing and with our ``Vary``."""
    kept: list[Header] = []
    connection = b""
    vary = VARY_OF_PRICED_SITES
    for raw_name, value in raw_headers:
        name = raw_name.lower()
        if name == b"connection":
            connection = value.lower()
        elif name == b"vary":
            vary = value + b", " + vary if value.strip() != b"*" else b"*"
        elif name not in _NOT_RETURNED:
            kept.append((name, value))
    if connection and connection not in (b"keep-alive", b"close"):
        named = {token.strip() for token in connection.split(b",")}
        kept = [pair for pair in kept if pair[0] not in named]
    kept.append((b"vary", vary))
    kept.append((b"x-request-id", request_id.encode()))
    return kept


def with_signals(raw_headers: Iterable[Header], fields: Iterable[Header]) -> list[Header]:
    """The origin's fields with ours about the licence; a preference that the origin states itself stands alone."""
    headers = list(raw_headers)
    states = any(name.lower() == b"content-usage" for name, _ in headers)
    return headers + [pair for pair in fields if not (states and pair[0] == b"content-usage")]


def private_headers(headers: list[Header]) -> list[Header]:
    """The same for no shared cache: ``private``, and nothing that says otherwise."""
    directives = [b"private"]
    kept: list[Header] = []
    for name, value in headers:
        if name == b"cache-control":
            parts = (part.strip() for part in value.decode("latin-1").split(","))
            directives += [part.encode("latin-1") for part in parts if part and not _SHARED_DIRECTIVE.match(part)]
        elif name not in _SHARED_CACHE_FIELDS:
            kept.append((name, value))
    kept.append((b"cache-control", b", ".join(directives)))
    return kept


def paid_headers(headers: list[Header], charged: bytes | None, receipt: bytes) -> list[Header]:
    """The fields of a sold answer: what was charged, the receipt, and ``private`` for every cache.

    ``charged`` is None when the page is delivered again for nothing after a charge was reversed.
    """
    kept = private_headers(headers)
    kept.append((b"crawler-receipt", receipt))
    if charged is not None:
        kept.append((b"crawler-charged", charged))
    return kept


def _octets(name: str) -> str:
    """A name's UTF-8 bytes in the Latin-1 that fields are kept in."""
    return name if name.isascii() else name.encode().decode("latin-1")
