"""Where a page goes while it comes in: nobody ever sees half of one.

Rules of this file: the place is tried before anything is paid; a file appears under its name only when it is whole;
without a file the page waits aside (in memory, then on disk) and is printed only when it is whole.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from edge.core.errors import EdgeError

IN_MEMORY_BYTES = 8 * 1024 * 1024


class CannotWrite(EdgeError):
    """The page cannot be put where it was to go."""


class PageSink(Protocol):
    """Takes one page, perhaps in several attempts of which the last one counts."""

    def restart(self) -> None:
        """Forget what came so far."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """The page is whole: show it."""

    def close(self) -> None:
        """Leave nothing behind that is not whole. Fine to call at any time."""


class PageFile:
    """A page into a file. Raises ``CannotWrite`` when it is made, before anything is asked for, or on a full disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A device or pipe is written to directly: it has no name to take.
        self._draft = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.part")
        self._file: IO[bytes] = self._open()

    def _open(self) -> IO[bytes]:
        if self._path.is_dir():
            raise CannotWrite(f"{self._path} is a directory; give --out the name of a file.")
        try:
            return self._draft.open("wb")
        except OSError as why:
            raise CannotWrite(f"{self._path} cannot be written ({why.strerror}); give another place to --out.") from why

    def restart(self) -> None:
        if self._draft != self._path:
            self._file.seek(0)
            self._file.truncate()

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as why:
            raise CannotWrite(f"{self._path} cannot be written ({why.strerror}).") from why

    def finish(self) -> None:
        try:
            self._file.close()
            if self._draft != self._path:
                self._draft.replace(self._path)
        except OSError as why:
            raise CannotWrite(f"{self._path} cannot be written ({why.strerror}).") from why

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        if self._draft != self._path:
            self._draft.unlink(missing_ok=True)


class PagePrint:
    """A page to an open stream, such as standard output."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._aside = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - lives until close()

    def restart(self) -> None:
        self._aside.seek(0)
        self._aside.truncate()

    def write(self, data: bytes) -> None:
        self._aside.write(data)

    def finish(self) -> None:
        self._aside.seek(0)
        shutil.copyfileobj(self._aside, self._stream)
        self._stream.flush()

    def close(self) -> None:
        self._aside.close()


class PageDropped:
    """Nobody wants the page; only what it costs."""

    def restart(self) -> None:
        """Nothing was kept."""

    def write(self, data: bytes) -> None:
        """Thrown away."""

    def finish(self) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to leave behind."""
