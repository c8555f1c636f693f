"""Rule sets to begin with, watching first. Pure.

A search engine or an assistant that only claims its name earns nothing: the presets let them pass free from the
``address`` rung up (docs/protocol.md, "Who asks").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import InvalidPrice, Money
from edge.core.rules import Action, Rule, RuleSet, Who, everything_else
from publisher_dashboard.forms import read_rule_price, sentence

SUGGESTED_PRICE_MICROS = 5_000


@dataclass(frozen=True, slots=True)
class Preset:
    """A way to begin: its word in forms, and what it means for whoever chooses."""

    word: str
    title: str
    meaning: str


PRESETS = (
    Preset(
        "watch",
        "Watch only",
        "Nobody pays and nobody is refused. You see who would have been asked, and for how much.",
    ),
    Preset(
        "training",
        "Charge training crawlers",
        "Crawlers that collect for training pay for each page. Everyone else passes free.",
    ),
    Preset(
        "bots",
        "Charge every bot but search and assistants",
        "Search engines and assistants that can prove their name pass free. Every other bot pays for each page.",
    ),
    Preset(
        "signed",
        "Sell to who signs, block the rest",
        "Crawlers that sign their requests pay for each page. Proved search engines pass free, other bots are blocked.",
    ),
)


def preset_rules(word: str, price: Money) -> RuleSet | None:
    """The rules of a preset at a price per page; None for a word that is none."""
    search = Rule("Search engines", Who(kind=CrawlerKind.SEARCH, least=Rung.ADDRESS))
    assistants = Rule("Assistants for a person", Who(kind=CrawlerKind.ASSISTANT, least=Rung.ADDRESS))
    match word:
        case "watch":
            return RuleSet((search, assistants), everything_else(Action.MONITOR, price))
        case "training":
            training = Rule("Training", Who(kind=CrawlerKind.TRAINING), action=Action.CHARGE, price=price)
            return RuleSet((training,), everything_else(Action.ALLOW))
        case "bots":
            return RuleSet((search, assistants), everything_else(Action.CHARGE, price))
        case "signed":
            signing = Rule("Crawlers that sign", Who(least=Rung.SIGNED), action=Action.CHARGE, price=price)
            return RuleSet((search, signing), everything_else(Action.BLOCK))
        case _:
            return None


def read_preset(form: Mapping[str, str], currency: str, errors: dict[str, str]) -> RuleSet | None:
    """The rules of a ``preset`` at a ``price`` for a ``unit``; None with ``errors`` by field.

    Only where everyone is merely watched may the price be nothing.
    """
    action = Action.MONITOR if form.get("preset") == "watch" else Action.CHARGE
    try:
        price = read_rule_price(form, currency, action)
    except InvalidPrice as wrong:
        errors["price"] = sentence(str(wrong))
        return None
    if price is None:
        errors["price"] = "Say a price per page."
        return None
    chosen = preset_rules(form.get("preset", ""), price)
    if chosen is None:
        errors["preset"] = "Choose one of these."
    return chosen
