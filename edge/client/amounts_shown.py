"""Amounts as the crawler's commands print them, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import typer

from edge.core.money import Money, money_document


def amount(money: Money | None) -> dict[str, object] | None:
    """One amount for programs."""
    return None if money is None else money_document(money.amount_micros, money.currency)


def amounts(by_currency: Mapping[str, Money]) -> list[dict[str, object]]:
    """Sums for programs."""
    return [money_document(money.amount_micros, money.currency) for money in by_currency.values()]


def words(price: Money | None) -> str:
    """A price for people; a dash where there is none."""
    return "-" if price is None else str(price)


def sums(by_currency: Mapping[str, Money]) -> str:
    """Sums for people."""
    return " + ".join(str(money) for money in by_currency.values()) or "nothing"


def say_json(values: dict[str, Any]) -> None:
    """One document on standard output."""
    typer.echo(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())
