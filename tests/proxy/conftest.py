"""A real edge for the tests that talk to sockets: one for a whole module, or one made to measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from edge.core.catalogue import Catalogue
from tests.support.edge_under_test import EdgeUnderTest, Setting

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
