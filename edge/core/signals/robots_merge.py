"""The site's own robots.txt with what the rules say added to it; and where the two contradict each other.

Rules of this file

- Every line of the publisher's own stands as it was. What it says already (a licence, content signals, preferences) is
  not said again.
- Nothing gets more open: a crawler that we name for the first time keeps the lines that were for everybody, because it
  will read its own group alone from then on; an exception to a block is left out where the publisher disallows it.
- ``License:`` stands before the first group, where it is for the whole site; the groups come at the end.
- Whoever pays is let in: only what is blocked whatever a crawler proves is disallowed.
- Named are crawlers of the kinds that read for a use, and those that a rule speaks of; hundreds of others get a 403.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.core.identity import ClaimedCrawler, CrawlerKind, Rung
from edge.core.money import Money
from edge.core.rule_index import RuleIndex
from edge.core.rules import Action
from edge.core.signals.patterns import sample_of
from edge.core.signals.preferences import content_signals, usage_by_pattern
from edge.core.signals.published import PATHS, Signal
from edge.core.signals.robots import ROBOTS_BYTES_MAX, Line, Robots, is_allowed, parse_robots
from edge.core.signals.scopes import EVERYWHERE, Projection, Scope, narrow, plain_rules, scope_patterns, terms_of

PATTERNS_MAX = 100
_AGENT = re.compile(r"[A-Za-z0-9._-]{2,60}")
_KEPT = frozenset({"allow", "disallow", "crawl-delay"})
_READING = frozenset({CrawlerKind.TRAINING, CrawlerKind.ASSISTANT, CrawlerKind.SEARCH})
_NAMED = _READING | {CrawlerKind.ARCHIVER}
_ABOVE = "# Added by farebox: the licence of this site. Its own lines follow as they are."
_BELOW = "# Added by farebox, from the pricing rules in force."


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Crawlers that are asked to pay below ``pattern``, and that robots.txt keeps away from it."""

    pattern: str
    price: Money
    crawlers: tuple[str, ...]


def merge_robots(
    own: str,
    base: str,
    rules: RuleIndex,
    projection: Projection,
    crawlers: Iterable[ClaimedCrawler],
    *,
    with_licence: bool,
) -> str:
    """The publisher's own text with ours around it; ``crawlers`` are those that can be named, ``base`` scheme and
    authority. As it is where it would become longer than crawlers read."""
    text = own.removeprefix("\ufeff").rstrip("\r\n")
    robots = parse_robots(text)
    signals = _signal_lines(robots, projection)
    groups = _groups(robots, rules, crawlers, signals)
    parts = []
    if with_licence and not robots.says("license"):
        parts.append(f"{_ABOVE}\nLicense: {base}{PATHS[Signal.RSL]}\n")
    if text:
        # A last group of agents without a line would take ours for its own.
        open_end = bool(robots.groups) and not robots.groups[-1].lines
        parts.append(text + ("\nDisallow:\n" if open_end else "\n"))
    if groups:
        parts.append(f"{_BELOW}\n" + "\n".join(groups))
    merged = "\n".join(parts)
    return merged if len(merged.encode()) <= ROBOTS_BYTES_MAX else own


def _signal_lines(robots: Robots, projection: Projection) -> list[str]:
    lines = []
    signals = content_signals(projection.scopes)
    if signals is not None and not robots.says("content-signal"):
        lines.append(f"Content-Signal: {signals}")
    if not robots.says("content-usage"):
        for scope in usage_by_pattern(projection)[:PATTERNS_MAX]:
            lines.append(f"Content-Usage: {scope.pattern} {scope.says}")
    return lines


def _groups(robots: Robots, rules: RuleIndex, crawlers: Iterable[ClaimedCrawler], signals: Sequence[str]) -> list[str]:
    """Our groups as text: the one for everybody, then one for each set of lines that named crawlers share."""
    plain, _ = plain_rules(rules)
    patterns = scope_patterns(plain)[0][:PATTERNS_MAX]
    strangers = [ClaimedCrawler("", "", kind, None, Rung.SIGNED) for kind in CrawlerKind]
    for_all = _blocks(plain, patterns, strangers)
    everybody = [*signals, *_block_lines(robots.lines_for("*"), for_all)]
    groups = [_group(["*"], everybody)] if everybody else []
    alike: dict[tuple[str, ...], list[str]] = {}
    spoken_of = _Spoken(plain)
    known: dict[tuple[object, ...], tuple[Scope[bool], ...]] = {}
    for crawler in crawlers:
        if _AGENT.fullmatch(crawler.name) is None or not (crawler.kind in _NAMED or spoken_of.names(crawler)):
            continue
        key = spoken_of.key(crawler)
        if key not in known:
            known[key] = _blocks(plain, patterns, [_proved(crawler)])
        blocked = known[key]
        if blocked == for_all:
            continue
        lines = _lines_for(robots, crawler.name, blocked, signals)
        if lines:
            alike.setdefault(lines, []).append(crawler.name)
    return [*groups, *(_group(agents, lines) for lines, agents in alike.items())]


class _Spoken:
    """Which names, operators and kinds the rules speak of: crawlers of whom they say the same are judged once."""

    def __init__(self, rules: RuleIndex) -> None:
        whom = [rule.who for rule in rules.rule_set.rules if rule.enabled]
        self._crawlers = {who.crawler.casefold() for who in whom if who.crawler}
        self._operators = {who.operator.casefold() for who in whom if who.operator}
        self._kinds = {who.kind for who in whom if who.kind}

    def names(self, crawler: ClaimedCrawler) -> bool:
        """Whether a rule names the crawler, its operator or its kind."""
        name, operator, _ = self.key(crawler)
        return name is not None or operator is not None or crawler.kind in self._kinds

    def key(self, crawler: ClaimedCrawler) -> tuple[str | None, str | None, CrawlerKind]:
        """What of a crawler can make a difference."""
        name, operator = crawler.name.casefold(), crawler.operator.casefold()
        return (
            name if name in self._crawlers else None,
            operator if operator in self._operators else None,
            crawler.kind,
        )


def _proved(crawler: ClaimedCrawler) -> ClaimedCrawler:
    """The same with the best proof there is."""
    return ClaimedCrawler(crawler.name, crawler.operator, crawler.kind, None, Rung.SIGNED)


def _lines_for(robots: Robots, agent: str, blocked: Sequence[Scope[bool]], signals: Sequence[str]) -> tuple[str, ...]:
    before = robots.lines_for(agent)
    lines = _block_lines(before, blocked)
    if not lines:
        return ()
    # With a group of its own it no longer reads the one for everybody.
    kept = [] if robots.names(agent) else [f"{_word(line)}: {line.value}" for line in before if line.name in _KEPT]
    return (*kept, *signals, *lines)


def _blocks(rules: RuleIndex, patterns: Sequence[str], whom: Sequence[ClaimedCrawler]) -> tuple[Scope[bool], ...]:
    def is_blocked(path: str) -> bool:
        return all(rules.match(path, None, one, 0.0).rule.action is Action.BLOCK for one in whom)

    return narrow(patterns, is_blocked)


def _block_lines(before: tuple[Line, ...], blocked: Sequence[Scope[bool]]) -> list[str]:
    lines = []
    for scope in blocked:
        if scope.says:
            lines.append(f"Disallow: {scope.pattern}")
        elif scope.pattern != EVERYWHERE and is_allowed(before, sample_of(scope.pattern)):
            lines.append(f"Allow: {scope.pattern}")
    return lines


def _group(agents: Sequence[str], lines: Sequence[str]) -> str:
    return "".join(f"User-agent: {agent}\n" for agent in agents) + "".join(f"{line}\n" for line in lines)


def _word(line: Line) -> str:
    return line.name.capitalize()


def contradictions(robots: Robots, rules: RuleIndex, crawlers: Iterable[ClaimedCrawler]) -> tuple[Contradiction, ...]:
    """Where a crawler for training, search or answers is asked to pay and may not come: it will not come to pay."""
    plain, _ = plain_rules(rules)
    found: dict[tuple[str, Money], list[str]] = {}
    readers = [crawler for crawler in crawlers if crawler.kind in _READING]
    spoken_of = _Spoken(plain)
    patterns = [EVERYWHERE, *scope_patterns(plain)[0][:PATTERNS_MAX]]
    for pattern in patterns:
        if f"{pattern.removesuffix('$')}/" in patterns and pattern.endswith("$"):
            continue  # /a and what is below /a/ are one directory to a person
        sample = sample_of(pattern)
        prices: dict[tuple[object, ...], Money | None] = {}
        for crawler in readers:
            key = spoken_of.key(crawler)
            if key not in prices:
                prices[key] = terms_of(plain.match(sample, None, _proved(crawler), 0.0).rule).price
            price = prices[key]
            if price is not None and not robots.allows(crawler.name, sample):
                found.setdefault((pattern, price), []).append(crawler.name)
    return tuple(Contradiction(pattern, price, tuple(names)) for (pattern, price), names in found.items())
