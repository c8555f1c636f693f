"""Starting servers on one core, and seeing where its time went.

Rules of this file: only processes that were started here are ever ended, by their own id or process group; a server
that dies or does not answer is a `BenchmarkFault` with the end of its log.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.machine import Pinning
from benchmarks.samples import Cores

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 20.0
_BUSY, _STOLEN = 0, 1


class BenchmarkFault(Exception):
    """The figures would be wrong or cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server under test: where it listens and its process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    port: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    place: Path | None = None,
) -> Iterator[Running]:
    """Start a server in a process group of its own, wait until it answers, and stop it at the end.

    ``environment`` is its whole environment; None gives it ours.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=environment,
            cwd=place,
            start_new_session=True,
        )
    server = Running(name, port, process, log)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        _stop(process)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for a message."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""


def _wait_until_it_answers(server: Running) -> None:
    """Whatever it answers: a socket that listens may still have nobody behind it."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1) as connection:
            connection.settimeout(START_TIMEOUT_SECONDS)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if connection.recv(64).startswith(b"HTTP/1.1 "):
                return
        time.sleep(0.05)
    raise BenchmarkFault(f"{server.name} does not answer on port {server.port}:\n{tail(server.log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        # Its session holds nothing but what it started itself.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measured_json(words: Sequence[str], pinning: Pinning, place: Path) -> tuple[dict[str, float], Cores | None]:
    """Run a measuring process on the server's core; return the numbers that it printed, and how quiet it was."""
    clock = CoreClock(pinning.server, pinning.load, _cpu_seconds_of_the_ended)
    command = pinning.command(pinning.server, words)
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, stdin=subprocess.DEVNULL)
    cores = clock.since()
    if done.returncode != 0:
        raise BenchmarkFault(f"`{' '.join(command)}` failed:\n{done.stderr.strip()[-2000:]}")
    numbers: dict[str, float] = json.loads(done.stdout)
    return numbers, cores


def _cpu_seconds_of_the_ended() -> float:
    """What our child processes that have ended had used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class _Reading:
    """The clocks of one moment, in seconds; each core is (busy, stolen)."""

    at: float
    server_own: float
    cores: tuple[tuple[float, float], ...]


class CoreClock:
    """Sees what two cores do from when it is made, and how much of it is the measured thing's ``own`` time."""

    def __init__(self, server_core: int | None, load_core: int | None, own: Callable[[], float]) -> None:
        self._server_core = server_core
        self._load_core = load_core
        self._own = own
        self._began = self._read()

    def since(self) -> Cores | None:
        """The shares since this clock was made; None on a machine where nothing is pinned."""
        if self._server_core is None or self._load_core is None:
            return None
        now, then = self._read(), self._began
        seconds = now.at - then.at

        def spent(core: int, what: int) -> float:
            return (now.cores[core][what] - then.cores[core][what]) / seconds

        own = (now.server_own - then.server_own) / seconds
        return Cores(
            server=round(spent(self._server_core, _BUSY), 4),
            load=round(spent(self._load_core, _BUSY), 4),
            own=round(own, 4),
            foreign=round(max(0.0, spent(self._server_core, _BUSY) - own), 4),
            stolen=round(spent(self._server_core, _STOLEN) + spent(self._load_core, _STOLEN), 4),
        )

    def _read(self) -> _Reading:
        cores = tuple(
            (times.user + times.nice + times.system + times.irq + times.softirq, times.steal)
            for times in psutil.cpu_times(percpu=True)
        )
        return _Reading(time.monotonic(), self._own(), cores)


def cpu_seconds(server: Running) -> float:
    """What a server and the processes it started have used, in seconds of processor time."""
    total = 0.0
    parent = psutil.Process(server.process.pid)
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
