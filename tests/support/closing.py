"""Months to close: the busy one, with the operator's shares, and a closer with keys of the test's own."""

from __future__ import annotations

from pathlib import Path

from edge.core.month import Month
from edge.core.statement import Party
from edge.store.database import Database
from edge.store.month_close import Closer
from edge.store.publishers import list_publishers, set_share
from edge.store.service_keys import load_service_keys
from tests.support.busy_month import DAY_MICROS, Desk, busy_month

OPERATOR = Party("Example Edge", None, ("billing@edge.example",))
SHARES = (125_000, 333_333)


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
