"""The last good answer of each key directory, kept so that it survives restarts and failed fetches.

Rules of this file: a good fetch replaces the document and forgets the failure; a failed one is noted and leaves the
document in force; nothing is ever served from here without its times, because whoever asks decides what is too old.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from edge.store.tables import key_directory

FAILURE_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class StoredDirectory:
    """What is known of one agent's key directory; times in microseconds since the epoch.

    ``document`` is the last good key set (None: never had one). ``failure`` says what went wrong since.
    """

    agent_url: str
    document: str | None
    fetched_at_micros: int | None
    expires_at_micros: int | None
    failed_at_micros: int | None
    failure: str | None


def list_directories(connection: Connection) -> list[StoredDirectory]:
    """Everything that is known, by agent."""
    return [_stored(row) for row in connection.execute(select(key_directory).order_by(key_directory.c.agent_url))]


def find_directory(connection: Connection, agent_url: str) -> StoredDirectory | None:
    """What is known of one agent; None when it was never asked."""
    row = connection.execute(select(key_directory).where(key_directory.c.agent_url == agent_url)).one_or_none()
    return None if row is None else _stored(row)


def save_fetched(
    connection: Connection, agent_url: str, document: str, fetched_at_micros: int, expires_at_micros: int
) -> None:
    """Keep a good answer, which ends any failure before it."""
    _save(
        connection,
        agent_url=agent_url,
        document=document,
        fetched_at_micros=fetched_at_micros,
        expires_at_micros=expires_at_micros,
        failed_at_micros=None,
        failure=None,
    )


def save_failure(connection: Connection, agent_url: str, failure: str, failed_at_micros: int) -> None:
    """Note a failed fetch in one sentence; the document stays."""
    _save(connection, agent_url=agent_url, failed_at_micros=failed_at_micros, failure=failure[:FAILURE_LENGTH_MAX])


def _save(connection: Connection, **values: str | int | None) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(key_directory).values(values)
    changes = {name: statement.excluded[name] for name in values if name != "agent_url"}
    connection.execute(statement.on_conflict_do_update(index_elements=["agent_url"], set_=changes))


def _stored(row: Row[tuple[object, ...]]) -> StoredDirectory:
    return StoredDirectory(
        row.agent_url,
        row.document,
        row.fetched_at_micros,
        row.expires_at_micros,
        row.failed_at_micros,
        row.failure,
    )
