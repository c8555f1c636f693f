"""What a draft changes, rule by rule: for the banner, the marks in the list, and the review before publishing.

Rules of this file: a rule is known by its name (reports go by it); one that only changed its name is called renamed;
of rules that changed places only as few as possible are called moved. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.rules import Action, Rule, RuleSet, Who, everything_else

NOTHING_PUBLISHED = RuleSet((), everything_else(Action.ALLOW))
"""What is in force before the first publication: nothing is asked of anybody."""

PRICE_JUMP = 10


class Kind(StrEnum):
    """What happened to a rule."""

    ADDED = "new"
    REMOVED = "taken out"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Edit:
    """One attribute of a rule, before and after; None where it was not set. ``label`` is for people."""

    label: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One rule's change. ``before`` or ``after`` is None for a new or removed one; positions count from 1."""

    kind: Kind
    before: Rule | None
    after: Rule | None
    edits: tuple[Edit, ...] = ()
    from_position: int | None = None
    to_position: int | None = None

    @property
    def rule(self) -> Rule:
        """The rule as it will be, or as it was when it is taken out."""
        rule = self.after or self.before
        assert rule is not None
        return rule

    @property
    def jumps(self) -> bool:
        """Whether the price becomes ten times the old one, or more: most often a slip of the decimal point."""
        old = self.before.price if self.before else None
        new = self.after.price if self.after else None
        return bool(old and new and old.amount_micros and new.amount_micros >= PRICE_JUMP * old.amount_micros)


def compare(live: RuleSet, draft: RuleSet) -> tuple[Change, ...]:
    """Every change from ``live`` to ``draft``, in the draft's order, what is taken out last."""
    pairs = _pair(live, draft)
    stayed = _stayed([pairs[position][0] for position in range(len(draft.rules))])
    changes = []
    for position, rule in enumerate(draft.rules):
        old, before = pairs[position]
        if before is None:
            changes.append(Change(Kind.ADDED, None, rule, to_position=position + 1))
        elif before != rule:
            changes.append(Change(Kind.CHANGED, before, rule, _edits(before, rule), (old or 0) + 1, position + 1))
        elif position not in stayed:
            changes.append(Change(Kind.MOVED, before, rule, (), (old or 0) + 1, position + 1))
    if live.default != draft.default:
        changes.append(Change(Kind.CHANGED, live.default, draft.default, _edits(live.default, draft.default)))
    kept = {old for old, _ in pairs.values()}
    gone = (
        Change(Kind.REMOVED, rule, None, from_position=old + 1)
        for old, rule in enumerate(live.rules)
        if old not in kept
    )
    return (*changes, *gone)


def _pair(live: RuleSet, draft: RuleSet) -> dict[int, tuple[int | None, Rule | None]]:
    """For each position of the draft: position and rule in the live set, by name, else by everything but the name."""
    by_name = {rule.name.casefold(): (position, rule) for position, rule in enumerate(live.rules)}
    names = {rule.name.casefold() for rule in draft.rules}
    nameless = {
        replace(rule, name="-"): (position, rule)
        for position, rule in enumerate(live.rules)
        if rule.name.casefold() not in names
    }
    pairs: dict[int, tuple[int | None, Rule | None]] = {}
    for position, rule in enumerate(draft.rules):
        found = by_name.get(rule.name.casefold())
        if found is None and nameless:
            found = nameless.pop(replace(rule, name="-"), None)
        pairs[position] = found or (None, None)
    return pairs


def _stayed(old_positions: list[int | None]) -> set[int]:
    """The draft positions of the longest run of rules that kept their order (longest increasing subsequence)."""
    tails: list[int] = []
    tail_at: list[int] = []
    previous: dict[int, int | None] = {}
    for position, old in enumerate(old_positions):
        if old is None:
            continue
        place = bisect_left(tails, old)
        previous[position] = tail_at[place - 1] if place else None
        tails[place : place + 1] = [old]
        tail_at[place : place + 1] = [position]
    stayed: set[int] = set()
    last = tail_at[-1] if tail_at else None
    while last is not None:
        stayed.add(last)
        last = previous[last]
    return stayed


def _edits(before: Rule, after: Rule) -> tuple[Edit, ...]:
    """Every attribute that differs, in the order in which people read a rule."""
    pairs = (
        ("name", before.name, after.name),
        ("on", before.enabled, after.enabled),
        *_who_edits(before.who, after.who),
        ("where", before.where, after.where),
        ("query", before.query, after.query),
        ("when", before.when, after.when),
        ("action", before.action, after.action),
        ("price", before.price, after.price),
        ("licence", before.licence, after.licence),
        ("free pages", before.free_pages, after.free_pages),
        ("free pages are for each", before.free_period, after.free_period),
        ("hours free again", before.recrawl_hours, after.recrawl_hours),
        ("free while unchanged", before.recrawl_unchanged, after.recrawl_unchanged),
        ("rate", before.rate, after.rate),
        ("while the ledger is down", before.on_ledger_error, after.on_ledger_error),
        ("status of a block", before.block_status, after.block_status),
        ("text of a block", before.block_text, after.block_text),
    )
    return tuple(Edit(label, old, new) for label, old, new in pairs if old != new)


def _who_edits(before: Who, after: Who) -> tuple[tuple[str, object, object], ...]:
    return (
        ("crawler", before.crawler, after.crawler),
        ("operator", before.operator, after.operator),
        ("kind", before.kind, after.kind),
        ("least proof", before.least, after.least),
        ("greatest proof", before.most, after.most),
    )
