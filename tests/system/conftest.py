"""Stages on each database, copied from one that was migrated once; and the process that edges are forked from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from edge.store import schema
from edge.store.database import Database
from tests.support.edge_process import EdgeForks
from tests.support.postgres import PostgresServer
from tests.support.system_stage import Stage


def migrate(url: str) -> None:
    database = Database.open(url)
    schema.upgrade(database)
    database.close()


@pytest.fixture(scope="session")
def edge_forks() -> Iterator[EdgeForks]:
    forks = EdgeForks()
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def migrated_shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "farebox.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_shop_url(migrated_shop_file: Path, tmp_path: Path) -> str:
    path = tmp_path / "farebox.db"
    shutil.copyfile(migrated_shop_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_shop_url(postgres_server: PostgresServer) -> Iterator[str]:
    name = postgres_server.create_database(template=postgres_server.template("shop", migrate))
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_stage(edge_forks: EdgeForks, sqlite_shop_url: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(edge_forks, sqlite_shop_url, tmp_path) as stage:
        yield stage


@pytest.fixture
def postgres_stage(edge_forks: EdgeForks, postgres_shop_url: str, tmp_path: Path) -> Iterator[Stage]:
    with Stage(edge_forks, postgres_shop_url, tmp_path) as stage:
        yield stage


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest) -> Stage:
    fixture = {"sqlite": "sqlite_stage", "postgresql": "postgres_stage"}[request.param]
    return cast(Stage, request.getfixturevalue(fixture))
