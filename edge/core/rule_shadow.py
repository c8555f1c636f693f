"""Rules that can never decide, because an earlier one always does.

Only what can be proved is said: an earlier rule that is enabled, has no window, and whose crawlers, addresses
and parameters include all of the later rule's. Two patterns are compared by their text, or by what every
matching address starts with.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from edge.core.identity import CrawlerKind, Rung
from edge.core.path_table import path_key
from edge.core.rules import Rule, RuleSet, audience
from edge.core.target import match_key
from edge.core.where import parse_where


@dataclass(frozen=True, slots=True)
class Shadow:
    """The enabled rule at ``position`` never decides, because the one at ``by_position`` does (both 0-based)."""

    position: int
    by_position: int


def shadowed(rule_set: RuleSet, *, case_sensitive: bool = False) -> tuple[Shadow, ...]:
    """Every rule that provably cannot match, each with the first rule that hides it."""
    found = []
    earlier = _Earlier(case_sensitive)
    for position, rule in enumerate(rule_set.rules):
        if not rule.enabled:
            continue
        if (by_position := earlier.first_covering(rule)) is not None:
            found.append(Shadow(position, by_position))
        if rule.when is None:
            earlier.add(rule, position)
    return tuple(found)


_Audience = tuple[str | None, str | None, CrawlerKind | None, int, int, str | None]
"""Crawler, operator, kind, least and greatest rung and query of a rule; None where it asks for nothing."""


class _Earlier:
    """The rules seen so far, by address and audience, so that a long list is not compared pair by pair."""

    def __init__(self, case_sensitive: bool) -> None:
        self._case_sensitive = case_sensitive
        self._same: dict[str, dict[_Audience, int]] = {}
        self._prefixes: dict[str, dict[_Audience, int]] = {}
        self._lengths: set[int] = set()
        """Of the prefixes: a long address is not tried at each of its letters."""

    def add(self, rule: Rule, position: int) -> None:
        prefix = parse_where(rule.where).prefix
        places, place = (self._same, self._identity(rule)) if prefix is None else (self._prefixes, self._key(prefix))
        if prefix is not None:
            self._lengths.add(len(place))
        places.setdefault(place, {}).setdefault(_audience(rule), position)

    def first_covering(self, rule: Rule) -> int | None:
        """The lowest position of a rule that takes everything this one could."""
        places = self._covering_places(rule)
        wider = _wider_audiences(_audience(rule))
        return min((place[one] for place in places for one in wider if one in place), default=None)

    def _covering_places(self, rule: Rule) -> list[dict[_Audience, int]]:
        where = parse_where(rule.where)
        certain = self._key(where.head)
        if where.exact is not None:
            # "/a/*" answers for "/a" too, as everywhere: one slash at the end never decides.
            certain = certain.removesuffix("/") + "/"
        # Every path starts with a slash, so "*" and "/*" say the same.
        beginnings = [certain[:end] for end in self._lengths if end <= len(certain)] if certain else ["", "/"]
        found = [self._prefixes[text] for text in beginnings if text in self._prefixes]
        same = self._same.get(self._identity(rule))
        return found if same is None else [*found, same]

    def _identity(self, rule: Rule) -> str:
        exact = parse_where(rule.where).exact
        return "pattern " + rule.where if exact is None else path_key(exact, case_sensitive=self._case_sensitive)

    def _key(self, text: str) -> str:
        return match_key(text, case_sensitive=self._case_sensitive)


def _audience(rule: Rule) -> _Audience:
    who = audience(rule)
    most = Rung.SIGNED if who.most is None else who.most
    return _folded(who.crawler), _folded(who.operator), who.kind, int(who.least or 0), int(most), rule.query


def _wider_audiences(wanted: _Audience) -> list[_Audience]:
    crawler, operator, kind, least, most, query = wanted
    rungs = range(least + 1), range(most, Rung.SIGNED + 1)
    return list(product({crawler, None}, {operator, None}, {kind, None}, *rungs, {query, None}))


def _folded(name: str | None) -> str | None:
    return None if name is None else name.casefold()
