"""Rules as text: the TOML or JSON file people write, and the document a database keeps.

Rules of this file: an error names the rule and the key; what is written reads back to the same rule set. The
document holds amounts as integer micro-units; the file holds prices as people write them (docs/commands.md,
"Rules file").
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal

from edge.core.errors import EdgeError
from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rates import parse_rate
from edge.core.rule_fields import Entry, listed, price_text, read_default, read_rule, rule_fields
from edge.core.rules import (
    ANYONE,
    ENGINE_PATTERNS_MAX,
    EVERYTHING_ELSE,
    RULES_MAX,
    Action,
    InvalidRule,
    LedgerErrorChoice,
    Rule,
    RuleSet,
    Who,
    Window,
    everything_else,
    too_many_engine_patterns,
)
from edge.core.where import needs_engine

DOCUMENT_FORMAT = 1


class InvalidRuleFile(EdgeError, ValueError):
    """A rules file that cannot be read; the message names the rule, the key and what to write."""


def parse_rules(text: str, format: Literal["toml", "json"], currency: str) -> RuleSet:
    """Read a rules file whose prices are all in ``currency``. Raises ``InvalidRuleFile``."""
    entries = _load(text, format)
    unknown = set(entries) - {"rule", "default"}
    if unknown:
        raise InvalidRuleFile(f"unknown section {listed(unknown)}; a rules file has [[rule]] and [default]")
    rules = entries.get("rule", [])
    if not isinstance(rules, list):
        raise InvalidRuleFile("write each rule under [[rule]], with two brackets")
    if not isinstance(default := entries.get("default"), dict):
        raise InvalidRuleFile('say what happens to everything else: add [default] with action = "allow"')
    try:
        return RuleSet(
            tuple(_numbered_rules(rules, currency)),
            _in_section("[default]", read_default, default, currency),
        )
    except InvalidRule as error:
        raise InvalidRuleFile(error.message) from error


def to_toml(rule_set: RuleSet) -> str:
    """Write a rule set as the file that reads back to it."""
    sections = ["[[rule]]\n" + _toml_lines(rule_fields(rule)) for rule in rule_set.rules]
    default = {
        "name": None if rule_set.default.name == EVERYTHING_ELSE else rule_set.default.name,
        "action": rule_set.default.action.value,
        "price": price_text(rule_set.default.price),
    }
    return "\n".join([*sections, "[default]\n" + _toml_lines(default)])


def to_document(rule_set: RuleSet) -> dict[str, Any]:
    """A rule set as JSON values for the database: lossless, amounts in micro-units, defaults left out."""
    default = rule_set.default
    return {
        "format": DOCUMENT_FORMAT,
        "rules": [_rule_document(rule) for rule in rule_set.rules],
        "default": _kept({"name": default.name, "action": default.action.value, "price": _price(default.price)}),
    }


def from_document(document: Mapping[str, Any]) -> RuleSet:
    """Read back what ``to_document`` wrote. Raises ``InvalidRuleFile``."""
    if document.get("format") != DOCUMENT_FORMAT:
        raise InvalidRuleFile(f"this document is not of format {DOCUMENT_FORMAT}; a newer farebox may have written it")
    # A site has few different prices and audiences and many rules: equal ones become one object.
    shared: dict[str, Any] = {}
    try:
        default = document["default"]
        return RuleSet(
            tuple(_document_rule(entry, shared) for entry in document["rules"]),
            everything_else(Action(default["action"]), _money(default.get("price"), shared), default["name"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRuleFile(f"this rule document is damaged: {error}") from error


def _load(text: str, format: Literal["toml", "json"]) -> dict[str, object]:
    try:
        loaded: object = tomllib.loads(text) if format == "toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidRuleFile(f"this is not {format.upper()}: {error}") from error
    if not isinstance(loaded, dict):
        raise InvalidRuleFile('the file must be an object with "rule" and "default"')
    return loaded


def _numbered_rules(entries: list[object], currency: str) -> Iterator[Rule]:
    """Read rule by rule; what is too much is refused before the rest is read."""
    if len(entries) > RULES_MAX:
        raise InvalidRuleFile(f"these are {len(entries)} rules; a site has at most {RULES_MAX}")
    for_engine = 0
    for number, entry in enumerate(entries, 1):
        rule = _numbered_rule(number, entry, currency)
        for_engine += needs_engine(rule.where)
        if for_engine > ENGINE_PATTERNS_MAX:
            raise InvalidRuleFile(f"rule {number} ({rule.name!r}), where: {too_many_engine_patterns().message}")
        yield rule


def _numbered_rule(number: int, entry: object, currency: str) -> Rule:
    if not isinstance(entry, dict):
        raise InvalidRuleFile(f"rule {number} is not a table of keys and values")
    name = entry.get("name")
    label = f"rule {number}" + (f" ({name!r})" if isinstance(name, str) else "")
    return _in_section(label, read_rule, entry, currency)


def _in_section(label: str, read: Callable[[Entry, str], Rule], entry: Entry, currency: str) -> Rule:
    try:
        return read(entry, currency)
    except InvalidRule as error:
        raise InvalidRuleFile(f"{label}, {error.field}: {error.message}") from error


def _rule_document(rule: Rule) -> dict[str, Any]:
    choice = rule.on_ledger_error
    parts = {
        "name": rule.name,
        "who": None if rule.who == ANYONE else _who_document(rule.who),
        "where": rule.where,
        "action": rule.action.value,
        "price": _price(rule.price),
        "licence": rule.licence,
        "enabled": None if rule.enabled else False,
        "when": None if rule.when is None else asdict(rule.when),
        "query": rule.query,
        "on_ledger_error": None if choice is LedgerErrorChoice.REFUSE else choice.value,
        "block_status": None if rule.block_status == 403 else rule.block_status,
        "block_text": rule.block_text,
        "free_pages": rule.free_pages or None,
        "free_period": None if rule.free_period is FreePeriod.MONTH else rule.free_period.value,
        "recrawl_hours": rule.recrawl_hours,
        "recrawl_unchanged": rule.recrawl_unchanged or None,
        "rate": None if rule.rate is None else str(rule.rate),
    }
    return _kept(parts)


def _who_document(who: Who) -> dict[str, Any]:
    kind = None if who.kind is None else who.kind.value
    least = None if who.least is None else who.least.label
    most = None if who.most is None else who.most.label
    return _kept({"crawler": who.crawler, "operator": who.operator, "kind": kind, "least": least, "most": most})


def _document_rule(entry: Mapping[str, Any], shared: dict[str, Any]) -> Rule:
    get = entry.get
    when, rate = get("when"), get("rate")
    return Rule(
        entry["name"],
        _document_who(get("who"), shared),
        entry["where"],
        Action(entry["action"]),
        _money(get("price"), shared),
        get("licence"),
        get("enabled", True),
        None if when is None else Window(tuple(when["days"]), when["start_minute"], when["end_minute"]),
        get("query"),
        LedgerErrorChoice(get("on_ledger_error", LedgerErrorChoice.REFUSE)),
        get("block_status", 403),
        get("block_text"),
        get("free_pages", 0),
        FreePeriod(get("free_period", FreePeriod.MONTH)),
        get("recrawl_hours"),
        get("recrawl_unchanged", False),
        None if rate is None else parse_rate(rate),
    )


def _document_who(entry: Mapping[str, Any] | None, shared: dict[str, Any]) -> Who:
    if entry is None:
        return ANYONE
    key = f"who {sorted(entry.items())}"
    if (who := shared.get(key)) is None:
        kind, least, most = entry.get("kind"), entry.get("least"), entry.get("most")
        who = shared[key] = Who(
            entry.get("crawler"),
            entry.get("operator"),
            None if kind is None else CrawlerKind(kind),
            None if least is None else Rung.from_label(least),
            None if most is None else Rung.from_label(most),
        )
    return who


def _money(entry: Mapping[str, Any] | None, shared: dict[str, Any]) -> Money | None:
    if entry is None:
        return None
    key = f"price {entry['currency']} {entry['amount_micros']!r}"
    if (money := shared.get(key)) is None:
        money = shared[key] = Money(entry["amount_micros"], entry["currency"])
    return money


def _price(price: Money | None) -> dict[str, Any] | None:
    return None if price is None else {"amount_micros": price.amount_micros, "currency": price.currency}


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def _toml_lines(entry: Entry) -> str:
    return "".join(f"{key} = {_toml_value(value)}\n" for key, value in entry.items() if value is not None)


def _toml_value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            # A JSON string is a TOML basic string; names and addresses hold no control characters.
            return json.dumps(value, ensure_ascii=False)
        case list():
            return "[" + ", ".join(_toml_value(item) for item in value) + "]"
        case Mapping():
            pairs = (f"{key} = {_toml_value(item)}" for key, item in value.items() if item is not None)
            return "{ " + ", ".join(pairs) + " }"
    raise AssertionError(f"no rule holds a {type(value).__name__}")
