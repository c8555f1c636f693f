"""One rule as the keys and values that people write: the same words in a file, on the command line and in a form.

Rules of this file: an unknown key is refused, never ignored (a misspelt ``price`` must not become a free page);
every mistake is an ``InvalidRule`` that names its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.rates import InvalidRate, Rate, parse_rate
from edge.core.rules import (
    ANYONE,
    EVERYTHING_ELSE,
    EVERYWHERE,
    Action,
    InvalidRule,
    LedgerErrorChoice,
    Rule,
    Who,
    Window,
    everything_else,
)

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Entry = Mapping[str, object]
_Choice = TypeVar("_Choice", bound=StrEnum)


def rule_fields(rule: Rule) -> dict[str, object]:
    """A rule as a file's keys and values, in the order people read; None where the file leaves the key out."""
    who, when = rule.who, rule.when
    who_fields = {
        "crawler": who.crawler,
        "operator": who.operator,
        "kind": who.kind.value if who.kind else None,
        "least": who.least.label if who.least is not None else None,
        "most": who.most.label if who.most is not None else None,
    }
    return {
        "name": rule.name,
        "enabled": None if rule.enabled else False,
        "who": None if who == ANYONE else who_fields,
        "where": rule.where,
        "query": rule.query,
        "when": None if when is None else _window_fields(when),
        "action": rule.action.value,
        "price": price_text(rule.price),
        "licence": rule.licence,
        "on_ledger_error": None if rule.on_ledger_error is LedgerErrorChoice.REFUSE else rule.on_ledger_error.value,
        "block_status": None if rule.block_status == 403 else rule.block_status,
        "block_text": rule.block_text,
        "free_pages": rule.free_pages or None,
        "free_period": None if rule.free_period is FreePeriod.MONTH else rule.free_period.value,
        "recrawl_hours": rule.recrawl_hours,
        "recrawl_unchanged": True if rule.recrawl_unchanged else None,
        "rate": None if rule.rate is None else str(rule.rate),
    }


def _window_fields(when: Window) -> dict[str, object]:
    days = [DAY_NAMES[day] for day in when.days]
    return {"days": days, "from": clock_text(when.start_minute), "to": clock_text(when.end_minute)}


def clock_text(minute: int) -> str:
    """Minutes of the day as ``18:30``."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_clock(text: str) -> int:
    """Read ``18:30`` (up to ``24:00``) as minutes of the day. Raises ``InvalidRule``."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == 2 and len(minutes) == 2 and (hours + minutes).isascii()):
        raise InvalidRule("when", f"write a time of day such as 08:00, not {text!r}")
    if not (hours + minutes).isdigit() or int(minutes) > 59 or int(hours) * 60 + int(minutes) > 24 * 60:
        raise InvalidRule("when", f"write a time of day from 00:00 to 24:00, not {text!r}")
    return int(hours) * 60 + int(minutes)


def read_rule(entry: Entry, currency: str) -> Rule:
    """Read one rule of a file whose prices are in ``currency``. Raises ``InvalidRule``."""
    keys = set(Rule.__dataclass_fields__)
    _refuse_unknown(entry, keys, "rule")
    if "name" not in entry:
        raise InvalidRule("name", "give the rule a name; reports go by it")
    return Rule(
        name=_text(entry, "name") or "",
        who=_who(entry),
        where=_text(entry, "where") or EVERYWHERE,
        action=_action(entry),
        price=_price(entry, currency),
        licence=_text(entry, "licence"),
        enabled=_flag(entry, "enabled"),
        when=_window(entry),
        query=_text(entry, "query"),
        on_ledger_error=_choice(LedgerErrorChoice, entry, "on_ledger_error") or LedgerErrorChoice.REFUSE,
        block_status=_status(entry),
        block_text=_text(entry, "block_text"),
        free_pages=_number(entry, "free_pages") or 0,
        free_period=_choice(FreePeriod, entry, "free_period") or FreePeriod.MONTH,
        recrawl_hours=_number(entry, "recrawl_hours"),
        recrawl_unchanged="recrawl_unchanged" in entry and _flag(entry, "recrawl_unchanged"),
        rate=_rate(entry),
    )


def read_default(entry: Entry, currency: str) -> Rule:
    """Read the last row of a file. Raises ``InvalidRule``."""
    _refuse_unknown(entry, {"name", "action", "price"}, "[default]")
    return everything_else(_action(entry), _price(entry, currency), _text(entry, "name") or EVERYTHING_ELSE)


def _action(entry: Entry) -> Action:
    action = _choice(Action, entry, "action")
    if action is None:
        raise InvalidRule("action", f"say one of {listed(Action)}")
    return action


def _price(entry: Entry, currency: str) -> Money | None:
    text = _text(entry, "price")
    if text is None:
        return None
    try:
        price = parse_price(text)
    except InvalidPrice as error:
        raise InvalidRule("price", str(error)) from error
    if price.currency != currency:
        raise InvalidRule("price", f"this site's prices are in {currency}, not {price.currency}")
    return price


def _who(entry: Entry) -> Who:
    who = _table(entry, "who", {"crawler", "operator", "kind", "least", "most"})
    least, most = _rung(who, "least"), _rung(who, "most")
    return Who(_text(who, "crawler"), _text(who, "operator"), _choice(CrawlerKind, who, "kind"), least, most)


def _rung(who: Entry, key: str) -> Rung | None:
    text = _text(who, key)
    try:
        return Rung.from_label(text) if text is not None else None
    except ValueError as error:
        raise InvalidRule("who", f"{key}: {error}") from error


def _window(entry: Entry) -> Window | None:
    if "when" not in entry:
        return None
    when = _table(entry, "when", {"days", "from", "to"})
    days = when.get("days", list(DAY_NAMES))
    if not isinstance(days, list) or not all(day in DAY_NAMES for day in days):
        raise InvalidRule("when", f"write days as a list of {listed(DAY_NAMES)}")
    start, end = _text(when, "from") or "00:00", _text(when, "to") or "24:00"
    return Window(tuple(DAY_NAMES.index(day) for day in days), parse_clock(start), parse_clock(end))


def _table(entry: Entry, key: str, known: set[str]) -> Entry:
    value = entry.get(key, {})
    if not isinstance(value, dict):
        raise InvalidRule(key, "write { key = value, ... }")
    _refuse_unknown(value, known, key)
    return value


def _text(entry: Entry, key: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRule(key, f"write text in quotes, not {value!r}")
    return value


def _flag(entry: Entry, key: str) -> bool:
    value = entry.get(key, True)
    if not isinstance(value, bool):
        raise InvalidRule(key, "write true or false")
    return value


def _number(entry: Entry, key: str) -> int | None:
    value = entry.get(key)
    if value is not None and type(value) is not int:
        raise InvalidRule(key, f"write a whole number without quotes, not {value!r}")
    return value


def _rate(entry: Entry) -> Rate | None:
    text = _text(entry, "rate")
    try:
        return None if text is None else parse_rate(text)
    except InvalidRate as error:
        raise InvalidRule("rate", str(error)) from error


def _status(entry: Entry) -> int:
    value = entry.get("block_status", 403)
    if type(value) is not int:
        raise InvalidRule("block_status", "choose 403 or 402")
    return value


def _choice(choices: type[_Choice], entry: Entry, key: str) -> _Choice | None:
    text = _text(entry, key)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError as error:
        raise InvalidRule(key, f"{text!r} is not one of {listed(choices)}") from error


def _refuse_unknown(entry: Entry, known: set[str], place: str) -> None:
    unknown = set(entry) - known
    if unknown:
        raise InvalidRule(place, f"unknown key {listed(unknown)}; the keys are {listed(known)}")


def price_text(price: Money | None) -> str | None:
    """A price as a file states it."""
    return None if price is None else str(price)


def listed(words: Iterable[str]) -> str:
    """Words as a list for a sentence; the words of a set in alphabetical order."""
    return ", ".join(sorted(words) if isinstance(words, (set, frozenset)) else [str(word) for word in words])
