"""The stock npm packages of ``examples/typescript``, and the Node.js that runs them, from a wheel.

Rules of this file
- What is locked is what runs: ``npm ci`` checks the hashes of ``package-lock.json``.
- Installed once for a lock file, into the ignored ``node_modules`` beside it; what npm has in its cache it takes there.
- Without a registry the tests of the package fail and say so; npm is asked once in a process.
- Node.js comes from the environment of the tests and not from the machine, so that its version is ours to choose.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from tests.support.source_tree import ROOT

EXAMPLE = ROOT / "examples" / "typescript"
NODE = Path(sys.executable).parent / "node"
NPM = Path(sys.executable).parent / "npm"
PATIENCE_SECONDS = 120
_STAMP = EXAMPLE / "node_modules" / ".farebox-installed"


def environment() -> dict[str, str]:
    """The environment for Node.js: the one of the tests, with the Node.js of the wheel first on the path."""
    return {**os.environ, "PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}"}


class NoRegistry(Exception):
    """npm could not install; the text is what it said."""


def install() -> Path:
    """Make sure that the packages are there, as locked; the folder whose ``node_modules`` has them."""
    why = why_not_installed()
    assert why is None, f"npm cannot install what {EXAMPLE} locks; it needs a registry the first time: {why}"
    return EXAMPLE


@cache
def why_not_installed() -> str | None:
    """Install what is locked, once; why that cannot be."""
    try:
        _prepare()
    except NoRegistry as why:
        return str(why)
    return None


def _prepare() -> None:
    locked = hashlib.sha256((EXAMPLE / "package-lock.json").read_bytes()).hexdigest()
    if _is_installed(locked):
        return
    with (EXAMPLE / ".npm.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # several processes of one suite begin at once
        if not _is_installed(locked):
            _run_npm()
            _STAMP.write_text(locked)


def _is_installed(locked: str) -> bool:
    return _STAMP.exists() and _STAMP.read_text() == locked


def _run_npm() -> None:
    words = [str(NPM), "ci", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--loglevel=error"]
    try:
        done = subprocess.run(
            words, cwd=EXAMPLE, env=environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as why:
        raise NoRegistry(str(why)) from why
    if done.returncode:
        raise NoRegistry(next(iter(done.stderr.strip().splitlines()), "no reason given"))


def run_node(script: Path, *arguments: str, text: str = "") -> str:
    """Run a script, TypeScript included, and return what it prints."""
    done = subprocess.run(
        [NODE, script, *arguments],
        input=text, env=environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask_npm(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Have the package sign or verify: ``tests/support/npm_peer.mjs`` has the kinds of tasks."""
    peer = Path(__file__).with_name("npm_peer.mjs")
    answers: list[dict[str, Any]] = orjson.loads(
        run_node(peer, str(install()), text=orjson.dumps(list(tasks)).decode())
    )
    return answers


if __name__ == "__main__":
    said = why_not_installed()
    if said is not None:
        print(f"test: the stock npm package cannot be installed, its tests will fail ({said})")
