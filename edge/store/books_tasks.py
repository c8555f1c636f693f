"""Long work on the books that pages start: one of each name at a time, its progress kept, so that one may leave.

Rules of this file
- Who starts it is decided by one conditional statement: the work runs for one caller, on any process.
- A run shows life; one without is dead, and whoever starts it anew gets the next round. What a dead run still says is
  refused by its round. The work itself may be done twice without harm: a close goes on where the books stand.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, update

from edge.store.insertion import insert_new
from edge.store.tables import books_task

DEAD_MICROS = 180 * 1_000_000
"""Without a sign of life for so long a run counts as dead."""
_LENGTH_MAX = 20_000


@dataclass(frozen=True, slots=True)
class BooksTask:
    """One piece of long work as it stands; ``said`` is how it ended."""

    name: str
    state: str
    started_at_micros: int
    started_by: str
    seen_at_micros: int
    read_entries: int
    all_entries: int
    said: str
    round: int

    def is_running(self, now_micros: int) -> bool:
        """Whether somebody is at it."""
        return self.state == "running" and now_micros - self.seen_at_micros < DEAD_MICROS


def find_task(connection: Connection, name: str) -> BooksTask | None:
    """The last run of that name."""
    row = connection.execute(select(books_task).where(books_task.c.name == name)).one_or_none()
    return None if row is None else BooksTask(*row)


def start_task(connection: Connection, name: str, author: str, now_micros: int) -> int | None:
    """Begin a run and return its round; None while another one is at it."""
    begun = {
        "state": "running",
        "started_at_micros": now_micros,
        "started_by": author,
        "seen_at_micros": now_micros,
        "read_entries": 0,
        "all_entries": 0,
        "said": "",
    }
    if insert_new(connection, books_task, {"name": name, "round": 1, **begun}):
        return 1
    free = (books_task.c.state != "running") | (books_task.c.seen_at_micros <= now_micros - DEAD_MICROS)
    taken = update(books_task).where(books_task.c.name == name, free)
    made = taken.values(round=books_task.c.round + 1, **begun).returning(books_task.c.round)
    found: int | None = connection.execute(made).scalar_one_or_none()
    return found


def tell_progress(connection: Connection, name: str, of_round: int, read: int, total: int, now_micros: int) -> None:
    """Say how far a run is; it is a sign of life."""
    here = {"read_entries": read, "all_entries": total, "seen_at_micros": now_micros}
    connection.execute(update(books_task).where(*_mine(name, of_round)).values(here))


def end_task(connection: Connection, name: str, of_round: int, *, well: bool, said: str, now_micros: int) -> None:
    """Say how a run ended."""
    ended = {"state": "done" if well else "failed", "said": said[:_LENGTH_MAX], "seen_at_micros": now_micros}
    connection.execute(update(books_task).where(*_mine(name, of_round)).values(ended))


def _mine(name: str, of_round: int) -> tuple[ColumnElement[bool], ...]:
    return (books_task.c.name == name, books_task.c.round == of_round, books_task.c.state == "running")
