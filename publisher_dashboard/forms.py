"""Read what a person typed into a rule, and show a rule as what one would have typed.

Rules of this file
- Every mistake is said next to its field, all of them at once, and nothing that was typed is lost.
- What a form shows of a rule reads back to the same rule (a property test holds this).
- A price may be typed per page or per 1,000 pages; it is stored exactly or refused, never rounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from edge.core.identity import CrawlerKind, Rung
from edge.core.money import InvalidPrice, Money, format_micros, parse_price
from edge.core.rule_fields import clock_text, parse_clock
from edge.core.rules import EVERYWHERE, Action, InvalidRule, LedgerErrorChoice, Rule, Who, Window

LABELS: Mapping[str, str] = {
    "name": "Name",
    "crawler": "Crawler",
    "operator": "Operator",
    "kind": "Kind",
    "least": "Least proof",
    "address": "Address",
    "query": "Query parameters",
    "days": "When",
    "action": "Action",
    "price": "Price",
    "licence": "Licence",
    "block_status": "Status",
    "block_text": "Text for the crawler",
    "on_ledger_error": "While the ledger is down",
}
_FIELD_OF = {"who": "crawler", "when": "days", "where": "address"}
_SPECIAL = re.compile(r"[\\*:(){}?+]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r"(?:[^\\*:(){}?+]|\\.)*", re.DOTALL)
_ANYWHERE = (EVERYWHERE, "/*")
# What stands in for a field that is wrong, while the others are looked at.
_HARMLESS: Mapping[str, dict[str, Any]] = {
    "name": {"name": "-"},
    "where": {"where": EVERYWHERE},
    "query": {"query": None},
    "licence": {"licence": None},
    "block_text": {"block_text": None},
    "price": {"action": Action.ALLOW, "price": None},
}
_Read = TypeVar("_Read")


class Mistakes(Exception):
    """What is wrong with a form: a sentence for each field's name."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


class _Reader:
    """Collects every mistake instead of stopping at the first."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}

    def read(self, field: str, take: Callable[[], _Read], otherwise: _Read) -> _Read:
        try:
            return take()
        except InvalidRule as wrong:
            self.errors.setdefault(_FIELD_OF.get(wrong.field, field), _sentence(wrong.message))
        except InvalidPrice as wrong:
            self.errors.setdefault(field, _sentence(str(wrong)))
        return otherwise


def read_rule(form: Mapping[str, str], lists: Mapping[str, Sequence[str]], currency: str) -> Rule:
    """The rule that a form describes; raises ``Mistakes``."""
    reader = _Reader()
    action = reader.read("action", lambda: _choice(Action, form.get("action", "")), Action.ALLOW)
    has_price = action in (Action.CHARGE, Action.MONITOR)
    values: dict[str, Any] = {
        "who": reader.read("crawler", lambda: _who(form), Who()),
        "when": reader.read("days", lambda: _when(form, lists), None),
        "price": reader.read("price", lambda: read_price(form, currency), None) if has_price else None,
        "action": action,
        "enabled": form.get("enabled", "on") == "on",
        "licence": form.get("licence", "").strip() or None,
        "query": form.get("query", "").strip().removeprefix("?") or None,
        "on_ledger_error": reader.read("on_ledger_error", lambda: _ledger_error(form), LedgerErrorChoice.REFUSE),
        "block_status": 402 if action is Action.BLOCK and form.get("block_status") == "402" else 403,
        "block_text": (form.get("block_text", "").strip() or None) if action is Action.BLOCK else None,
    }
    typed: dict[str, Any] = {"name": form.get("name", "").strip(), "where": _where(form), **values}
    rule = _checked(typed, reader.errors)
    if reader.errors:
        raise Mistakes(reader.errors)
    return rule


def _checked(typed: dict[str, Any], errors: dict[str, str]) -> Rule:
    """Make the rule. It names one mistake at a time: a field that is wrong is noted, put aside, and all tried again."""
    try:
        return Rule(**typed)
    except InvalidRule as wrong:
        errors.setdefault(_FIELD_OF.get(wrong.field, wrong.field), _sentence(wrong.message))
        return _checked(typed | _HARMLESS[wrong.field], errors)


def read_price(form: Mapping[str, str], currency: str) -> Money | None:
    """The price per page, typed per page or per 1,000; None when nothing was typed. Raises ``InvalidPrice``."""
    text = form.get("price", "").strip().removeprefix(currency).strip()
    if not text:
        return None
    try:
        typed = parse_price(f"{currency} {text}")
    except InvalidPrice:
        raise InvalidPrice(f"{text!r} is not an amount; write it like 0.005, with a point") from None
    if form.get("unit") != "thousand":
        return typed
    micros, rest = divmod(typed.amount_micros, 1000)
    if rest:
        raise InvalidPrice("a price per page has six decimals at most; write at most three decimals per 1,000 pages")
    return Money(micros, currency)


def rule_form(rule: Rule) -> dict[str, str]:
    """What one would have typed to get ``rule``; days are in ``rule_days``."""
    where, address = _where_form(rule.where)
    who, when = rule.who, rule.when
    return {
        "name": rule.name,
        "enabled": "on" if rule.enabled else "off",
        "crawler": who.crawler or "",
        "operator": who.operator or "",
        "kind": who.kind.value if who.kind else "",
        "least": who.least.label if who.least is not None else "",
        "where": where,
        "address": address,
        "query": rule.query or "",
        "from": clock_text(when.start_minute) if when else "",
        "to": clock_text(when.end_minute % (24 * 60)) if when else "",
        "action": rule.action.value,
        "price": format_micros(rule.price.amount_micros) if rule.price else "",
        "unit": "page",
        "licence": rule.licence or "",
        "on_ledger_error": rule.on_ledger_error.value,
        "block_status": str(rule.block_status),
        "block_text": rule.block_text or "",
    }


def rule_days(rule: Rule) -> list[str]:
    """The days that are ticked for ``rule``."""
    return [str(day) for day in rule.when.days] if rule.when else []


def blank_form() -> dict[str, str]:
    """A new rule before anything was typed."""
    return rule_form(Rule("-")) | {"name": "", "where": "starts", "address": "/", "action": "charge"}


def _where(form: Mapping[str, str]) -> str:
    """The pattern of an address and of how it is meant."""
    address = form.get("address", "").strip()
    match form.get("where", ""):
        case "everywhere":
            return EVERYWHERE
        case "exactly":
            return _SPECIAL.sub(r"\\\g<0>", address)
        case "starts":
            return _SPECIAL.sub(r"\\\g<0>", address.removesuffix("*")) + "*"
        case _:
            return address


def _where_form(where: str) -> tuple[str, str]:
    if where in _ANYWHERE:
        return ("everywhere", "") if where == EVERYWHERE else ("pattern", where)
    if _LITERAL.fullmatch(where):
        return _as_typed("exactly", where, _ESCAPED.sub(r"\1", where))
    if where.endswith("*") and _LITERAL.fullmatch(where[:-1]):
        return _as_typed("starts", where, _ESCAPED.sub(r"\1", where[:-1]))
    return "pattern", where


def _as_typed(mode: str, where: str, address: str) -> tuple[str, str]:
    """The plain mode when it reads back to the same pattern; an unneeded backslash stays a pattern."""
    return (mode, address) if _where({"where": mode, "address": address}) == where else ("pattern", where)


def _who(form: Mapping[str, str]) -> Who:
    kind, least = form.get("kind", ""), form.get("least", "")
    try:
        rung = Rung.from_label(least) if least else None
    except ValueError as wrong:
        raise InvalidRule("least", str(wrong)) from wrong
    return Who(
        form.get("crawler", "").strip() or None,
        form.get("operator", "").strip() or None,
        _choice(CrawlerKind, kind) if kind else None,
        rung,
    )


def _when(form: Mapping[str, str], lists: Mapping[str, Sequence[str]]) -> Window | None:
    days = [day for day in lists.get("days", []) if day in "0123456" and len(day) == 1]
    start, end = form.get("from", "").strip(), form.get("to", "").strip()
    if not days and not start and not end:
        return None
    if not days:
        raise InvalidRule("when", "tick the days on which the rule applies, or empty the times")
    closing = parse_clock(end) if end else 0
    return Window(tuple(sorted({int(day) for day in days})), parse_clock(start) if start else 0, closing or 24 * 60)


def _ledger_error(form: Mapping[str, str]) -> LedgerErrorChoice:
    return _choice(LedgerErrorChoice, form.get("on_ledger_error") or LedgerErrorChoice.REFUSE.value)


def _choice(choices: type[_Read], text: str) -> _Read:
    try:
        return choices(text)  # type: ignore[call-arg]
    except ValueError:
        raise InvalidRule("action", "choose one of these") from None


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
