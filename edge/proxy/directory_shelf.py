"""The shelf of key directories in the database: what one edge fetched, its restart and the other edges find.

Rules of this file: the database is synchronous, so each visit has a thread; the store counts microseconds, the
directories seconds; the store's failures are left to ``KeyDirectories``, which passes them over.
"""

from __future__ import annotations

import asyncio

from edge.proxy.directory_state import StoredKeys
from edge.store.database import Database
from edge.store.directories import find_directory, save_failure, save_fetched

_MICROS = 1_000_000


class DatabaseShelf:
    """A ``Shelf`` over the table of key directories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, agent_url: str) -> StoredKeys | None:
        """The last good answer that any edge kept, or None."""
        return await asyncio.to_thread(self._load, agent_url)

    async def save(self, agent_url: str, stored: StoredKeys) -> None:
        """Keep a good answer, which ends any failure before it."""
        await asyncio.to_thread(self._save, agent_url, stored)

    async def note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        """Note a failed fetch; the answer kept stays."""
        await asyncio.to_thread(self._note_failure, agent_url, failure, failed_at)

    def _load(self, agent_url: str) -> StoredKeys | None:
        with self._database.read() as connection:
            kept = find_directory(connection, agent_url)
        if kept is None or kept.document is None or kept.fetched_at_micros is None or kept.expires_at_micros is None:
            return None
        return StoredKeys(
            kept.document.encode("utf-8"), kept.fetched_at_micros / _MICROS, kept.expires_at_micros / _MICROS
        )

    def _save(self, agent_url: str, stored: StoredKeys) -> None:
        with self._database.write() as connection:
            save_fetched(
                connection,
                agent_url,
                stored.jwks.decode("utf-8"),
                round(stored.fetched_at * _MICROS),
                round(stored.fresh_until * _MICROS),
            )

    def _note_failure(self, agent_url: str, failure: str, failed_at: float) -> None:
        with self._database.write() as connection:
            save_failure(connection, agent_url, failure, round(failed_at * _MICROS))
