"""Measure what reads all of the books: `make bench-books`, or `python -m benchmarks.books --charges 1000000`.

A month of synthetic books is written once (SQLite, kept under ``build/``) and read by fresh processes: the month's
report beside a bare GROUP BY of the same entries in the same database (P10), `farebox verify`, and `farebox close` on a
copy. Each process says what it took of the clock, of the processors, and of memory at most.

Rules of this file: reports and GROUP BYs take turns, so that a busy machine troubles both alike; processor time is
what to compare while others work, and the remarks say whether they did. Nothing here runs in the suite.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine
from benchmarks.contenders import ROOT
from benchmarks.processes import BenchmarkFault, tail
from edge.core.month import Month
from edge.store import schema
from edge.store.database import Database

MONTH = Month(2026, 10)
CHARGES = 10_000_000
ROUNDS = 3
TARGET, MOONSHOT = 3.0, 1.2
COMMITTED = ROOT / "benchmarks" / "results"
KEPT = ROOT / "build" / "benchmarks" / "books"
BUSY = 0.9
"""A process that got less of a core than this waited for others, or for the disk."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process took: seconds by the clock and of the processors, mebibytes at most."""

    what: str
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def take(what: str, words: Sequence[str], environment: Mapping[str, str], log: Path) -> Taken:
    """Run a command to its end; raises ``BenchmarkFault`` with what it said when it fails."""
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=dict(environment), stdout=out, stderr=out, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode != 0:
        raise BenchmarkFault(f"{what} ended with {process.returncode}:\n{tail(log)}")
    return Taken(what, round(wall, 2), round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1024, 1))


def measure(charges: int, rounds: int, folder: Path) -> list[Taken]:
    """Write the books unless they are there, and read them in every way."""
    folder.mkdir(parents=True, exist_ok=True)
    books = folder / f"{charges}.db"
    if not books.exists():
        print(f"bench-books: writing {charges:,} charges", flush=True)
        beginning = books.with_suffix(".part")
        beginning.unlink(missing_ok=True)
        # In a process of its own: what this one held at most would count as its children's, too.
        making = ("benchmarks.synthetic_books", "make", str(beginning), "--charges", str(charges))
        words = [sys.executable, "-m", *making, "--month", MONTH.label]
        take("make", words, _environment(beginning), folder / "last.log")
        beginning.rename(books)
    _upgrade(books)
    # Keys and checkpoints are of the copy that the last run closed.
    shutil.rmtree(folder / "data", ignore_errors=True)
    taken: list[Taken] = []

    def run(what: str, *words: str, of: Path = books) -> None:
        taken.append(take(what, [sys.executable, "-m", *words], _environment(of), folder / "last.log"))
        one = taken[-1]
        said = f"{one.wall_seconds:.1f} s, {one.cpu_seconds:.1f} s of processor time, {one.peak_mib:.0f} MiB"
        print(f"bench-books: {what}: {said}", flush=True)

    for _ in range(rounds):
        run("group by", "benchmarks.bare_group_by", str(books), str(MONTH.start_micros), str(MONTH.end_micros))
        run("report", "edge.cli.main", "report", MONTH.label, "--json")
    run("verify", "edge.cli.main", "verify")
    copy = books.with_suffix(".closing")
    try:
        shutil.copyfile(books, copy)
        run("close", "edge.cli.main", "close", MONTH.label, of=copy)
    finally:
        for each in folder.glob(f"{copy.name}*"):
            each.unlink()
    return taken


def _upgrade(books: Path) -> None:
    """Books that were written by an earlier version are brought to this one's shape."""
    database = Database.open(f"sqlite:///{books}")
    schema.upgrade(database)
    database.close()


def _environment(books: Path) -> dict[str, str]:
    return {
        "FAREBOX_DATABASE_URL": f"sqlite:///{books.absolute()}",
        "FAREBOX_DATA_DIR": str(books.absolute().parent / "data"),
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": ":".join(sys.path),
    }


# What is written


def ratio(taken: Iterable[Taken], seconds: str) -> float:
    """How many times a bare GROUP BY a report takes, by medians."""
    by_name = {what: [getattr(one, seconds) for one in taken if one.what == what] for what in ("report", "group by")}
    return float(median(by_name["report"]) / median(by_name["group by"]))


def remarks(taken: Sequence[Taken]) -> list[str]:
    """Why not to believe the clock."""
    waited = sorted({one.what for one in taken if one.cpu_seconds < BUSY * one.wall_seconds})
    if not waited:
        return []
    return [
        f"The machine was not quiet: {', '.join(waited)} had less than {BUSY:.0%} of a core. Compare processor time."
    ]


def page(name: str, document: Mapping[str, Any], taken: Sequence[Taken]) -> str:
    """The figures as Markdown."""
    lines = []
    for what in dict.fromkeys(one.what for one in taken):
        own = [one for one in taken if one.what == what]
        wall, cpu = (median(getattr(one, part) for one in own) for part in ("wall_seconds", "cpu_seconds"))
        lines.append(
            f"| {what} | {len(own)} | {wall:.1f} s | {cpu:.1f} s | {max(one.peak_mib for one in own):.0f} MiB |"
        )
    wall, cpu = document["report_over_group_by"]["wall"], document["report_over_group_by"]["cpu"]
    return "\n".join(
        [
            "# Reading all of the books",
            "",
            f"Taken {document['taken_at']} at commit `{document['machine']['commit']}` by `make bench-books`, "
            f"{document['charges']:,} charges in one month, SQLite. Every process: [{name}.json]({name}.json).",
            "",
            *(f"> {remark}\n" for remark in document["remarks"]),
            "| | times | by the clock | processor time | memory at most |",
            "|---|--:|--:|--:|--:|",
            *lines,
            "",
            f"P10, a month's report over a bare GROUP BY: **{wall:.2f}** by the clock, **{cpu:.2f}** in processor",
            f"time; the target is at most {TARGET:g} [{MOONSHOT:g}]. Medians of the times; `close` verifies first.",
            "",
        ]
    )


def write(charges: int, taken: Sequence[Taken], folder: Path, now: datetime) -> Path:
    """Write the raw figures and the page; the page's path."""
    about = machine.describe(ROOT, None, ())
    document = {
        "taken_at": now.isoformat(timespec="seconds"),
        "machine": about,
        "charges": charges,
        "month": MONTH.label,
        "remarks": remarks(taken),
        "report_over_group_by": {part: ratio(taken, f"{part}_seconds") for part in ("wall", "cpu")},
        "processes": [asdict(one) for one in taken],
    }
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{now:%Y-%m-%d}-{about['commit']}-books"
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    path = folder / "books.md"
    path.write_text(page(name, document, taken), encoding="utf-8")
    return path


def main(words: list[str]) -> int:
    """Measure, write and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.books", description="Measure what reads all books.")
    parser.add_argument("--charges", type=int, default=CHARGES, help=f"in the month ({CHARGES:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"reports and GROUP BYs, in turn ({ROUNDS})")
    parser.add_argument("--folder", type=Path, default=KEPT, help="where the books are kept, for the next time")
    parser.add_argument("--out", type=Path, help="where to write; a full run goes to benchmarks/results")
    given = parser.parse_args(words)
    try:
        taken = measure(given.charges, given.rounds, given.folder)
    except (BenchmarkFault, OSError) as why:
        print(f"bench-books: {why}", file=sys.stderr)
        return 1
    whole = given.charges >= CHARGES and given.rounds >= ROUNDS
    written = write(
        given.charges,
        taken,
        given.out or (COMMITTED if whole else ROOT / "build/benchmarks/results"),
        datetime.now(UTC),
    )
    print(written.read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
