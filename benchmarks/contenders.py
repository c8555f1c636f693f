"""Who is measured and how each is started: the floor, the peers, the bare proxy.

All run on the same uvicorn, with httptools and uvloop, without its access log and its reading of forwarded headers:
what a peer does not need for the task, it is not charged for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from benchmarks.load import Expectation
from benchmarks.machine import Pinning
from benchmarks.processes import Running, free_port, running
from benchmarks.samples import Series

ROOT = Path(__file__).resolve().parent.parent


class Ask(Enum):
    """Which requests a load consists of."""

    CLAIMED = auto()
    PEOPLE = auto()
    X402_PAYMENTS = auto()
    SIGNED = auto()

    @property
    def repeats(self) -> bool:
        """Whether the same requests may be sent again; a payment may not."""
        return self in (Ask.CLAIMED, Ask.PEOPLE)


@dataclass(frozen=True, slots=True)
class Trial:
    """One load on one server: what is asked, what every answer must be, and the name of the outcome."""

    series: Series
    ask: Ask
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Contender:
    """A server under test: how it is started afresh for each round, and what is tried on it.

    ``settle`` is told, after each of its loads, the trial and how many answers came; it raises ``BenchmarkFault``
    when the server's own books do not agree.
    """

    name: str
    trials: tuple[Trial, ...]
    start: Callable[[], AbstractContextManager[Running]]
    settle: Callable[[Trial, int], None] | None = None


def peers(python: Path, origin_port: int, pinning: Pinning, logs: Path) -> tuple[Contender, ...]:
    """Everything but farebox; ``python`` is the peers' own."""

    def served(name: str, application: str, *, factory: bool = True) -> Callable[[], AbstractContextManager[Running]]:
        def start() -> AbstractContextManager[Running]:
            port = free_port()
            command = [str(python), "-m", "uvicorn", *(["--factory"] if factory else []), application]
            command += ["--http", "httptools", "--loop", "uvloop", "--port", str(port), "--log-level", "warning"]
            command += ["--no-access-log", "--no-proxy-headers"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_ORIGIN": f"http://127.0.0.1:{origin_port}"}
            return running(name, pinning.command(pinning.server, command), port, logs / f"{name}.log", environment)

        return start

    refused, sold, passed = Expectation(402), Expectation(200), Expectation(200)
    return (
        Contender(
            "floor",
            (Trial(Series.FLOOR_402, Ask.CLAIMED, refused),),
            served("floor", "benchmarks.peers.floor:app", factory=False),
        ),
        Contender(
            "x402",
            (Trial(Series.X402_402, Ask.CLAIMED, refused), Trial(Series.X402_PAID, Ask.X402_PAYMENTS, sold)),
            served("x402", "benchmarks.peers.x402_app:create"),
        ),
        Contender(
            "forgemesh",
            (Trial(Series.FORGEMESH_402, Ask.CLAIMED, refused),),
            served("forgemesh", "benchmarks.peers.forgemesh_app:create"),
        ),
        Contender(
            "bare proxy",
            (Trial(Series.BARE_PROXY_PERSON, Ask.PEOPLE, passed),),
            served("bare-proxy", "benchmarks.peers.bare_proxy:create"),
        ),
    )
