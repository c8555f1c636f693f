"""What the API's documents are made of: strict models, amounts, times. Pure.

Rules of this file
- An unknown parameter or field is refused, never ignored: a misspelt ``site`` must not become all sites.
- An amount is an integer of a millionth with its currency, as everywhere in farebox; ``display`` is for people.
- Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.core.money import Money, format_signed
from publisher_dashboard.rendering import at

ROOT = "/api/v1"
VERSION = "1.0.0"
"""Of the API: the first number is the one in its addresses."""


class Model(BaseModel):
    """A document of the API."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Model):
    """No parameters."""


class Amount(Model):
    """An amount of money; below zero where more went than came."""

    amount_micros: int = Field(description="In millionths of the currency's unit.", examples=[5000])
    currency: str = Field(description="ISO 4217.", examples=["USD"])
    display: str = Field(description="The same for people.", examples=["USD 0.005"])


class Period(Model):
    """From ``since`` on, up to but not including ``until``."""

    since: datetime
    until: datetime


class Done(Model):
    """Whether something was changed; False where it was so already."""

    changed: bool


Cursor = Annotated[str, Field(description="The `next` of the page before.", max_length=64)]
Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]
Day = Annotated[date, Field(description="A day in UTC.", examples=["2026-11-20"])]
Kind = Literal["training", "search", "assistant", "archiver", "seo", "monitor", "library", "other"]
Proof = Literal["impostor", "claimed", "reverse-dns", "address", "token", "signed"]


def amount(amount_micros: int, currency: str) -> Amount:
    """An amount as the API writes it."""
    return Amount(amount_micros=amount_micros, currency=currency, display=format_signed(amount_micros, currency))


def price_of(money: Money | None) -> Amount | None:
    """A price, if there is one."""
    return None if money is None else amount(money.amount_micros, money.currency)


def time_of(micros: int | None) -> datetime | None:
    """A time, if there is one."""
    return None if micros is None else at(micros)
