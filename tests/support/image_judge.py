"""Start the product on what a power loss left, and read what its books then say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from edge.core.errors import EdgeError
from edge.core.ledger import ChargeOrder, Posted
from edge.core.ledger_operations import Post
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.verify import verify
from tests.support.books import Reports
from tests.support.charge_promises import Lines, read_lines
from tests.support.crash_disk import Files
from tests.support.ledger_trade import START_MICROS
from tests.support.recording_vfs import put_files

EVERY = 20
NOW_MICROS = START_MICROS + 600_000_000
"""Ten minutes after what was recorded: a start must not find everything a day old because the recording is."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a start finds wrong by itself, and the books that it leaves."""

    faults: Sequence[str]
    lines: Lines


class ImageJudge:
    """Opens one image after the other, each with connections of its own.

    Opening, SQLite's own recovery and its integrity check are done for every image. What farebox does then depends on
    nothing but the rows, so it is done once for the same rows, and for each ``EVERY``-th image all the same.
    """

    def __init__(self, path: Path, spare: ChargeOrder) -> None:
        self._path = path
        self._spare = spare
        put_files(path, {"": b""})
        # One object for all images: after ``close`` it connects anew, and its statements need not be compiled again.
        self._database = Database.open(f"sqlite:///{path}")
        self._database.close()
        self._known: dict[bytes, Aftermath] = {}
        self.opened = 0

    def judge(self, files: Files) -> Aftermath:
        """Start on these files."""
        put_files(self._path, files)
        self.opened += 1
        try:
            return self._judge()
        except (EdgeError, SQLAlchemyError) as error:
            return Aftermath([f"it cannot be opened: {error}"], {})
        finally:
            self._database.close()

    def _judge(self) -> Aftermath:
        # The writer's connection comes first, as it does when a database is opened.
        with self._database.ledger_connection() as connection:
            found = list(connection.exec_driver_sql("PRAGMA integrity_check").scalars())
            if found != ["ok"]:
                return Aftermath([f"integrity_check: {sentence}" for sentence in found], {})
            rows = _digest(connection)
        if rows not in self._known or self.opened % EVERY == 0:
            self._known[rows] = self._start()
        return self._known[rows]

    def _start(self) -> Aftermath:
        """Recover as an edge does, sell one more page, and verify."""
        reports = Reports()
        ledger = Ledger.open(self._database, node="after the power loss", report=reports, clock=lambda: NOW_MICROS)
        try:
            answer = ledger.submit(Post(self._spare)).result()
        finally:
            ledger.close()
        faults = [str(fault) for fault in verify(self._database).faults] + [str(error) for error in reports.errors]
        if not (isinstance(answer, Posted) and answer.fresh):
            faults.append(f"it does not sell: {answer}")
        with self._database.read() as connection:
            lines = read_lines(connection)
        del lines[self._spare.key]
        return Aftermath(faults, lines)


def _digest(connection: Connection) -> bytes:
    """Every row there is, and the shape of the database, as one number."""
    # From the driver itself: SQLAlchemy's rows shorten long values when they are shown.
    driver = connection.connection.driver_connection
    assert driver is not None
    shape = driver.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    digest = sha256(repr(shape).encode())
    for name in [name for kind, name, _ in shape if kind == "table"]:
        digest.update(repr(driver.execute(f'SELECT * FROM "{name}"').fetchall()).encode())
    return digest.digest()
