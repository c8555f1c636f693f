"""Publications that wait for their time: planned by a person, carried out by an edge, once.

Rules of this file
- A plan is for one revision of the draft over one live version, as they were reviewed. When its time comes and either
  has moved on, nothing is published: the plan stays, with the reason, until somebody looks (decision 0047).
- Whoever carries it out takes the plan away and publishes in one transaction. Of several processes one finds the row
  there; the others delete nothing and do nothing.
- Who loses the right to publish loses it for what they planned, too: nobody is left who answers for it. A token that
  expires before the time of its plan tells nobody, so that is asked when the time has come.
- A site has one plan. Planning again replaces it; publishing or discarding the draft ends it (``edge.store.rulesets``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update

from edge.core.webhooks import timestamp_text
from edge.store.audit_events import Action, record
from edge.store.bearer_tokens import token_author
from edge.store.problems import InvalidValue
from edge.store.rulesets import DraftMoved, Version, VersionMoved, find_draft, live_version, publish_draft, read_note
from edge.store.tables import planned_publication, publisher_token, site

AHEAD_MICROS = 366 * 86_400_000_000
_EXPIRED = "the token that planned it had expired by then"


@dataclass(frozen=True, slots=True)
class Plan:
    """A draft's publication at ``due_micros``. ``failed_because`` says why it did not happen; None while it waits."""

    site_id: int
    revision: int
    seen_version: int
    note: str | None
    planned_by: str
    planned_at_micros: int
    due_micros: int
    failed_because: str | None = None


def plan_publication(connection: Connection, plan: Plan) -> Plan:
    """Plan to publish the draft that was seen, in place of an older plan.

    Raises ``DraftMoved``, ``VersionMoved`` and ``InvalidValue`` for a time that is not ahead or a long note.
    """
    if not plan.planned_at_micros < plan.due_micros <= plan.planned_at_micros + AHEAD_MICROS:
        raise InvalidValue("choose a time that is still to come, within a year", "at")
    note = read_note(plan.note)
    draft, live = find_draft(connection, plan.site_id), live_version(connection, plan.site_id)
    if draft is None or draft.revision != plan.revision:
        raise DraftMoved(draft)
    number = live.version if live is not None else 0
    if number != plan.seen_version:
        raise VersionMoved(number)
    _delete(connection, plan.site_id)
    connection.execute(insert(planned_publication).values(**{**asdict(plan), "note": note}))
    details = {"version": number + 1, "due": timestamp_text(plan.due_micros)}
    _write_down(connection, Action.RULES_SCHEDULED, plan.site_id, plan.planned_by, plan.planned_at_micros, details)
    return plan


def find_plan(connection: Connection, site_id: int) -> Plan | None:
    """The site's plan: waiting, or failed."""
    table = planned_publication
    row = connection.execute(select(table).where(table.c.site_id == site_id)).mappings().first()
    return None if row is None else Plan(**row)


def cancel_plan(connection: Connection, site_id: int, author: str, now_micros: int) -> bool:
    """Give a plan up, or forget one that failed; whether there was one."""
    if not _delete(connection, site_id):
        return False
    _write_down(connection, Action.RULES_UNSCHEDULED, site_id, author, now_micros, {})
    return True


def due_plans(connection: Connection, now_micros: int) -> list[int]:
    """The sites whose plan's time has come."""
    table = planned_publication
    due = (table.c.due_micros <= now_micros) & table.c.failed_because.is_(None)
    return list(connection.execute(select(table.c.site_id).where(due).order_by(table.c.due_micros)).scalars())


def carry_out(connection: Connection, site_id: int, now_micros: int) -> Version | None:
    """Publish what is due at a site; None where another process did, or where it cannot be done any more."""
    plan = find_plan(connection, site_id)
    if plan is None or plan.due_micros > now_micros or plan.failed_because is not None:
        return None
    table = planned_publication
    # The row that was read, and no newer plan: of two processes one deletes it, the other waits and finds none.
    mine = (table.c.site_id == site_id) & (table.c.planned_at_micros == plan.planned_at_micros)
    if connection.execute(delete(table).where(mine, table.c.due_micros == plan.due_micros)).rowcount != 1:
        return None
    done = _EXPIRED if _token_had_expired(connection, plan) else _publish(connection, plan, now_micros)
    if isinstance(done, Version):
        return done
    connection.execute(insert(table).values(**{**asdict(plan), "failed_because": done}))
    return None


def stop_plans_of(connection: Connection, publisher_id: int, planned_by: str, why: str) -> None:
    """Whoever planned these may not publish here any more: they stay, with the reason, until somebody looks."""
    table = planned_publication
    own = table.c.site_id.in_(select(site.c.id).where(site.c.publisher_id == publisher_id))
    theirs = own & (table.c.planned_by == planned_by) & table.c.failed_because.is_(None)
    connection.execute(update(table).where(theirs).values(failed_because=why))


def _publish(connection: Connection, plan: Plan, now_micros: int) -> Version | str:
    """The version that went live, or why none did."""
    try:
        with connection.begin_nested():
            return publish_draft(
                connection, plan.site_id, plan.revision, plan.seen_version, plan.note, plan.planned_by, now_micros
            )
    except DraftMoved:
        return "the draft was changed after it was planned"
    except VersionMoved as moved:
        return str(moved)


def _token_had_expired(connection: Connection, plan: Plan) -> bool:
    """Whether a token planned this that opened nothing any more at the planned time, however late it is by now."""
    row = publisher_token.c
    own = select(site.c.publisher_id).where(site.c.id == plan.site_id).scalar_subquery()
    ended = (row.publisher_id == own) & (row.expires_at_micros <= plan.due_micros)
    tokens = connection.execute(select(row.name, row.hint).where(ended)).all()
    return any(plan.planned_by == token_author(one.name, one.hint) for one in tokens)


def _delete(connection: Connection, site_id: int) -> bool:
    table = planned_publication
    return connection.execute(delete(table).where(table.c.site_id == site_id)).rowcount == 1


def _write_down(
    connection: Connection, action: Action, site_id: int, author: str, now_micros: int, details: Mapping[str, object]
) -> None:
    where = connection.execute(select(site.c.host, site.c.publisher_id).where(site.c.id == site_id)).one()
    record(
        connection,
        action,
        author=author,
        now_micros=now_micros,
        publisher_id=where.publisher_id,
        site_id=site_id,
        subject=where.host,
        details=details,
    )
