"""One run from nothing to its samples: programs, peers, origin, rounds."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.campaign import Campaign, Pace
from benchmarks.contenders import ROOT, Contender, peers
from benchmarks.farebox_target import Farebox
from benchmarks.ledger_target import Books, postgresql_books, sqlite_books
from benchmarks.load import Load
from benchmarks.machine import Pinning, choose_cores, describe, file_system
from benchmarks.measures import Measure, series_of
from benchmarks.origin import find_program, origin
from benchmarks.peer_environment import ensure_peers
from benchmarks.processes import BenchmarkFault
from benchmarks.request_files import Signer
from benchmarks.results import Run
from benchmarks.samples import Sample, Series
from benchmarks.screen import Screen
from edge.core.keys import new_private_key, private_key_to_pem

PLACE = ROOT / "build" / "benchmarks"
FAREBOX_SERIES = frozenset({Series.EDGE_402, Series.EDGE_PAID, Series.EDGE_PERSON})
NOT_PINNED = "Only one core: server and load share it, nothing is pinned, and these ratios compare with no others."


def measure(measures: tuple[Measure, ...], pace: Pace, screen: Screen, now: datetime) -> Run:
    """Take all samples that ``measures`` need. Raises ``BenchmarkFault`` when they cannot be had."""
    _ensure_programs()
    python = ensure_peers(lambda text: screen.say(f"bench: {text}"))
    pinning = choose_cores(sorted(os.sched_getaffinity(0)))
    if not pinning.pinned:
        screen.say(f"bench: {NOT_PINNED}")
    wanted = series_of(measures)
    screen.expect(pace.rounds * len(wanted))
    with _workplace() as place, ExitStack() as running:
        stage = Stage(running, place, pinning, pace, wanted)
        samples = tuple(_samples(stage, python, screen))
        file_systems = {name: file_system(path) for name, path in stage.disks.items()}
    settings = {
        "rounds": pace.rounds,
        "seconds": pace.seconds,
        "warm_up_seconds": pace.warm_up_seconds,
        "connections": pace.connections,
        "pinned": pinning.pinned,
        "file_systems": file_systems,
    }
    remarks = [] if pinning.pinned else [NOT_PINNED]
    remarks += [f"{name} kept its files in memory: its commits were not durable." for name in _volatile(file_systems)]
    return Run(now, _machine(python), settings, measures, samples, tuple(remarks))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one run takes place; what is started is ended by ``running``."""

    running: ExitStack
    place: Path
    pinning: Pinning
    pace: Pace
    wanted: frozenset[Series]
    disks: dict[str, Path] = field(default_factory=dict)

    def books(self) -> list[Books]:
        """The databases whose ledger is wanted."""
        found = []
        if Series.LEDGER_SQLITE in self.wanted:
            found.append(sqlite_books(self.place, self.pinning, self.pace.seconds))
            self.disks["SQLite"] = self.place
        if Series.LEDGER_POSTGRESQL in self.wanted:
            books, self.disks["PostgreSQL"] = self.running.enter_context(
                postgresql_books(self.pinning, self.pace.seconds)
            )
            found.append(books)
        return found


def _samples(stage: Stage, python: Path, screen: Screen) -> Iterator[Sample]:
    signer = Signer(private_key_to_pem(new_private_key()))
    page_origin = stage.running.enter_context(origin(stage.place / "origin", stage.pinning))
    contenders: tuple[Contender, ...] = peers(python, page_origin.port, stage.pinning, stage.place)
    farebox = Farebox(stage.place / "farebox", page_origin.port, stage.pinning, stage.pace.connections)
    if stage.wanted & FAREBOX_SERIES:
        farebox.set_up(signer)
        stage.disks["SQLite"] = farebox.place
        contenders += (farebox.contender(),)
    load = Load(stage.pace.connections, stage.pinning)
    campaign = Campaign(stage.pace, load, stage.place, signer, screen.at, stage.books())
    for sample in campaign.rounds(contenders, stage.wanted):
        screen.done()
        yield sample
    if stage.wanted & FAREBOX_SERIES:
        screen.at("farebox verify")
        farebox.verify()


def _machine(python: Path) -> dict[str, object]:
    programs = [
        ("nginx", [find_program("nginx"), "-v"]),
        ("wrk", [find_program("wrk"), "-v"]),
        ("sqlite", [sys.executable, "-c", "import pysqlite3; print(pysqlite3.sqlite_version)"]),
    ]
    return describe(ROOT, python, programs)


def _volatile(file_systems: Mapping[str, str]) -> list[str]:
    return [name for name, kind in file_systems.items() if kind in ("tmpfs", "ramfs")]


def _ensure_programs() -> None:
    """Install nginx and wrk where that can be done, else say what to install."""
    done = subprocess.run([ROOT / "scripts" / "ensure_programs", "nginx", "wrk"], stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchmarkFault("the benchmarks need nginx and wrk; see above")


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder on the checkout's own disk, because durable writes are measured; kept when something went wrong.

    Only one run at a time: two would measure each other.
    """
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BenchmarkFault("another run is under way in this checkout") from None
        for left in PLACE.glob("run-*"):
            shutil.rmtree(left)
        place = Path(tempfile.mkdtemp(prefix="run-", dir=PLACE))
        try:
            yield place
        except BenchmarkFault as fault:
            raise BenchmarkFault(f"{fault}\n(the logs are in {place.relative_to(ROOT)})") from fault
        shutil.rmtree(place)
