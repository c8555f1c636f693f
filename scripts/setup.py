"""Make `.venv` match the lock files: run by the Makefile with nothing but Python's standard library.

    python3 scripts/setup.py run      what farebox runs on, and farebox itself
    python3 scripts/setup.py dev      that, and what the tests and checks need

Rules of this file
- The environment is right when `.venv/farebox-setup.json` holds the digest of what it was built from; then
  nothing is done, so that running a target again costs a fraction of a second.
- Everything is installed with `--require-hashes`: what was locked is what runs.
- Only Python and pip are needed. Debian splits `ensurepip` from Python, so a pip that the interpreter already
  has is pointed at the environment instead; it never touches the system's own packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "farebox-setup.json"
LOCKS = {
    "run": ("runtime.lock", "build.lock"),
    "dev": ("runtime.lock", "build.lock", "dev.lock"),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        print(f"usage: setup.py {' | '.join(LOCKS)}", file=sys.stderr)
        return 2
    try:
        with (ROOT / ".setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two targets at once must not build one environment
            set_up(arguments[0])
            subprocess.run([sys.executable, ROOT / "scripts" / "front_end.py"], check=True)
    except subprocess.CalledProcessError as error:
        print(f"setup: `{_shown(error.cmd)}` failed with status {error.returncode}; see above.", file=sys.stderr)
        return 1
    return 0


def set_up(level: str) -> None:
    """Bring the environment to `level`; a level that was reached for the same locks is kept."""
    stamp = _read_stamp()
    moved = stamp.get("place", str(ROOT)) != str(ROOT)  # programs in .venv/bin name their interpreter by its full path
    done = stamp if not moved and stamp.get("base") == _base() and PYTHON.exists() else {}
    wanted = {name: _digest(ROOT / "requirements" / name) for name in LOCKS[level]}
    if done and all(done.get(name) == digest for name, digest in wanted.items()):
        return
    started = time.monotonic()
    if moved or (not done and not _works()):
        _create_environment()
    missing = [name for name in LOCKS[level] if done.get(name) != wanted[name]]
    print(f"setup: installing {', '.join(missing)} into .venv (the first time takes a minute)", flush=True)
    requirements = [word for name in missing for word in ("-r", str(ROOT / "requirements" / name))]
    _pip("install", "--require-hashes", *requirements)
    _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(json.dumps({**done, **wanted, "place": str(ROOT), "base": _base()}, indent=1) + "\n")
    print(f"setup: ready after {time.monotonic() - started:.0f} s", flush=True)


def _read_stamp() -> dict[str, str]:
    """Return what the environment was built from, or nothing when it was not built by this."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _base() -> str:
    """What calls for a new installation when it changes: the Python and the package's own metadata."""
    return f"Python {sys.version_info.major}.{sys.version_info.minor}, pyproject {_digest(ROOT / 'pyproject.toml')}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _works() -> bool:
    """Whether `.venv` runs, with this Python's version."""
    program = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        answer = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True)
    except OSError:
        return False
    return answer.stdout.strip() == f"{sys.version_info.major}.{sys.version_info.minor}"


def _create_environment() -> None:
    print(f"setup: creating .venv with Python {sys.version.split()[0]}", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    if find_spec("pip") is None and find_spec("ensurepip") is None:
        sys.exit("setup: this Python has neither pip nor ensurepip. On Debian: apt-get install python3-pip")
    without_pip = ["--without-pip"] if find_spec("pip") is not None else []
    subprocess.run([sys.executable, "-m", "venv", *without_pip, ENVIRONMENT], check=True)


def _pip(command: str, *arguments: str) -> None:
    """Run pip on the environment: this interpreter's pip when it has one, else the environment's own."""
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if find_spec("pip") is None:
        pip = [str(PYTHON), "-m", "pip"]
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    settings = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    subprocess.run(
        [*pip, command, *quiet, *arguments], check=True, env={**os.environ, **settings}, stdin=subprocess.DEVNULL
    )


def _shown(command: object) -> str:
    return " ".join(str(word) for word in command) if isinstance(command, list | tuple) else str(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
