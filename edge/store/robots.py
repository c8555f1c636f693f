"""Versions of each site's robots.txt, and crawlers' requests held against the one in force when they came.

Rules of this file
- Judged is what a crawler with a name asked for, if the name may be its own: people, the nameless and impostors are
  not, nor what is always free (robots.txt itself) or the edge's own. A site without a version is not judged.
- A request is judged once, when it is written down; the sums are added to in the order of their keys.
- Of a site the newest ``VERSIONS_MAX`` versions are kept, so that one that changes with each reading does not grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.core.decision import AdmitReason
from edge.core.identity import Rung
from edge.core.signals.robots import Robots, parse_robots
from edge.store.activity import Activity
from edge.store.insertion import insert_new
from edge.store.tables import robots_day, robots_file

DAY_MICROS = 86_400_000_000
VERSIONS_MAX = 20
SITES_REMEMBERED = 200
_NOT_JUDGED = frozenset({AdmitReason.FREE_PATH, AdmitReason.OWN_DOCUMENT, AdmitReason.VISITOR})


@dataclass(frozen=True, slots=True)
class Obedience:
    """How many requests of one crawler were judged, and how many of them asked for what robots.txt does not allow."""

    judged: int
    against: int


def note_robots(connection: Connection, site_id: int, text: str, now_micros: int) -> bool:
    """Keep what a site's origin says now, if it said something else before; whether it is new."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "")
    mine = robots_file.c.site_id == site_id
    versions = select(robots_file.c.since_micros, robots_file.c.text).where(mine)
    newest = connection.execute(versions.order_by(robots_file.c.since_micros.desc()).limit(1)).first()
    if newest is not None and (newest.text == plain or newest.since_micros >= now_micros):
        return False
    insert_new(connection, robots_file, {"site_id": site_id, "since_micros": now_micros, "text": plain})
    kept = (
        select(robots_file.c.since_micros).where(mine).order_by(robots_file.c.since_micros.desc()).limit(VERSIONS_MAX)
    )
    oldest = min(connection.execute(kept).scalars())
    connection.execute(delete(robots_file).where(mine, robots_file.c.since_micros < oldest))
    return True


class RobotsJudge:
    """One process's: remembers the versions of the sites it has seen lately, and which sites those are."""

    def __init__(self) -> None:
        self._versions: dict[int, tuple[int, tuple[tuple[int, Robots], ...]]] = {}
        self._seen: set[int] = set()

    def take_seen(self) -> frozenset[int]:
        """The sites that crawlers came to since this was last asked."""
        seen, self._seen = frozenset(self._seen), set()
        return seen

    def add(self, connection: Connection, rows: Iterable[Activity]) -> None:
        """Judge rows that were just written."""
        sums: dict[tuple[int, int, str], list[int]] = {}
        fresh: dict[int, tuple[tuple[int, Robots], ...]] = {}
        for row in rows:
            self._seen.add(row.site_id)
            if not row.crawler or row.rung == Rung.IMPOSTOR.label or row.outcome in _NOT_JUDGED:
                continue
            if row.site_id not in fresh:
                fresh[row.site_id] = self._of(connection, row.site_id)
            said = next((one for since, one in reversed(fresh[row.site_id]) if since <= row.at_micros), None)
            if said is None:
                continue
            total = sums.setdefault((row.site_id, row.at_micros - row.at_micros % DAY_MICROS, row.crawler), [0, 0])
            total[0] += row.requests
            total[1] += 0 if said.allows(row.crawler, row.target) else row.requests
        _upsert(connection, sums)

    def _of(self, connection: Connection, site_id: int) -> tuple[tuple[int, Robots], ...]:
        """The versions of a site, the oldest first; read again when there is another."""
        newest = connection.execute(
            select(func.max(robots_file.c.since_micros)).where(robots_file.c.site_id == site_id)
        ).scalar_one()
        known = self._versions.pop(site_id, None)
        if known is None or known[0] != newest:
            found = select(robots_file).where(robots_file.c.site_id == site_id).order_by(robots_file.c.since_micros)
            known = (newest, tuple((row.since_micros, parse_robots(row.text)) for row in connection.execute(found)))
        self._versions[site_id] = known
        if len(self._versions) > SITES_REMEMBERED:
            del self._versions[next(iter(self._versions))]
        return known[1]


def read_obedience(connection: Connection, site_id: int, since_micros: int, until_micros: int) -> dict[str, Obedience]:
    """A site's sums by crawler over whole days."""
    day = robots_day.c
    query = (
        select(day.crawler, func.sum(day.judged), func.sum(day.against))
        .where(day.site_id == site_id, day.day_micros >= since_micros, day.day_micros < until_micros)
        .group_by(day.crawler)
    )
    return {name: Obedience(int(judged), int(against)) for name, judged, against in connection.execute(query)}


def _upsert(connection: Connection, sums: dict[tuple[int, int, str], list[int]]) -> None:
    if not sums:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    names = [column.name for column in robots_day.columns]
    rows = [dict(zip(names, (*key, *total), strict=True)) for key, total in sorted(sums.items())]
    statement = insert(robots_day)
    added = {name: robots_day.c[name] + statement.excluded[name] for name in ("judged", "against")}
    keys = list(robots_day.primary_key.columns)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=added), rows)
