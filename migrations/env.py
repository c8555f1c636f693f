"""Run migrations on a connection that ``edge.store.schema`` hands over, or on ``FAREBOX_DATABASE_URL``."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from edge.store.database import sqlite_module
from edge.store.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


def connect_and_run() -> None:
    """The way of the bare ``alembic`` command, which developers use to write the next migration."""
    url = os.environ.get("FAREBOX_DATABASE_URL", "sqlite:///farebox.db")
    options = {"module": sqlite_module()} if url.startswith("sqlite") else {}
    engine = create_engine(url, **options)
    with engine.begin() as connection:
        run(connection)
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("migrations need a database: several steps look at what is there")

given = context.config.attributes.get("connection")
if given is None:
    connect_and_run()
else:
    run(given)
