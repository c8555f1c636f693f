"""The ledger against a model of it, in any order of operations, with processes that die in between: on SQLite.

The database lies in memory where the system has such a place: what dies here is processes, not disks.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.store.database import Database
from tests.support.ledger_machine import run, staged
from tests.support.model_stage import prepare

pytestmark = pytest.mark.lengthy

RUNS, STEPS = 2000, 7
MEMORY = Path("/dev/shm")


def test_the_ledger_does_what_its_model_says_on_sqlite(migrated_file: Path, tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.db"
    shutil.copyfile(migrated_file, prepared)
    database = Database.open(f"sqlite:///{prepared}")
    prepare(database)
    database.close()

    def make() -> tuple[Database, Callable[[], None]]:
        directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        shutil.copyfile(prepared, directory / "model.db")
        return Database.open(f"sqlite:///{directory / 'model.db'}"), lambda: shutil.rmtree(directory)

    with staged(make, tmp_path) as machine:
        run(machine, RUNS, STEPS)
