"""What crawlers asked for by part of a site and day: added to with each batch of single requests, bounded for a day.

Rules of this file
- A site's day has ``STEPS_MAX`` steps at most for each process that writes; a new one looks up what is there.
  What finds no room is counted under its part as "others", so that made-up paths cost no more than one row.
- Paths that nobody was served may take half of that room: whoever makes up paths cannot crowd out the site's own.
- Rows are only ever added to, in the order of their keys (as in ``traffic``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.core.outcomes import OutcomeGroup, group_of
from edge.core.site_tree import OTHERS, steps
from edge.store.activity import Activity
from edge.store.tables import content_day

DAY_MICROS = 86_400_000_000
STEPS_MAX = 3_000
SITES_REMEMBERED = 100
_SERVED = frozenset({OutcomeGroup.SOLD, OutcomeGroup.FREE, OutcomeGroup.WATCHED})


class _Key(NamedTuple):
    site_id: int
    parent: str
    day_micros: int
    step: str


@dataclass(frozen=True, slots=True)
class ContentSum:
    """What one step of a part came to. ``step`` ends with a slash where more lies below it, and is empty for others."""

    step: str
    requests: int
    asked: int
    sold: int


class ContentCounter:
    """One process's. ``steps_max`` bounds a site's day."""

    def __init__(self, steps_max: int = STEPS_MAX) -> None:
        self._steps_max = steps_max
        self._known: dict[tuple[int, int], set[tuple[str, str]]] = {}

    def add(self, connection: Connection, rows: Iterable[Activity]) -> None:
        """Count rows that were just written; the caller calls ``forget`` if the transaction fails."""
        sums: dict[_Key, list[int]] = {}
        for row in rows:
            group = group_of(row.outcome)
            day = row.at_micros - row.at_micros % DAY_MICROS
            for parent, step in self._found_room(connection, row, day, is_served=group in _SERVED):
                total = sums.setdefault(_Key(row.site_id, parent, day, step), [0, 0, 0])
                total[0] += row.requests
                total[1] += row.requests * (group is OutcomeGroup.ASKED)
                total[2] += row.requests * (group is OutcomeGroup.SOLD)
        _upsert(connection, sums)

    def forget(self) -> None:
        """After a transaction that did not end well: what it found room for may not be there."""
        self._known.clear()

    def _found_room(self, connection: Connection, row: Activity, day: int, *, is_served: bool) -> list[tuple[str, str]]:
        """The steps of a row's path that are told apart, the last one "others" where the room was over."""
        known = self._of(connection, row.site_id, day)
        found = []
        for parent, step in steps(row.target.partition("?")[0]) if row.target.startswith("/") else ():
            if (parent, step) not in known:
                if step != OTHERS and len(known) >= (self._steps_max if is_served else self._steps_max // 2):
                    found.append((parent, OTHERS))
                    break
                known.add((parent, step))
            found.append((parent, step))
        return found

    def _of(self, connection: Connection, site_id: int, day: int) -> set[tuple[str, str]]:
        known = self._known.pop((site_id, day), None)
        if known is None:
            there = select(content_day.c.parent, content_day.c.step).where(
                content_day.c.site_id == site_id, content_day.c.day_micros == day
            )
            known = {(parent, step) for parent, step in connection.execute(there)}
        self._known[(site_id, day)] = known  # the order of the dictionary is that of the last use
        if len(self._known) > SITES_REMEMBERED:
            del self._known[next(iter(self._known))]
        return known


def read_content(
    connection: Connection, site_id: int, parent: str, since_micros: int, until_micros: int
) -> list[ContentSum]:
    """The sums of a part's steps over days, the most asked for first."""
    requests = func.sum(content_day.c.requests)
    query = (
        select(content_day.c.step, requests, func.sum(content_day.c.asked), func.sum(content_day.c.sold))
        .where(
            content_day.c.site_id == site_id,
            content_day.c.parent == parent,
            content_day.c.day_micros >= since_micros,
            content_day.c.day_micros < until_micros,
        )
        .group_by(content_day.c.step)
        .order_by(requests.desc(), content_day.c.step)
    )
    return [ContentSum(step, *(int(number) for number in numbers)) for step, *numbers in connection.execute(query)]


def _upsert(connection: Connection, sums: dict[_Key, list[int]]) -> None:
    if not sums:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    names = [column.name for column in content_day.columns]
    rows = [dict(zip(names, (*key, *total), strict=True)) for key, total in sorted(sums.items())]
    statement = insert(content_day)
    added = {name: content_day.c[name] + statement.excluded[name] for name in ("requests", "asked", "sold")}
    keys = list(content_day.primary_key.columns)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=added), rows)
