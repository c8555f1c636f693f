"""A site's rules as the signals state them: for each use, by path pattern, where the narrowest pattern counts.

The rules are ordered and the first that matches decides; robots.txt, RSL, TDMRep and AIPREF have patterns of RFC 9309
(``*`` and ``$``), and the longest that matches decides. Rules of this file

- What is said of a pattern is what the rules decide for a page in it, asked of the gate's own index for a crawler of
  the kind that the use belongs to, which has proved its name and which no rule names.
- What patterns cannot say is left out and told as a remark: rules that hold at some times or for some parameters,
  patterns with names or groups, and more than ``SCOPES_MAX`` patterns. The signed price list holds all of them.
- Where a directory and an ending overlap (``/articles/*`` and ``*.pdf``) there is a pattern for the overlap too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rule_index import RuleIndex, compile_rules
from edge.core.rules import Action, Rule
from edge.core.signals.patterns import matches, overlap, patterns_of, sample_of
from edge.core.where import parse_where

SCOPES_MAX = 300
EVERYWHERE = "/"

T = TypeVar("T")


class Use(StrEnum):
    """What content may be used for, in the words of RSL and Content Signals."""

    SEARCH = "search"
    AI_INPUT = "ai-input"
    AI_TRAIN = "ai-train"


KIND_OF: Mapping[Use, CrawlerKind] = {
    Use.SEARCH: CrawlerKind.SEARCH,
    Use.AI_INPUT: CrawlerKind.ASSISTANT,
    Use.AI_TRAIN: CrawlerKind.TRAINING,
}
"""Whose crawling each use stands for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a use of a page comes to: ``allow``, ``charge`` with its price, or ``block``."""

    action: Action
    price: Money | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Scope(Generic[T]):
    """What holds for the paths of one pattern, unless a longer pattern matches too."""

    pattern: str
    says: T


Uses = tuple[Terms, Terms, Terms]
"""The terms of each use, in the order of ``Use``."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The scopes, the whole site first, then by length; what they cannot say; and every pattern that was asked for."""

    scopes: tuple[Scope[Uses], ...]
    remarks: tuple[str, ...]
    patterns: tuple[str, ...]

    def over(self, says: Callable[[Uses], T]) -> tuple[Scope[T], ...]:
        """The scopes with less to say of each.

        Asked for every pattern again: one that says nothing new may be what tells two others apart.
        """
        return narrow(self.patterns, lambda path: says(longest(self.scopes, path)))


def project(rules: RuleIndex) -> Projection:
    """What the rules in force (or a draft's) come to for each use."""
    plain, remarks = plain_rules(rules)
    readers = [ClaimedCrawler("", "", KIND_OF[use], None, Rung.SIGNED) for use in Use]

    def says(path: str) -> Uses:
        search, ai_input, ai_train = (terms_of(plain.match(path, None, reader, 0.0).rule) for reader in readers)
        return search, ai_input, ai_train

    patterns, cut = scope_patterns(plain)
    return Projection(narrow(patterns, says), (*remarks, *cut), tuple(patterns))


def plain_rules(rules: RuleIndex) -> tuple[RuleIndex, tuple[str, ...]]:
    """The same rules without those that hold only at some times or for some parameters, and a remark for each kind."""
    odd = [rule for rule in rules.rule_set.rules if rule.enabled and (rule.when is not None or rule.query is not None)]
    if not odd:
        return rules, ()
    kept = tuple(
        replace(rule, enabled=rule.enabled and rule.when is None and rule.query is None)
        for rule in rules.rule_set.rules
    )
    plain = compile_rules(replace(rules.rule_set, rules=kept), case_sensitive=rules.case_sensitive)
    names = ", ".join(f"“{rule.name}”" for rule in odd[:3]) + (" and others" if len(odd) > 3 else "")
    return plain, (f"Only the price list can say what holds at some times or for some parameters: {names}.",)


def terms_of(rule: Rule) -> Terms:
    """What a rule comes to; one that only watches allows, and a price of nothing is free."""
    if rule.action is Action.CHARGE and rule.price is not None and rule.price.amount_micros:
        return Terms(Action.CHARGE, rule.price, rule.licence)
    return Terms(Action.BLOCK) if rule.action is Action.BLOCK else Terms(Action.ALLOW)


def scope_patterns(rules: RuleIndex) -> tuple[list[str], tuple[str, ...]]:
    """The patterns of the rules and their overlaps, shortest first, and what is left out."""
    found: dict[str, None] = {}
    unsaid: list[str] = []
    for rule in rules.rule_set.rules:
        patterns = patterns_of(parse_where(rule.where)) if rule.enabled else ()
        if rule.enabled and not patterns:
            unsaid.append(rule.where)
        found.update(dict.fromkeys(patterns))
    found.pop(EVERYWHERE, None)
    remarks = []
    # Bounded before the overlaps are made: there are as many as the two kinds multiplied.
    kept = sorted(found, key=_by_length)[:SCOPES_MAX]
    directories = [pattern for pattern in kept if "*" not in pattern and "$" not in pattern]
    endings = [pattern for pattern in kept if pattern.startswith("/*")]
    if len(directories) * len(endings) > SCOPES_MAX:
        remarks.append(f"These documents leave out {len(endings)} patterns of endings; the price list names all.")
        kept, endings = [pattern for pattern in kept if not pattern.startswith("/*")], []
    overlaps = [overlap(directory, ending) for directory in directories for ending in endings]
    if unsaid:
        remarks.append(f"Only the price list can say what holds for {', '.join(dict.fromkeys(unsaid[:3]))}.")
    if len(found) > SCOPES_MAX:
        remarks.append(f"These documents name {SCOPES_MAX} patterns of {len(found)}; the price list names all.")
    return sorted({*kept, *overlaps}, key=_by_length), tuple(remarks)


def _by_length(pattern: str) -> tuple[int, str]:
    return len(pattern), pattern


def narrow(patterns: Iterable[str], says: Callable[[str], T]) -> tuple[Scope[T], ...]:
    """A scope for each pattern that says something else than the longest shorter one which covers it."""
    kept = [Scope(EVERYWHERE, says(sample_of(EVERYWHERE)))]
    for pattern in patterns:
        sample = sample_of(pattern)
        scope = Scope(pattern, says(sample))
        if longest(kept, sample) != scope.says:
            kept.append(scope)
    return tuple(kept)


def longest(scopes: Sequence[Scope[T]], path: str) -> T:
    """What holds for a path: the word of the longest pattern that matches (RFC 9309 section 2.2.2).

    ``scopes`` are ordered by length, as ``narrow`` makes them.
    """
    return next(scope.says for scope in reversed(scopes) if matches(scope.pattern, path))
