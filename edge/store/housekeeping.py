"""What is deleted when its time is over, and whose turn it is to do so.

Rules of this file
- Each chore deletes a few rows in a transaction of its own and is called again until nothing is left, so that the
  ledger never waits longer than for one of them.
- One process does a round: it moves ``due_at_micros`` by a conditional statement, and for everybody else nothing is
  due. Whoever dies in a round leaves the rest for the next one; two rounds at once would do no harm.
- Nothing of the books is here: entries, batches, checkpoints and closed months are never deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, update

from edge.core.month import Month
from edge.store.activity import sweep_activity
from edge.store.deletion import delete_some
from edge.store.insertion import insert_new
from edge.store.invitations import forgotten_invitations
from edge.store.once import KEPT_MICROS
from edge.store.people import sweep_attempts
from edge.store.registrations import over
from edge.store.sessions import ended_sessions
from edge.store.sign_in_steps import ended_steps
from edge.store.tables import (
    content_day,
    crawler_invitation,
    done_act,
    housekeeping,
    invitation,
    registration,
    robots_day,
    session,
    setup_link,
    sign_in_step,
    traffic,
    traffic_day,
    traffic_minute,
)
from edge.store.webhook_deliveries import sweep

DAY_MICROS = 86_400_000_000
ROUND_EVERY_MICROS = 3_600_000_000

Chore = Callable[[Connection, int], int]
"""Deletes a little of what is over at a time (microseconds since the epoch); returns how many rows, 0 at the end."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, as the settings say."""

    traffic_months: int
    traffic_minute_days: int
    activity_days: int
    webhook_days: float


def chores(retention: Retention) -> dict[str, Chore]:
    """Everything that is deleted in time, by what people call it."""
    return {
        "sessions": lambda connection, now: delete_some(connection, session, ended_sessions(now)),
        "registrations": lambda connection, now: delete_some(connection, registration, over(now)),
        "set-up links": lambda connection, now: delete_some(
            connection, setup_link, setup_link.c.expires_at_micros <= now
        ),
        "invitations of crawlers' teams": lambda connection, now: delete_some(
            connection, crawler_invitation, crawler_invitation.c.expires_at_micros <= now
        ),
        "acts that were done": lambda connection, now: delete_some(
            connection, done_act, done_act.c.at_micros <= now - KEPT_MICROS
        ),
        "invitations": lambda connection, now: delete_some(connection, invitation, forgotten_invitations(now)),
        "sign-ins half way": lambda connection, now: delete_some(connection, sign_in_step, ended_steps(now)),
        "sign-in tries": sweep_attempts,
        "activity": lambda connection, now: sweep_activity(connection, now - retention.activity_days * DAY_MICROS),
        "traffic by the minute": lambda connection, now: delete_some(
            connection,
            traffic_minute,
            traffic_minute.c.minute_micros < now - retention.traffic_minute_days * DAY_MICROS,
        ),
        "traffic by the hour": lambda connection, now: delete_some(
            connection, traffic, traffic.c.hour_micros < months_before(now, retention.traffic_months)
        ),
        "traffic by the day": lambda connection, now: delete_some(
            connection, traffic_day, traffic_day.c.day_micros < months_before(now, retention.traffic_months)
        ),
        "content by the day": lambda connection, now: delete_some(
            connection, content_day, content_day.c.day_micros < months_before(now, retention.traffic_months)
        ),
        "obedience by the day": lambda connection, now: delete_some(
            connection, robots_day, robots_day.c.day_micros < months_before(now, retention.traffic_months)
        ),
        "webhook events": lambda connection, now: sweep(connection, now - int(retention.webhook_days * DAY_MICROS)),
    }


def months_before(now_micros: int, months: int) -> int:
    """The start of the month that lies so many months before this one: that many whole months are kept."""
    this = Month.of(now_micros)
    years, month = divmod(this.year * 12 + this.month - 1 - months, 12)
    return Month(max(years, 1970), month + 1).start_micros


def take_turn(connection: Connection, now_micros: int) -> bool:
    """Take the round that is due, if one is and nobody has it; the next is due an hour later."""
    insert_new(connection, housekeeping, {"id": 1, "due_at_micros": now_micros, "rows_gone": 0})
    due = (housekeeping.c.id == 1) & (housekeeping.c.due_at_micros <= now_micros)
    moved = {"due_at_micros": now_micros + ROUND_EVERY_MICROS}
    return connection.execute(update(housekeeping).where(due).values(moved)).rowcount == 1


def note_round(connection: Connection, now_micros: int, rows_gone: int) -> None:
    """Write down that a round has ended, for people who ask."""
    ended = {"ended_at_micros": now_micros, "rows_gone": rows_gone}
    connection.execute(update(housekeeping).where(housekeeping.c.id == 1).values(ended))
