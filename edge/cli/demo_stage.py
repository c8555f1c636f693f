"""The demo's stage: a folder of its own, and real processes on free loopback ports.

Rules of this file: everything is done with the same commands that an operator types, in processes of their own;
nothing outside the folder is read or changed; every process is ended, however the demo ends.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge.cli.terminal import CommandFailed

READY_SECONDS = 120.0
STOP_SECONDS = 60.0
_ADDRESS = re.compile(r"(edge|dashboard|admin|sample origin):?\s+http://(\S+)")
_SETUP_LINK = re.compile(r"(http://\S+/set-up/\S+)")


@dataclass(slots=True)
class Stage:
    """A workplace for the demo; ``addresses`` fills with ``host:port`` as the processes say where they listen."""

    folder: Path
    addresses: dict[str, str] = field(default_factory=dict)
    setup_link: str | None = None
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=50))
    _news: threading.Condition = field(default_factory=threading.Condition)
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, script: str, *words: str) -> str:
        """Run one command to its end and return what it printed; raises ``CommandFailed`` with its error."""
        done = subprocess.run(
            [_script(script), *words], cwd=self.folder, env=self._environment(), capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise CommandFailed(f"`{script} {' '.join(words)}` failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def json_of(self, script: str, *words: str) -> Any:
        """Run one command with ``--json`` and read what it printed."""
        return json.loads(self.command(script, *words, "--json"))

    def start(self, script: str, *words: str, listens: tuple[str, ...]) -> None:
        """Start a server and wait until it has said where it listens."""
        process = subprocess.Popen(
            [_script(script), *words], cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._processes.append(process)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        deadline = time.monotonic() + READY_SECONDS
        with self._news:
            while not all(name in self.addresses for name in listens):
                left = deadline - time.monotonic()
                if process.poll() is not None or left <= 0:
                    raise CommandFailed(f"`{script} {' '.join(words)}` did not start: {self.last_words}")
                self._news.wait(min(left, 0.2))

    @property
    def last_words(self) -> str:
        """The last lines that the servers wrote, for errors."""
        return " / ".join(self._said) or "it said nothing"

    def close(self) -> None:
        """End every process: politely, then not."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        if process.stderr is None:
            raise AssertionError("the process was started with a pipe")
        for line in process.stderr:
            with self._news:
                self._said.append(line.strip())
                if found := _ADDRESS.search(line):
                    self.addresses[found[1]] = found[2]
                if link := _SETUP_LINK.search(line):
                    self.setup_link = link[1]
                self._news.notify_all()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FAREBOX_")}
        return kept | {
            "FAREBOX_DEV": "true",
            "FAREBOX_OPERATOR": "demo",
            "FAREBOX_EDGE_BIND": "127.0.0.1:0",
            "FAREBOX_DASHBOARD_BIND": "127.0.0.1:0",
            "FAREBOX_ADMIN_BIND": "127.0.0.1:0",
            "FAREBOX_LOG_LEVEL": "warning",
            "NO_COLOR": "1",
        }


def _script(name: str) -> str:
    """A command of this very installation, whatever PATH says."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise CommandFailed(f"{name} is not installed beside {sys.executable}; run `make setup`")
    return str(path)


def stage_in(folder: Path, stack: ExitStack) -> Stage:
    """A stage whose processes end with ``stack``."""
    stage = Stage(folder)
    stack.callback(stage.close)
    return stage
