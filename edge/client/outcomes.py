"""How asking for one page can end: a closed list, each with everything that a person or a program needs to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from edge.core.money import Money
from edge.core.terms import Offer


@dataclass(frozen=True, slots=True)
class Bought:
    """The whole page came, for a price within the offer.

    ``was_retried`` says that the first transfer broke; asking again with the same signature cost nothing more.
    """

    url: str
    status: int
    charged: Money
    receipt_id: str | None
    received_bytes: int
    was_retried: bool = False


@dataclass(frozen=True, slots=True)
class Free:
    """The whole page came and nothing was charged."""

    url: str
    status: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Priced:
    """Nobody offered anything, and this is what the page costs."""

    url: str
    status: int
    price: Money


@dataclass(frozen=True, slots=True)
class Overcharged:
    """The seller says that it charged something else than was offered. ``charged`` is its text, whatever it says."""

    url: str
    status: int
    charged: str
    offer: Offer | None
    receipt_id: str | None
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The transfer broke twice, with one signature. ``charged`` is what a head said, if one came."""

    url: str
    charged: str | None
    receipt_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """The page is elsewhere. ``location`` is as sent; ``reason`` is why it was not followed where that was wished."""

    url: str
    status: int
    location: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """No page: an answer of the edge (``error`` is its ``crawler-error``) or of the site behind it."""

    url: str
    status: int
    error: str | None
    detail: str | None
    price: Money | None
    retry_after: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no connection, so nothing was asked and nothing can have been charged."""

    url: str
    reason: str


Outcome: TypeAlias = Bought | Free | Priced | Overcharged | Incomplete | Redirected | Refused | Unreachable
