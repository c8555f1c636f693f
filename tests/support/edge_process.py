"""A serving edge in a process of its own, that a test may kill, stop and start again on the same port and database."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from tests.support.source_tree import ROOT

READY_SECONDS = 120.0
PAUSE_SECONDS = 0.01
LOG_CHARACTERS = 4000
_PROBE = b"GET / HTTP/1.1\r\nHost: ready.invalid\r\nConnection: close\r\n\r\n"


class EdgeForks:
    """The process that forks edges (`tests.support.edge_forks`); one for a test session. Safe to share by threads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.edge_forks"], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._turn = threading.Lock()

    def start(self, folder: Path, environment: dict[str, str], plant: str | None) -> int:
        """Start an edge and return its process id."""
        asked = {"folder": str(folder), "environment": environment, "plant": plant}
        return self._ask({"start": asked})["pid"]

    def wait(self, pid: int) -> int:
        """Wait until an edge has ended, and return its exit code, negative for a signal."""
        return self._ask({"wait": pid})["code"]

    def close(self) -> None:
        """End it, and every edge that it still has."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(120)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, question: dict[str, Any]) -> dict[str, int]:
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            line = self._process.stdout.readline()
        assert line, "the process that forks edges has ended"
        answer: dict[str, int] = json.loads(line)
        return answer


class ReservedPort:
    """A port that nobody else is given: bound, but not listened on, so that an edge can take it again and again."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()


@dataclass
class EdgeProcess:
    """One edge; ``settings`` are ``FAREBOX_*`` by their lower-case names. Stopped when its ``with`` block ends.

    ``plant`` names a bug of ``tests.support.planted_edges`` to run with.
    """

    forks: EdgeForks
    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)
    plant: str | None = None
    pid: int | None = None
    lives: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._port = ReservedPort()
        self.port = self._port.number

    def __enter__(self) -> EdgeProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pid is not None:
            self.kill()
        self._port.close()

    def start(self) -> None:
        """Start, and return when it answers requests."""
        assert self.pid is None
        self.pid = self.forks.start(self.folder, self._environment(), self.plant)
        self.lives += 1
        deadline = time.monotonic() + READY_SECONDS
        while not answers(self.port):
            assert _is_alive(self.pid), f"the edge ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"the edge does not answer:\n{self.log()}"
            time.sleep(PAUSE_SECONDS)

    def kill(self) -> None:
        """`kill -9`, and return when nothing is left of it."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, wait until it has, and return its exit code."""
        return self._end(signal.SIGTERM)

    def tell_to_stop(self) -> None:
        """Ask it to stop, without waiting."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Wait until it has ended, and return its exit code."""
        assert self.pid is not None
        code = self.forks.wait(self.pid)
        self.pid = None
        return code

    def log(self) -> str:
        """The last of what it wrote to its standard error, in all its lives."""
        path = self.folder / "edge.log"
        return path.read_text(errors="replace")[-LOG_CHARACTERS:] if path.exists() else ""

    def _end(self, number: int) -> int:
        assert self.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.wait()

    def _environment(self) -> dict[str, str]:
        settings = {
            "database_url": self.database_url,
            "edge_bind": f"127.0.0.1:{self.port}",
            "admin_bind": "127.0.0.1:0",
            "data_dir": str(self.folder.parent / "data"),  # one for all edges of a stage: they sign with the same keys
            "log_level": "warning",
            "policy_poll_seconds": "0.1",
            **self.settings,
        }
        return {f"FAREBOX_{name.upper()}": value for name, value in settings.items()}


def answers(port: int) -> bool:
    """Whether an edge answers requests on this port of this machine; waits for a slow one."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), READY_SECONDS) as connection:
        connection.sendall(_PROBE)
        return connection.recv(12) == b"HTTP/1.1 421"
    return False


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
