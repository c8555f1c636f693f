"""``farebox db`` makes the database and says where it stands."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge.store import schema
from tests.cli.conftest import Farebox


def test_upgrade_makes_the_database_once(farebox_anywhere: Farebox, workplace: Path) -> None:
    first = farebox_anywhere("db", "upgrade", "--json")
    assert first.json == {"before": None, "after": schema.wanted()}
    assert (workplace / "farebox.db").exists()
    assert "already" in farebox_anywhere("db", "upgrade").out
    assert farebox_anywhere("db", "check").code == 0


def test_current_shows_what_is_and_what_is_wanted(farebox: Farebox) -> None:
    assert farebox("db", "current", "--json").json == {"current": schema.wanted(), "wanted": schema.wanted()}


def test_an_empty_database_is_told_to_be_upgraded(farebox_anywhere: Farebox, workplace: Path) -> None:
    (workplace / "farebox.db").touch()
    result = farebox_anywhere("db", "check")
    assert result.code == 1
    assert "farebox db upgrade" in result.err


def test_check_fails_when_the_books_are_not_locked(farebox: Farebox, workplace: Path) -> None:
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("DROP TRIGGER entry_no_delete")
    connection.close()
    result = farebox("db", "check")
    assert (result.code, result.out) == (1, "")
    assert "entry_no_delete" in result.err


def test_a_newer_database_is_not_touched(farebox: Farebox, workplace: Path) -> None:
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    result = farebox("site", "list")
    assert result.code == 1
    assert "newer farebox" in result.err


def test_sweep_deletes_what_is_over_its_time(farebox: Farebox, workplace: Path) -> None:
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("INSERT INTO traffic VALUES (0, 1, 'bot', 'claimed', 'r', 'allowed', 1)")
    connection.commit()
    connection.close()
    assert farebox("db", "sweep", "--json").json["traffic by the hour"] == 1
    assert farebox("db", "sweep", "--json").json["traffic by the hour"] == 0


def test_sweep_says_when_something_could_not_be_deleted(farebox: Farebox, workplace: Path) -> None:
    connection = sqlite3.connect(workplace / "farebox.db")
    connection.execute("ALTER TABLE traffic RENAME TO away")
    connection.close()
    result = farebox("db", "sweep")
    assert result.code == 3
    assert "traffic by the hour" in result.err
