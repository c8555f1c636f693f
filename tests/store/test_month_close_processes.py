"""A month is closed by several processes at once while others sell in its last moment: on PostgreSQL, for real."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from edge.core.ledger import EntryKind
from edge.core.ledger_operations import Credit
from edge.core.month import Month
from edge.store.batch_writer import BatchWriter
from edge.store.closed_months import kept_fees
from edge.store.database import Database
from edge.store.publishers import set_share
from edge.store.service_keys import load_service_keys
from edge.store.tables import entry
from edge.store.verify import verify
from edge.store.verify_months import closed_month_faults
from tests.support.books import PRICE, Books
from tests.support.closing_worker import SALES_AFTER, Scene, close_while_selling

pytestmark = pytest.mark.system

OCTOBER = Month(2026, 10)
SELLERS, CLOSERS = 3, 3
SHARE_PPM = 125_000
PAGES = 100_000


@pytest.fixture
def scene(postgres_store_url: str, tmp_path: Path) -> Scene:
    database = Database.open(postgres_store_url)
    books = Books.open(database)
    account = books.crawler(1)
    hand = BatchWriter(database, "test", clock=lambda: OCTOBER.start_micros)
    hand.write([Credit(books.top_up(account, PAGES))])
    hand.close()
    with database.write() as connection:
        set_share(connection, "News1", SHARE_PPM)
    database.close()
    load_service_keys(tmp_path)
    return Scene(postgres_store_url, OCTOBER, account, tmp_path)


def test_nothing_lands_in_a_month_that_processes_close_while_others_sell(scene: Scene) -> None:
    sold, closed = close_while_selling(scene, SELLERS, CLOSERS)
    assert sorted(fresh for _, _, fresh in closed) == [False] * (CLOSERS - 1) + [True]
    assert len({(manifest, token) for manifest, token, _ in closed}) == 1
    database = Database.open(scene.url)
    with database.read() as connection:
        keys = load_service_keys(scene.folder).by_thumbprint
        assert list(closed_month_faults(connection, OCTOBER, keys)) == []
        [(basis, taken)] = kept_fees(connection, OCTOBER)
        sales = select(entry.c.recorded_at_micros).where(entry.c.kind == EntryKind.POST.value)
        by_time = Counter(connection.execute(sales).scalars())
    late = by_time.pop(OCTOBER.end_micros)
    in_time = by_time.pop(OCTOBER.end_micros - 1)
    assert not by_time
    assert in_time + late == sum(sold)
    assert in_time >= 2 * SELLERS
    assert late >= 2 * SELLERS * SALES_AFTER
    assert (basis.net_micros, taken) == (
        in_time * PRICE.amount_micros,
        in_time * PRICE.amount_micros * SHARE_PPM // 1_000_000,
    )
    assert verify(database).faults == ()
    database.close()
