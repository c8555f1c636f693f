"""The power fails while the ledger works on SQLite: what it had answered is in the books, once, and they verify.

`kill -9` cannot tell a missing sync, because the kernel keeps what a killed process wrote. So every write, sync and
deletion of a ledger at work is recorded inside SQLite, with every answer in between; then the power is lost at random
moments, a disk keeps what it must and loses what it may, and the product starts on what is left. Set
``POWER_LOSS_IMAGES`` to lose it more often (docs/decisions/0031-power-loss-is-replayed.md).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from edge.store import schema
from edge.store.database import Database
from tests.support.crash_disk import CrashDisk, Create, Mark, Write
from tests.support.faulty_sqlite import late_commits
from tests.support.power_rig import Plant, PowerRig, Verdict
from tests.support.recording_vfs import put_files, recorded

pytestmark = pytest.mark.lengthy

IMAGES = int(os.environ.get("POWER_LOSS_IMAGES", "5000"))
IMAGES_PER_RUN = 500
PLANTED_IMAGES = 120
UPGRADES = 25
SEED = 20261120

Stage = Callable[[Plant | None], PowerRig]


@pytest.fixture
def stage(migrated_shop_file: Path) -> Iterator[Stage]:
    """Makes rigs, in memory where there is a folder in memory: what crashes there need not survive."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="farebox-power-", dir=shared if shared.is_dir() else None))
    yield lambda plant: PowerRig(folder, migrated_shop_file, plant)
    shutil.rmtree(folder)


def test_what_was_answered_outlives_a_power_loss(stage: Stage, tmp_path: Path) -> None:
    rig, seen = stage(None), Counter[str]()
    for seed in range(SEED, SEED + -(-IMAGES // IMAGES_PER_RUN)):
        for verdict in rig.run(seed, IMAGES_PER_RUN):
            assert not verdict.wrongs, kept(verdict, tmp_path / "image.db")
            seen.update(traits(verdict))
    # It proved something only if there was something to lose: of the log, of a checkpoint, of orders on their way.
    assert min(seen[trait] for trait in TRAITS) > IMAGES // 100, seen


def kept(verdict: Verdict, path: Path) -> str:
    """The verdict as text, and its image where it can be looked at."""
    put_files(path, verdict.image.files)
    return f"{verdict}\nThe image is kept as {path}."


def test_an_upgrade_that_the_power_cut_off_is_done_by_the_next_one(tmp_path: Path) -> None:
    """From an empty file on, so that SQLite's older way, with a rollback journal, is recorded too."""
    path, chance = tmp_path / "farebox.db", Random(SEED)
    with recorded(path) as recording:
        upgrade(path)
    assert any(isinstance(event, Create) and event.name == "-journal" for event in recording.events)
    disk, moments = CrashDisk(recording.files), Counter(chance.choices(range(len(recording.events)), k=UPGRADES))
    for moment, event in enumerate(recording.events):
        disk.take(event)
        for _ in range(moments[moment]):
            put_files(path, disk.image(chance).files)
            upgrade(path)


def upgrade(path: Path) -> None:
    """Bring a database to the current shape, and look whether it is sound and has it."""
    database = Database.open(f"sqlite:///{path}")
    try:
        schema.upgrade(database)
        schema.check(database)
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    finally:
        database.close()


TRAITS = ("lost", "torn", "kept", "unsynced log", "unsynced checkpoint", "open holds", "unanswered orders")


def traits(verdict: Verdict) -> Iterator[str]:
    image = verdict.image
    found = (
        *(image.lost, image.torn, image.kept, "-wal" in image.unsynced, "" in image.unsynced),
        *(verdict.open_holds, verdict.unanswered),
    )
    return (trait for trait, is_there in zip(TRAITS, found, strict=True) if is_there)


def losses(rig: PowerRig) -> list[Verdict]:
    return [verdict for verdict in rig.run(SEED, PLANTED_IMAGES) if verdict.wrongs]


def test_it_finds_a_ledger_that_does_not_wait_for_the_disk(stage: Stage) -> None:
    """With ``synchronous=NORMAL`` the log is synced by checkpoints only; nothing breaks, answers are forgotten."""
    found = losses(stage(Plant("PRAGMA synchronous=NORMAL")))
    assert found
    assert all(" was promised as " in wrong for verdict in found for wrong in verdict.wrongs)


def test_it_finds_a_ledger_that_never_syncs(stage: Stage) -> None:
    found = [wrong for verdict in losses(stage(Plant("PRAGMA synchronous=OFF"))) for wrong in verdict.wrongs]
    assert any(" was promised as " in wrong for wrong in found)
    assert any(wrong.startswith("integrity_check") for wrong in found)


def test_it_finds_a_ledger_that_answers_before_its_commit(stage: Stage) -> None:
    found = losses(stage(Plant(driver=late_commits)))
    assert any(" was promised as " in wrong for verdict in found for wrong in verdict.wrongs)


def test_a_seed_names_one_recording(stage: Stage) -> None:
    """What is written differs in the times of leases alone; where, how much and between which answers is the seed's."""
    first, second = ([shape(event) for event in stage(None).recording(SEED).events] for _ in range(2))
    assert first == second


def shape(event: object) -> object:
    match event:
        case Write(file, offset, data):
            return (file, offset, len(data))
        case Mark(what):
            return what
        case _:
            return event
