"""A process that has loaded the edge and forks a serving one when told to: `python -m tests.support.edge_forks`.

Loading the edge takes a second of processor time, and a test that kills it fifty times would do little else. What a
fork runs is what `farebox serve --only edge` runs, from reading the settings on; only the imports are behind it.

One JSON object a line: `{"start": {...}}` answers `{"pid": n}`, `{"wait": pid}` answers `{"code": n}` when that child
has ended. At the end of its input every child that is left is killed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from edge.cli import serve as serving
from edge.store.database import sqlite_module
from tests.support import planted_edges


def main() -> None:
    sqlite_module()
    gc.freeze()  # what is loaded by now is never garbage: a child need not copy its pages to look at it
    children: set[int] = set()
    try:
        for line in sys.stdin:
            print(json.dumps(_answer(json.loads(line), children)), flush=True)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _answer(asked: dict[str, Any], children: set[int]) -> dict[str, int]:
    if "wait" in asked:
        _, status = os.waitpid(asked["wait"], 0)
        children.discard(asked["wait"])
        return {"code": os.waitstatus_to_exitcode(status)}
    child = os.fork()
    if child == 0:
        _serve(**asked["start"])
    children.add(child)
    return {"pid": child}


def _serve(folder: str, environment: dict[str, str], plant: str | None) -> None:
    """Become a serving process; never returns."""
    code = 1
    try:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        log = os.open(Path(folder) / "edge.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for name in [name for name in os.environ if name.startswith("FAREBOX_")]:
            del os.environ[name]
        os.environ.update(environment)
        if plant is None:
            serving.serve(None, serving.Part.EDGE)
        else:
            planted_edges.serve(plant)
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
