"""The keys that addresses are hashed with: one for each UTC day, a file beside the service keys, and soon gone.

Rules of this file
- A key is random and is deleted when the day after its own is over: from then on nobody, whatever they hold, can tell
  which address a hash was made of, and nobody can follow an address from one day to the next.
- All processes that share ``FAREBOX_DATA_DIR`` share the day's key: it is linked into its place, so the first wins.
- Where the directory cannot be written a process makes a key for itself: counting addresses must not stop a sign-in.
"""

from __future__ import annotations

import os
import secrets
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

KEY_BYTES = 32
DAYS_KEPT = 2


class AddressKeys:
    """The day's key of one data directory. Safe to share by threads."""

    __slots__ = ("_directory", "_known", "_lock")

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / "address-keys"
        self._known: tuple[date, bytes] | None = None
        self._lock = threading.Lock()

    def at(self, micros: int) -> bytes:
        """The key of the UTC day that a time (microseconds since the epoch) falls into."""
        day = _day(micros)
        with self._lock:
            if self._known is None or self._known[0] != day:
                self._known = (day, self._shared(day) or secrets.token_bytes(KEY_BYTES))
                self.sweep(micros)
            return self._known[1]

    def sweep(self, micros: int) -> int:
        """Delete the keys of days that are over at a time, the day before excepted; return how many."""
        oldest = (_day(micros) - timedelta(days=DAYS_KEPT - 1)).isoformat()
        gone = [path for path in self._directory.glob("*.key") if path.stem < oldest]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _shared(self, day: date) -> bytes | None:
        path = self._directory / f"{day.isoformat()}.key"
        try:
            if not path.exists():
                self._make(path)
            key = path.read_bytes()
        except OSError:
            return None
        return key if len(key) == KEY_BYTES else None

    def _make(self, path: Path) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._directory / f".{path.name}.{secrets.token_hex(8)}"
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            # link() fails where rename() would replace: the first of two processes wins, and both read its key.
            path.hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)


def _day(micros: int) -> date:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).date()
