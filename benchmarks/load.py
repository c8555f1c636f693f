"""One run of wrk: so many seconds of requests from a file, with every answer checked."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.machine import Pinning
from benchmarks.origin import find_program
from benchmarks.processes import BenchmarkFault, CoreClock, Running, cpu_seconds, tail
from benchmarks.samples import Cores

SCRIPT = Path(__file__).resolve().parent / "load.lua"
ANSWER_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Expectation:
    """What every single answer must be; anything else makes the round void."""

    status: int
    charged: bool = False


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one run of wrk saw; latencies in milliseconds. With ``ran_out`` the requests did not last: no rate."""

    answered: int
    ran_out: bool
    duration_seconds: float
    p50_ms: float
    p99_ms: float
    cores: Cores | None

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.duration_seconds


@dataclass(frozen=True, slots=True)
class Load:
    """How hard, and from where."""

    connections: int
    pinning: Pinning

    def run(self, server: Running, requests: Path, expected: Expectation, seconds: int, *, repeat: bool) -> LoadResult:
        """Send ``requests`` for ``seconds``; with ``repeat`` they start again at their end, else they may run out.

        Raises ``BenchmarkFault`` when an answer is not as expected, a connection fails or nothing was answered.
        """
        command = self._command(server, requests, expected, seconds, repeat=repeat)
        clock = CoreClock(self.pinning.server, self.pinning.load, partial(cpu_seconds, server))
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        cores = clock.since()
        lines = done.stdout.strip().splitlines()
        if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
            raise BenchmarkFault(f"wrk failed against {server.name}: {done.stderr.strip() or done.stdout[-300:]}")
        seen: dict[str, float] = json.loads(lines[-1])
        _check(seen, server, expected)
        return LoadResult(
            answered=int(seen["answered"]),
            ran_out=bool(seen["exhausted"]),
            duration_seconds=seen["duration_seconds"],
            p50_ms=seen["p50_ms"],
            p99_ms=seen["p99_ms"],
            cores=cores,
        )

    def _command(
        self, server: Running, requests: Path, expected: Expectation, seconds: int, *, repeat: bool
    ) -> list[str]:
        words = [find_program("wrk"), "--threads", "1", "--connections", str(self.connections)]
        words += ["--duration", f"{seconds}s", "--timeout", f"{ANSWER_TIMEOUT_SECONDS}s", "--script", str(SCRIPT)]
        words += [f"http://127.0.0.1:{server.port}/", "--", str(requests), str(expected.status)]
        words += ["charged" if expected.charged else "free", "repeat" if repeat else "once"]
        return self.pinning.command(self.pinning.load, words)


def _check(seen: dict[str, float], server: Running, expected: Expectation) -> None:
    faults = []
    if seen["answered"] == 0:
        faults.append("nothing was answered")
    if seen["wrong_status"]:
        faults.append(
            f"{seen['wrong_status']:.0f} of {seen['answered']:.0f} answers are not {expected.status}, "
            f"the first is {seen['first_wrong']:.0f}"
        )
    if seen["wrong_charge"]:
        stated = "do not state" if expected.charged else "state"
        faults.append(f"{seen['wrong_charge']:.0f} answers {stated} a charge")
    if seen["socket_errors"] or seen["timeouts"]:
        faults.append(f"{seen['socket_errors']:.0f} socket errors, {seen['timeouts']:.0f} timeouts")
    if faults:
        raise BenchmarkFault(f"{server.name}: {'; '.join(faults)}\n{tail(server.log)}")
