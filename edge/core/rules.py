"""The publisher's rules: who, where, when, and what happens. Ordered; the first rule that matches decides.

Rules of this file: a rule that exists is valid (it checks itself, field by field, so that a form can say which
field is wrong); the last row "everything else" always exists; all prices of one set are in one currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.errors import EdgeError
from edge.core.grants import FreePeriod
from edge.core.identity import CrawlerKind, Rung
from edge.core.money import Money
from edge.core.query_terms import InvalidQuery, parse_query_terms
from edge.core.rates import Rate
from edge.core.where import InvalidWhere, needs_engine, parse_where

RULES_MAX = 20_000
ENGINE_PATTERNS_MAX = 1_000
"""Rules whose address needs the pattern library: each takes most of a millisecond to read and 90 KB once it is used."""
NAME_CHARACTERS_MAX = 100
BLOCK_TEXT_CHARACTERS_MAX = 500
FREE_PAGES_MAX = 1_000_000_000
RECRAWL_HOURS_MAX = 24 * 366
EVERYWHERE = "*"
EVERYTHING_ELSE = "everything else"

_MINUTES_PER_DAY = 24 * 60
_DAYS_FROM_MONDAY = 3  # 1 January 1970 was a Thursday
# Exact paths and prefixes of plain characters need no parsing to be known good; most rules are of this kind.
_SURELY_VALID = re.compile(r"/(?:\.*+[A-Za-z0-9_~!&',=@-]++/?+)*+\*?")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Invisible characters, and those that turn the direction of what stands around them: nobody means them in a name, and
# with them two names can look the same. The joiners U+200C and U+200D are letters' business and stay.
_NAME = re.compile(
    r"[^\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f]+"
)
_LICENCE = re.compile(r"[!-~]{1,200}")


class Action(StrEnum):
    """What a rule does with the bots it matches."""

    ALLOW = "allow"
    CHARGE = "charge"
    BLOCK = "block"
    MONITOR = "monitor"


class LedgerErrorChoice(StrEnum):
    """What happens on a priced page while the ledger cannot be written."""

    REFUSE = "refuse"
    SERVE_UNBILLED = "serve_unbilled"


class InvalidRule(EdgeError, ValueError):
    """A rule that cannot be; ``field`` is the rule's attribute, ``message`` what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Who:
    """Which bots a rule is for; what is None does not matter, so an empty one means any bot.

    Crawler and operator names are compared without regard to case. ``least`` is the least proof of the name and
    ``most`` the greatest, so that ``most`` at ``IMPOSTOR`` means those who wear another's name.
    """

    crawler: str | None = None
    operator: str | None = None
    kind: CrawlerKind | None = None
    least: Rung | None = None
    most: Rung | None = None

    def __post_init__(self) -> None:
        for name in (self.crawler, self.operator):
            if name is not None and not is_name(name):
                raise InvalidRule("who", f"{name!r} is not a name of 1 to {NAME_CHARACTERS_MAX} visible characters")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InvalidRule("who", f"least {self.least.label} is above most {self.most.label}: nobody is both")

    @property
    def names_somebody(self) -> bool:
        """Whether it asks for a crawler, an operator or a kind."""
        return self.crawler is not None or self.operator is not None or self.kind is not None


ANYONE = Who()


@dataclass(frozen=True, slots=True)
class Window:
    """When a rule applies, in UTC: on ``days`` (0 is Monday) from ``start_minute`` of the day up to, not
    including, ``end_minute``. An end at or before the start is on the next day.
    """

    days: tuple[int, ...]
    start_minute: int
    end_minute: int

    def __post_init__(self) -> None:
        if not self.days or len(set(self.days)) != len(self.days) or not all(0 <= day <= 6 for day in self.days):
            raise InvalidRule("when", "name at least one day of the week, each once")
        if not 0 <= self.start_minute < _MINUTES_PER_DAY or not 0 < self.end_minute <= _MINUTES_PER_DAY:
            raise InvalidRule("when", "write times from 00:00 to 24:00")

    def contains(self, now: float) -> bool:
        """Whether ``now``, in seconds since the epoch, is inside the window."""
        day, minute = divmod(int(now // 60), _MINUTES_PER_DAY)
        weekday = (day + _DAYS_FROM_MONDAY) % 7
        if self.start_minute < self.end_minute:
            return weekday in self.days and self.start_minute <= minute < self.end_minute
        if minute >= self.start_minute:
            return weekday in self.days
        return minute < self.end_minute and (weekday - 1) % 7 in self.days


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. ``where`` is a URLPattern pathname, ``query`` the parameters that must be there, ``when`` a window.

    ``price`` is per page and belongs to ``charge`` and ``monitor``; ``block_status`` and ``block_text`` to
    ``block``. Of a ``charge``, so many ``free_pages`` of each ``free_period`` cost a registered crawler nothing at the
    site, and a page that it bought is free again for ``recrawl_hours``, or while it is unchanged. ``rate`` is how often
    each crawler may ask. Raises ``InvalidRule``.
    """

    name: str
    who: Who = ANYONE
    where: str = EVERYWHERE
    action: Action = Action.ALLOW
    price: Money | None = None
    licence: str | None = None
    enabled: bool = True
    when: Window | None = None
    query: str | None = None
    on_ledger_error: LedgerErrorChoice = LedgerErrorChoice.REFUSE
    block_status: int = 403
    block_text: str | None = None
    free_pages: int = 0
    free_period: FreePeriod = FreePeriod.MONTH
    recrawl_hours: int | None = None
    recrawl_unchanged: bool = False
    rate: Rate | None = None

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise InvalidRule("name", f"give the rule a name of 1 to {NAME_CHARACTERS_MAX} visible characters")
        if _SURELY_VALID.fullmatch(self.where) is None:
            _check_where(self.where)
        if self.query is not None:
            _check_query(self.query)
        if self.action is Action.CHARGE and self.price is None:
            raise InvalidRule("price", "a charge needs a price, such as USD 0.01")
        if self.price is not None and self.action not in (Action.CHARGE, Action.MONITOR):
            raise InvalidRule("price", f"{self.action.value} has no price; leave it empty")
        if self.licence is not None and _LICENCE.fullmatch(self.licence) is None:
            raise InvalidRule("licence", "write a short word or address without spaces, such as ai-train")
        if self.block_status not in (402, 403):
            raise InvalidRule("block_status", "choose 403 or 402")
        if self.block_text is not None and not _is_block_text(self.block_text):
            raise InvalidRule("block_text", f"write one line of at most {BLOCK_TEXT_CHARACTERS_MAX} characters")
        if self.free_pages or self.recrawl_hours is not None or self.recrawl_unchanged or self.rate is not None:
            self._check_terms()

    @property
    def has_terms(self) -> bool:
        """Whether some of its pages may be free."""
        return self.free_pages > 0 or self.recrawl_hours is not None or self.recrawl_unchanged

    def _check_terms(self) -> None:
        if self.rate is not None and self.action is Action.BLOCK:
            raise InvalidRule("rate", "block has no rate; leave it empty")
        if not 0 <= self.free_pages <= FREE_PAGES_MAX:
            raise InvalidRule("free_pages", f"write a number of pages from 0 to {FREE_PAGES_MAX}")
        if self.recrawl_hours is not None and not 1 <= self.recrawl_hours <= RECRAWL_HOURS_MAX:
            raise InvalidRule("recrawl_hours", f"write a number of hours from 1 to {RECRAWL_HOURS_MAX}")
        if self.action is Action.CHARGE:
            return
        if self.free_pages:
            raise InvalidRule("free_pages", f"only a charge has free pages; {self.action.value} asks for nothing")
        if self.recrawl_hours is not None or self.recrawl_unchanged:
            field = "recrawl_unchanged" if self.recrawl_unchanged else "recrawl_hours"
            raise InvalidRule(field, f"only a charge can be free again; {self.action.value} asks for nothing")


def too_many_engine_patterns() -> InvalidRule:
    """Why a list is refused whose addresses would take too long to read."""
    return InvalidRule(
        "where",
        f"at most {ENGINE_PATTERNS_MAX} rules of a site may have parentheses, braces, modifiers (? +), or names beside "
        "other characters in their address; write the others with * and whole names such as /:id/",
    )


def audience(rule: Rule) -> Who:
    """Whom a rule is for in the end: one that allows somebody by name does not allow an impostor of that name.

    Whoever wants that all the same says ``least = "impostor"``.
    """
    who = rule.who
    if rule.action is not Action.ALLOW or who.least is not None or not who.names_somebody:
        return who
    if who.most is Rung.IMPOSTOR:
        return who
    return replace(who, least=Rung.CLAIMED)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A site's rules in order, and ``default``, the last row "everything else", which has action and price only.

    Raises ``InvalidRule`` for two rules of one name, two currencies, or a default that asks for anything.
    """

    rules: tuple[Rule, ...]
    default: Rule

    def __post_init__(self) -> None:
        if len(self.rules) > RULES_MAX:
            raise InvalidRule("name", f"a site has at most {RULES_MAX} rules")
        if sum(needs_engine(rule.where) for rule in self.rules) > ENGINE_PATTERNS_MAX:
            raise too_many_engine_patterns()
        if self.default != everything_else(self.default.action, self.default.price, self.default.name):
            raise InvalidRule("default", "everything else has an action and a price only")
        names: set[str] = set()
        for rule in self:
            if rule.name.casefold() in names:
                raise InvalidRule(
                    "name", f"two rules are named {rule.name!r}; reports go by the name, so choose another name"
                )
            names.add(rule.name.casefold())
        currencies = {rule.price.currency for rule in self if rule.price is not None}
        if len(currencies) > 1:
            raise InvalidRule("price", f"all prices of a site are in one currency, not {', '.join(sorted(currencies))}")

    def __iter__(self) -> Iterator[Rule]:
        yield from self.rules
        yield self.default


def everything_else(action: Action, price: Money | None = None, name: str = EVERYTHING_ELSE) -> Rule:
    """The last row of a rule set."""
    return Rule(name=name, action=action, price=price)


def is_name(text: str) -> bool:
    """Whether a rule can bear this name, or name a crawler or an operator by it."""
    return len(text) <= NAME_CHARACTERS_MAX and text == text.strip() and _NAME.fullmatch(text) is not None


def _is_block_text(text: str) -> bool:
    return len(text) <= BLOCK_TEXT_CHARACTERS_MAX and bool(text.strip()) and _PRINTABLE.fullmatch(text) is not None


def _check_where(text: str) -> None:
    try:
        parse_where(text)
    except InvalidWhere as error:
        raise InvalidRule("where", str(error)) from error


def _check_query(text: str) -> None:
    try:
        parse_query_terms(text)
    except InvalidQuery as error:
        raise InvalidRule("query", str(error)) from error
