"""Presets: rule sets to begin with, at a price."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge.core.money import format_micros
from publisher_dashboard.api.operations import Answer, Call
from publisher_dashboard.api.problems import Code, Problem
from publisher_dashboard.api.rules import Rules, save_over, written
from publisher_dashboard.api.values import Model, Nothing
from publisher_dashboard.presets import PRESETS, SUGGESTED_PRICE_MICROS, read_preset

SUGGESTED = format_micros(SUGGESTED_PRICE_MICROS)
Price = Annotated[str, Field(description="In the site's currency.", examples=[SUGGESTED])]
Unit = Annotated[Literal["page", "thousand"], Field(description="What the price is for.")]


class PresetQuestion(Model):
    """At which price the presets are written out."""

    price: Price = SUGGESTED
    unit: Unit = "page"


class PresetChoice(Model):
    """A preset and its price."""

    preset: Literal["watch", "training", "bots", "signed"]
    price: Price
    unit: Unit = "page"


class PresetShown(Model):
    """One way to begin, and the rules that it stands for."""

    preset: str
    title: str
    meaning: str
    rules: Rules


class PresetList(Model):
    """The presets, watching first."""

    data: tuple[PresetShown, ...]


def list_presets(call: Call, asked: PresetQuestion) -> PresetList:
    """Rules to begin with, at a price; nothing is changed."""
    return PresetList(
        data=tuple(
            PresetShown(
                preset=one.word,
                title=one.title,
                meaning=one.meaning,
                rules=_rules(call, {"preset": one.word, **asked.model_dump()}),
            )
            for one in PRESETS
        )
    )


def put_preset(call: Call, asked: Nothing, body: PresetChoice) -> Answer:
    """Put a preset into the draft, in place of what is there, over the edition that was seen."""
    seen, errors = call.seen, dict[str, str]()
    chosen = read_preset(body.model_dump(), call.place.currency, errors)
    if chosen is None:
        raise Problem(Code.INVALID, fields=errors)
    return save_over(call, seen, chosen, body)


def _rules(call: Call, form: dict[str, str]) -> Rules:
    errors: dict[str, str] = {}
    found = read_preset(form, call.place.currency, errors)
    if found is None:
        raise Problem(Code.INVALID, fields=errors)
    return written(found)
