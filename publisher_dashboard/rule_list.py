"""Edit an ordered list of rules: every change makes a new ``RuleSet``, which checks itself. Pure.

A rule is known by its name, in any case. Nothing here can move, rename or remove the last row, "everything else".
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from edge.core.errors import EdgeError
from edge.core.rules import NAME_CHARACTERS_MAX, Rule, RuleSet


class NoSuchRule(EdgeError):
    """The list has no rule of that name."""


class Direction(StrEnum):
    """Where a rule can be moved."""

    UP = "up"
    DOWN = "down"
    TOP = "top"
    BOTTOM = "bottom"


def find_rule(rules: RuleSet, name: str) -> tuple[int, Rule]:
    """Position and rule of that name; raises ``NoSuchRule``."""
    for position, rule in enumerate(rules.rules):
        if rule.name.casefold() == name.casefold():
            return position, rule
    raise NoSuchRule(f"There is no rule named {name!r} any more.")


def put(rules: RuleSet, name: str, changed: Rule) -> RuleSet:
    """Replace the rule of that name. Raises ``NoSuchRule`` and ``InvalidRule``."""
    position, _ = find_rule(rules, name)
    return _with(rules, (*rules.rules[:position], changed, *rules.rules[position + 1 :]))


def insert(rules: RuleSet, added: Rule, after: str | None, before: str | None = None) -> RuleSet:
    """Add a rule behind or else before the one named, or at the end, before everything else. Raises ``InvalidRule``."""
    position = len(rules.rules) if before is None else find_rule(rules, before)[0]
    if after is not None:
        position = find_rule(rules, after)[0] + 1
    return _with(rules, (*rules.rules[:position], added, *rules.rules[position:]))


def remove(rules: RuleSet, name: str) -> RuleSet:
    """Take the rule of that name out. Raises ``NoSuchRule``."""
    position, _ = find_rule(rules, name)
    return _with(rules, rules.rules[:position] + rules.rules[position + 1 :])


def move(rules: RuleSet, name: str, direction: Direction) -> RuleSet:
    """Move a rule by one place or to an end; at the end already, it stays. Raises ``NoSuchRule``."""
    position, moved = find_rule(rules, name)
    others = rules.rules[:position] + rules.rules[position + 1 :]
    places = {
        Direction.UP: max(position - 1, 0),
        Direction.DOWN: min(position + 1, len(others)),
        Direction.TOP: 0,
        Direction.BOTTOM: len(others),
    }
    place = places[direction]
    return _with(rules, (*others[:place], moved, *others[place:]))


def switch(rules: RuleSet, name: str, *, enabled: bool) -> RuleSet:
    """Turn a rule on or off in its place. Raises ``NoSuchRule``."""
    _, rule = find_rule(rules, name)
    return put(rules, name, replace(rule, enabled=enabled))


def copy_name(rules: RuleSet, name: str) -> str:
    """A free name for a copy: ``Long reads copy``, ``Long reads copy 2``, ..."""
    taken = {rule.name.casefold() for rule in rules}
    stem = name[: NAME_CHARACTERS_MAX - 12].rstrip()
    candidates = [f"{stem} copy", *(f"{stem} copy {number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate.casefold() not in taken)


def _with(rules: RuleSet, changed: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(changed, rules.default)
