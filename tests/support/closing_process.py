"""Close a month in a process of its own, so that a test can kill it: ``python -m tests.support.closing_process``.

It says on its output which step it begins, one line each, and a test may end it there by force.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from edge.core.month import Month
from edge.store.database import Database
from edge.store.month_close import begin_close, freeze_month, take_fees
from tests.support.closing import closer


def main(url: str, label: str, folder: str, stop: str) -> None:
    """Do the steps up to the one named ``stop``, say so, and wait to be killed there."""
    database, month = Database.open(url), Month.parse(label)
    own = closer(Path(folder), month)
    steps: dict[str, Callable[[], object]] = {
        "begin": lambda: begin_close(database, month),
        "fees": lambda: take_fees(database, month, own),
        "freeze": lambda: freeze_month(database, month, own),
    }
    for name, step in steps.items():
        step()
        if name == stop:
            print(name, flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
