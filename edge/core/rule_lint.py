"""What is probably a mistake in a list of rules: what never decides, and what says two things of the same. Pure.

Rules of this file
- Only what can be proved is said, as ``edge.core.rule_shadow`` does; nothing here refuses a list.
- Of a rule that never decides one thing is said: that it contradicts or repeats the earlier one, when both are
  for exactly the same requests; else that it is hidden.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.path_table import path_key
from edge.core.rule_shadow import shadowed
from edge.core.rules import ANYONE, EVERYWHERE, Action, Rule, RuleSet, audience, everything_else
from edge.core.where import parse_where

UNDERCUT_RULES_MAX = 60  # every pair is compared
_EVERY_PAGE = (EVERYWHERE, "/*")


class Doubt(StrEnum):
    """Why a rule is doubted."""

    HIDDEN = "hidden"
    """An earlier rule takes everything that it could."""
    CONTRADICTS = "contradicts"
    """An earlier rule is for the same requests and does something else with them."""
    REPEATS = "repeats"
    """An earlier rule is for the same requests and does the same."""
    NOTHING_LEFT = "nothing left"
    """An earlier rule takes every bot on every page, so that "everything else" is never reached."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The rule at ``position`` never decides because of the one at ``by_position``, both 0-based.

    ``position`` is the number of rules where it is "everything else".
    """

    doubt: Doubt
    position: int
    by_position: int


def lint(rule_set: RuleSet, *, case_sensitive: bool = False) -> tuple[Finding, ...]:
    """Everything that is doubtful, in the order of the rules."""
    hidden = {one.position: one.by_position for one in shadowed(rule_set, case_sensitive=case_sensitive)}
    scopes: dict[object, int] = {}
    found: list[Finding] = []
    for position, rule in enumerate(rule_set.rules):
        if not rule.enabled:
            continue
        same = scopes.setdefault(_scope(rule, case_sensitive), position)
        if same != position:
            doubt = Doubt.REPEATS if _does(rule_set.rules[same]) == _does(rule) else Doubt.CONTRADICTS
            found.append(Finding(doubt, position, same))
        elif position in hidden:
            found.append(Finding(Doubt.HIDDEN, position, hidden[position]))
    taker = taker_of_all(rule_set)
    if taker is not None:
        found.append(Finding(Doubt.NOTHING_LEFT, len(rule_set.rules), taker))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Undercut:
    """The rule at ``position`` is dearer than the one at ``by_position``, which sells its pages to some before it."""

    position: int
    by_position: int


def undercut(rule_set: RuleSet, *, case_sensitive: bool = False) -> tuple[Undercut, ...]:
    """Rules for a part of the pages that a cheaper, earlier rule for some of the crawlers takes away; the first each.

    That may be meant, so it is no doubt. Nothing is said of more than ``UNDERCUT_RULES_MAX`` rules.
    """
    if len(rule_set.rules) > UNDERCUT_RULES_MAX:
        return ()
    priced = [
        (place, rule) for place, rule in enumerate(rule_set.rules) if rule.enabled and rule.action is Action.CHARGE
    ]
    found = []
    for number, (position, rule) in enumerate(priced):
        for by_position, earlier in priced[:number]:
            if _is_cheaper(earlier, rule) and _begins(earlier, rule) and _takes_a_part(earlier, rule, case_sensitive):
                found.append(Undercut(position, by_position))
                break
    return tuple(found)


def _is_cheaper(earlier: Rule, rule: Rule) -> bool:
    return (
        earlier.price is not None and rule.price is not None and earlier.price.amount_micros < rule.price.amount_micros
    )


def _begins(earlier: Rule, rule: Rule) -> bool:
    """Whether the addresses begin alike: what is cheap to ask, before rules are compared."""
    certain = re.split(r"[*:]", earlier.where, maxsplit=1)[0]
    if earlier.who == rule.who or earlier.where == rule.where:
        return False
    return rule.where.casefold().startswith(certain.casefold())


def _takes_a_part(earlier: Rule, rule: Rule, case_sensitive: bool) -> bool:
    """Whether ``earlier`` is for fewer crawlers, all of them the later rule's, and for more pages, all of its among."""

    def covers(one: Rule, other: Rule) -> bool:
        pair = RuleSet((replace(one, name="one"), replace(other, name="other")), everything_else(Action.ALLOW))
        return bool(shadowed(pair, case_sensitive=case_sensitive))

    def everywhere(one: Rule) -> Rule:
        return replace(one, where=EVERYWHERE, query=None, when=None)

    def to_all(one: Rule) -> Rule:
        return replace(one, who=ANYONE)

    fewer = covers(everywhere(rule), everywhere(earlier)) and not covers(everywhere(earlier), everywhere(rule))
    return fewer and covers(to_all(earlier), to_all(rule)) and not covers(to_all(rule), to_all(earlier))


def taker_of_all(rules: RuleSet) -> int | None:
    """The position of the first rule that leaves nothing for the last row: every bot, every page, always."""
    for position, rule in enumerate(rules.rules):
        if rule.enabled and rule.where in _EVERY_PAGE and rule == replace(rule, who=ANYONE, when=None, query=None):
            return position
    return None


def finding_text(finding: Finding, rule_set: RuleSet) -> str:
    """One sentence for people, with what would help."""
    by = f"rule {finding.by_position + 1} ({rule_set.rules[finding.by_position].name})"
    if finding.doubt is Doubt.NOTHING_LEFT:
        return f"Everything else is never reached, because {by} takes every bot on every page."
    rule = f"Rule {finding.position + 1} ({rule_set.rules[finding.position].name})"
    match finding.doubt:
        case Doubt.CONTRADICTS:
            return f"{rule} contradicts {by}: both are for the same requests, and the first decides; keep one of them."
        case Doubt.REPEATS:
            return f"{rule} repeats {by}; remove it."
        case _:
            return f"{rule} can never decide, because {by} always does; move it up or remove it."


def _scope(rule: Rule, case_sensitive: bool) -> object:
    """For which requests a rule is, so that equal ones are for the same."""
    who, where = audience(rule), parse_where(rule.where)
    place = rule.where if where.exact is None else path_key(where.exact, case_sensitive=case_sensitive)
    place = "/*" if place in _EVERY_PAGE else place
    names = tuple(None if name is None else name.casefold() for name in (who.crawler, who.operator))
    return names, who.kind, who.least, who.most, place, where.exact is None, rule.query, rule.when


def _does(rule: Rule) -> Rule:
    """What a rule does, whatever it is called and whom it is for."""
    return replace(rule, name="-", who=ANYONE, where=EVERYWHERE, query=None, when=None)
