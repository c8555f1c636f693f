"""Find the first rule that matches, at a cost that hardly depends on how many there are.

How: rules are grouped by whom they are for, and their addresses lie in a table (``path_table.py``). One request
looks at the few groups its identity belongs to and the few buckets its path leads to; the lowest position of all
that match is the answer. The plain walk down the list (``explain``) is the definition, and a property test holds
both together.

Tables are made when a site is first asked, so that ten thousand sites cost little until they have traffic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from edge.core.identity import ClaimedCrawler, Identity, Visitor, rung_of
from edge.core.path_table import PathTable, covers_path, path_key, query_test
from edge.core.rules import Rule, RuleSet, Who, audience
from edge.core.where import parse_where

_LISTENERS_MAX = 1024
_EAGER_FROM_RULES = 512

_Listener = tuple[str | None, str | None, int, int]


class Match(NamedTuple):
    """The rule that decides, and its place in the list (0-based; ``len(rules)`` for everything else)."""

    position: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that did not decide, and why, in one phrase."""

    position: int
    rule: Rule
    reason: str


class RuleIndex:
    """The compiled rules of one site; immutable as seen from outside. Made by ``compile_rules``."""

    __slots__ = ("_case_sensitive", "_compiled", "rule_set")

    def __init__(self, rule_set: RuleSet, *, case_sensitive: bool) -> None:
        self.rule_set = rule_set
        self._case_sensitive = case_sensitive
        # A long list takes a tenth of a second: better while the policy loads than while a crawler waits.
        self._compiled = _Compiled(self) if len(rule_set.rules) >= _EAGER_FROM_RULES else None

    @property
    def case_sensitive(self) -> bool:
        """Whether this site tells /A from /a."""
        return self._case_sensitive

    def match(self, path: str, query: str | None, identity: Identity, now: float) -> Match:
        """The first rule for a canonical ``path`` and ``query``; ``now`` in seconds since the epoch."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = _Compiled(self)
        best = len(self.rule_set.rules)
        if groups := compiled.groups_of(identity):
            key = path_key(path, case_sensitive=self._case_sensitive)
            best = compiled.table.lowest(key, query, groups, now, best)
        return compiled.matches[best]

    def cover(self, key: str, query: str | None) -> tuple[int, ...]:
        """What of an address matters to these rules: where two covers are equal, so is the match, whoever asks when.

        ``key`` is the path as ``path_key`` gives it. A cover is good for as long as this index lives.
        """
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = _Compiled(self)
        return compiled.table.cover(key, query)

    def explain(
        self, path: str, query: str | None, identity: Identity, now: float
    ) -> tuple[tuple[Skipped, ...], Match]:
        """The same answer by walking down the list, with the reason why each earlier rule did not decide."""
        key = path_key(path, case_sensitive=self._case_sensitive)
        skipped: list[Skipped] = []
        for position, rule in enumerate(self.rule_set.rules):
            reason = self._why_not(rule, key, query, identity, now)
            if reason is None:
                return tuple(skipped), Match(position, rule)
            skipped.append(Skipped(position, rule, reason))
        return tuple(skipped), Match(len(self.rule_set.rules), self.rule_set.default)

    def _why_not(self, rule: Rule, key: str, query: str | None, identity: Identity, now: float) -> str | None:
        if not rule.enabled:
            return "is disabled"
        if (reason := why_not_who(audience(rule), identity)) is not None:
            return reason
        if not covers_path(parse_where(rule.where), key, case_sensitive=self._case_sensitive):
            return f"does not cover this address, only {rule.where}"
        if rule.query is not None and not query_test(rule.query, self._case_sensitive).matches(query):
            return f"asks for the parameters {rule.query}"
        if rule.when is not None and not rule.when.contains(now):
            return "does not apply at this time"
        return None


class _Compiled:
    """What matching needs: the groups of crawlers the rules speak of, and the table of their addresses."""

    __slots__ = ("_groups", "_listeners", "_names", "_operators", "matches", "table")

    def __init__(self, index: RuleIndex) -> None:
        self._groups: dict[Who, int] = {}
        self._listeners: dict[_Listener, tuple[int, ...]] = {}
        self.table = PathTable(case_sensitive=index.case_sensitive)
        for position, rule in enumerate(index.rule_set.rules):
            if rule.enabled:
                group = self._groups.setdefault(audience(rule), len(self._groups))
                self.table.add(position, group, rule)
        self.matches = [Match(position, rule) for position, rule in enumerate(index.rule_set)]
        self._names = frozenset(who.crawler.casefold() for who in self._groups if who.crawler is not None)
        self._operators = frozenset(who.operator.casefold() for who in self._groups if who.operator is not None)

    def groups_of(self, identity: Identity) -> tuple[int, ...]:
        """The groups that ``identity`` belongs to."""
        if isinstance(identity, Visitor):
            return ()
        crawler = identity if isinstance(identity, ClaimedCrawler) else identity.crawler
        # Names that no rule mentions are all alike, so what is remembered is bounded by the rules, not by traffic.
        listener: _Listener = (
            folded if self._names and (folded := crawler.name.casefold()) in self._names else None,
            folded if self._operators and (folded := crawler.operator.casefold()) in self._operators else None,
            id(crawler.kind),  # a member of an enumeration is one object; its hash is a Python call
            id(identity.rung if isinstance(identity, ClaimedCrawler) else type(identity)),
        )
        groups = self._listeners.get(listener)
        if groups is None:
            groups = tuple(group for who, group in self._groups.items() if why_not_who(who, identity) is None)
            if len(self._listeners) >= _LISTENERS_MAX:
                self._listeners.clear()
            self._listeners[listener] = groups
        return groups


def compile_rules(rule_set: RuleSet, *, case_sensitive: bool = False) -> RuleIndex:
    """Compile a rule set; ``case_sensitive`` when the site's origin tells /A from /a."""
    return RuleIndex(rule_set, case_sensitive=case_sensitive)


def why_not_who(who: Who, identity: Identity) -> str | None:
    """Why a rule for ``who`` is not for ``identity``, in one phrase, or None when it is."""
    if isinstance(identity, Visitor):
        return "is for crawlers, not for people"
    crawler, rung = identity if isinstance(identity, ClaimedCrawler) else identity.crawler, rung_of(identity)
    if who.crawler is not None and who.crawler.casefold() != crawler.name.casefold():
        return f"is for {who.crawler}"
    if who.operator is not None and who.operator.casefold() != crawler.operator.casefold():
        return f"is for crawlers of {who.operator}"
    if who.kind is not None and who.kind is not crawler.kind:
        return f"is for {who.kind.value} crawlers"
    if who.least is not None and rung < who.least:
        return f"asks for a name proved by {who.least.label} or better, this one is {rung.label}"
    if who.most is not None and rung > who.most:
        return f"is for names proved by no more than {who.most.label}, this one is {rung.label}"
    return None
