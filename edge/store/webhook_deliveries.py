"""Deliveries: which are due, who tries them, how each try ended, and for how long they are kept.

Rules of this file
- Taking a delivery moves ``due_at_micros`` past a lease, by one statement under the condition that it still stands
  where it was seen: of two processes one gets it. Whoever dies holding it lets it fall due again.
- Whoever changes several rows of an endpoint locks the endpoint's own row first, so that nobody waits in a circle.
- A success is written whoever comes with it; anything else only by the one whose lease it still is.
- An endpoint that answers 410, or that has failed for days without one success, is disabled, and what waits for it
  has failed: it can be replayed when the endpoint is enabled again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal_column, not_, select, update

from edge.core.webhook_tries import Next, Reply
from edge.store.deletion import delete_some
from edge.store.problems import UnknownName
from edge.store.tables import webhook_delivery, webhook_endpoint, webhook_event

TROUBLE_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class DueEndpoint:
    """An endpoint for which something is to be sent; whether its last try failed."""

    endpoint_id: int
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One try to make; ``lease_micros`` proves whose it is. ``attempts`` counts this try."""

    endpoint_id: int
    url: str
    event_id: str
    body: str
    attempts: int
    lease_micros: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as lists show it; times are microseconds since the epoch."""

    event_id: str
    event: str
    subject: str
    at_micros: int
    state: str
    attempts: int
    due_at_micros: int
    tried_at_micros: int | None
    status: int | None
    trouble: str | None


_delivery, _endpoint, _event = webhook_delivery.c, webhook_endpoint.c, webhook_event.c
# A literal, so that the planner sees that the partial index fits.
_PENDING = _delivery.state == literal_column("'pending'")


def endpoints_due(connection: Connection, now_micros: int) -> list[DueEndpoint]:
    """The endpoints for which something is to be sent now."""
    waits = exists().where(_delivery.endpoint_id == _endpoint.id, _PENDING, _delivery.due_at_micros <= now_micros)
    found = select(_endpoint.id, _endpoint.state).where(_endpoint.state != "disabled", waits).order_by(_endpoint.id)
    return [DueEndpoint(row.id, row.state == "failing") for row in connection.execute(found)]


def take_due(connection: Connection, endpoint_id: int, limit: int, now_micros: int, lease_seconds: float) -> list[Task]:
    """Take up to ``limit`` deliveries of one endpoint, the longest due first; nobody else tries them meanwhile."""
    query = (
        select(_delivery.event_id, _delivery.due_at_micros, _delivery.attempts, _endpoint.url, _event.body)
        .join(webhook_endpoint, _endpoint.id == _delivery.endpoint_id)
        .join(webhook_event, _event.id == _delivery.event_id)
        .where(
            _delivery.endpoint_id == endpoint_id,
            _PENDING,
            _delivery.due_at_micros <= now_micros,
            _endpoint.state != "disabled",
        )
        .order_by(_delivery.due_at_micros, _delivery.event_id)
        .limit(limit)
    )
    lease_micros = now_micros + int(lease_seconds * 1_000_000)
    taken = []
    for row in connection.execute(query).all():
        # Two processes saw the same row: the second finds it moved, and takes nothing.
        seen = and_(_this(endpoint_id, row.event_id), _delivery.due_at_micros == row.due_at_micros)
        moved = {"due_at_micros": lease_micros, "attempts": row.attempts + 1}
        if connection.execute(update(webhook_delivery).where(seen, _PENDING).values(moved)).rowcount == 1:
            taken.append(Task(endpoint_id, row.url, row.event_id, row.body, row.attempts + 1, lease_micros))
    return taken


def note_try(
    connection: Connection, task: Task, reply: Reply, then: Next, now_micros: int, disable_seconds: float
) -> None:
    """Write down how a try ended and what follows from it, for the delivery and for its endpoint."""
    lock_endpoint(connection, task.endpoint_id)
    ended = {"tried_at_micros": now_micros, "status": reply.status, "trouble": _trouble(reply)}
    mine = _this(task.endpoint_id, task.event_id)
    if then.state == "delivered":
        connection.execute(update(webhook_delivery).where(mine).values(state="delivered", **ended))
        _note_health(connection, task.endpoint_id)
        return
    still_mine = and_(mine, _PENDING, _delivery.due_at_micros == task.lease_micros)
    if then.state == "retry":
        ended["due_at_micros"] = now_micros + int(then.retry_seconds * 1_000_000)
    else:
        ended["state"] = "failed"
    connection.execute(update(webhook_delivery).where(still_mine).values(ended))
    if then.state == "gone":
        disable(connection, task.endpoint_id, "it answered 410 (Gone): it wants no more events")
    else:
        _note_failure(connection, task.endpoint_id, _trouble(reply), now_micros, disable_seconds)


def disable(connection: Connection, endpoint_id: int, why: str) -> None:
    """Send an endpoint nothing more, and give up what waits for it."""
    connection.execute(
        update(webhook_endpoint).where(_endpoint.id == endpoint_id).values(state="disabled", trouble=why)
    )
    waiting = and_(_delivery.endpoint_id == endpoint_id, _PENDING)
    connection.execute(update(webhook_delivery).where(waiting).values(state="failed", trouble="it was disabled"))


def lock_endpoint(connection: Connection, endpoint_id: int) -> None:
    """Keep the others from changing this endpoint and its deliveries until the transaction ends."""
    connection.execute(select(_endpoint.id).where(_endpoint.id == endpoint_id).with_for_update())


def list_deliveries(connection: Connection, endpoint_id: int, limit: int = 50) -> list[Delivery]:
    """The deliveries of an endpoint, the newest events first."""
    query = (
        select(
            *(_delivery.event_id, _event.event, _event.subject, _event.at_micros, _delivery.state, _delivery.attempts),
            *(_delivery.due_at_micros, _delivery.tried_at_micros, _delivery.status, _delivery.trouble),
        )
        .join(webhook_event, _event.id == _delivery.event_id)
        .where(_delivery.endpoint_id == endpoint_id)
        .order_by(_event.at_micros.desc(), _event.id.desc())
        .limit(limit)
    )
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def replay(
    connection: Connection,
    endpoint_id: int,
    now_micros: int,
    *,
    event_ids: Sequence[str] = (),
    since_micros: int | None = None,
    only_failed: bool = False,
) -> int:
    """Send deliveries again, under their old ids; return how many. A delivery that is being tried is left alone.

    Without ``event_ids`` all of the endpoint since a time. Raises ``UnknownName`` for an event it was never sent.
    """
    lock_endpoint(connection, endpoint_id)
    wanted: list[ColumnElement[bool]] = [_delivery.endpoint_id == endpoint_id]
    if event_ids:
        _check_known(connection, endpoint_id, event_ids)
        wanted.append(_delivery.event_id.in_(event_ids))
    if since_micros is not None:
        wanted.append(_delivery.event_id.in_(select(_event.id).where(_event.at_micros >= since_micros)))
    states = ("failed",) if only_failed else ("failed", "delivered")
    again = update(webhook_delivery).where(*wanted, _delivery.state.in_(states))
    return connection.execute(again.values(state="pending", attempts=0, due_at_micros=now_micros)).rowcount


def sweep(connection: Connection, before_micros: int) -> int:
    """Forget a little of what ended before a time, and of what is left of endpoints that are gone.

    Returns how many rows went; 0 when nothing is left.
    """
    off = select(_endpoint.id).where(_endpoint.state == "disabled")
    # An event that was written while its endpoint was being disabled still waits for it.
    waits = and_(_PENDING, _delivery.endpoint_id.in_(off))
    connection.execute(update(webhook_delivery).where(waits).values(state="failed", trouble="it was disabled"))
    old = select(_event.id).where(_event.at_micros < before_micros)
    nobodys = and_(_PENDING, not_(exists().where(_endpoint.id == _delivery.endpoint_id)))
    ended = and_(_delivery.state != "pending", _delivery.event_id.in_(old))
    told = and_(_event.at_micros < before_micros, not_(exists().where(_delivery.event_id == _event.id)))
    return (
        delete_some(connection, webhook_delivery, nobodys)
        + delete_some(connection, webhook_delivery, ended)
        + delete_some(connection, webhook_event, told)
    )


def waiting(connection: Connection) -> int:
    """How many deliveries wait, for metrics and for people."""
    count = select(func.count()).select_from(webhook_delivery).where(_PENDING)
    found: int = connection.execute(count).scalar_one()
    return found


def _this(endpoint_id: int, event_id: str) -> ColumnElement[bool]:
    return and_(_delivery.endpoint_id == endpoint_id, _delivery.event_id == event_id)


def _trouble(reply: Reply) -> str | None:
    if reply.accepted:
        return None
    return (reply.trouble or f"it answered {reply.status}")[:TROUBLE_CHARACTERS_MAX]


def _note_health(connection: Connection, endpoint_id: int) -> None:
    well = {"state": "active", "failing_since_micros": None, "trouble": None}
    failing = and_(_endpoint.id == endpoint_id, _endpoint.state == "failing")
    connection.execute(update(webhook_endpoint).where(failing).values(well))


def _note_failure(
    connection: Connection, endpoint_id: int, trouble: str | None, now_micros: int, disable_seconds: float
) -> None:
    alive = and_(_endpoint.id == endpoint_id, _endpoint.state != "disabled")
    since = func.coalesce(_endpoint.failing_since_micros, now_micros)
    failing = {"state": "failing", "failing_since_micros": since, "trouble": trouble}
    changed = update(webhook_endpoint).where(alive).values(failing).returning(_endpoint.failing_since_micros)
    began = connection.execute(changed).scalar_one_or_none()
    if began is not None and now_micros - began >= disable_seconds * 1_000_000:
        days = round(disable_seconds / 86_400, 1)
        disable(connection, endpoint_id, f"it took nothing for {days:g} days; the last time {trouble}")


def _check_known(connection: Connection, endpoint_id: int, event_ids: Sequence[str]) -> None:
    mine = and_(_delivery.endpoint_id == endpoint_id, _delivery.event_id.in_(event_ids))
    known = set(connection.execute(select(_delivery.event_id).where(mine)).scalars())
    for event_id in event_ids:
        if event_id not in known:
            raise UnknownName(f"webhook {endpoint_id} was never sent {event_id}; `farebox webhook show` lists", "event")
