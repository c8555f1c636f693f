"""The ledger beside the raw insert, on either database; empty databases for every round."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.contenders import ROOT
from benchmarks.machine import Pinning
from benchmarks.processes import measured_json
from benchmarks.samples import Sample, Series
from tests.support.postgres import PostgresServer, running_postgres

DATABASES = 3
"""What `ledger_rates` needs: one for the ledger, one for each way of the raw insert."""


@dataclass(frozen=True, slots=True)
class Books:
    """One kind of database; ``fresh`` gives the addresses of empty ones for as long as a round lasts."""

    name: str
    ledger: Series
    raw: Series
    fresh: Callable[[], AbstractContextManager[list[str]]]
    pinning: Pinning
    seconds: int

    @property
    def series(self) -> frozenset[Series]:
        """What one round yields."""
        return frozenset({self.ledger, self.raw})

    def round(self, number: int) -> Iterator[Sample]:
        """Measure both, one after the other, on the server's core."""
        with self.fresh() as urls:
            words = [sys.executable, "-m", "benchmarks.ledger_rates", *urls, str(self.seconds)]
            seen, cores = measured_json(words, self.pinning, ROOT)
        raw = max(seen["row_by_row"], seen["all_in_one"])
        for series, rate in ((self.ledger, seen["ledger"]), (self.raw, raw)):
            yield Sample(series, number, rate, seen["count"] / rate, int(seen["count"]), cores=cores)


def sqlite_books(place: Path, pinning: Pinning, seconds: int) -> Books:
    """Files under ``place``."""

    @contextmanager
    def fresh() -> Iterator[list[str]]:
        files = [place / f"books-{number}.db" for number in range(DATABASES)]
        yield [f"sqlite:///{file}" for file in files]
        for left in place.glob("books-*.db*"):
            left.unlink()

    return Books("ledger on SQLite", Series.LEDGER_SQLITE, Series.RAW_SQLITE, fresh, pinning, seconds)


@contextmanager
def postgresql_books(pinning: Pinning, seconds: int) -> Iterator[tuple[Books, Path]]:
    """A server from a wheel, with its default durability, on the load's core; also where it keeps its files."""
    with running_postgres() as server:
        _pin(server, pinning)

        @contextmanager
        def fresh() -> Iterator[list[str]]:
            names = [server.create_database() for _ in range(DATABASES)]
            yield [server.url(name) for name in names]
            for name in names:
                server.drop_database(name)

        yield (
            Books("ledger on PostgreSQL", Series.LEDGER_POSTGRESQL, Series.RAW_POSTGRESQL, fresh, pinning, seconds),
            server.directory,
        )


def _pin(server: PostgresServer, pinning: Pinning) -> None:
    if pinning.load is not None:
        postmaster = psutil.Process(server.process.pid)
        for process in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):  # a child of the start-up that has done its work
                process.cpu_affinity([pinning.load])
