"""Keeps checkpoints: makes one when it is due, copies what was made into the kept file, and tells whoever listens.

One keeper per process that sells; also for the command that makes one by hand. What must stop selling is raised as
``BooksBroken``; everything else can be tried again a minute later, and nothing is lost by it but time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.core.checkpoint import Checkpoint, stated_number
from edge.core.errors import EdgeError
from edge.store.checkpoint_file import add_missing
from edge.store.checkpoints import BooksBroken, make_checkpoint, stream_rows
from edge.store.database import Database, now_micros
from edge.store.ledger_alarms import tell_alarm
from edge.store.service_keys import load_service_keys
from edge.store.since_checkpoint import check_since_checkpoint

ALARM_FAULTS_MAX = 20


@dataclass(frozen=True, slots=True)
class CheckpointKeeper:
    """Makes checkpoints in the name of ``operator`` and keeps them in ``path`` too.

    The keys in ``data_dir`` are read anew each time: another node may sign with one that was made a moment ago.
    """

    database: Database
    data_dir: Path
    operator: str
    path: Path
    clock: Callable[[], int] = now_micros
    node: str = ""

    def check(self) -> BooksBroken | None:
        """What is wrong with the books since the last checkpoint: None when selling may begin.

        Raises ``CheckpointFileProblem`` and the database's errors.
        """
        faults = check_since_checkpoint(self.database, load_service_keys(self.data_dir).by_thumbprint, self.path)
        return BooksBroken(faults) if faults else None

    def keep(self, *, every_seconds: float = 0.0) -> Checkpoint | None:
        """Make a checkpoint if there is something new and none is younger than that; None when none was made.

        The kept file gets whatever it lacks, also when nothing was made. Raises ``BooksBroken`` when the books do not
        bear what was signed before, ``CheckpointFileProblem``, ``ServiceKeyProblem`` and the database's errors.
        """
        now = self.clock()
        since = now - int(every_seconds * 1_000_000) if every_seconds else None
        keys = load_service_keys(self.data_dir)
        made = make_checkpoint(self.database, keys, self.operator, now, unless_since_micros=since)
        add_missing(self.path, stated_number, self._tokens_after)
        return made

    def alarm(self, error: EdgeError) -> None:
        """Tell by webhook that selling has ended, and why."""
        faults = error.faults[:ALARM_FAULTS_MAX] if isinstance(error, BooksBroken) else ()
        tell_alarm(self.database, self.node, error, self.clock(), [str(fault) for fault in faults])

    def _tokens_after(self, number: int) -> Iterator[str]:
        with self.database.read() as connection:
            for row in stream_rows(connection, number):
                yield row.token
