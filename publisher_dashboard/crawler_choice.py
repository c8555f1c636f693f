"""What a site does with one crawler, or a kind of them, said in one word: a rule of its own above the others. Pure.

Rules of this file
- Such a rule is for exactly this crawler or this kind, every page and any time. What asks for more is left alone.
- Rules for one crawler stand above those for kinds, and both above all the rest: so they decide for every page.
- To inherit is to have no such rule: then the rest of the list decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.core.identity import CrawlerKind
from edge.core.money import Money
from edge.core.rules import EVERYWHERE, NAME_CHARACTERS_MAX, Action, Rule, RuleSet, Who

INHERIT = "inherit"
CHOICES = (INHERIT, Action.ALLOW.value, Action.CHARGE.value, Action.BLOCK.value, Action.MONITOR.value)


@dataclass(frozen=True, slots=True)
class Choice:
    """``word`` is one of ``CHOICES``; ``price`` belongs to charging and watching."""

    word: str
    price: Money | None = None


def who_is(crawler: str = "", kind: CrawlerKind | None = None) -> Who:
    """Whom a rule for this crawler, or for this kind, is for."""
    return Who(crawler=crawler) if crawler else Who(kind=kind)


def find_choice(rules: RuleSet, who: Who) -> Rule | None:
    """The rule that says it, None where it is inherited."""
    return next((rule for rule in rules.rules if _is_for(rule, who)), None)


def choice_of(rules: RuleSet, who: Who) -> Choice:
    """What is chosen now."""
    rule = find_choice(rules, who)
    return Choice(INHERIT) if rule is None else Choice(rule.action.value, rule.price)


def choose(rules: RuleSet, who: Who, choice: Choice, title: str) -> RuleSet:
    """The list with this choice made: a rule added, changed or taken out. Raises ``InvalidRule``.

    ``title`` is what a new rule is named after.
    """
    found = find_choice(rules, who)
    others = tuple(rule for rule in rules.rules if rule is not found)
    if choice.word == INHERIT:
        return RuleSet(others, rules.default)
    action = Action(choice.word)
    if found is not None:
        changed = found if found.action is action and found.price == choice.price else _changed(found, action, choice)
        return RuleSet(tuple(changed if rule is found else rule for rule in rules.rules), rules.default)
    made = Rule(_free_name(rules, title), who, EVERYWHERE, action, choice.price)
    place = sum(1 for rule in _choices_above(others, who))
    return RuleSet((*others[:place], made, *others[place:]), rules.default)


def _changed(rule: Rule, action: Action, choice: Choice) -> Rule:
    """The rule with another action; what only the old one could have goes with it."""
    if action is rule.action:
        return replace(rule, price=choice.price)
    return Rule(rule.name, rule.who, rule.where, action, choice.price, enabled=rule.enabled)


def _choices_above(rules: tuple[Rule, ...], who: Who) -> tuple[Rule, ...]:
    """The choices at the top of the list that a new one stands below: those for crawlers, and for kinds before it."""
    above: list[Rule] = []
    for rule in rules:
        if not _is_choice(rule) or (who.kind is None and rule.who.kind is not None):
            break
        above.append(rule)
    return tuple(above)


def _is_for(rule: Rule, who: Who) -> bool:
    same = (rule.who.crawler or "").casefold() == (who.crawler or "").casefold()
    return _is_choice(rule) and same and rule.who.kind == who.kind


def _is_choice(rule: Rule) -> bool:
    only = rule.who in (Who(crawler=rule.who.crawler), Who(kind=rule.who.kind)) and rule.who.names_somebody
    return only and rule.where in (EVERYWHERE, "/*") and rule.when is None and rule.query is None


def _free_name(rules: RuleSet, title: str) -> str:
    taken = {rule.name.casefold() for rule in rules}
    stem = title.strip()[: NAME_CHARACTERS_MAX - 5].rstrip()
    names = [stem, *(f"{stem} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.casefold() not in taken)
