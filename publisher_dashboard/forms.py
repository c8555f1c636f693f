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

from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.rates import REQUESTS_MAX, InvalidRate, Rate, parse_rate
from edge.core.rule_fields import clock_text, parse_clock
from edge.core.rules import EVERYWHERE, Action, InvalidRule, LedgerErrorChoice, Rule, Who, Window
from publisher_dashboard.browser_safety import split
from publisher_dashboard.rendering import amount_text

# In the order in which they stand in the form: a list of mistakes follows it.
LABELS: Mapping[str, str] = {
    "name": "Name",
    "kind": "Kind",
    "least": "Least proof",
    "most": "Greatest proof",
    "crawler": "Crawler",
    "operator": "Operator",
    "address": "Address",
    "action": "Action",
    "price": "Price",
    "licence": "Licence",
    "free_pages": "Free pages",
    "recrawl_hours": "Free again for",
    "recrawl_unchanged": "Free while unchanged",
    "rate": "At most",
    "query": "Query parameters",
    "days": "When",
    "block_status": "Status",
    "block_text": "Text for the crawler",
    "on_ledger_error": "While the ledger is down",
}
_FIELD_OF = {"who": "crawler", "when": "days", "where": "address"}
_SPECIAL = re.compile(r"[\\*:(){}?+]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r"(?:[^\\*:(){}?+]|\\.)*", re.DOTALL)
_ANYWHERE = (EVERYWHERE, "/*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]+)(?:\.(?P<decimals>[0-9]+))?")
_WHOLE_DIGITS_MAX, _DECIMALS_MAX = 9, 6
_SIGNS: Mapping[str, str] = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
"""What people write before an amount; only the site's own currency is taken."""

# What stands in for a field that is wrong, while the others are looked at.
_HARMLESS: Mapping[str, dict[str, Any]] = {
    "name": {"name": "-"},
    "where": {"where": EVERYWHERE},
    "query": {"query": None},
    "licence": {"licence": None},
    "block_text": {"block_text": None},
    "price": {
        "action": Action.ALLOW,
        "price": None,
        "free_pages": 0,
        "recrawl_hours": None,
        "recrawl_unchanged": False,
    },
    "free_pages": {"free_pages": 0},
    "recrawl_hours": {"recrawl_hours": None},
    "recrawl_unchanged": {"recrawl_unchanged": False},
    "rate": {"rate": None},
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
            self.errors.setdefault(_FIELD_OF.get(wrong.field, field), sentence(wrong.message))
        except InvalidPrice as wrong:
            self.errors.setdefault(field, sentence(str(wrong)))
        return otherwise


def read_rule(form: Mapping[str, str], lists: Mapping[str, Sequence[str]], currency: str) -> Rule:
    """The rule that a form describes; raises ``Mistakes``."""
    reader = _Reader()
    action = reader.read("action", lambda: _choice(Action, form.get("action", "")), Action.ALLOW)
    has_price = action in (Action.CHARGE, Action.MONITOR)
    values: dict[str, Any] = {
        "who": reader.read("crawler", lambda: _who(form), Who()),
        "when": reader.read("days", lambda: _when(form, lists), None),
        "price": reader.read("price", lambda: read_rule_price(form, currency, action), None) if has_price else None,
        "action": action,
        "enabled": form.get("enabled", "on") == "on",
        "licence": form.get("licence", "").strip() or None,
        "query": form.get("query", "").strip().removeprefix("?") or None,
        "on_ledger_error": reader.read("on_ledger_error", lambda: _ledger_error(form), LedgerErrorChoice.REFUSE),
        "block_status": 402 if action is Action.BLOCK and form.get("block_status") == "402" else 403,
        "block_text": (form.get("block_text", "").strip() or None) if action is Action.BLOCK else None,
        "rate": reader.read("rate", lambda: _rate(form), None) if action is not Action.BLOCK else None,
        **(_terms(form, reader) if action is Action.CHARGE else {}),
    }
    if action is not Action.CHARGE:
        _refuse_terms(form, reader)
    if "action" not in reader.errors:
        _refuse_others(form, action, reader)
    where = reader.read("address", lambda: _where(form), EVERYWHERE)
    typed: dict[str, Any] = {"name": form.get("name", "").strip(), "where": where, **values}
    rule = _checked(typed, reader.errors)
    if reader.errors:
        raise Mistakes(reader.errors)
    return rule


def _terms(form: Mapping[str, str], reader: _Reader) -> dict[str, Any]:
    """What makes pages of a charge free."""
    per = form.get("free_period") or FreePeriod.MONTH.value
    return {
        "free_pages": reader.read("free_pages", lambda: _count(form, "free_pages"), None) or 0,
        "free_period": reader.read("free_pages", lambda: _choice(FreePeriod, per), FreePeriod.MONTH),
        "recrawl_hours": reader.read("recrawl_hours", lambda: _count(form, "recrawl_hours"), None),
        "recrawl_unchanged": form.get("recrawl_unchanged") == "on",
    }


def _refuse_terms(form: Mapping[str, str], reader: _Reader) -> None:
    """Terms with another action are a mistake: who types “100 free pages” and Allow would give every page away."""
    for field in ("free_pages", "recrawl_hours", "recrawl_unchanged"):
        if form.get(field, "").strip():
            reader.errors.setdefault(field, "Only a charge has free pages: choose Charge, or empty this.")


def _refuse_others(form: Mapping[str, str], action: Action, reader: _Reader) -> None:
    """What was typed for another action is a mistake too: dropping it silently would leave out what somebody meant."""
    if (mistake := price_mistake(form, action)) is not None:
        reader.errors.setdefault("price", mistake)
    if action is Action.BLOCK and form.get("rate", "").strip():
        reader.errors.setdefault("rate", "A block refuses every request, so it has no rate: empty this.")
    if action is not Action.BLOCK and form.get("block_text", "").strip():
        reader.errors.setdefault("block_text", "Only a block says this to the crawler: choose Block, or empty it.")


def price_mistake(form: Mapping[str, str], action: Action) -> str | None:
    """Why a price that was typed with an action that has none is a mistake; None for every other."""
    if action in (Action.CHARGE, Action.MONITOR) or not form.get("price", "").strip():
        return None
    return f"{action.value.capitalize()} has no price: choose Charge or Watch, or empty this."


def _count(form: Mapping[str, str], field: str) -> int | None:
    """A whole number, with or without commas; None when nothing was typed. Raises ``InvalidRule``."""
    text = form.get(field, "").strip().replace(",", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidRule(field, f"“{text}” is not a whole number; write it like 100")
    if len(text) > _WHOLE_DIGITS_MAX + 1:
        raise InvalidRule(field, "this is too large; write a smaller number")
    return int(text)


def _rate(form: Mapping[str, str]) -> Rate | None:
    number = _count(form, "rate")
    try:
        return None if number is None else parse_rate(f"{number}/{form.get('rate_per') or 'minute'}")
    except InvalidRate as wrong:
        raise InvalidRule("rate", f"write a number from 1 to {REQUESTS_MAX:,}") from wrong


def _checked(typed: dict[str, Any], errors: dict[str, str]) -> Rule:
    """Make the rule. It names one mistake at a time: a field that is wrong is noted, put aside, and all tried again."""
    try:
        return Rule(**typed)
    except InvalidRule as wrong:
        errors.setdefault(_FIELD_OF.get(wrong.field, wrong.field), sentence(wrong.message))
        return _checked(typed | _HARMLESS[wrong.field], errors)


def read_price(form: Mapping[str, str], currency: str) -> Money | None:
    """The price per page, typed per page or per 1,000; None when nothing was typed. Raises ``InvalidPrice``."""
    text = form.get("price", "").strip().removeprefix(currency).strip()
    if currency in _SIGNS:
        text = text.removeprefix(_SIGNS[currency]).strip()
    if not text:
        return None
    typed = _read_amount(f"0{text}" if text.startswith(".") else text, currency)
    if form.get("unit") != "thousand":
        return typed
    micros, rest = divmod(typed.amount_micros, 1000)
    if rest:
        raise InvalidPrice("a price per page has six decimals at most; write at most three decimals per 1,000 pages")
    return Money(micros, currency)


def read_rule_price(form: Mapping[str, str], currency: str, action: Action) -> Money | None:
    """The price of a rule with this action; a charge of nothing is refused. Raises ``InvalidPrice``."""
    price = read_price(form, currency)
    if action is Action.CHARGE and price is not None and price.amount_micros == 0:
        raise InvalidPrice("to charge nothing, choose Allow; a charge needs a price above 0")
    return price


def _read_amount(text: str, currency: str) -> Money:
    """The amount, or what exactly is wrong with it."""
    try:
        return parse_price(f"{currency} {text}")
    except InvalidPrice:
        pass
    number = _NUMBER.fullmatch(text)
    if number is None:
        raise InvalidPrice(f"“{text}” is not an amount; write it like 0.005, with a point")
    if number["sign"] == "-":
        raise InvalidPrice("a price cannot be below 0")
    if len(number["whole"]) > _WHOLE_DIGITS_MAX:
        raise InvalidPrice(f"this is too large; write at most {_WHOLE_DIGITS_MAX} digits before the point")
    if len(number["decimals"] or "") > _DECIMALS_MAX:
        raise InvalidPrice("write at most six decimals; a millionth is the smallest part of a price")
    raise InvalidPrice(f"“{text}” is not an amount; write it like 0.005, with a point")


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
        "most": who.most.label if who.most is not None else "",
        "where": where,
        "address": address,
        "query": rule.query or "",
        "from": clock_text(when.start_minute) if when else "",
        "to": clock_text(when.end_minute % (24 * 60)) if when else "",
        "action": rule.action.value,
        "price": amount_text(rule.price),
        "unit": "page",
        "licence": rule.licence or "",
        "on_ledger_error": rule.on_ledger_error.value,
        "block_status": str(rule.block_status),
        "block_text": rule.block_text or "",
        "free_pages": str(rule.free_pages) if rule.free_pages else "",
        "free_period": rule.free_period.value,
        "recrawl_hours": "" if rule.recrawl_hours is None else str(rule.recrawl_hours),
        "recrawl_unchanged": "on" if rule.recrawl_unchanged else "",
        "rate": str(rule.rate.requests) if rule.rate else "",
        "rate_per": rule.rate.per if rule.rate else "minute",
    }


def rule_days(rule: Rule) -> list[str]:
    """The days that are ticked for ``rule``."""
    return [str(day) for day in rule.when.days] if rule.when else []


def blank_form() -> dict[str, str]:
    """A new rule before anything was typed."""
    return rule_form(Rule("-")) | {"name": "", "where": "starts", "address": "/", "action": "charge"}


def _where(form: Mapping[str, str]) -> str:
    """The pattern of an address and of how it is meant. Raises ``InvalidRule`` for what could not be meant."""
    address, mode = form.get("address", "").strip(), form.get("where", "")
    if mode == "everywhere":
        if address not in ("", "/", *_ANYWHERE):
            raise InvalidRule("where", "empty the address for any page, or choose “starts with” to keep it")
        return EVERYWHERE
    if _URL.match(address):
        path = split(address).path or "/"
        raise InvalidRule("where", f"write only the path of the address: {path}")
    if mode in ("exactly", "starts") and "?" in address:
        raise InvalidRule("where", "put what follows ? into “Only with these query parameters”, and leave the ? out")
    match mode:
        case "exactly":
            return _SPECIAL.sub(r"\\\g<0>", address)
        case "starts":
            if not address.removesuffix("*"):
                raise InvalidRule("where", "write how the address begins, such as /articles/, or choose “is any page”")
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
    try:
        reads_back = _where({"where": mode, "address": address}) == where
    except InvalidRule:
        reads_back = False
    return (mode, address) if reads_back else ("pattern", where)


def _who(form: Mapping[str, str]) -> Who:
    kind = form.get("kind", "")
    return Who(
        form.get("crawler", "").strip() or None,
        form.get("operator", "").strip() or None,
        _choice(CrawlerKind, kind) if kind else None,
        _rung(form, "least"),
        _rung(form, "most"),
    )


def _rung(form: Mapping[str, str], field: str) -> Rung | None:
    text = form.get(field, "")
    try:
        return Rung.from_label(text) if text else None
    except ValueError as wrong:
        raise InvalidRule(field, str(wrong)) from wrong


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


def sentence(text: str) -> str:
    """A message as a sentence of its own: a capital first, a stop last. An address keeps its spelling."""
    text = text.strip()
    first = text if "://" in text.partition(" ")[0] else f"{text[:1].upper()}{text[1:]}"
    return first + ("" if text.endswith((".", "!", "?")) else ".")
