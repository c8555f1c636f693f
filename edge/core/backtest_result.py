"""What a backtest found: money in three bands, decisions that change, rules, warnings. Pure values and their sums.

Rules of this file
- Live and draft stand side by side everywhere; a difference is never shown without both.
- The bands are not added up: what was offered is money, what could be paid is a hope, what cannot be paid is neither.
- Amounts are integers of a millionth of the site's currency, exact for the rows that were read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from edge.core.identity import CrawlerKind
from edge.core.recorded import Asker
from edge.core.replay import Answer, Band, Fate
from edge.core.rules import Rule, RuleSet

EXAMPLES_MAX = 50
NAMES_MAX = 5
PRICE_JUMP = 10
_LET_IN = frozenset({Fate.FREE, Fate.WATCHED, Fate.SOLD, Fate.BROKEN_OFF})
_PRICED = frozenset({Fate.WATCHED, Fate.SOLD, Fate.TOO_DEAR, Fate.UNPAID})


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since_micros`` on, up to but not including ``until_micros``."""

    since_micros: int
    until_micros: int


@dataclass(frozen=True, slots=True)
class BandSum:
    """So many requests, and what they come to at the price of each."""

    requests: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Takings:
    """What one set of rules would have earned: for sure, perhaps, and not today."""

    offered: BandSum
    able: BandSum
    unable: BandSum


@dataclass(frozen=True, slots=True)
class State:
    """What a request comes to; ``price_micros`` where that has a price, ``code`` where it is refused."""

    fate: Fate
    price_micros: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Transition:
    """Requests whose answer changes. ``difference_micros`` is what that does to what was offered."""

    before: State
    after: State
    requests: int
    difference_micros: int


@dataclass(frozen=True, slots=True)
class Example:
    """One recorded request and both answers."""

    asker: Asker
    target: str
    live: Answer
    draft: Answer

    @property
    def before(self) -> State:
        """What it comes to now."""
        return state_of(self.live)

    @property
    def after(self) -> State:
        """What it would come to."""
        return state_of(self.draft)


@dataclass(frozen=True, slots=True)
class RuleDifference:
    """What a rule of that name decides and sells, live and in the draft; a rule that is missing decides nothing."""

    name: str
    live_requests: int
    draft_requests: int
    live_micros: int
    draft_micros: int


class Caution(StrEnum):
    """What somebody should know before publishing."""

    SEARCH = "search"
    """Search engines that were let in are not any more."""
    ASSISTANT = "assistant"
    """Assistants that ask for a person are not let in any more."""
    PRICE_JUMP = "price jump"
    ALL_REFUSED = "all refused"
    NEVER_MATCHES = "never matches"


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: how many requests it is about, and whose, or which rules."""

    caution: Caution
    requests: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsure:
    """Requests that cannot be replayed exactly, of those that the draft sells or holds to a rate.

    ``may_be_free`` may be given away by a rule's terms or a subscription and are counted as sold; ``rated`` are under a
    rate, which is not replayed.
    """

    may_be_free: int
    rated: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """A draft against recorded traffic. ``requests`` is what the ``rows`` stand for.

    ``traffic`` is what the edge would have counted under the draft: requests by crawler, rung, rule and outcome.
    """

    span: Span
    currency: str
    requests: int
    rows: int
    live: Takings
    draft: Takings
    changed: int
    transitions: tuple[Transition, ...]
    examples: tuple[Example, ...]
    rules: tuple[RuleDifference, ...]
    warnings: tuple[Warned, ...]
    unsure: Unsure
    traffic: dict[tuple[str, str, str, str], int]

    @property
    def sample_of(self) -> int:
        """Of about how many requests one was recorded; 1 when all were."""
        return max(1, round(self.requests / self.rows)) if self.rows else 1

    @property
    def is_sample(self) -> bool:
        """Whether some rows stand for more than themselves."""
        return self.requests > self.rows

    @property
    def difference_micros(self) -> int:
        """What the draft would have earned more for sure."""
        return self.draft.offered.amount_micros - self.live.offered.amount_micros


def state_of(answer: Answer) -> State:
    """What an answer is to a publisher."""
    price = answer.price if answer.fate in _PRICED else None
    code = answer.outcome if answer.fate is Fate.REFUSED else None
    return State(answer.fate, None if price is None else price.amount_micros, code)


@dataclass(slots=True)
class _Side:
    """What one set of rules makes of the requests so far."""

    bands: dict[Band, list[int]] = field(default_factory=lambda: {band: [0, 0] for band in Band})
    decided: Counter[str] = field(default_factory=Counter)
    earned: Counter[str] = field(default_factory=Counter)
    let_in: int = 0

    def add(self, answer: Answer, requests: int) -> int:
        """Count requests of one answer; what they earn for sure."""
        amount = answer.price.amount_micros * requests if answer.price is not None else 0
        if answer.band is not None:
            self.bands[answer.band][0] += requests
            self.bands[answer.band][1] += amount
        self.let_in += requests if answer.fate in _LET_IN else 0
        earned = amount if answer.band is Band.OFFERED else 0
        if answer.rule is not None:
            self.decided[answer.rule.name] += requests
            self.earned[answer.rule.name] += earned
        return earned

    def takings(self) -> Takings:
        return Takings(*(BandSum(*self.bands[band]) for band in (Band.OFFERED, Band.ABLE, Band.UNABLE)))


class Sums:
    """Adds up answers, group by group."""

    def __init__(self, live: RuleSet, draft: RuleSet, currency: str) -> None:
        self._live_rules, self._draft_rules, self._currency = live, draft, currency
        self._live, self._draft = _Side(), _Side()
        self._requests = self._rows = 0
        self._changes: dict[tuple[State, State], list[int]] = {}
        self._examples: dict[tuple[State, State], list[Example]] = {}
        self._warned: dict[Caution, Counter[str]] = {}
        self._unsure: Counter[str] = Counter()
        self._traffic: Counter[tuple[str, str, str, str]] = Counter()

    def add(
        self, asker: Asker, live: Answer, draft: Answer, requests: int, rows: int, examples: Iterable[Example]
    ) -> None:
        """Count requests that both sets of rules answer alike."""
        self._requests += requests
        self._rows += rows
        difference = -self._live.add(live, requests) + self._draft.add(draft, requests)
        before, after = state_of(live), state_of(draft)
        if before != after:
            change = self._changes.setdefault((before, after), [0, 0])
            change[0] += requests
            change[1] += difference
            self._examples.setdefault((before, after), []).extend(examples)
            self._warn(asker, before, after, requests)
        rule = draft.rule.name if draft.rule is not None else ""
        self._traffic[asker.crawler, asker.rung, rule, draft.outcome] += requests
        self._unsure["may be free"] += requests if draft.may_be_free else 0
        self._unsure["rated"] += requests if draft.rated else 0

    def result(self, span: Span) -> Backtest:
        """All of it."""
        changes = sorted(self._changes.items(), key=lambda item: (-item[1][0], str(item[0])))
        return Backtest(
            span,
            self._currency,
            self._requests,
            self._rows,
            self._live.takings(),
            self._draft.takings(),
            sum(requests for _, (requests, _) in changes),
            tuple(Transition(before, after, *numbers) for (before, after), numbers in changes),
            _spread([self._examples[states] for states, _ in changes]),
            self._rule_differences(),
            self._warnings(),
            Unsure(self._unsure["may be free"], self._unsure["rated"]),
            dict(self._traffic),
        )

    def _rule_differences(self) -> tuple[RuleDifference, ...]:
        """The draft's rules in order, then those that are taken out."""
        names = dict.fromkeys(rule.name for rules in (self._draft_rules, self._live_rules) for rule in rules)
        return tuple(self._rule_difference(name) for name in names)

    def _rule_difference(self, name: str) -> RuleDifference:
        live, draft = self._live, self._draft
        return RuleDifference(name, live.decided[name], draft.decided[name], live.earned[name], draft.earned[name])

    # What somebody should know

    def _warn(self, asker: Asker, before: State, after: State, requests: int) -> None:
        shut_out = before.fate in (Fate.FREE, Fate.WATCHED) and after.fate not in _LET_IN
        name = asker.crawler or "bots without a name"
        if shut_out and asker.kind == CrawlerKind.SEARCH.value:
            self._note(Caution.SEARCH, name, requests)
        if shut_out and asker.kind == CrawlerKind.ASSISTANT.value:
            self._note(Caution.ASSISTANT, name, requests)
        if before.price_micros and after.price_micros and after.price_micros >= PRICE_JUMP * before.price_micros:
            self._note(Caution.PRICE_JUMP, name, requests)

    def _note(self, caution: Caution, name: str, requests: int) -> None:
        self._warned.setdefault(caution, Counter())[name] += requests

    def _warnings(self) -> tuple[Warned, ...]:
        counts = [(caution, self._warned[caution]) for caution in Caution if caution in self._warned]
        found = [Warned(caution, names.total(), _most(names)) for caution, names in counts]
        if self._requests and self._live.let_in and not self._draft.let_in:
            found.append(Warned(Caution.ALL_REFUSED, self._requests, ()))
        idle = tuple(rule.name for rule in self._draft_rules.rules if self._is_idle(rule))
        if self._requests and idle:
            found.append(Warned(Caution.NEVER_MATCHES, 0, idle))
        return tuple(found)

    def _is_idle(self, rule: Rule) -> bool:
        return rule.enabled and not self._draft.decided[rule.name]


def _most(names: Counter[str]) -> tuple[str, ...]:
    """The names that it is mostly about."""
    return tuple(name for name, _ in names.most_common(NAMES_MAX))


def _spread(lists: list[list[Example]]) -> tuple[Example, ...]:
    """Up to ``EXAMPLES_MAX``, taken from every list in turn, so that a rare change is shown beside a frequent one."""
    found: list[Example] = []
    for place in range(EXAMPLES_MAX):
        for examples in lists:
            if place < len(examples) and len(found) < EXAMPLES_MAX:
                found.append(examples[place])
    return tuple(found)
