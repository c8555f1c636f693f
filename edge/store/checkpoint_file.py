"""The kept file: every checkpoint as one line of text, in a place that a change of the database does not reach.

Rules of this file
- Lines are only ever added, whole and in order, with ``fsync`` before anybody relies on them; a line that a crash cut
  short stays as it is, ends where the next one begins, and is passed over by readers.
- Several processes may add to one file: each takes a lock, looks where the file ends and adds what is missing, so
  that a node that was away, or a new file, catches up by itself.
- Readers get the text; what may be believed of it, signatures decide.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edge.core.errors import EdgeError

if sys.platform != "win32":
    import fcntl

_TAIL_BYTES = 65_536
_MODE = 0o640


class CheckpointFileProblem(EdgeError):
    """The kept file cannot be read or written; the message names it and what to do."""


def read_tokens(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a kept file with their numbers, from 1; empty ones are passed over.

    The last line, when it has no end, was cut short by a crash and is no line yet. Raises ``CheckpointFileProblem``.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and line.endswith(b"\n"):
                    yield number, line.strip().decode("utf-8", "backslashreplace")
    except OSError as why:
        raise CheckpointFileProblem(f"the file {path} cannot be read ({why.strerror}); check its path") from why


def last_token(path: Path, is_one: Callable[[str], bool]) -> str | None:
    """The last line that ``is_one`` takes for a checkpoint, read from the end; None for a missing or empty file.

    Raises ``CheckpointFileProblem``.
    """
    try:
        with path.open("rb") as file:
            for line in _lines_from_the_end(file.fileno()):
                token = line.decode("utf-8", "backslashreplace")
                if is_one(token):
                    return token
    except FileNotFoundError:
        return None
    except OSError as why:
        raise CheckpointFileProblem(f"the file {path} cannot be read ({why.strerror}); check its owner") from why
    return None


def add_missing(
    path: Path, number_of: Callable[[str], int | None], tokens_after: Callable[[int], Iterable[str]]
) -> int:
    """Add what the file lacks, and return how many lines that was.

    ``number_of`` says which checkpoint a line is, None for none; ``tokens_after`` gives those after a number, in
    order. Raises ``CheckpointFileProblem``.
    """
    try:
        is_new = not path.exists()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE), "ab") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX)
            last = last_token(path, lambda token: number_of(token) is not None)
            added = 0
            if not _ends_well(path):
                file.write(b"\n")
            for token in tokens_after(0 if last is None else number_of(last) or 0):
                file.write(token.encode() + b"\n")
                added += 1
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_directory(path.parent)
    except OSError as why:
        message = f"the file {path} cannot be written ({why.strerror}); check FAREBOX_CHECKPOINT_FILE"
        raise CheckpointFileProblem(message) from why
    return added


def _lines_from_the_end(descriptor: int) -> Iterator[bytes]:
    """Whole lines, the last first, without reading more of the file than is asked for."""
    place = os.fstat(descriptor).st_size
    rest = b""
    is_last = True
    while place > 0:
        step = min(_TAIL_BYTES, place)
        place -= step
        rest = os.pread(descriptor, step, place) + rest
        first, *lines = rest.split(b"\n")
        # What follows the last line's end is a line that was cut short; what precedes the first may be half a line.
        if is_last and lines:
            lines.pop()
            is_last = False
        yield from (line.strip() for line in reversed(lines) if line.strip())
        rest = first
    if rest.strip() and not is_last:
        yield rest.strip()


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return size == 0 or os.pread(file.fileno(), 1, size - 1) == b"\n"


def _sync_directory(directory: Path) -> None:
    """Make the new name itself durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
