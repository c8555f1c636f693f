"""A database is opened safely or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from edge.store.database import Database, DatabaseUnusable, refuse_unsafe_sqlite
from tests.support.postgres import PostgresServer


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "sqlite:///farebox.db"),
        ("nonsense", "sqlite:///farebox.db"),
        ("mysql://localhost/x", "not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////nowhere/at/all/farebox.db", "no directory"),
        ("postgresql+psycopg://nobody:secret@127.0.0.1:1/x", "cannot open"),
    ],
)
def test_a_database_that_cannot_be_opened_is_refused_in_one_sentence(url: str, message: str) -> None:
    with pytest.raises(DatabaseUnusable, match=message) as caught:
        Database.open(url)
    assert "secret" not in str(caught.value)


def test_sqlite_is_durable_and_its_readers_cannot_write(sqlite_url: str) -> None:
    database = Database.open(sqlite_url)
    with database.write() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "mmap_size")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas] == ["wal", 2, 1, 0]
        connection.exec_driver_sql("CREATE TABLE fare (amount_micros bigint)")
    with pytest.raises(DBAPIError, match="readonly"), database.read() as connection:
        connection.exec_driver_sql("INSERT INTO fare VALUES (1)")
    database.close()


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.2"])
def test_an_sqlite_that_loses_commits_may_not_serve(version: str) -> None:
    with pytest.raises(DatabaseUnusable, match="can lose"):
        refuse_unsafe_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.53.4", "4.0.0"])
def test_a_repaired_sqlite_may_serve(version: str) -> None:
    refuse_unsafe_sqlite(version)


def test_only_one_process_sells_from_an_sqlite_file(sqlite_url: str) -> None:
    database = Database.open(sqlite_url, serving=True)
    claim = f"from edge.store.database import Database; Database.open({sqlite_url!r}, serving=True)"
    second = subprocess.run([sys.executable, "-c", claim], capture_output=True, text=True)
    assert "another process is selling" in second.stderr
    command = Database.open(sqlite_url)  # commands may still work beside it
    with command.write() as connection:
        connection.exec_driver_sql("CREATE TABLE fare (amount_micros bigint)")
    command.close()
    database.close()
    Database.open(sqlite_url, serving=True).close()


def test_a_write_is_kept_whole_or_not_at_all(database_url: str) -> None:
    database = Database.open(database_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE fare (amount_micros bigint)")
    with pytest.raises(DBAPIError):
        insert_then_fail(database)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM fare").scalar_one() == 0
    database.close()


def insert_then_fail(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO fare VALUES (1)")
        connection.exec_driver_sql("SELECT * FROM nowhere")


def test_all_statements_of_a_read_see_the_same_state(database_url: str) -> None:
    database, other = Database.open(database_url), Database.open(database_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE fare (amount_micros bigint)")
    with database.read() as reading:
        assert reading.exec_driver_sql("SELECT count(*) FROM fare").scalar_one() == 0
        with other.write() as connection:
            connection.exec_driver_sql("INSERT INTO fare VALUES (1)")
        assert reading.exec_driver_sql("SELECT count(*) FROM fare").scalar_one() == 0
    with database.read() as reading:
        assert reading.exec_driver_sql("SELECT count(*) FROM fare").scalar_one() == 1
    database.close()
    other.close()


def test_threads_take_turns_to_write(sqlite_url: str) -> None:
    """A writer that comes back at once, as a busy ledger does, cannot keep the others out."""
    database = Database.open(sqlite_url)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE fare (amount_micros bigint)")
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            with database.ledger_connection() as connection, connection.begin():
                connection.exec_driver_sql("SELECT 1")

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for number in range(20):
            with database.write() as connection:
                connection.exec_driver_sql(f"INSERT INTO fare VALUES ({number})")
    finally:
        done.set()
        thread.join()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM fare").scalar_one() == 20
    database.close()


@pytest.fixture
def forgetful_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database()
    with postgres_server.connect(name) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def test_a_postgresql_that_forgets_commits_is_refused(forgetful_url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="synchronous_commit"):
        Database.open(forgetful_url)


def test_a_ledger_transaction_that_hangs_lets_go_of_its_locks(postgres_url: str) -> None:
    database = Database.open(postgres_url)
    with database.ledger_connection() as connection, connection.begin():
        names = ("statement_timeout", "idle_in_transaction_session_timeout")
        found = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]
    assert found == ["10s", "10s"]
    database.close()


def test_a_plain_postgresql_url_is_taken_too(postgres_url: str, tmp_path: Path) -> None:
    database = Database.open(postgres_url.replace("postgresql+psycopg://", "postgresql://"))
    assert not database.is_sqlite
    database.close()


def test_an_error_does_not_say_what_a_statement_was_given(database_url: str) -> None:
    """Errors go to the log; what people typed and where they came from does not."""
    opened = Database.open(database_url)
    with pytest.raises(DBAPIError) as failed, opened.write() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:who)"), {"who": "owner@news.example"})
    opened.close()
    assert "nowhere" in str(failed.value)
    assert "owner@news.example" not in str(failed.value)
