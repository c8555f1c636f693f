"""Granted pages held against the entries: what each count says was used is what its entries come to.

The entries are counted while ``verify`` reads them charge by charge; only the counts are kept, as in the table. What a
count allows is held against what allowed it: the rules, in the versions that its entries name, or the subscription.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from edge.core.grant_plan import counter_of
from edge.core.grants import SUBSCRIPTION, CounterKey, free_name, is_subscription
from edge.core.ledger import Entry, EntryKind
from edge.store.faults import Fault, RowTypes
from edge.store.rulesets import find_version
from edge.store.tables import grant_count, subscription


@dataclass(slots=True)
class GrantSums:
    """How many pages were granted by each count; ``add`` takes the entries of one key, in order."""

    used: dict[CounterKey, int] = field(default_factory=dict)
    _sold_by: dict[tuple[str, int], set[tuple[str | None, int | None]]] = field(default_factory=dict)
    """By term and site: the rules, with their versions, whose pages were granted."""
    _allowances: dict[tuple[str, int], int | None] = field(default_factory=dict)

    def add(self, life: Sequence[Entry], sign: int = 1) -> None:
        """Count the granted pages of one key, all its attempts; with a ``sign`` of -1 take that back.

        Raises ``InvariantBroken`` for a page that no term can have granted.
        """
        opening: Entry | None = None
        for entry in life:
            if entry.kind == EntryKind.GRANT:
                opening = entry
                self._count(opening, sign)
            elif entry.kind == EntryKind.WITHDRAW and opening is not None:
                self._count(opening, -sign)

    def faults(self, connection: Connection) -> Iterator[Fault]:
        """Counts that say something else than their entries, and counts that are missing."""
        unmatched = {key: used for key, used in self.used.items() if used}
        types = RowTypes(grant_count.columns)
        for row in connection.execute(select(grant_count).order_by(*grant_count.primary_key.columns)):
            key = CounterKey(row.account_id, row.name, row.site_id, row.start_micros)
            wrong = types.fault(row)
            if wrong is not None:
                yield Fault("I5", f"{row.name} of account {row.account_id}", wrong)
                continue
            used = unmatched.pop(key, 0)
            if row.used != used:
                yield _unlike(key, row.used, used)
            if row.used > row.allowed:
                yield Fault("I3", _place(key), f"has granted {row.used} pages of {row.allowed}")
            most = self._most(connection, key)
            if most is not None and row.allowed > most:
                yield Fault("I3", _place(key), f"allows {row.allowed} pages, its terms gave {most}")
        for key, used in sorted(unmatched.items()):
            yield _unlike(key, 0, used)

    def _count(self, opening: Entry, change: int) -> None:
        key = counter_of(opening)
        if key is not None:
            self.used[key] = self.used.get(key, 0) + change
            if key.site_id:
                self._sold_by.setdefault((key.name, key.site_id), set()).add((opening.rule, opening.rule_version))

    def _most(self, connection: Connection, key: CounterKey) -> int | None:
        """What its terms ever allowed: the subscription's pages, or the most of the rules that granted pages there.

        None where nobody can say, because a version of the rules is not there.
        """
        if is_subscription(key.name):
            number = int(key.name.removeprefix(SUBSCRIPTION))
            pages = select(subscription.c.pages).where(subscription.c.id == number)
            return connection.execute(pages).scalar_one_or_none()
        place = (key.name, key.site_id)
        if place not in self._allowances:
            sold_by = self._sold_by.get(place, set())
            found = [_pages_of(connection, key, rule, version) for rule, version in sold_by]
            known = [pages for pages in found if pages is not None]
            self._allowances[place] = max(known) if known and len(known) == len(found) else None
        return self._allowances[place]


def _pages_of(connection: Connection, key: CounterKey, rule: str | None, version: int | None) -> int | None:
    """How many free pages a rule of that version gives in the term's period; None without such a rule."""
    found = None if version is None else find_version(connection, key.site_id, version)
    if found is None:
        return None
    pages = [one.free_pages for one in found.rules.rules if one.name == rule and free_name(one.free_period) == key.name]
    return max(pages, default=None)


def _unlike(key: CounterKey, said: int, counted: int) -> Fault:
    return Fault("I5", _place(key), f"says {said} pages, its entries are {counted}")


def _place(key: CounterKey) -> str:
    day = datetime.fromtimestamp(key.start_micros // 1_000_000, UTC).strftime("%Y-%m-%d")
    where = f" at site {key.site_id}" if key.site_id else ""
    return f"{key.name} of account {key.account}{where}, from {day}"
