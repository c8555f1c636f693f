"""A close that is killed between its steps is finished by the next one, with the same result."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from edge.store.closed_months import kept_fees
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.tables import entry
from edge.store.verify import verify
from edge.store.verify_months import closed_month_faults
from tests.support.books import migrate
from tests.support.busy_month import OCTOBER
from tests.support.closing import closer, shared_month


@pytest.mark.parametrize("stop", ["begin", "fees", "freeze"])
def test_a_killed_close_is_finished_by_the_next(database_url: str, tmp_path: Path, stop: str) -> None:
    migrate(database_url)
    database = Database.open(database_url)
    shared_month(database)
    words = [sys.executable, "-m", "tests.support.closing_process", database_url, OCTOBER.label, str(tmp_path), stop]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().decode().strip() == stop
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    own = closer(tmp_path, OCTOBER)
    assert close_month(database, OCTOBER, own)[1] is (stop != "freeze")
    with database.read() as connection:
        assert list(closed_month_faults(connection, OCTOBER, own.keys.by_thumbprint)) == []
        assert [taken for _, taken in kept_fees(connection, OCTOBER)] == [999 // 8, 1_250]
        count = select(func.count()).select_from(entry).where(entry.c.kind == "fee")
        assert connection.execute(count).scalar_one() == 2
    assert verify(database).faults == ()
    database.close()
