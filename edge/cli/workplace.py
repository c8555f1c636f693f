"""Where a command works: the settings and the database of this directory and environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from edge.cli.terminal import CommandFailed, first_line
from edge.settings import Settings, hide_password, load_settings
from edge.store.database import Database
from edge.store.site_values import EdgeAddresses
from edge.store.sites import list_sites


def settings_here() -> Settings:
    """The settings of this process; raises ``InvalidSettings``."""
    return load_settings(os.environ, Path.cwd())


@contextmanager
def opened(settings: Settings, *, at_any_version: bool = False) -> Iterator[Database]:
    """Open the database, at the version that this program works with unless told otherwise."""
    from edge.store import schema  # loads Alembic: not for commands that never open the database

    file = settings.database_file
    if file is not None and not at_any_version and not file.exists():
        raise CommandFailed(f"there is no database {file} yet; run `farebox db upgrade` to make it")
    database = Database.open(settings.database_url)
    try:
        if not at_any_version:
            schema.check(database)
        yield database
    except DBAPIError as error:
        shown = hide_password(settings.database_url)
        raise CommandFailed(f"the database {shown} did not do as told ({first_line(error.orig)}); try again") from error
    finally:
        database.close()


@contextmanager
def reading() -> Iterator[Connection]:
    """A read transaction on the database of this workplace."""
    with opened(settings_here()) as database, database.read() as connection:
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """A write transaction on the database of this workplace, committed when the block ends well."""
    with opened(settings_here()) as database, database.write() as connection:
        yield connection


def edge_addresses(connection: Connection, settings: Settings) -> EdgeAddresses:
    """Where this edge can be reached, so that no origin leads back to it."""
    bind = settings.edge_bind
    served = frozenset(known.host for known in list_sites(connection))
    return EdgeAddresses.of_bind(bind.host, bind.port, served)
