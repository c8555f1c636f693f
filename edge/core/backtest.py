"""What a draft would have done to recorded traffic, beside what the live rules would have done. Pure.

Rules of this file
- Requests are grouped before they are decided: by who asked how (``Asker``), by what of the address matters to both
  sets of rules (``RuleIndex.cover``), and by the part of the week where rules have hours. Each group is decided once,
  by ``decide_crawler`` on one of its own requests, so a million rows cost a few thousand decisions.
- Live and draft are judged alike, on the same requests and by the same register; so their difference is the rules'.
- A row stands for as many requests as it says. Nothing is scaled beyond that.
- Memory is bounded by what is distinct for the rules; remembered addresses are forgotten when there are too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edge.core.backtest_result import Backtest, Example, Span, Sums
from edge.core.path_table import path_key
from edge.core.policy import Policy, SitePolicy
from edge.core.recorded import Asker
from edge.core.replay import Answer, answer_to, stated_price
from edge.core.rule_index import RuleIndex
from edge.core.rules import Window

ADDRESSES_REMEMBERED = 500_000
EXAMPLES_PER_GROUP = 3
_WEEK_MINUTES = 7 * 24 * 60
_PARTS_MAX = _WEEK_MINUTES  # of the week: no more than it has minutes
_MINUTE_MICROS = 60_000_000
_MONDAY = 3 * 24 * 60  # 1 January 1970 was a Thursday

Row = tuple[str, int, str, int, int]
"""Who asked how (a text that names an ``Asker``), when (microseconds), which target, for how many, its number."""


@dataclass(slots=True)
class _Group:
    """Requests that both sets of rules answer alike."""

    at_micros: int
    requests: int = 0
    rows: int = 0
    targets: list[str] = field(default_factory=list)


class Replay:
    """Takes rows in, in any order, and then says what both sets of rules make of them."""

    def __init__(self, live: SitePolicy, draft: SitePolicy, policy: Policy) -> None:
        self._live = live
        self._draft = draft
        self._policy = policy
        self._places: dict[str, int] = {}
        self._numbers: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        self._groups: dict[str, dict[int, _Group]] = {}
        self._hours = _hours_of((live.rules, draft.rules))

    def add(self, rows: Iterable[Row]) -> None:
        """Count some rows."""
        groups, places, hours = self._groups, self._places, self._hours
        for asker, at_micros, target, requests, _ in rows:
            place = places.get(target)
            if place is None:
                place = self._place(target)
            if hours is not None:
                place = place * _PARTS_MAX + hours[(at_micros // _MINUTE_MICROS + _MONDAY) % _WEEK_MINUTES]
            mine = groups.get(asker)
            if mine is None:
                mine = groups[asker] = {}
            group = mine.get(place)
            if group is None:
                group = mine[place] = _Group(at_micros)
            group.requests += requests
            group.rows += 1
            if group.rows <= EXAMPLES_PER_GROUP:
                group.targets.append(target)

    def result(self, askers: Mapping[str, Asker], span: Span) -> Backtest:
        """Decide each group once, under both sets of rules, and sum up; ``askers`` reads the rows' texts."""
        sums = Sums(self._live.rules.rule_set, self._draft.rules.rule_set, self._live.currency)
        for name, groups in self._groups.items():
            asker = askers[name]
            for group in groups.values():
                live, draft = self._answers(asker, group.targets[0], group.at_micros / 1_000_000)
                examples = [Example(asker, target, live, draft) for target in group.targets]
                sums.add(asker, live, draft, group.requests, group.rows, examples)
        return sums.result(span)

    @property
    def askers(self) -> frozenset[str]:
        """The texts of those who asked."""
        return frozenset(self._groups)

    def _answers(self, asker: Asker, target: str, now: float) -> tuple[Answer, Answer]:
        live = answer_to(asker, target, now, self._live, self._policy)
        stated = stated_price(asker, live) if self._live.in_band_pricing else None
        if stated is not None:
            live = answer_to(asker, target, now, self._live, self._policy, stated)
        return live, answer_to(asker, target, now, self._draft, self._policy, stated)

    def _place(self, target: str) -> int:
        """The number of what matters of an address."""
        path, mark, query = target.partition("?")
        key, asked = path_key(path, case_sensitive=self._live.rules.case_sensitive), query if mark else None
        cover = self._live.rules.cover(key, asked), self._draft.rules.cover(key, asked)
        if len(self._places) >= ADDRESSES_REMEMBERED:
            self._places.clear()
        place = self._places[target] = self._numbers.setdefault(cover, len(self._numbers))
        return place


def _hours_of(indexes: Iterable[RuleIndex]) -> list[int] | None:
    """For each minute of the week the number of its part: within one, the same windows are open. None without any."""
    windows = {rule.when for index in indexes for rule in index.rule_set if rule.enabled and rule.when is not None}
    if not windows:
        return None
    ordered = sorted(windows, key=lambda window: (window.days, window.start_minute, window.end_minute))
    parts: dict[tuple[bool, ...], int] = {}
    minutes = range(-_MONDAY, _WEEK_MINUTES - _MONDAY)
    return [parts.setdefault(_open_at(ordered, minute), len(parts)) for minute in minutes]


def _open_at(windows: Iterable[Window], minute: int) -> tuple[bool, ...]:
    return tuple(window.contains(minute * 60.0) for window in windows)
