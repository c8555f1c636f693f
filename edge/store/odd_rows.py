"""Read rows that may hold anything: what cannot be read, or is of no use to a check, is a fault and not a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from edge.store.database import Database
from edge.store.faults import Fault

Found = TypeVar("Found")


def reading_any_text(database: Database, check: Callable[[Connection], Found]) -> Found:
    """Run a check in one snapshot; texts that are not UTF-8, which SQLite keeps too, become what no sound row holds."""
    with database.read() as connection:
        try:
            return check(connection)
        except OperationalError as error:
            if not database.is_sqlite or "decode" not in str(error.orig).lower():
                raise
        with _any_text(connection):
            return check(connection)


def guarded(invariant: str, place: str, check: Iterator[Fault]) -> Iterator[Fault]:
    """Run a check to its end. Rows that it cannot even read are wrong too, whatever the others say."""
    try:
        yield from check
    except DBAPIError:
        raise  # the database is not there, or the text fault that ``reading_any_text`` reads around
    except Exception as error:
        yield Fault(invariant, place, f"could not be checked to the end: {type(error).__name__}, {error}")


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    before = driver.text_factory
    driver.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
    try:
        yield
    finally:
        driver.text_factory = before
