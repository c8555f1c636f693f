"""The database goes away, also in the middle of a commit: nobody is charged twice, and nobody is told a lie."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import make_url

from edge.core.ledger import Held, LedgerUnavailable, Posted
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.database_errors import StorageFailed
from edge.store.verify import verify
from tests.support.books import Books, Reports
from tests.support.cutting_proxy import Cut, CuttingProxy
from tests.support.faulty_sqlite import Faults, faulty_sqlite

SLOW_COMMIT = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON batch DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION be_slow();
"""
QUICK_AGAIN = "DROP TRIGGER slow_commit ON batch"


def run(call: Any) -> Any:
    async def wait() -> Any:
        return await call

    return asyncio.run(wait())


def open_books(database: Database, reports: Reports) -> tuple[Ledger, Books, int]:
    ledger, books = Ledger.open(database, node="test", report=reports), Books.open(database)
    account = books.crawler(1)
    run(ledger.credit(books.top_up(account, 100)))
    return ledger, books, account


@pytest.fixture
def faults() -> Iterator[Faults]:
    with faulty_sqlite() as faults:
        yield faults


@pytest.fixture
def proxy(postgres_store_url: str) -> Iterator[CuttingProxy]:
    url = make_url(postgres_store_url)
    assert url.host is not None
    assert url.port is not None
    proxy = CuttingProxy(url.host, url.port)
    yield proxy
    proxy.close()


def through(proxy: CuttingProxy, url: str) -> Database:
    return Database.open(make_url(url).set(port=proxy.port).render_as_string(hide_password=False))


@pytest.mark.parametrize("slow", [False, True], ids=["quick commit", "slow commit"])
@pytest.mark.parametrize("cut", Cut)
def test_a_connection_lost_during_commit_charges_once(
    proxy: CuttingProxy, postgres_store_url: str, cut: Cut, slow: bool
) -> None:
    """With a slow commit the server is still at it when the books are read back: the answer must wait for it."""
    database, direct, reports = through(proxy, postgres_store_url), Database.open(postgres_store_url), Reports()
    ledger, _, account = open_books(database, reports)
    books = Books.open(direct)
    if slow:
        with direct.write() as connection:
            connection.exec_driver_sql(SLOW_COMMIT)
    order = books.order(account)
    proxy.cut = cut
    posted = run(ledger.post(order))
    assert not proxy.armed
    assert isinstance(posted, Posted)
    assert posted.fresh
    assert books.kinds(order.key) == ["post"]
    # The chain goes on where the lost commit left it.
    assert isinstance(run(ledger.post(books.order(account))), Posted)
    assert books.pages_of(account) == 98
    ledger.close()
    assert reports.errors == []
    if slow:
        with direct.write() as connection:
            connection.exec_driver_sql(QUICK_AGAIN)
    assert verify(direct).faults == ()
    database.close()
    direct.close()


def test_a_backend_that_is_terminated_during_commit_has_charged_nobody_twice(postgres_store_url: str) -> None:
    database, reports = Database.open(postgres_store_url), Reports()
    ledger, books, account = open_books(database, reports)
    with database.write() as connection:
        connection.exec_driver_sql(SLOW_COMMIT)

    async def post_while_killed() -> Any:
        order = books.order(account)
        task = asyncio.ensure_future(ledger.post(order))
        killed = 0
        while not killed:
            await asyncio.sleep(0.05)
            with database.write() as connection:
                killed = connection.exec_driver_sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE query LIKE 'COMMIT%%' AND state = 'active' AND datname = current_database()"
                ).scalar_one()
        return order, await task

    order, posted = asyncio.run(post_while_killed())
    assert isinstance(posted, Posted)
    assert books.kinds(order.key) == ["post"]
    assert books.pages_of(account) == 99
    ledger.close()
    with database.write() as connection:
        connection.exec_driver_sql(QUICK_AGAIN)
    assert verify(database).faults == ()
    database.close()


def test_a_postgresql_that_is_away_sells_nothing_and_sells_again_when_it_is_back(
    proxy: CuttingProxy, postgres_store_url: str
) -> None:
    database, direct, reports = through(proxy, postgres_store_url), Database.open(postgres_store_url), Reports()
    ledger, _, account = open_books(database, reports)
    books = Books.open(direct)
    proxy.refuse()
    for _ in range(3):
        with pytest.raises(LedgerUnavailable):
            run(ledger.post(books.order(account)))
    assert len(reports.errors) == 1
    assert ledger.failure is None
    proxy.allow()
    assert isinstance(eventually(ledger, books, account), Posted)
    assert books.pages_of(account) == 99
    ledger.close()
    assert verify(direct).faults == ()
    database.close()
    direct.close()


def eventually(ledger: Ledger, books: Books, account: int) -> Any:
    """Post until the ledger is back; a refused order is never charged, so trying again is harmless."""
    order = books.order(account)
    until = time.monotonic() + 30
    while True:
        try:
            return run(ledger.post(order))
        except LedgerUnavailable:
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_sqlite_commit_of_unknown_outcome_charges_once(faults: Faults, sqlite_store_url: str, moment: str) -> None:
    database, reports = Database.open(sqlite_store_url), Reports()
    ledger, books, account = open_books(database, reports)
    order = books.order(account)
    setattr(faults, moment, "the outcome is unknown")
    posted = run(ledger.post(order))
    assert isinstance(posted, Posted)
    assert posted.fresh
    assert books.kinds(order.key) == ["post"]
    assert isinstance(run(ledger.post(books.order(account))), Posted)
    ledger.close()
    assert reports.errors == []
    assert verify(database).faults == ()
    database.close()


def test_a_full_disk_sells_nothing_and_sells_again_when_there_is_space(faults: Faults, sqlite_store_url: str) -> None:
    database, reports = Database.open(sqlite_store_url), Reports()
    ledger, books, account = open_books(database, reports)
    order, held = books.order(account), run(ledger.hold(books.order(account)))
    faults.every_statement = "database or disk is full"
    with pytest.raises(LedgerUnavailable):
        run(ledger.post(order))
    with pytest.raises(LedgerUnavailable):
        run(ledger.settle(held))
    faults.every_statement = None
    assert isinstance(eventually(ledger, books, account), Posted)
    assert isinstance(held, Held)
    assert isinstance(run(ledger.settle(held)), Posted)
    assert books.kinds(order.key) == []
    ledger.close()
    assert verify(database).faults == ()
    database.close()


@pytest.mark.parametrize("moment", ["before_commit", "every_statement"])
def test_a_broken_disk_ends_selling_until_the_process_starts_again(
    faults: Faults, sqlite_store_url: str, moment: str
) -> None:
    """An fsync that failed must not be tried again: what it left on the disk is only known after a restart."""
    database, reports = Database.open(sqlite_store_url), Reports()
    ledger, books, account = open_books(database, reports)
    setattr(faults, moment, "disk I/O error")
    with pytest.raises(LedgerUnavailable):
        run(ledger.post(books.order(account)))
    faults.every_statement = None
    commits = faults.commits
    with pytest.raises(LedgerUnavailable):
        run(ledger.post(books.order(account)))
    assert faults.commits == commits
    assert isinstance(ledger.failure, StorageFailed)
    assert reports.errors == [ledger.failure]
    ledger.close()
    again = Ledger.open(database, node="test", report=reports)
    assert isinstance(run(again.post(books.order(account))), Posted)
    again.close()
    assert verify(database).faults == ()
    database.close()
