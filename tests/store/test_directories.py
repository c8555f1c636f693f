"""A key directory's last good answer outlives failures."""

from __future__ import annotations

from edge.store.database import Database
from edge.store.directories import find_directory, list_directories, save_failure, save_fetched

URL = "https://bot.example/.well-known/http-message-signatures-directory"


def test_a_failure_leaves_the_last_good_document_in_force(database: Database) -> None:
    with database.write() as connection:
        save_fetched(connection, URL, '{"keys":[]}', 1000, 2000)
        save_failure(connection, URL, "the host does not answer", 1500)
        found = find_directory(connection, URL)
    assert found is not None
    assert (found.document, found.fetched_at_micros, found.expires_at_micros) == ('{"keys":[]}', 1000, 2000)
    assert (found.failure, found.failed_at_micros) == ("the host does not answer", 1500)


def test_a_good_answer_ends_the_failure(database: Database) -> None:
    with database.write() as connection:
        save_failure(connection, URL, "x" * 2000, 500)
        save_fetched(connection, URL, "{}", 1000, 2000)
        save_fetched(connection, URL, '{"keys":[]}', 3000, 4000)
        (found,) = list_directories(connection)
    assert (found.failure, found.failed_at_micros) == (None, None)
    assert (found.document, found.fetched_at_micros) == ('{"keys":[]}', 3000)


def test_an_agent_that_was_never_asked_is_not_known(database: Database) -> None:
    with database.read() as connection:
        assert find_directory(connection, URL) is None
