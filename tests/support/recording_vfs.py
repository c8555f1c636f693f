"""Record what SQLite writes to a database's files, in order, inside the very library that the ledger runs on.

SQLite reaches its files through a table of functions, the VFS (https://sqlite.org/vfs.html). Ours is the system's own
with five of them wrapped: a file that is opened gets the real methods, except that writing, cutting, syncing and
closing go through here and then on to the real ones. It is made the default while a recording runs, so whatever opens
a database then is recorded without knowing: the product's own engine, its driver, its library, its pragmas.

The shared memory beside a write-ahead log is not recorded: SQLite builds it anew after a power loss. With
``mmap_size=0`` nothing else bypasses these functions.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path

from edge.store.database import sqlite_module
from tests.support.crash_disk import Create, Delete, Event, Files, Mark, Sync, Truncate, Write

VERSION = 3
_OK = 0

# sqlite3.h: the arguments of the functions that are wrapped. A file is the address of its sqlite3_file.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Close = CFUNCTYPE(c_int, c_void_p)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs``, version 3."""

    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("path_max", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("rest", c_void_p * 14),
    )


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``, version 3."""

    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("rest", c_void_p * 13),
    )


class _File(ctypes.Structure):
    """The public beginning of ``sqlite3_file``."""

    _fields_ = (("methods", c_void_p),)


class Recording:
    """What happened to the files of one database, in order, the marks of its watchers in between."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: Files = files_of(path)
        self.events: list[Event] = []
        self._names = {name: number for number, name in enumerate(self.files)}
        self._count = len(self._names)

    def mark(self, what: object) -> None:
        """Note something that happened now, such as an answer that went out."""
        self.events.append(Mark(what))

    def suffix_of(self, name: str) -> str | None:
        """What follows the database's own name; None for a file of another database."""
        own = str(self.path)
        return name.removeprefix(own) if name.startswith(own) else None

    def opened(self, suffix: str) -> int:
        """The number of the file with this name, which is a new one if there was none."""
        if suffix not in self._names:
            self._names[suffix] = self._count
            self.events.append(Create(suffix, self._count))
            self._count += 1
        return self._names[suffix]

    def deleted(self, suffix: str, durable: bool) -> None:
        """The name goes away; the next file of this name is another one."""
        if self._names.pop(suffix, None) is not None:
            self.events.append(Delete(suffix, durable))


@contextmanager
def recorded(path: Path) -> Iterator[Recording]:
    """Record the database at ``path``; it is opened inside this block, and closed before the block ends."""
    vfs, recording = _installed(), Recording(path)
    vfs.start(recording)
    try:
        yield recording
    finally:
        vfs.stop()


def files_of(path: Path) -> dict[str, bytes]:
    """The files of a database that nobody has open."""
    found = {suffix: path.with_name(path.name + suffix) for suffix in ("", "-wal", "-journal")}
    return {suffix: file.read_bytes() for suffix, file in found.items() if file.exists()}


def put_files(path: Path, files: Mapping[str, bytes]) -> None:
    """Put the files of a database in place, and away with those that it does not have."""
    for suffix in ("", "-wal", "-journal", "-shm"):
        file = path.with_name(path.name + suffix)
        if suffix in files:
            file.write_bytes(files[suffix])
        else:
            file.unlink(missing_ok=True)


class _RecordingVfs:
    """The wrapped functions. There is one for the life of the process: a connection keeps the address it began with."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        self._library = library
        self._real = library.sqlite3_vfs_find(None)
        real = self._real.contents
        assert real.version == VERSION, f"the system's VFS is of version {real.version}"
        self._real_open, self._real_delete = _Open(real.open), _Delete(real.delete)
        self._open, self._delete = _Open(self._on_open), _Delete(self._on_delete)
        self._ours = _Vfs.from_buffer_copy(real)
        self._ours.name = b"recording"
        self._ours.open = ctypes.cast(self._open, c_void_p)
        self._ours.delete = ctypes.cast(self._delete, c_void_p)
        self._methods: dict[int, _RecordingMethods] = {}
        self._recording: Recording | None = None

    def start(self, recording: Recording) -> None:
        """Let every connection that is opened from now on come by here."""
        assert self._recording is None, "one recording at a time"
        status = self._library.sqlite3_vfs_register(ctypes.byref(self._ours), 1)
        assert status == _OK, f"sqlite3_vfs_register says {status}"
        self._recording = recording

    def stop(self) -> None:
        """Give the system's own functions their place back."""
        self._library.sqlite3_vfs_register(self._real, 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._ours))
        self._recording = None
        still_open = [methods.forget() for methods in self._methods.values()]
        assert not any(still_open), "the recording ended before its database was closed"

    def _on_open(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        status: int = self._real_open(ctypes.addressof(self._real.contents), name, file, flags, out_flags)
        suffix = self._suffix_of(None if name is None else ctypes.string_at(name))
        if status == _OK and self._recording is not None and suffix is not None:
            opened = _File.from_address(file)
            address: int = opened.methods
            if address not in self._methods:
                self._methods[address] = _RecordingMethods(_Methods.from_address(address))
            opened.methods = self._methods[address].watch(file, self._recording, self._recording.opened(suffix))
        return status

    def _on_delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        status: int = self._real_delete(ctypes.addressof(self._real.contents), name, sync_folder)
        suffix = self._suffix_of(name)
        if status == _OK and self._recording is not None and suffix is not None:
            self._recording.deleted(suffix, bool(sync_folder))
        return status

    def _suffix_of(self, name: bytes | None) -> str | None:
        return None if name is None or self._recording is None else self._recording.suffix_of(name.decode())


class _RecordingMethods:
    """One kind of file's real methods, and those of ours that stand in for them."""

    def __init__(self, real: _Methods) -> None:
        self._real_close, self._real_write = _Close(real.close), _Write(real.write)
        self._real_truncate, self._real_sync = _Truncate(real.truncate), _Sync(real.sync)
        self._close, self._write = _Close(self._on_close), _Write(self._on_write)
        self._truncate, self._sync = _Truncate(self._on_truncate), _Sync(self._on_sync)
        self._ours = _Methods.from_buffer_copy(real)
        self._ours.close = ctypes.cast(self._close, c_void_p)
        self._ours.write = ctypes.cast(self._write, c_void_p)
        self._ours.truncate = ctypes.cast(self._truncate, c_void_p)
        self._ours.sync = ctypes.cast(self._sync, c_void_p)
        self._watched: dict[int, tuple[Recording, int]] = {}

    def watch(self, file: int, recording: Recording, number: int) -> int:
        """Watch an open file; returns the address of the methods that it gets."""
        self._watched[file] = (recording, number)
        return ctypes.addressof(self._ours)

    def forget(self) -> bool:
        """Watch nothing any more; returns whether anything was still open."""
        still_open = bool(self._watched)
        self._watched.clear()
        return still_open

    def _on_close(self, file: int) -> int:
        self._watched.pop(file, None)
        status: int = self._real_close(file)
        return status

    def _on_write(self, file: int, data: int, amount: int, offset: int) -> int:
        status: int = self._real_write(file, data, amount, offset)
        return self._note(file, status, lambda number: Write(number, offset, ctypes.string_at(data, amount)))

    def _on_truncate(self, file: int, size: int) -> int:
        return self._note(file, self._real_truncate(file, size), lambda number: Truncate(number, size))

    def _on_sync(self, file: int, flags: int) -> int:
        return self._note(file, self._real_sync(file, flags), Sync)

    def _note(self, file: int, status: int, event: Callable[[int], Event]) -> int:
        found = self._watched.get(file)
        if status == _OK and found is not None:
            recording, number = found
            recording.events.append(event(number))
        return status


@cache
def _installed() -> _RecordingVfs:
    """Find the library inside the product's driver; it tells its functions to whoever asks."""
    driver = importlib.import_module(sqlite_module().connect.__module__)
    return _RecordingVfs(ctypes.CDLL(driver.__file__))
