"""The shelf in the database, on both databases: what was put there comes back, exactly as old as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from edge.core.keys import new_private_key, public_half, public_keys_to_jwks
from edge.proxy.directory_shelf import DatabaseShelf
from edge.proxy.directory_state import StoredKeys
from edge.store import schema
from edge.store.database import Database
from edge.store.directories import find_directory
from tests.support.fake_fetch import AGENT

JWKS = public_keys_to_jwks([public_half(new_private_key())])
STORED = StoredKeys(JWKS, 1_800_000_000.25, 1_800_003_600.5)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url)
    schema.upgrade(opened)
    yield opened
    opened.close()


def test_an_answer_comes_back_as_it_was_kept(database: Database) -> None:
    shelf = DatabaseShelf(database)
    assert asyncio.run(shelf.load(AGENT)) is None
    asyncio.run(shelf.save(AGENT, STORED))
    assert asyncio.run(shelf.load(AGENT)) == STORED


def test_a_failure_is_noted_beside_the_answer_and_ends_with_the_next(database: Database) -> None:
    shelf = DatabaseShelf(database)
    asyncio.run(shelf.note_failure(AGENT, "down", 1_800_000_001.0))
    assert asyncio.run(shelf.load(AGENT)) is None
    asyncio.run(shelf.save(AGENT, STORED))
    asyncio.run(shelf.note_failure(AGENT, "down again", 1_800_000_002.0))
    assert asyncio.run(shelf.load(AGENT)) == STORED
    assert failure(database) == "down again"
    asyncio.run(shelf.save(AGENT, STORED))
    assert failure(database) is None


def failure(database: Database) -> str | None:
    with database.read() as connection:
        kept = find_directory(connection, AGENT)
    assert kept is not None
    return kept.failure
