"""One run from nothing to its samples: programs, peers, origin, rounds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.campaign import Campaign, Pace
from benchmarks.contenders import ROOT, Contender, peers
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
        samples = tuple(_samples(running, place, python, pinning, pace, wanted, screen))
        settings = {
            "rounds": pace.rounds, "seconds": pace.seconds, "warm_up_seconds": pace.warm_up_seconds,
            "connections": pace.connections, "pinned": pinning.pinned, "file_system": file_system(place),
        }  # fmt: skip
    programs = [
        ("nginx", [find_program("nginx"), "-v"]),
        ("wrk", [find_program("wrk"), "-v"]),
        ("sqlite", [sys.executable, "-c", "import pysqlite3; print(pysqlite3.sqlite_version)"]),
    ]
    machine = describe(ROOT, python, programs)
    return Run(now, machine, settings, measures, samples, () if pinning.pinned else (NOT_PINNED,))


def _samples(
    running: ExitStack,
    place: Path,
    python: Path,
    pinning: Pinning,
    pace: Pace,
    wanted: frozenset[Series],
    screen: Screen,
) -> Iterator[Sample]:
    signer = Signer(private_key_to_pem(new_private_key()))
    page_origin = running.enter_context(origin(place / "origin", pinning))
    contenders: tuple[Contender, ...] = peers(python, page_origin.port, pinning, place)
    campaign = Campaign(pace, Load(pace.connections, pinning), place, signer, screen.at)
    for sample in campaign.rounds(contenders, wanted):
        screen.done()
        yield sample


def _ensure_programs() -> None:
    """Install nginx and wrk where that can be done, else say what to install."""
    done = subprocess.run([ROOT / "scripts" / "ensure_programs", "nginx", "wrk"], stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise BenchmarkFault("the benchmarks need nginx and wrk; see above")


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder on the checkout's own disk, because durable writes are measured; kept when something went wrong."""
    PLACE.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="run-", dir=PLACE))
    try:
        yield place
    except BaseException as why:
        why.add_note(f"(logs are in {place.relative_to(ROOT)})")
        raise
    shutil.rmtree(place)
