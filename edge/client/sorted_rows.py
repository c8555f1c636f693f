"""Rows of any number in the order of their first member, in bounded memory: sorted runs on disk, merged on the way.

The order of equal ones is kept. Runs are files without a name: nothing is left behind, however the process ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import IO, Any, TypeVar

import orjson

RUN_ROWS = 100_000
_Row = TypeVar("_Row", bound=tuple[Any, ...])


def sorted_rows(
    rows: Iterable[_Row], make: Callable[[list[Any]], _Row], open_files: ExitStack, run_rows: int = RUN_ROWS
) -> Iterator[_Row]:
    """Read all rows, then give them sorted; ``make`` builds one from its members, which are plain JSON values.

    ``open_files`` closes the runs; at most ``run_rows`` rows are in memory while they come in.
    """
    remaining = iter(rows)
    runs: list[IO[bytes]] = []
    while run := list(islice(remaining, run_rows)):
        run.sort(key=itemgetter(0))
        if not runs and len(run) < run_rows:
            return iter(run)
        runs.append(_write(run, open_files))
    return merge(*(_read(run, make) for run in runs), key=itemgetter(0))


def _write(run: list[_Row], open_files: ExitStack) -> IO[bytes]:
    file = open_files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by open_files
    # A tuple with names is no JSON to orjson; a list of its members is.
    file.writelines(orjson.dumps(list(row), option=orjson.OPT_APPEND_NEWLINE) for row in run)
    file.seek(0)
    return file


def _read(run: IO[bytes], make: Callable[[list[Any]], _Row]) -> Iterator[_Row]:
    return (make(orjson.loads(line)) for line in run)
