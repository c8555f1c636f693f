"""Long work on the books that a page starts: closing a month, and holding a closed one against its entries.

Rules of this file
- It runs beside the pages; whoever started it may leave and come back, also to another process: how far it is, and how
  it ended, stands in the database (``edge.store.books_tasks``).
- A sign of life is written every second, whatever the work is at. What breaks is said in the sentence that people read
  and in the log; a close that broke goes on from where it was when it is started again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge.core.errors import EdgeError
from edge.core.month import Month
from edge.core.statement import Party
from edge.store.books_tasks import end_task, find_task, start_task, tell_progress
from edge.store.checkpoint_file import read_tokens
from edge.store.checkpoint_keeper import CheckpointKeeper
from edge.store.checkpoints import BooksBroken
from edge.store.closed_months import find_closed
from edge.store.database import Database
from edge.store.month_close import Closer, close_month
from edge.store.service_keys import load_service_keys
from edge.store.verify_checkpoints import Signed
from edge.store.verify_months import closed_month_faults

Later = Callable[[Callable[[], None]], None]
BEAT_SECONDS = 1.0
FRESH_MICROS = 600 * 1_000_000
FAULTS_SAID_MAX = 20


@dataclass(frozen=True, slots=True)
class Books:
    """Where the keys are, and the file in which checkpoints are kept outside of the database."""

    data_dir: Path
    kept_checkpoints: Path


@dataclass(frozen=True, slots=True)
class Work:
    """Who asks for long work, in whose name, and when (microseconds since the epoch)."""

    database: Database
    books: Books
    operator: Party
    author: str
    clock: Callable[[], float]

    @property
    def now_micros(self) -> int:
        """The time."""
        return int(self.clock() * 1_000_000)


@dataclass(slots=True)
class _Progress:
    """How far it is; written by the work, read by the beat."""

    read: int = 0
    total: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def __call__(self, read: int, total: int) -> None:
        self.read, self.total = read, total


def in_a_thread(work: Callable[[], None]) -> None:
    """Run it beside the pages; a server that stops does not wait for it."""
    threading.Thread(target=work, name="farebox books", daemon=True).start()


def close_name(month: Month) -> str:
    """What the close of a month is called."""
    return f"close {month.label}"


def verify_name(month: Month) -> str:
    """What the check of a closed month is called."""
    return f"verify {month.label}"


def start_close(work: Work, month: Month, later: Later) -> bool:
    """Begin to close a month; False when somebody is at it."""
    return _start(work, close_name(month), later, lambda progress: _close(work, month, progress))


def start_verify(work: Work, month: Month, later: Later) -> bool:
    """Begin to fold a closed month again and hold it against what was kept and signed; False when somebody is at it."""
    return _start(work, verify_name(month), later, lambda _: _verify(work, month))


def verify_closed(work: Work, month: Month, later: Later) -> bool:
    """Begin to check a month for whoever asks; False when it is not closed.

    One that was found good a moment ago, or that somebody is at, is not checked again.
    """
    with work.database.read() as connection:
        closed, last = find_closed(connection, month), find_task(connection, verify_name(month))
    is_fresh = last is not None and last.state == "done" and work.now_micros - last.seen_at_micros < FRESH_MICROS
    if closed is not None and not is_fresh:
        start_verify(work, month, later)
    return closed is not None


def _start(work: Work, name: str, later: Later, act: Callable[[_Progress], str]) -> bool:
    with work.database.write() as connection:
        of_round = start_task(connection, name, work.author, work.now_micros)
    if of_round is None:
        return False
    later(lambda: _run(work, name, of_round, act))
    return True


def _run(work: Work, name: str, of_round: int, act: Callable[[_Progress], str]) -> None:
    well, said = False, ""
    progress = _Progress()
    try:
        with _beat(work, name, of_round, progress):
            said = act(progress)
        well = True
    except BooksBroken as broken:
        said = "\n".join(("The books do not verify.", *(str(fault) for fault in broken.faults[:FAULTS_SAID_MAX])))
    except EdgeError as why:
        said = str(why)
    except Exception:
        structlog.get_logger("farebox.dashboard").exception("long work broke", work=name)
        said = "Something broke; it was written down in the dashboard's log. Starting it again does no harm."
    with work.database.write() as connection:
        if progress.total:
            tell_progress(connection, name, of_round, progress.read, progress.total, work.now_micros)
        end_task(connection, name, of_round, well=well, said=said, now_micros=work.now_micros)


@contextmanager
def _beat(work: Work, name: str, of_round: int, progress: _Progress) -> Iterator[None]:
    """Write how far it is every second, until the end."""

    def tell() -> None:
        while not progress.ended.wait(BEAT_SECONDS):
            with work.database.write() as connection:
                tell_progress(connection, name, of_round, progress.read, progress.total, work.now_micros)

    beating = threading.Thread(target=tell, name=f"farebox {name}", daemon=True)
    beating.start()
    try:
        yield
    finally:
        progress.ended.set()
        beating.join()


def _close(work: Work, month: Month, progress: _Progress) -> str:
    keys = load_service_keys(work.books.data_dir)
    closer = Closer(work.operator, work.author, keys, work.now_micros)
    kept = work.books.kept_checkpoints
    signed = Signed(keys.by_thumbprint)
    if kept.exists():
        signed = Signed(keys.by_thumbprint, lambda: (token for _, token in read_tokens(kept)), str(kept))
    closed, fresh = close_month(work.database, month, closer, signed, progress)
    if fresh:
        CheckpointKeeper(work.database, work.books.data_dir, work.operator.name, kept).keep()
    return f"{month.label} was closed{'' if fresh else ' before'} by {closed.closed_by}."


def _verify(work: Work, month: Month) -> str:
    keys = load_service_keys(work.books.data_dir).by_thumbprint
    with work.database.read() as connection:
        faults = tuple(closed_month_faults(connection, month, keys))
    if faults:
        raise BooksBroken(faults)
    return f"{month.label} is what its entries come to, to the byte, and what was signed."
