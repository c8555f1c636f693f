"""Whatever was changed in a closed month, or in the entries below it, is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from edge.store.append_only import MONTHS
from edge.store.database import Database
from edge.store.month_close import close_month
from edge.store.tables import publisher
from edge.store.verify_months import closed_month_faults
from tests.support.busy_month import NOVEMBER, OCTOBER, Desk
from tests.support.closing import closer, shared_month

CHANGES = {
    "UPDATE month_line SET pages = pages + 1 WHERE month = '2026-11' AND position = 1": "line 1",
    "DELETE FROM month_line WHERE month = '2026-11' AND position = 0": "line 0",
    "UPDATE month_fee SET fee_micros = fee_micros + 1 WHERE month = '2026-11' AND publisher_id = 1": "fee of publisher",
    "UPDATE month_fee SET share_ppm = 1 WHERE month = '2026-11' AND publisher_id = 2": "fee of publisher 2",
    "UPDATE month_fee SET net_micros = 1 WHERE month = '2026-10'": None,
    "UPDATE month_statement SET document = replace(document, '\"receipts\":', '\"receipts\":1')"
    " WHERE month = '2026-11' AND reader = 'crawler' AND party_id = 2": "crawler 2",
    "DELETE FROM month_statement WHERE month = '2026-11' AND reader = 'publisher'": "manifest",
    "DELETE FROM month_statement WHERE month = '2026-11'": "statements are missing",
    "UPDATE month_close SET manifest = replace(manifest, '2026-11-P1', '2026-11-P9') WHERE month = '2026-11'": "signed",
    "UPDATE month_close SET names = replace(names, 'blog.example', 'evil.example') WHERE month = '2026-11'": "line",
    "UPDATE month_close SET token = replace(token, '.', '..') WHERE month = '2026-11'": "unreadable",
}


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


def unlock(desk: Desk) -> None:
    with desk.database.write() as connection:
        for table in MONTHS:
            if desk.database.is_sqlite:
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
            else:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change")


def test_a_closed_month_holds_also_under_new_names(desk: Desk, tmp_path: Path) -> None:
    with desk.database.write() as connection:
        connection.execute(update(publisher).values(name="Renamed", email="new@x.example"))
    assert found(desk, tmp_path) == []


def test_what_was_changed_is_named(desk: Desk, tmp_path: Path) -> None:
    unlock(desk)
    for change, named in CHANGES.items():
        with desk.database.write() as connection:
            before = {table: connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in MONTHS}
            assert connection.exec_driver_sql(change).rowcount > 0, change
        faults = found(desk, tmp_path)
        assert (named is None) == (faults == []), (change, faults)
        assert named is None or named in " | ".join(faults), (change, faults)
        with desk.database.write() as connection:
            for table, rows in before.items():
                connection.exec_driver_sql(f"DELETE FROM {table}")
                mark = "?" if desk.database.is_sqlite else "%s"
                values = f"INSERT INTO {table} VALUES ({', '.join([mark] * len(rows[0]))})"
                connection.exec_driver_sql(values, [tuple(row) for row in rows])
    assert found(desk, tmp_path) == []
