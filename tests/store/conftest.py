"""A migrated database for each test, on SQLite and on PostgreSQL; migrated once a session, then copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.database import Database
from tests.support.books import migrate
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "farebox.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_store_url(migrated_file: Path, tmp_path: Path) -> str:
    path = tmp_path / "store.db"
    shutil.copyfile(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_store_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database(template=postgres_server.template("store", migrate))
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    fixture = {"sqlite": "sqlite_store_url", "postgresql": "postgres_store_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    database = Database.open(store_url)
    yield database
    database.close()
