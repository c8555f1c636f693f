"""The tables of a spend store, and its rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import orjson

from edge.core.money import Money

_FIRST = """
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    domain TEXT NOT NULL,
    day TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'released', 'lapsed')),
    currency TEXT NOT NULL,
    reserved_micros INTEGER NOT NULL CHECK (reserved_micros >= 0),
    charged_micros INTEGER CHECK (charged_micros BETWEEN 0 AND reserved_micros),
    headers TEXT NOT NULL,
    made_micros INTEGER NOT NULL,
    expires_micros INTEGER NOT NULL,
    ended_micros INTEGER,
    unanswered INTEGER NOT NULL CHECK (unanswered >= 0),
    charge_id TEXT,
    claimed TEXT,
    receipt TEXT,
    receipt_fault TEXT,
    CHECK ((state = 'settled') = (charged_micros IS NOT NULL))
) STRICT;
CREATE INDEX purchase_url ON purchase (url, state);
CREATE TABLE spent (
    scope TEXT NOT NULL,
    currency TEXT NOT NULL,
    micros INTEGER NOT NULL CHECK (micros >= 0),
    PRIMARY KEY (scope, currency)
) STRICT, WITHOUT ROWID;
CREATE TABLE page (
    url TEXT PRIMARY KEY,
    etag TEXT,
    last_modified TEXT
) STRICT, WITHOUT ROWID;
"""
_FREE_PAGES = """
CREATE TABLE free_page (
    charge_id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    domain TEXT NOT NULL,
    currency TEXT NOT NULL,
    at_micros INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
STEPS = (_FIRST, _FREE_PAGES)
"""What each version adds to the one before; a store's version is how many of them it has."""


def statements_from(version: int) -> list[str]:
    """What makes a store of this version one of the newest."""
    return [statement for step in STEPS[version:] for statement in step.split(";\n") if statement.strip()]


class State(StrEnum):
    """What became of a purchase. ``LAPSED``: whether it was charged was not learnt in time; it counts as spent."""

    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class NewPurchase:
    """What is about to be bought: the most it may cost, and the signed request that buys it."""

    url: str
    domain: str
    most: Money
    headers: tuple[tuple[str, str], ...]
    made_micros: int
    expires_micros: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """One row. ``charged`` is None until it is settled; ``claimed`` is what a seller said it took beyond the offer."""

    id: int
    url: str
    domain: str
    state: State
    reserved: Money
    charged: Money | None
    headers: tuple[tuple[str, str], ...]
    made_micros: int
    expires_micros: int
    ended_micros: int | None
    unanswered: int
    charge_id: str | None
    claimed: str | None
    receipt: str | None
    receipt_fault: str | None


@dataclass(frozen=True, slots=True)
class FreePage:
    """A page that cost nothing and has a number in the seller's books, where it counts like a charge of 0."""

    charge_id: str
    url: str
    domain: str
    currency: str
    at_micros: int


COLUMNS = (
    "id, url, domain, state, currency, reserved_micros, charged_micros, headers, made_micros, expires_micros,"
    " ended_micros, unanswered, charge_id, claimed, receipt, receipt_fault"
)


def purchase_of(row: tuple[object, ...]) -> Purchase:
    """A row of ``COLUMNS``."""
    number, url, domain, state, currency, reserved, charged, headers, *rest = row
    return Purchase(
        number,  # type: ignore[arg-type]  # the table is STRICT
        url,  # type: ignore[arg-type]
        domain,  # type: ignore[arg-type]
        State(str(state)),
        Money(reserved, currency),  # type: ignore[arg-type]
        None if charged is None else Money(charged, currency),  # type: ignore[arg-type]
        tuple((name, value) for name, value in orjson.loads(headers)),  # type: ignore[arg-type]
        *rest,  # type: ignore[arg-type]
    )
