"""Single requests of crawlers: written in batches off the request, read newest first, gone after their time.

Rules of this file
- A row is what a later question needs: who, how well proved, what for, where, by which rule, for how much, and how it
  ended. People's requests are never here.
- Rows are a sample when there are many: ``requests`` says how many each stands for. Sums come from the roll-ups.
- What a crawler says it is is stored once, and shared by the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.deletion import delete_some
from edge.store.insertion import insert_new
from edge.store.tables import activity, site, user_agent

DAY_MICROS = 86_400_000_000
USER_AGENT_CHARACTERS = 400
AGENTS_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Activity:
    """One request of a crawler. ``at_micros`` with ``number`` names it; ``price_micros`` is in the site's currency.

    ``user_agent`` is its text, ``address`` what may be kept of where it came from.
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


_FIELDS = tuple(field.name for field in fields(Activity))


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """What is asked for; ``before`` is the place of a row after which the next page begins."""

    crawler: str | None = None
    outcome: str | None = None
    since_micros: int | None = None
    until_micros: int | None = None
    before: tuple[int, int] | None = None


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


def write_activity(connection: Connection, agents: UserAgents, rows: Iterable[Activity], now_micros: int) -> None:
    """Write rows; one that is there already, because a commit's answer was lost, stays as it is.

    The caller calls ``agents.forget`` if the transaction fails.
    """
    values = [{name: getattr(row, name) for name in _FIELDS} for row in rows]
    # In one order, so that two processes that store the same texts do not wait for each other in a circle.
    texts = sorted({value["user_agent"] for value in values})
    numbers = {text: agents.number(connection, text, now_micros) for text in texts}
    for value in values:
        value["user_agent_id"] = numbers[value.pop("user_agent")]
    if values:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(activity).on_conflict_do_nothing(), values)


def list_activity(
    connection: Connection, site_ids: Iterable[int], wanted: ActivityFilter, limit: int = 50
) -> list[Activity]:
    """The newest rows of these sites that fit, newest first; each site is read along its own part of the key."""
    found = [row for site_id in site_ids for row in _newest(connection, site_id, wanted, limit)]
    return sorted(found, key=lambda row: (row.at_micros, row.number), reverse=True)[:limit]


def _newest(connection: Connection, site_id: int, wanted: ActivityFilter, limit: int) -> list[Activity]:
    query = (
        select(activity, user_agent.c.text)
        .outerjoin(user_agent, user_agent.c.id == activity.c.user_agent_id)
        .where(activity.c.site_id == site_id, *_conditions(wanted))
        .order_by(activity.c.at_micros.desc(), activity.c.number.desc())
        .limit(limit)
    )
    rows = connection.execute(query).mappings()
    names = [name for name in _FIELDS if name != "user_agent"]
    return [Activity(**{name: row[name] for name in names}, user_agent=row["text"] or "") for row in rows]


def sweep_activity(connection: Connection, before_micros: int) -> int:
    """Delete a little of what is older, site by site along the key; return how many rows went, 0 at the end."""
    sites: Sequence[int] = connection.execute(select(site.c.id).order_by(site.c.id)).scalars().all()
    for site_id in sites:
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


def _conditions(wanted: ActivityFilter) -> list[ColumnElement[bool]]:
    column = activity.c
    found: list[ColumnElement[bool]] = []
    if wanted.crawler is not None:
        found.append(column.crawler == wanted.crawler)
    if wanted.outcome is not None:
        found.append(column.outcome == wanted.outcome)
    if wanted.since_micros is not None:
        found.append(column.at_micros >= wanted.since_micros)
    if wanted.until_micros is not None:
        found.append(column.at_micros < wanted.until_micros)
    if wanted.before is not None:
        at_micros, number = wanted.before
        earlier = and_(column.at_micros == at_micros, column.number < number)
        found.append(or_(column.at_micros < at_micros, earlier))
    return found
