"""Whatever was changed in a closed month, or in the entries below it, is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.tables import publisher
from edge.store.verify_months import closed_month_faults
from tests.support.busy_month import NOVEMBER, OCTOBER, Desk
from tests.support.closing import CHANGES, changed, closer, shared_month, unlock


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    desk = shared_month(database)
    for month in (OCTOBER, NOVEMBER):
        close_month(database, month, closer(tmp_path, month))
    return desk


def found(desk: Desk, folder: Path) -> list[str]:
    keys = closer(folder, NOVEMBER).keys.by_thumbprint
    with desk.database.read() as connection:
        return [str(fault) for fault in closed_month_faults(connection, NOVEMBER, keys)]


def test_a_closed_month_holds_also_under_new_names(desk: Desk, tmp_path: Path) -> None:
    with desk.database.write() as connection:
        connection.execute(update(publisher).values(name="Renamed", email="new@x.example"))
    assert found(desk, tmp_path) == []


def test_what_was_changed_is_named(desk: Desk, tmp_path: Path) -> None:
    unlock(desk)
    for change, named in CHANGES.items():
        with changed(desk, change):
            faults = found(desk, tmp_path)
        assert (named is None) == (faults == []), (change, faults)
        assert named is None or named in " | ".join(faults), (change, faults)
    assert found(desk, tmp_path) == []
