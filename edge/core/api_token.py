"""API tokens: how a registered crawler pays that does not sign yet.

Rules of this file (docs/decisions/0043)

- A token is 256 random bits with a prefix that says whose it is; it is shown once and kept as its SHA-256, which is
  enough because nobody can guess what it hides.
- It is sent as ``Authorization: Bearer farebox_...`` (RFC 6750) over TLS, and ends here: no origin ever sees it. One
  that came in clear text is refused where that can be known: it is money, and others may have read it.
- A purchase is named by ``Idempotency-Key`` (draft-ietf-httpapi-idempotency-key-header), else by the request's id: a
  retry that carries the same name is the same charge.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.core.addresses import read_address
from edge.core.identity import RegisteredCrawler

PREFIX = "farebox_"
TOKEN_BYTES = 32
IDEMPOTENCY_SECONDS = 86_400
"""How long one name of a purchase may be sent again; after that it is a mistake, not a retry."""

_BEARER = re.compile(rf"(?i:bearer) +({PREFIX}[A-Za-z0-9_-]{{1,200}})")


class TokenFault(StrEnum):
    """Why a token that was sent does not count."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OTHER_SITE = "other_site"
    PLAIN_HTTP = "plain_http"

    @property
    def sentence(self) -> str:
        """What failed and what would pass, in one plain sentence for a crawler's author."""
        return _SENTENCES[self]


_SENTENCES: Mapping[TokenFault, str] = {
    TokenFault.UNKNOWN: "The token is not known here, or was revoked; ask the operator for a new one.",
    TokenFault.EXPIRED: "The token has expired; ask the operator for a new one.",
    TokenFault.OTHER_SITE: "The token is for other sites; ask the operator for one that covers this site.",
    TokenFault.PLAIN_HTTP: (
        "The token came over plain http, where others may have read it; have it replaced, and send it over https only."
    ),
}


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token that is in force: whose it is, where it counts (``hosts``; empty: everywhere) and until when."""

    token_id: int
    crawler: RegisteredCrawler
    hosts: frozenset[str]
    expires_at: float | None

    def fault_at(self, host: str, now: float) -> TokenFault | None:
        """Why it does not count at this site and time (seconds since the epoch)."""
        if self.expires_at is not None and now >= self.expires_at:
            return TokenFault.EXPIRED
        return TokenFault.OTHER_SITE if self.hosts and host not in self.hosts else None


def is_in_the_clear(scheme: str, peer: str) -> bool:
    """Whether what ``peer`` sent could be read on the way: by plain http, from another machine.

    A client whose address is not known may stand behind a front that ends TLS, so nothing is said of it.
    """
    if scheme != "http":
        return False
    address = read_address(peer)
    return address is not None and not address.is_loopback


def make_token(random_bytes: bytes) -> str:
    """A new token of ``TOKEN_BYTES`` random bytes."""
    if len(random_bytes) != TOKEN_BYTES:
        raise AssertionError(f"a token is made of {TOKEN_BYTES} random bytes")
    return PREFIX + base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode("ascii")


def token_digest(token: str) -> str:
    """What is stored of a token, and looked up by."""
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def read_token(authorization: str) -> str | None:
    """Our token in an ``Authorization`` field; None when it holds anything else, which is the origin's business."""
    found = _BEARER.fullmatch(authorization)
    return found[1] if found else None


def holds_token(authorization: str) -> bool:
    """Whether there is a token of ours in an ``Authorization`` field, also where it is written so that it does not
    count: whoever gets the field could read it all the same."""
    return PREFIX in authorization


def purchase_name(fields: Mapping[str, str], request_id: str) -> bytes:
    """What names the purchase of a request with a token: two requests of one name for one page are one charge."""
    key = fields.get("idempotency-key", "")
    quoted = len(key) > 2 and key[0] == key[-1] == '"'  # the draft writes a structured field's string
    return b"idempotency-key " + (key[1:-1] if quoted else key).encode() if key else b"request " + request_id.encode()
