"""The activity that a backtest is measured with is what it says it is, and a backtest reads all of it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.backtest import make_rows, measure, write
from edge.store.database import Database


def test_a_backtest_is_measured_over_every_row_of_the_same_activity(tmp_path: Path) -> None:
    rows = list(make_rows(300, 80, 1))
    assert rows == list(make_rows(300, 80, 1))
    assert len({row.target for row in rows}) <= 80
    database = Database.open(f"sqlite:///{tmp_path / 'small.db'}")
    write(database, 300, 80)
    assert measure(database)[0] == 300
    database.close()
