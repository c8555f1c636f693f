"""Open the database so that a committed row is a durable row, on SQLite and on PostgreSQL alike.

Rules of this file
- SQLite: WAL with ``synchronous=FULL``; one connection of this process does all its writes and checkpoints, taken in
  turns (``write``); readers are ``query_only``. SQLite 3.7.0 to 3.51.2 can lose committed rows when one connection
  writes while another checkpoints, so such a version may not serve (https://sqlite.org/wal.html#walresetbug).
- PostgreSQL: the primary only; writes in READ COMMITTED, reads in one snapshot; ``fsync`` and ``synchronous_commit``
  are checked when opened. The ledger has a connection of its own with short time-outs: a node that freezes inside a
  transaction must let go of the account rows it locked.
- A connection is an SQLAlchemy ``Connection``; every other module takes one, or this class.
- What a statement was given never stands in an error's text (``hide_parameters``): errors go to the log.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from edge.core.errors import EdgeError

if sys.platform != "win32":
    import fcntl

SAFE_SQLITE = (3, 51, 3)
BUSY_TIMEOUT_SECONDS = 10
LEDGER_STATEMENT_TIMEOUT_SECONDS = 10
LEDGER_IDLE_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # Without it INSERT OR REPLACE deletes a row and no trigger hears of it (https://sqlite.org/lang_conflict.html).
    "PRAGMA recursive_triggers=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}",
    "PRAGMA mmap_size=0",
)
_SQLITE_WRITER = ("PRAGMA cache_size=-32768",)
# A reader that closes last would checkpoint, which is the writer's alone.
_SQLITE_READER = ("PRAGMA wal_autocheckpoint=0", "PRAGMA query_only=ON")


class DatabaseUnusable(EdgeError):
    """The database cannot be opened, or cannot keep the ledger's promises; the message says what to change."""


def now_micros() -> int:
    """Return the time as microseconds since the epoch (UTC): the only clock of the store."""
    return time.time_ns() // 1000


class Database:
    """An open database: ``read``, ``write`` and, for the ledger, ``ledger_connection``. Safe to share by threads."""

    __slots__ = ("_ledger", "_lock_file", "_reader", "_turns", "_writer", "dialect", "url")

    def __init__(self, url: URL, reader: Engine, writer: Engine, ledger: Engine, lock_file: IO[str] | None) -> None:
        self.url = url
        self.dialect = url.get_backend_name()
        self._reader = reader
        self._writer = writer
        self._ledger = ledger
        self._turns = _Turns()
        self._lock_file = lock_file

    @classmethod
    def open(cls, url: str, *, serving: bool = False) -> Database:
        """Open ``sqlite:///file`` or ``postgresql+psycopg://...``.

        ``serving`` is for the process that sells: on SQLite it takes the file for itself (others may still read, and
        write through commands). Raises ``DatabaseUnusable``.
        """
        parsed = _parse(url)
        try:
            if parsed.get_backend_name() == "sqlite":
                return _open_sqlite(parsed, serving)
            return _open_postgresql(parsed)
        except DBAPIError as error:
            raise DatabaseUnusable(f"cannot open {_shown(parsed)}: {error.orig}") from error

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database, with one process that sells."""
        return self.dialect == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection inside one read transaction: all its statements see the same state."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection inside one write transaction, committed when the block ends well.

        On SQLite the transaction is ``BEGIN IMMEDIATE`` on the one writing connection, in turn with the ledger's.
        """
        with self._turn(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def ledger_connection(self) -> Iterator[Connection]:
        """Give the ledger's connection, outside a transaction: the ledger begins and commits itself."""
        with self._turn(), self._ledger.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection and give the file back."""
        for engine in {self._reader, self._writer, self._ledger}:
            engine.dispose()
        if self._lock_file is not None:
            self._lock_file.close()

    def _turn(self) -> AbstractContextManager[None]:
        return self._turns.one() if self.is_sqlite else nullcontext()


class _Turns:
    """A lock that a busy ledger cannot keep to itself: whoever waits next holds the queue's head."""

    __slots__ = ("_head", "_turn")

    def __init__(self) -> None:
        self._head = threading.Lock()
        self._turn = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[None]:
        with self._head:
            self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable(
            "the database URL is not one; write sqlite:///farebox.db or postgresql+psycopg://user:password@host/name"
        ) from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseUnusable(f"{parsed.drivername} is not supported; use sqlite or postgresql+psycopg")
    return parsed


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


# SQLite


def sqlite_module() -> ModuleType:
    """Return pysqlite3 (a current SQLite from a wheel) where it is installed, else the interpreter's own."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3")


def refuse_unsafe_sqlite(version: str) -> None:
    """Refuse a version, such as 3.51.2, that can lose committed rows; raises ``DatabaseUnusable``."""
    if tuple(map(int, version.split("."))) < SAFE_SQLITE:
        raise DatabaseUnusable(
            f"SQLite {version} can lose committed rows; install the pysqlite3 package or use PostgreSQL"
        )


def _open_sqlite(url: URL, serving: bool) -> Database:
    if url.database in (None, "", ":memory:"):
        raise DatabaseUnusable("the ledger needs a file: write sqlite:///farebox.db")
    module = sqlite_module()
    if serving:
        refuse_unsafe_sqlite(module.sqlite_version)
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"there is no directory {path.parent}; create it first")
    lock_file = _claim(path) if serving else None
    writer = _sqlite_engine(url, module, "BEGIN IMMEDIATE", _SQLITE_PRAGMAS + _SQLITE_WRITER, poolclass=StaticPool)
    reader = _sqlite_engine(url, module, "BEGIN", _SQLITE_PRAGMAS + _SQLITE_READER)
    with writer.connect():
        pass  # the first connection turns WAL on, before any reader
    return Database(url, reader, writer, writer, lock_file)


def _sqlite_engine(url: URL, module: ModuleType, begin: str, pragmas: tuple[str, ...], **options: Any) -> Engine:
    # isolation_level None: the driver opens no transaction of its own accord, the event below does.
    arguments = {
        "isolation_level": None,
        "check_same_thread": False,
        "timeout": BUSY_TIMEOUT_SECONDS,
        "cached_statements": 256,
    }
    engine = create_engine(url, module=module, connect_args=arguments, hide_parameters=True, **options)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        for pragma in pragmas:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _claim(path: Path) -> IO[str] | None:
    """Lock the file for one selling process; the kernel gives it back when the process dies, however it dies."""
    if sys.platform == "win32":
        return None
    lock_file = path.with_name(path.name + "-serving").open("a")
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock_file.close()
        raise DatabaseUnusable(
            f"another process is selling from {path}; stop it, or use PostgreSQL for several processes"
        ) from None
    return lock_file


# PostgreSQL

_POSTGRESQL_CHECK = """
SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
       pg_is_in_recovery(), current_setting('server_encoding')
"""


def _open_postgresql(url: URL) -> Database:
    arguments = _postgresql_arguments()
    # One snapshot for all statements of a read: a report and the sums it is checked against see the same entries.
    reader = create_engine(
        url,
        connect_args=arguments,
        isolation_level="REPEATABLE READ",
        pool_pre_ping=True,
        hide_parameters=True,
        execution_options={"postgresql_readonly": True},
    )
    writer = create_engine(
        url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True, hide_parameters=True
    )
    ledger = create_engine(
        url,
        connect_args=_postgresql_arguments(
            statement_timeout=LEDGER_STATEMENT_TIMEOUT_SECONDS * 1000,
            idle_in_transaction_session_timeout=LEDGER_IDLE_TIMEOUT_SECONDS * 1000,
        ),
        isolation_level="READ COMMITTED",
        pool_size=1,
        hide_parameters=True,
    )
    database = Database(url, reader, writer, ledger, None)
    try:
        _check_postgresql(database)
    except BaseException:
        database.close()
        raise
    return database


def _postgresql_arguments(**settings: int) -> dict[str, Any]:
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        # Unacknowledged for this long: the peer is gone, whatever TCP would like to try.
        "tcp_user_timeout": LEDGER_STATEMENT_TIMEOUT_SECONDS * 1000,
        "application_name": "farebox",
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


def _check_postgresql(database: Database) -> None:
    with database.read() as connection:
        fsync, full_page_writes, synchronous_commit, in_recovery, encoding = connection.exec_driver_sql(
            _POSTGRESQL_CHECK
        ).one()
    if in_recovery:
        raise DatabaseUnusable("this PostgreSQL is a standby; the ledger needs the primary")
    if fsync != "on" or full_page_writes != "on" or synchronous_commit == "off":
        raise DatabaseUnusable(
            "this PostgreSQL can forget what it committed; set fsync, full_page_writes and synchronous_commit to on"
        )
    if encoding != "UTF8":
        raise DatabaseUnusable(f"this database is encoded as {encoding}; create one with encoding UTF8")
