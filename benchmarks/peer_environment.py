"""An environment of their own for the peers: `benchmarks/.peers`, built from `peers.lock` with pip alone.

The environment is right when its stamp holds the digest of what it was built from; then nothing is done.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from benchmarks.processes import BenchmarkFault

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".peers"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = HERE / "peers.lock"
_STAMP = ENVIRONMENT / "built-from"
_GUARD = HERE / ".peers.lock"


def ensure_peers(say: Callable[[str], None]) -> Path:
    """Return the peers' Python, building the environment first when it is missing or old.

    Raises ``BenchmarkFault`` with what pip said when it fails.
    """
    with _GUARD.open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two runs at once must not build one environment
        wanted = f"Python {sys.version_info.major}.{sys.version_info.minor} {ENVIRONMENT} {_digest()}"
        if not _built_from(wanted):
            say("installing the peers into benchmarks/.peers (once, half a minute)")
            _build()
            _STAMP.write_text(wanted)
    return PYTHON


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _built_from(wanted: str) -> bool:
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == wanted


def _build() -> None:
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    # The environment that runs this has no pip where Debian's Python has none to give it: then the one that it was
    # made from has, and works on the new one from outside.
    pip_owner = sys.executable if find_spec("pip") is not None else _base_python()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True)
    command = [pip_owner, "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "--require-hashes"]
    settings = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    done = subprocess.run(
        [*command, "-r", str(LOCK)],
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchmarkFault(f"pip could not install the peers:\n{done.stderr.strip()[-2000:]}")


def _base_python() -> str:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys.base_prefix) / "bin" / version)
