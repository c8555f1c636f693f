"""The rounds keep checkpoints, end selling on broken books, tell once, and survive everything else."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from edge.core.errors import EdgeError
from edge.core.ledger import InvariantBroken
from edge.proxy.checkpoint_rounds import CheckpointRounds
from edge.store.checkpoints import BooksBroken
from edge.store.faults import Fault

BROKEN = BooksBroken([Fault("I6", "batch 2/4", "is missing")])


@dataclass
class FakeLedger:
    failure: EdgeError | None = None

    def fail(self, error: EdgeError) -> None:
        self.failure = error


@dataclass
class FakeKeeper:
    """Does what its lists say, one after the other; then nothing."""

    keeps: list[Exception] = field(default_factory=list)
    alarms: list[Exception] = field(default_factory=list)
    kept: int = 0
    told: list[EdgeError] = field(default_factory=list)
    was_asked: threading.Event = field(default_factory=threading.Event)

    def keep(self, *, every_seconds: float = 0.0) -> None:
        self.kept += 1
        self.was_asked.set()
        if self.keeps:
            raise self.keeps.pop(0)

    def alarm(self, error: EdgeError) -> None:
        if self.alarms:
            raise self.alarms.pop(0)
        self.told.append(error)


@dataclass
class Rounds:
    keeper: FakeKeeper
    ledger: FakeLedger = field(default_factory=FakeLedger)
    reports: list[str] = field(default_factory=list)

    @property
    def rounds(self) -> CheckpointRounds:
        return CheckpointRounds(
            self.keeper, self.ledger, 60, lambda what, error: self.reports.append(f"{what}: {error}")
        )


def test_the_first_round_is_at_once() -> None:
    async def start() -> None:
        work = asyncio.create_task(here.rounds.run())
        assert await asyncio.to_thread(here.keeper.was_asked.wait, 30)
        work.cancel()

    here = Rounds(FakeKeeper())
    asyncio.run(start())
    assert here.keeper.kept == 1


def test_books_that_are_not_what_was_signed_end_selling() -> None:
    here = Rounds(FakeKeeper(keeps=[BROKEN]))
    asyncio.run(here.rounds.keep())
    assert here.ledger.failure is BROKEN
    assert here.reports == []


def test_a_disk_or_database_that_is_away_is_reported_and_ends_nothing() -> None:
    here = Rounds(FakeKeeper(keeps=[OSError("disk full")]))
    asyncio.run(here.rounds.keep())
    assert here.ledger.failure is None
    assert here.reports == ["checkpoint: disk full"]


def test_a_ledger_that_failed_is_told_once_and_signs_nothing_more() -> None:
    async def tell() -> None:
        rounds = here.rounds
        for _ in range(3):
            await rounds.tell()

    failure = InvariantBroken("the books contradict themselves")
    here = Rounds(FakeKeeper(alarms=[OSError("away")]), FakeLedger(failure))
    asyncio.run(tell())
    assert here.reports == ["alarm: away"]
    assert here.keeper.told == [failure]
    assert here.keeper.kept == 0


def test_there_is_nothing_to_tell_while_the_ledger_sells() -> None:
    here = Rounds(FakeKeeper())
    asyncio.run(here.rounds.tell())
    assert here.keeper.told == []
