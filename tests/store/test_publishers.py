"""Publishers are unique by name, case aside."""

from __future__ import annotations

import pytest

from edge.store.database import Database
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.publishers import add_publisher, find_publisher, list_publishers

NOW = 1_795_000_000_000_000


def test_a_publisher_is_found_by_its_name_in_any_case(database: Database) -> None:
    with database.write() as connection:
        made = add_publisher(connection, " Example News ", "owner@news.example", NOW)
    with database.read() as connection:
        assert find_publisher(connection, "example NEWS") == made
        assert list_publishers(connection) == [made]
    assert made.name == "Example News"


def test_a_name_is_taken_once_and_the_transaction_goes_on(database: Database) -> None:
    with database.write() as connection:
        add_publisher(connection, "One", "one@news.example", NOW)
        with pytest.raises(NameTaken, match="choose another name"):
            add_publisher(connection, "ONE", "two@news.example", NOW)
        add_publisher(connection, "Two", "two@news.example", NOW)
    with database.read() as connection:
        assert [publisher.name for publisher in list_publishers(connection)] == ["One", "Two"]


def test_an_unknown_publisher_says_how_to_add_one(database: Database) -> None:
    with database.read() as connection, pytest.raises(UnknownName, match="farebox publisher add"):
        find_publisher(connection, "Nobody")


@pytest.mark.parametrize(("name", "email"), [("", "a@b"), ("two\nlines", "a@b"), ("x" * 201, "a@b")])
def test_a_name_is_one_printable_line(database: Database, name: str, email: str) -> None:
    with database.write() as connection, pytest.raises(InvalidValue, match="one line"):
        add_publisher(connection, name, email, NOW)


@pytest.mark.parametrize("email", ["", "owner", "@news.example", "owner@", "a@b@c", "a b@c", "a\n@b"])
def test_an_address_without_its_parts_is_refused(database: Database, email: str) -> None:
    with database.write() as connection, pytest.raises(InvalidValue, match="e-mail"):
        add_publisher(connection, "News", email, NOW)
