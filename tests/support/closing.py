"""Months to close: the busy one, with the operator's shares, and a closer with keys of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.core.month import Month
from edge.core.statement import Party
from edge.store.append_only import MONTHS
from edge.store.database import Database
from edge.store.month_close import Closer
from edge.store.publishers import list_publishers, set_share
from edge.store.service_keys import load_service_keys
from tests.support.busy_month import DAY_MICROS, Desk, busy_month

OPERATOR = Party("Example Edge", None, ("billing@edge.example",))
SHARES = (125_000, 333_333)
# What somebody could change of closed months, and what the fold of November names then.
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


def shared_month(database: Database) -> Desk:
    """The busy months; the operator's share is 12.5 per cent of the first publisher's, a third of the second's."""
    desk = busy_month(database, fees=False)
    with database.write() as connection:
        known = sorted(list_publishers(connection), key=lambda each: each.publisher_id)
        for each, share_ppm in zip(known, SHARES, strict=True):
            set_share(connection, each.name, share_ppm)
    return desk


def closer(folder: Path, month: Month, author: str = "operator@edge.example") -> Closer:
    """Whoever closes ``month``, a day after its end."""
    return Closer(OPERATOR, author, load_service_keys(folder), month.end_micros + DAY_MICROS)


def unlock(desk: Desk) -> None:
    with desk.database.write() as connection:
        for table in MONTHS:
            if desk.database.is_sqlite:
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
                connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
            else:
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change")


@contextmanager
def changed(desk: Desk, change: str) -> Iterator[None]:
    """Make one of ``CHANGES``, and put everything back afterwards."""
    with desk.database.write() as connection:
        before = {table: connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in MONTHS}
        assert connection.exec_driver_sql(change).rowcount > 0, change
    yield
    with desk.database.write() as connection:
        for table, rows in before.items():
            connection.exec_driver_sql(f"DELETE FROM {table}")
            mark = "?" if desk.database.is_sqlite else "%s"
            values = f"INSERT INTO {table} VALUES ({', '.join([mark] * len(rows[0]))})"
            connection.exec_driver_sql(values, [tuple(row) for row in rows])
