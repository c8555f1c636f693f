"""What the run was made on: processor, cores, kernel, versions, commit. Nothing that names the machine itself."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

OURS = (
    "farebox", "uvicorn", "httptools", "uvloop", "aiohttp", "cryptography", "pynacl", "http-sf", "sqlalchemy",
    "psycopg",
)  # fmt: skip
PEERS = ("x402", "forgemesh-pay-per-crawl", "fastapi", "starlette", "uvicorn", "httptools", "uvloop", "aiohttp")


@dataclass(frozen=True, slots=True)
class Pinning:
    """Which core serves and which one loads; both None where there is only one core to have."""

    server: int | None
    load: int | None

    @property
    def pinned(self) -> bool:
        """Whether the figures mean anything as ratios to a core's worth of work."""
        return self.server is not None

    def command(self, core: int | None, words: Sequence[str]) -> list[str]:
        """The command line that runs ``words`` on ``core``."""
        return list(words) if core is None else ["taskset", "-c", str(core), *words]


def choose_cores(allowed: Sequence[int]) -> Pinning:
    """Take the first core that we may use for the server under test and the next one for origin and load."""
    if len(allowed) < 2:
        return Pinning(None, None)
    server, load = sorted(allowed)[:2]
    return Pinning(server, load)


def describe(root: Path, peers_python: Path | None, programs: Sequence[tuple[str, Sequence[str]]]) -> dict[str, object]:
    """Say what the figures were taken on; ``programs`` are names with the command that prints their version."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": _system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in OURS},
        "peers": _peer_versions(peers_python) if peers_python is not None else {},
        "programs": {name: _first_line(command) for name, command in programs},
        "commit": commit(root),
    }


def commit(root: Path) -> str:
    """The short hash of what is measured, with ``-dirty`` when the source differs from it."""
    found = _output(["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"])
    if not found:
        return "unknown"
    changed = _output(["git", "-C", str(root), "status", "--porcelain", "--", "edge", "migrations", "benchmarks"])
    return f"{found}-dirty" if changed else found


def file_system(path: Path) -> str:
    """The kind of file system under ``path``: durable writes mean nothing on some of them."""
    return _output(["stat", "-f", "-c", "%T", str(path)]) or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _peer_versions(python: Path) -> dict[str, str]:
    program = "import sys; from importlib.metadata import version; print(*[version(n) for n in sys.argv[1:]])"
    return dict(zip(PEERS, _output([str(python), "-c", program, *PEERS]).split(), strict=True))


def _first_line(command: Sequence[str]) -> str:
    return (_output(command, errors_too=True).splitlines() or ["unknown"])[0].strip()


def _output(command: Sequence[str], *, errors_too: bool = False) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return (done.stdout or (done.stderr if errors_too else "")).strip()
