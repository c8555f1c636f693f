"""A real edge for the tests that talk to sockets, and a real receiver for webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.core.catalogue import Catalogue
from edge.store.database import Database
from edge.store.service_keys import load_service_keys
from tests.support.books import migrate
from tests.support.edge_under_test import EdgeUnderTest, Setting
from tests.support.webhook_post import Post
from tests.support.webhook_receiver import WebhookReceiver
from tests.support.webhooks import introduce

MakeEdge = Callable[..., EdgeUnderTest]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Loaded once: it holds thousands of patterns."""
    return Catalogue.load()


@pytest.fixture
def make_edge(catalogue: Catalogue) -> Iterator[MakeEdge]:
    """Start edges with settings of the test's own; they stop, and their faults are looked at, when it ends."""
    with ExitStack() as stack:

        def make(**changes: object) -> EdgeUnderTest:
            return stack.enter_context(EdgeUnderTest(Setting(**changes), catalogue))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def edge(make_edge: MakeEdge) -> EdgeUnderTest:
    """The usual edge, this test's own."""
    return make_edge()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "farebox.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def post(migrated_file: Path, tmp_path: Path) -> Iterator[Post]:
    path = tmp_path / "store.db"
    path.write_bytes(migrated_file.read_bytes())
    database = Database.open(f"sqlite:///{path}")
    with database.write() as connection:
        introduce(connection)
    post = Post(database, load_service_keys(tmp_path / "data"))
    yield post
    database.close()
    assert post.reports.errors == []


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver
