"""Measure farebox beside its peers: `make bench`, or `python -m benchmarks --quick --only P1,P3`.

Exit status: 0 measured (whether or not a target was met: the table says that), 1 the figures could not be had or
would be wrong, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import results
from benchmarks.bench import measure
from benchmarks.campaign import Pace
from benchmarks.contenders import ROOT
from benchmarks.measures import KEYS, chosen
from benchmarks.processes import BenchmarkFault
from benchmarks.screen import Screen

FULL = Pace(rounds=5, seconds=6, warm_up_seconds=2, connections=64)
QUICK = Pace(rounds=3, seconds=1, warm_up_seconds=1, connections=64)
COMMITTED = ROOT / "benchmarks" / "results"
PASSING = ROOT / "build" / "benchmarks" / "results"


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    words = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure farebox beside its peers, on one core, in one run.",
        epilog="Example: make bench BENCH_ARGS='--quick --only P1,P3'",
    )
    words.add_argument("--quick", action="store_true", help="three rounds of a second: while developing, not to quote")
    words.add_argument("--only", metavar="P1,P3", default=",".join(KEYS), help="some of the measures")
    words.add_argument("--rounds", type=int, metavar="N", help=f"rounds of each ({FULL.rounds})")
    words.add_argument("--seconds", type=int, metavar="N", help=f"measured seconds of a round ({FULL.seconds})")
    words.add_argument(
        "--out", type=Path, metavar="DIR",
        help="where to write; a full run goes to benchmarks/results, any other to build/benchmarks/results",
    )  # fmt: skip
    return words


def main(arguments: list[str]) -> int:
    """Run what was asked for, write it down and print the table."""
    words = parser()
    given = words.parse_args(arguments)
    try:
        measures = chosen(key.strip().upper() for key in given.only.split(",") if key.strip())
    except ValueError as why:
        words.error(str(why))
    base = QUICK if given.quick else FULL
    pace = Pace(given.rounds or base.rounds, given.seconds or base.seconds, base.warm_up_seconds, base.connections)
    if pace.rounds < 1 or pace.seconds < 1:
        words.error("rounds and seconds are at least 1")
    whole = len(measures) == len(chosen(KEYS)) and pace.rounds >= FULL.rounds and pace.seconds >= FULL.seconds
    with Screen() as screen:
        try:
            run = measure(measures, pace, screen, datetime.now(UTC))
        except (BenchmarkFault, subprocess.CalledProcessError, OSError) as why:
            screen.say(f"bench: {why}", error=True)
            return 1
    page = results.write(run, given.out or (COMMITTED if whole else PASSING))
    print(results.verdict_table(run.results))
    print()
    print(results.rate_table(run.figures))
    for remark in (*run.remarks, *results.doubts(run.samples)):
        print(f"bench: {remark}")
    print(f"bench: written to {page.parent.relative_to(ROOT) if page.is_relative_to(ROOT) else page.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
