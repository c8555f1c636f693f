"""The migrations build exactly what the tables say, and the books refuse to be changed, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, text
from sqlalchemy.exc import DBAPIError

from edge.core.ledger import Entry
from edge.store import schema
from edge.store.append_only import missing_triggers
from edge.store.database import Database
from edge.store.tables import entry, metadata


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    yield database
    database.close()


def test_the_migrations_build_exactly_the_tables(empty: Database) -> None:
    schema.upgrade(empty)
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_every_check_of_the_tables_is_in_the_database(empty: Database) -> None:
    """Alembic does not compare CHECK constraints, so their names are compared here."""
    schema.upgrade(empty)
    wanted = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    query = (
        "SELECT sql FROM sqlite_master WHERE type = 'table'"
        if empty.is_sqlite
        else "SELECT conname FROM pg_constraint WHERE contype = 'c'"
    )
    with empty.read() as connection:
        found = " ".join(row[0] or "" for row in connection.execute(text(query)))
    assert wanted
    assert [name for name in wanted if name not in found] == []


def test_every_column_says_why_it_is_there() -> None:
    silent = [str(column) for table in metadata.tables.values() for column in table.columns if not column.comment]
    assert silent == []


def test_the_columns_of_an_entry_are_the_fields_of_the_core_in_order() -> None:
    names = [column.name for column in entry.columns]
    assert ["writer", *names[1:]] == list(Entry._fields)
    assert names[0] == "writer_id"


def test_an_empty_database_is_refused_until_it_is_upgraded(empty: Database) -> None:
    with pytest.raises(schema.WrongSchema, match="farebox db upgrade"):
        schema.check(empty)
    assert schema.upgrade(empty) == schema.wanted() == schema.current(empty)
    schema.check(empty)


def test_a_newer_database_is_refused(empty: Database) -> None:
    schema.upgrade(empty)
    with empty.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(schema.WrongSchema, match="newer"):
        schema.check(empty)


def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    schema.upgrade(empty)
    assert schema.upgrade(empty) == schema.wanted()


ROW = {
    "entry": "INSERT INTO entry (writer_id, number, key, attempt, step, kind, debit_account, credit_account,"
    " amount_micros, currency, recorded_at_micros) VALUES (1, 1, {key}, 1, 1, 'credit', 1, 2, 5, 'USD', 1)",
    "batch": "INSERT INTO batch VALUES (1, 1, {key}, {key}, {key}, 1, 1, 1)",
    "checkpoint": "INSERT INTO checkpoint VALUES (1, 1, {key}, 'signed')",
}
CHANGES = ["UPDATE {table} SET number = 7", "DELETE FROM {table}", "TRUNCATE {table}"]


@pytest.mark.parametrize("table", list(ROW))
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_row_of_the_books_cannot_be_replaced_either(empty: Database, table: str) -> None:
    """SQLite's REPLACE deletes the row that is in the way, and by itself fires no trigger."""
    schema.upgrade(empty)
    key = "x'00112233445566778899aabbccddeeff'"
    again = ROW[table].format(key=key).replace("INSERT", "INSERT OR REPLACE")
    with empty.write() as connection:
        connection.exec_driver_sql("INSERT INTO writer VALUES (1, 'test', 0, 0, NULL, NULL, 0, 0, " + key + ", 0)")
        connection.exec_driver_sql(ROW[table].format(key=key))
    with pytest.raises(DBAPIError, match="append-only"), empty.write() as connection:
        connection.exec_driver_sql(again)


def test_locks_that_were_taken_away_are_named(empty: Database) -> None:
    schema.upgrade(empty)
    with empty.read() as connection:
        assert missing_triggers(connection) == []
    with empty.write() as connection:
        on = "" if empty.is_sqlite else " ON batch"
        name = "batch_no_update" if empty.is_sqlite else "batch_no_change"
        connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
    with empty.read() as connection:
        assert missing_triggers(connection) == [name]


SQLITE_SHAM = [
    f"CREATE TRIGGER entry_no_update BEFORE UPDATE {where} BEGIN SELECT RAISE(ABORT, 'entry is append-only'); END"
    for where in ("ON entry WHEN 0", "ON site", "OF kind ON entry")
]
POSTGRESQL_SHAM = [
    "CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON entry FOR EACH ROW WHEN (false)"
    " EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON site FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER entry_no_change BEFORE DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER entry_no_change BEFORE UPDATE OF kind OR DELETE ON entry FOR EACH ROW"
    " EXECUTE FUNCTION refuse_change()",
]


@pytest.mark.parametrize("number", range(4))
def test_locks_of_the_right_name_that_lock_nothing_are_missing(empty: Database, number: int) -> None:
    shams = SQLITE_SHAM if empty.is_sqlite else POSTGRESQL_SHAM
    sham = shams[number % len(shams)]
    name = "entry_no_update" if empty.is_sqlite else "entry_no_change"
    schema.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {name}{'' if empty.is_sqlite else ' ON entry'}")
        connection.exec_driver_sql(sham)
    with empty.read() as connection:
        assert missing_triggers(connection) == [name]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_locks_whose_function_was_emptied_are_missing(empty: Database) -> None:
    schema.upgrade(empty)
    with empty.write() as connection:
        connection.exec_driver_sql(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN COALESCE(NEW, OLD); /* RAISE EXCEPTION */ END $$"
        )
    with empty.read() as connection:
        assert "entry_no_change" in missing_triggers(connection)


@pytest.mark.parametrize("balance", [9_000_000_000_000_000_001, -9_000_000_000_000_000_001])
def test_a_balance_stays_a_whole_number(empty: Database, balance: int) -> None:
    schema.upgrade(empty)
    values = f"('a', 'USD', 'internal', 'internal', {balance}, {'0' if empty.is_sqlite else 'false'})"
    with pytest.raises(DBAPIError, match="ck_account_balance"), empty.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO account (code, currency, owner_kind, terms, balance_micros, suspended) VALUES " + values
        )


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", list(ROW))
def test_the_books_are_append_only(empty: Database, table: str, change: str) -> None:
    schema.upgrade(empty)
    key = "x'00112233445566778899aabbccddeeff'" if empty.is_sqlite else r"'\x00112233445566778899aabbccddeeff'"
    with empty.write() as connection:
        connection.exec_driver_sql("INSERT INTO writer VALUES (1, 'test', 0, 0, NULL, NULL, 0, 0, " + key + ", 0)")
        connection.exec_driver_sql(ROW[table].format(key=key))
    if empty.is_sqlite and change.startswith("TRUNCATE"):
        change = "DELETE FROM {table} WHERE number > 0"  # SQLite has no TRUNCATE; a filtered delete is its other way
    with pytest.raises(DBAPIError, match="append-only"), empty.write() as connection:
        connection.exec_driver_sql(change.format(table=table))
    with empty.read() as connection:
        assert connection.exec_driver_sql("SELECT number FROM " + table).scalar_one() == 1


def test_the_hours_that_were_there_become_days(empty: Database) -> None:
    hour, day = 3_600_000_000, 86_400_000_000
    rows = {(3 * day, "a"): 1, (3 * day + hour, "a"): 2, (3 * day + hour, "b"): 4, (4 * day, "a"): 8}
    upgrade_to(empty, "0015")
    with empty.write() as connection:
        for (at, crawler), requests in rows.items():
            values = f"({at}, 1, '{crawler}', 'claimed', 'r', 'allowed', {requests})"
            connection.exec_driver_sql(f"INSERT INTO traffic VALUES {values}")
    schema.upgrade(empty)
    with empty.read() as connection:
        days = connection.exec_driver_sql("SELECT day_micros, crawler, requests FROM traffic_day").all()
    assert sorted(tuple(row) for row in days) == [(3 * day, "a", 3), (3 * day, "b", 4), (4 * day, "a", 8)]


def upgrade_to(database: Database, revision: str) -> None:
    """Bring an empty database to an older shape."""
    with database.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
