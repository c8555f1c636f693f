"""The ledger against a model of it, as in ``test_ledger_model.py``: on PostgreSQL.

The server of this file alone runs without ``fsync``: the model is of processes that die, not of power that fails, and a
process that dies takes nothing with it that it had committed. So the database is opened here without the product's
check, which refuses such a server; that what is committed outlives a power loss is proved elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url

from edge.store import schema
from edge.store.database import Database
from tests.support.ledger_machine import run, staged
from tests.support.model_stage import prepare
from tests.support.postgres import PostgresServer, running_postgres

pytestmark = [pytest.mark.system, pytest.mark.lengthy]

RUNS, STEPS = 1000, 7
"""Half as many as on SQLite, of another sequence: a run costs twice as much here, and the suite has ten minutes."""


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[PostgresServer]:
    with running_postgres("fsync=off", "full_page_writes=off", "synchronous_commit=off") as server:
        yield server


def open_unchecked(url: str) -> Database:
    def engine(isolation_level: Any, **options: Any) -> Engine:
        return create_engine(url, isolation_level=isolation_level, **options)

    reader = engine("REPEATABLE READ", execution_options={"postgresql_readonly": True})
    return Database(make_url(url), reader, engine("READ COMMITTED"), engine("READ COMMITTED", pool_size=1), None)


def fill(url: str) -> None:
    database = open_unchecked(url)
    schema.upgrade(database)
    prepare(database)
    database.close()


def test_the_ledger_does_what_its_model_says_on_postgresql(hasty_server: PostgresServer, tmp_path: Path) -> None:
    template = hasty_server.template("model", fill)

    def make() -> tuple[Database, Callable[[], None]]:
        name = hasty_server.create_database(template=template)
        return open_unchecked(hasty_server.url(name)), lambda: hasty_server.drop_database(name)

    with staged(make, tmp_path, start=1) as machine:
        run(machine, RUNS, STEPS)
