"""A ledger at work on a disk that is recorded, and the power losses that could have ended it.

A run has several lives. Each begins with what a power loss in the life before left; in it the ledger is opened, works
and is closed in good order, twice, so that recovery, checkpoints and the removal of the log are recorded as well.
Everything comes from one seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from edge.core.budgets import Per
from edge.core.money import Money
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.charges import Ledger
from edge.store.database import Database
from tests.support.books import PRICE, USD, Books, Reports
from tests.support.charge_promises import Promises, read_lines
from tests.support.crash_disk import CrashDisk, Files, Image, Mark
from tests.support.image_judge import ImageJudge
from tests.support.ledger_trade import START_MICROS, Trade
from tests.support.recording_vfs import Recording, files_of, put_files, recorded

LIVES = 3
SESSIONS = 2
ROUNDS = 4
CHECKPOINT_PAGES = (4, 12, 40, 1000)
CRAWLERS = {1: 10_000, 2: 10_000, 3: 0}
"""How many pages each may owe; the last one lives on top-ups."""
BUDGET_PAGES = {1: 10_000, 2: 8}
"""How many pages some of them may buy in a day."""
SPARE = 0
"""The signature of the order that a judge asks for; those of a trade count from 1."""


@dataclass(frozen=True, slots=True)
class Plant:
    """What is wrong with the ledger that is recorded: a pragma, or what stands in for the driver's connections."""

    pragma: str | None = None
    driver: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True)
class Verdict:
    """One power loss: where it was, what it left, what was owed then, and what is wrong with what a start finds."""

    place: str
    image: Image
    open_holds: int
    unanswered: int
    wrongs: list[str]

    def __str__(self) -> str:
        return "\n".join([self.place, str(self.image), *self.wrongs])


class PowerRig:
    """Runs in a ``folder`` of its own, each on the same books: crawlers on credit, on a budget and on top-ups."""

    def __init__(self, folder: Path, migrated: Path, plant: Plant | None = None) -> None:
        self._folder = folder
        self._plant = plant or Plant()
        path = folder / "prepared.db"
        shutil.copyfile(migrated, path)
        database = Database.open(f"sqlite:///{path}")
        self._books = Books.open(database)
        self._accounts = [self._books.crawler(number, limit_pages=pages) for number, pages in CRAWLERS.items()]
        for number, pages in BUDGET_PAGES.items():
            limit = Money(pages * PRICE.amount_micros, USD)
            set_budget(database, BudgetPlace(number, USD, Per.DAY), limit, author="operator", now=START_MICROS)
        for account in self._accounts:
            self._books.order(account)  # reads whose account it is, now and not while a recording runs
        with database.read() as connection:
            self._promises = Promises(read_lines(connection))
        database.close()
        self._files = files_of(path)

    def run(self, seed: int, images: int) -> Iterator[Verdict]:
        """Lose the power ``images`` times, in the lives of one seed."""
        trade = self._trade(seed)
        judge = ImageJudge(self._folder / "image.db", self._books.order(self._accounts[0], SPARE))
        files: Files = self._files
        promises = self._promises.copy()
        for life in range(1, LIVES + 1):
            trade.promises = promises.copy()
            recording = self._live(files, trade)
            share = images * life // LIVES - images * (life - 1) // LIVES
            goes_on_from = trade.chance.randrange(share)
            left: tuple[Files, Promises] | None = None
            for number, (place, image) in enumerate(_power_losses(recording, promises, trade.chance, share)):
                after = judge.judge(image.files)
                wrongs = [*after.faults, *promises.wrongs(after.lines)]
                place = f"seed {seed}, life {life}, image {number + 1} of {share}, {place}"
                yield Verdict(place, image, promises.open_holds, promises.unanswered, wrongs)
                if left is None and number >= goes_on_from and not wrongs:
                    left = image.files, promises.copy()
                    left[1].settle(after.lines)
            if left is None:
                return  # nothing sound was left to go on from
            files, promises = left

    def recording(self, seed: int) -> Recording:
        """The first life of a seed."""
        return self._live(self._files, self._trade(seed))

    def _trade(self, seed: int) -> Trade:
        return Trade(self._books, self._accounts, Random(seed))

    def _live(self, files: Files, trade: Trade) -> Recording:
        path = self._folder / "farebox.db"
        put_files(path, files)
        with recorded(path) as recording, self._plant.driver():
            for _ in range(SESSIONS):
                self._session(recording, trade)
        return recording

    def _session(self, recording: Recording, trade: Trade) -> None:
        reports = Reports()
        database = Database.open(f"sqlite:///{recording.path}", serving=True)
        try:
            self._adjust(database, trade.chance.choice(CHECKPOINT_PAGES))
            ledger = Ledger.open(database, node="recorded", report=reports, clock=trade.gate)
            try:
                trade.begin(recording.mark)
                for _ in range(ROUNDS):
                    trade.round(ledger, recording.mark)
                trade.end(ledger)
            finally:
                ledger.close()
        finally:
            database.close()
        assert reports.errors == []

    def _adjust(self, database: Database, checkpoint_pages: int) -> None:
        """Checkpoint more often than after the usual 1,000 pages, and do what is planted."""
        with database.ledger_connection() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
            if self._plant.pragma is not None:
                driver.execute(self._plant.pragma)


def _power_losses(recording: Recording, promises: Promises, chance: Random, count: int) -> Iterator[tuple[str, Image]]:
    """Play the recording and lose the power ``count`` times on the way; ``promises`` is moved on to each moment."""
    disk, played, length = CrashDisk(recording.files), 0, len(recording.events)
    for moment in sorted(chance.randint(0, length) for _ in range(count)):
        for event in recording.events[played:moment]:
            disk.take(event)
            if isinstance(event, Mark):
                promises.take(event.what)
        played = moment
        yield f"after event {moment} of {length}", disk.image(chance)
