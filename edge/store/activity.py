"""Single requests of crawlers: written in batches off the request, read newest first, gone after their time.

Rules of this file
- A row is what a later question needs: who, how well proved, what for, where, by which rule, for how much, and how it
  ended. People's requests are never here.
- Rows are a sample when there are many: ``requests`` says how many each stands for. Sums come from the roll-ups.
- What a crawler says it is is stored once, and shared by the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, insert, or_, select, update
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from edge.store.activity_sums import add_to_sums, sweep_sums
from edge.store.deletion import delete_some
from edge.store.insertion import insert_new
from edge.store.tables import activity, site, user_agent

DAY_MICROS = 86_400_000_000
USER_AGENT_CHARACTERS = 400
AGENTS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Activity:
    """One request of a crawler. ``at_micros`` with ``number`` names it; ``price_micros`` is in the site's currency.

    ``user_agent`` is its text, ``address`` what may be kept of where it came from. ``operator``, ``agent`` and
    ``facts`` are what deciding it again needs beside that (``edge.core.recorded``).
    """

    site_id: int
    at_micros: int
    number: int
    crawler: str
    rung: str
    kind: str
    rule: str
    outcome: str
    price_micros: int | None
    offer: str | None
    method: str
    target: str
    status: int
    user_agent: str
    address: str
    requests: int
    operator: str = ""
    agent: str | None = None
    facts: int = 0


_FIELDS = tuple(field.name for field in fields(Activity))
_STORED = tuple(name for name in _FIELDS if name != "user_agent")
_STREAM_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """What is asked for; None does not narrow. ``before`` is the place of a row after which the next page begins.

    ``outcomes`` are several of which any will do; ``path`` is how the target begins. ``until_micros`` is exclusive.
    """

    crawler: str | None = None
    outcome: str | None = None
    since_micros: int | None = None
    until_micros: int | None = None
    before: tuple[int, int] | None = None
    kind: str | None = None
    rung: str | None = None
    rule: str | None = None
    outcomes: frozenset[str] | None = None
    status: int | None = None
    path: str | None = None

    def conditions(self, column: ReadOnlyColumnCollection[str, Any]) -> Iterator[ColumnElement[bool]]:
        """What it asks of the columns that rows and their sums share."""
        for name in ("crawler", "outcome", "kind", "rung", "rule", "status"):
            value = getattr(self, name)
            if value is not None:
                yield column[name] == value
        if self.outcomes is not None:
            yield column.outcome.in_(sorted(self.outcomes))


class UserAgents:
    """The numbers of texts; one for each process that writes. Bounded: what is forgotten is looked up again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    def number(self, connection: Connection, text: str, now_micros: int) -> int | None:
        """The number of a text, which is stored if it is new; None for no text. Once a day its use is noted."""
        text = text[:USER_AGENT_CHARACTERS].replace("\0", "")
        if not text:
            return None
        day = now_micros - now_micros % DAY_MICROS
        known = self._known.pop(text, None)
        if known is None or known[1] < day:
            known = (_store(connection, text, day), day)
        self._known[text] = known  # the order of the dictionary is that of the last use
        if len(self._known) > AGENTS_REMEMBERED:
            del self._known[next(iter(self._known))]
        return known[0]

    def forget(self) -> None:
        """After a transaction that did not end well: what it stored is not there."""
        self._known.clear()


def write_activity(
    connection: Connection, agents: UserAgents, rows: Iterable[Activity], now_micros: int
) -> list[Activity]:
    """Write rows and add them to the sums; what is there already, because a commit's answer was lost, stays as it is.

    Returns the rows that are new. The caller calls ``agents.forget`` if the transaction fails.
    """
    new = _not_there_yet(connection, list(rows))
    values = [{name: getattr(row, name) for name in _FIELDS} for row in new]
    # In one order, so that two processes that store the same texts do not wait for each other in a circle.
    texts = sorted({value["user_agent"] for value in values})
    numbers = {text: agents.number(connection, text, now_micros) for text in texts}
    for value in values:
        value["user_agent_id"] = numbers[value.pop("user_agent")]
    if values:
        connection.execute(insert(activity), values)
        add_to_sums(connection, new)
    return new


def _not_there_yet(connection: Connection, rows: Sequence[Activity]) -> list[Activity]:
    """The rows that no earlier try has written. A row is one process's alone, so nobody writes it in between."""
    places: dict[tuple[int, int, int], Activity] = {}
    for one in rows:
        places.setdefault((one.site_id, one.at_micros, one.number), one)
    for site_id in {place[0] for place in places}:
        times = [at_micros for site, at_micros, _ in places if site == site_id]
        there = select(activity.c.at_micros, activity.c.number).where(
            activity.c.site_id == site_id, activity.c.at_micros.between(min(times), max(times))
        )
        for at_micros, number in connection.execute(there):
            places.pop((site_id, at_micros, number), None)
    return list(places.values())


def list_activity(
    connection: Connection, site_ids: Iterable[int], wanted: ActivityFilter, limit: int = 50
) -> list[Activity]:
    """The newest rows of these sites that fit, newest first; each site is read along its own part of the key."""
    found = [row for site_id in site_ids for row in newest_of_site(connection, site_id, wanted, limit)]
    return sorted(found, key=lambda row: (row.at_micros, row.number), reverse=True)[:limit]


def newest_of_site(connection: Connection, site_id: int, wanted: ActivityFilter, limit: int) -> list[Activity]:
    """The newest rows of one site that fit, newest first."""
    query = _rows(site_id, wanted).order_by(activity.c.at_micros.desc(), activity.c.number.desc()).limit(limit)
    return [_row(found) for found in connection.execute(query).mappings()]


def stream_activity(connection: Connection, site_id: int, wanted: ActivityFilter) -> Iterator[Activity]:
    """All rows of one site that fit, oldest first, for exports of any length; the connection is busy until the end."""
    query = _rows(site_id, wanted).order_by(activity.c.at_micros, activity.c.number)
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        yield from map(_row, rows.mappings())


def find_activity(connection: Connection, site_id: int, at_micros: int, number: int) -> Activity | None:
    """One row of a site, by what names it."""
    query = _rows(site_id, ActivityFilter()).where(activity.c.at_micros == at_micros, activity.c.number == number)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else _row(found)


def _rows(site_id: int, wanted: ActivityFilter) -> Select[Any]:
    return (
        select(activity, user_agent.c.text)
        .outerjoin(user_agent, user_agent.c.id == activity.c.user_agent_id)
        .where(activity.c.site_id == site_id, *row_conditions(wanted))
    )


def _row(found: RowMapping) -> Activity:
    return Activity(**{name: found[name] for name in _STORED}, user_agent=found["text"] or "")


def sweep_activity(connection: Connection, before_micros: int) -> int:
    """Delete a little of what is older, site by site along the key; return how many rows went, 0 at the end.

    Its sums go first: from then on the rest of its day does not count.
    """
    sites: Sequence[int] = connection.execute(select(site.c.id).order_by(site.c.id)).scalars().all()
    for site_id in sites:
        sweep_sums(connection, site_id, before_micros)
        old = (activity.c.site_id == site_id) & (activity.c.at_micros < before_micros)
        gone = delete_some(connection, activity, old)
        if gone:
            return gone
    # A day later than the rows that share them: the day that is noted begins before the row.
    return delete_some(connection, user_agent, user_agent.c.seen_at_micros < before_micros - DAY_MICROS)


def _store(connection: Connection, text: str, day: int) -> int:
    insert_new(connection, user_agent, {"text": text, "seen_at_micros": day})
    where = user_agent.c.text == text
    connection.execute(update(user_agent).where(where, user_agent.c.seen_at_micros < day).values(seen_at_micros=day))
    number: int = connection.execute(select(user_agent.c.id).where(where)).scalar_one()
    return number


def row_conditions(wanted: ActivityFilter) -> list[ColumnElement[bool]]:
    """What a filter asks of a row of ``activity``."""
    column = activity.c
    found = list(wanted.conditions(column))
    if wanted.path is not None:
        # By the letter: LIKE would not tell /A from /a on SQLite.
        found.append(func.substr(column.target, 1, len(wanted.path)) == wanted.path)
    if wanted.since_micros is not None:
        found.append(column.at_micros >= wanted.since_micros)
    if wanted.until_micros is not None:
        found.append(column.at_micros < wanted.until_micros)
    if wanted.before is not None:
        at_micros, number = wanted.before
        earlier = and_(column.at_micros == at_micros, column.number < number)
        # The first half alone would be enough, but by the second the database goes along the key.
        found += [or_(column.at_micros < at_micros, earlier), column.at_micros <= at_micros]
    return found
