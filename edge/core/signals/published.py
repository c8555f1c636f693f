"""Which documents a site publishes from its rules, where they lie, and how the choice is written down.

Rules of this file: the price list is published unless somebody switches it off, since nobody else has a document of
that name; everything that could stand in front of a document of the publisher's own waits to be switched on
(docs/decisions/0053).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Signal(StrEnum):
    """One kind of document, or of header field, that is made from the rules."""

    PRICES = "prices"
    RSL = "rsl"
    TDMREP = "tdmrep"
    ROBOTS = "robots"
    HEADERS = "headers"


PATHS: Mapping[Signal, str] = {
    Signal.PRICES: "/.well-known/crawl-prices.json",
    Signal.RSL: "/license.xml",
    Signal.TDMREP: "/.well-known/tdmrep.json",
    Signal.ROBOTS: "/robots.txt",
}
"""Where each document lies; header fields have no address of their own."""

RSL_TYPE = "application/rsl+xml"

DEFAULT_SIGNALS = frozenset({Signal.PRICES})
DEFAULT_TEXT = Signal.PRICES.value

PRICES_PAGE = "/.well-known/farebox/prices"
HELP_PAGE = "/.well-known/farebox/help"
TDM_POLICY = "/.well-known/farebox/tdm-policy.json"
VERIFY_PAGE = "/.well-known/farebox/verify"


def signals_text(signals: Iterable[Signal]) -> str:
    """The choice as it is stored: names in one order, with spaces between; empty for none."""
    chosen = set(signals)
    return " ".join(signal.value for signal in Signal if signal in chosen)


def read_signals_text(text: str) -> frozenset[Signal]:
    """Read what ``signals_text`` wrote, commas welcome; raises ``ValueError`` for a name that is none."""
    return frozenset(Signal(word) for word in text.replace(",", " ").split())


def published_paths(signals: Iterable[Signal]) -> frozenset[str]:
    """The addresses that are answered by the edge itself."""
    return frozenset(PATHS[signal] for signal in signals if signal in PATHS)
