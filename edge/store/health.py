"""How the whole of an edge is: which processes live, what waits, how old things are. Read from what everybody writes.

Nothing here asks a process: an edge that is dead says nothing, and its lease shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, text

from edge.core.webhooks import WebhookEvent
from edge.store.tables import (
    account,
    address_feed,
    batch,
    checkpoint,
    housekeeping,
    key_directory,
    policy_version,
    webhook_delivery,
    webhook_event,
    writer,
)
from edge.store.writers import clock_micros

WRITERS_SHOWN = 50
ENDED_SHOWN = 5
ALARMS_SHOWN = 5
FAILING_SHOWN = 20
DAY_MICROS = 86_400_000_000


@dataclass(frozen=True, slots=True)
class WriterState:
    """One process life that writes, or wrote, entries. ``last_micros`` is its last batch, None before the first."""

    number: int
    node: str
    started_at_micros: int
    lease_until_micros: int
    closed_at_micros: int | None
    entries: int
    last_micros: int | None

    def state_at(self, now_micros: int) -> str:
        """``alive``, ``silent`` or ``ended``."""
        if self.closed_at_micros is not None:
            return "ended"
        return "alive" if self.lease_until_micros >= now_micros else "silent"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm of the ledger, as it was told."""

    at_micros: int
    subject: str


@dataclass(frozen=True, slots=True)
class FeedState:
    """One list of crawlers' addresses, or one key directory: when it was good last, and what went wrong since."""

    url: str
    fetched_at_micros: int | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """All of it. ``clock_micros`` is the time by the database; sums are in micro-units by currency."""

    clock_micros: int
    policy: int
    policy_changed_at_micros: int
    writers: tuple[WriterState, ...]
    checkpoint: int | None
    checkpoint_at_micros: int | None
    alarms: tuple[Alarm, ...]
    webhooks_waiting: int
    webhooks_failed: int
    webhook_oldest_micros: int | None
    housekeeping_due_micros: int | None
    housekeeping_ended_micros: int | None
    housekeeping_rows: int
    feeds: tuple[FeedState, ...]
    directories_failing: tuple[FeedState, ...]
    directories: int
    database: str
    database_bytes: int | None
    held: dict[str, int]
    suspended: dict[str, int]


def read_health(connection: Connection) -> Health:
    """How everything is, in one snapshot."""
    clock = clock_micros(connection)
    policy = connection.execute(select(policy_version.c.version, policy_version.c.changed_at_micros)).one_or_none()
    last = connection.execute(
        select(checkpoint.c.number, checkpoint.c.made_at_micros).order_by(checkpoint.c.number.desc()).limit(1)
    ).one_or_none()
    chores = connection.execute(select(housekeeping)).one_or_none()
    waiting, oldest = connection.execute(
        select(func.count(), func.min(webhook_event.c.at_micros))
        .select_from(webhook_delivery.join(webhook_event, webhook_event.c.id == webhook_delivery.c.event_id))
        .where(webhook_delivery.c.state == "pending")
    ).one()
    failed = connection.execute(
        select(func.count()).select_from(webhook_delivery).where(webhook_delivery.c.state == "failed")
    ).scalar_one()
    return Health(
        clock_micros=clock,
        policy=policy.version if policy else 0,
        policy_changed_at_micros=policy.changed_at_micros if policy else 0,
        writers=_writers(connection),
        checkpoint=last.number if last else None,
        checkpoint_at_micros=last.made_at_micros if last else None,
        alarms=_alarms(connection),
        webhooks_waiting=waiting,
        webhooks_failed=failed,
        webhook_oldest_micros=oldest,
        housekeeping_due_micros=chores.due_at_micros if chores else None,
        housekeeping_ended_micros=chores.ended_at_micros if chores else None,
        housekeeping_rows=chores.rows_gone if chores else 0,
        feeds=_feeds(connection),
        directories_failing=_failing(connection),
        directories=connection.execute(select(func.count()).select_from(key_directory)).scalar_one(),
        database="SQLite" if connection.dialect.name == "sqlite" else "PostgreSQL",
        database_bytes=_size(connection),
        held=_internal(connection, "holds"),
        suspended=_internal(connection, "suspense"),
    )


def _writers(connection: Connection) -> tuple[WriterState, ...]:
    """Those that are open, and the latest that ended."""
    newest = (writer.c.closed_at_micros.is_(None).desc(), writer.c.id.desc())
    found = connection.execute(select(writer).order_by(*newest).limit(WRITERS_SHOWN)).all()
    living = [row for row in found if row.closed_at_micros is None]
    rows = [*living, *(row for row in found if row.closed_at_micros is not None)][: len(living) + ENDED_SHOWN]
    heads: list[Any] = []
    for row in rows:
        ended = (batch.c.writer_id == row.id) & (batch.c.number == row.head_batch)
        heads.append(connection.execute(select(batch.c.committed_at_micros).where(ended)).scalar_one_or_none())
    return tuple(
        WriterState(
            row.id,
            row.node,
            row.started_at_micros,
            row.lease_until_micros,
            row.closed_at_micros,
            row.head_entry,
            head,
        )
        for row, head in zip(rows, heads, strict=True)
    )


def _alarms(connection: Connection) -> tuple[Alarm, ...]:
    told = select(webhook_event.c.at_micros, webhook_event.c.subject).where(
        webhook_event.c.event == WebhookEvent.LEDGER_ALARM.value
    )
    rows = connection.execute(told.order_by(webhook_event.c.id.desc()).limit(ALARMS_SHOWN))
    return tuple(Alarm(row.at_micros, row.subject) for row in rows)


def _feeds(connection: Connection) -> tuple[FeedState, ...]:
    columns = (address_feed.c.url, address_feed.c.fetched_at_micros, address_feed.c.failure)
    return tuple(FeedState(*row) for row in connection.execute(select(*columns).order_by(address_feed.c.url)))


def _failing(connection: Connection) -> tuple[FeedState, ...]:
    own = key_directory.c
    failing = select(own.agent_url, own.fetched_at_micros, own.failure).where(own.failure.is_not(None))
    rows = connection.execute(failing.order_by(own.failed_at_micros.desc()).limit(FAILING_SHOWN))
    return tuple(FeedState(*row) for row in rows)


def _internal(connection: Connection, kind: str) -> dict[str, int]:
    """What lies in one kind of our own accounts; currencies with nothing are left out."""
    query = select(account.c.currency, account.c.balance_micros).where(account.c.code.startswith(f"{kind}:"))
    return {row.currency: row.balance_micros for row in connection.execute(query) if row.balance_micros}


def _size(connection: Connection) -> int | None:
    """How large the database is on its disk, in bytes."""
    if connection.dialect.name == "sqlite":
        pages: int = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size: int = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return pages * size
    found: int = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return found
