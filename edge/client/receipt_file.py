"""The crawler's own receipt log: a line for each charge, on the disk before anybody is told of it.

Rules of this file
- The file is tried before anything is paid. A line is appended in one write and forced to the disk; several processes
  may share the file.
- A line that was cut off by a crash stays as it is; the next one begins on a line of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import assert_never

from edge.client.outcomes import (
    Bought,
    Free,
    Incomplete,
    Outcome,
    Overcharged,
    Priced,
    Redirected,
    Refused,
    Unreachable,
)
from edge.client.page_file import CannotWrite
from edge.core.money import InvalidPrice, Money, parse_price
from edge.core.receipt_log import log_line


class ReceiptFile:
    """Appends to one log. Raises ``CannotWrite`` when it is made, before anything is asked for, or on a full disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as why:
            raise CannotWrite(f"{path} cannot be written ({why.strerror}); give another place to --log.") from why

    def add(self, outcome: Outcome, at_micros: int) -> None:
        """Write what the outcome says was charged; nothing when it says nothing."""
        line = line_of(outcome, at_micros)
        if line is None:
            return
        try:
            end = os.lseek(self._file, 0, os.SEEK_END)
            is_cut_off = end > 0 and os.pread(self._file, 1, end - 1) != b"\n"
            whole = b"\n" + line if is_cut_off else line
            written = os.write(self._file, whole)
            os.fsync(self._file)
        except OSError as why:
            raise CannotWrite(f"{self._path} cannot be written ({why.strerror}); {_lost(line)}") from why
        if written != len(whole):
            raise CannotWrite(f"{self._path} took only a part of a line; {_lost(line)}")

    def close(self) -> None:
        """Let go of the file; every line is on the disk already."""
        os.close(self._file)


def _lost(line: bytes) -> str:
    return f"the charge is not in the log, add this line by hand: {line.decode().strip()}"


def line_of(outcome: Outcome, at_micros: int) -> bytes | None:
    """The line of an outcome. What was charged wrongly counts, what never came whole does not."""
    match outcome:
        case Bought():
            return log_line(outcome.receipt_id, at_micros, outcome.url, outcome.charged)
        case Overcharged() | Incomplete():
            charged = _money(outcome.charged)
            state = "charged" if isinstance(outcome, Overcharged) else "incomplete"
            return None if charged is None else log_line(outcome.receipt_id, at_micros, outcome.url, charged, state)
        case Free() | Priced() | Redirected() | Refused() | Unreachable():
            return None
        case _ as unreachable:
            assert_never(unreachable)


def _money(text: str | None) -> Money | None:
    try:
        return None if text is None else parse_price(text)
    except InvalidPrice:
        return None
