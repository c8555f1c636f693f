"""A plain verification holds every closed month against what was signed, and in sums against the entries."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.tables import publisher, writer
from edge.store.verify import Verification, verify
from edge.store.verify_checkpoints import Signed
from tests.support.busy_month import DAY_MICROS, NOVEMBER, OCTOBER, Desk
from tests.support.closing import CHANGES, changed, closer, shared_month, unlock


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    desk = shared_month(database)
    for month in (OCTOBER, NOVEMBER):
        close_month(database, month, closer(tmp_path, month))
    return desk


def verified(desk: Desk, folder: Path) -> Verification:
    return verify(desk.database, (), Signed(closer(folder, NOVEMBER).keys.by_thumbprint))


def test_closed_months_hold_also_under_new_names(desk: Desk, tmp_path: Path) -> None:
    with desk.database.write() as connection:
        connection.execute(update(publisher).values(name=publisher.c.name + " renamed", email="new@x.example"))
    found = verified(desk, tmp_path)
    assert (found.faults, found.closed_months) == ((), 2)


def test_whatever_was_changed_of_what_was_kept_is_found(desk: Desk, tmp_path: Path) -> None:
    unlock(desk)
    for change in CHANGES:
        month = "2026-10" if "2026-10" in change else "2026-11"
        with changed(desk, change):
            faults = [str(fault) for fault in verified(desk, tmp_path).faults]
        assert [fault for fault in faults if f"month {month}" in fault], (change, faults)


def test_an_entry_that_was_recorded_into_a_closed_month_is_found(desk: Desk, tmp_path: Path) -> None:
    """Its chain is sound and its balances are right: only the signed month knows better."""
    with desk.database.write() as connection:
        connection.execute(update(writer).values(not_before_micros=0))
    desk.now_micros = NOVEMBER.start_micros + 20 * DAY_MICROS
    desk.sell(desk.order("USD 4711"))
    named = [str(fault) for fault in verified(desk, tmp_path).faults]
    assert "I5: month 2026-11: has entries that are not those that were there when it was closed" in named
    assert "I5: month 2026-11, USD: does not come to what was signed" in named
    assert len(named) == 2, named
