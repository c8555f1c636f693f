"""Several selling processes on one PostgreSQL: the same promises as in one."""

from __future__ import annotations

import pytest

from edge.core.budgets import Per
from edge.core.ledger import Credited
from edge.core.ledger_operations import Credit
from edge.core.money import Money
from edge.store.batch_writer import BatchWriter
from edge.store.budgets import BudgetPlace, set_budget
from edge.store.database import Database
from edge.store.verify import verify
from tests.support import ledger_worker
from tests.support.books import PRICE, Books
from tests.support.ledger_worker import run_processes

pytestmark = pytest.mark.system


def funded(books: Books, pages: int, number: int = 1) -> int:
    account = books.crawler(number)
    hand = BatchWriter(books.database, "test")
    [answer] = hand.write([Credit(books.top_up(account, pages, f"invoice {number}"))])
    hand.close()
    assert isinstance(answer, Credited)
    return account


@pytest.fixture
def books(postgres_store_url: str) -> Books:
    return Books.open(Database.open(postgres_store_url))


def test_one_request_sent_two_hundred_times_to_two_processes_is_one_charge(
    books: Books, postgres_store_url: str
) -> None:
    account = funded(books, 500)
    answers = run_processes(2, postgres_store_url, ledger_worker.post_the_same, account, 100)
    assert {kind for kind, _, _ in answers} == {"Posted"}
    assert len({position for _, position, _ in answers}) == 1
    assert sum(fresh for _, _, fresh in answers) == 1
    assert books.kinds() == ["credit", "post"] or books.kinds() == ["post", "credit"]
    assert verify(books.database).faults == ()
    books.database.close()


def test_large_deliveries_of_one_request_that_break_and_succeed_leave_one_live_charge(
    books: Books, postgres_store_url: str
) -> None:
    account = funded(books, 500)
    answers = run_processes(3, postgres_store_url, ledger_worker.deliver_the_same, account, 30)
    assert {kind for kind, _, _ in answers} == {"Posted", "Voided"}
    assert books.pages_of(books.publisher) == 1
    assert books.pages_of(account) == 499
    assert verify(books.database).faults == ()
    books.database.close()


def test_three_processes_sell_exactly_what_an_account_affords(books: Books, postgres_store_url: str) -> None:
    account = funded(books, 100)
    answers = run_processes(3, postgres_store_url, ledger_worker.buy_all, [account], 64)
    assert sorted({kind for kind, _, _ in answers}) == ["InsufficientFunds", "Posted"]
    assert sum(kind == "Posted" for kind, _, _ in answers) == 100
    assert (books.balance(account), books.pages_of(books.publisher)) == (0, 100)
    assert verify(books.database).faults == ()
    books.database.close()


def test_three_processes_sell_exactly_what_a_budget_allows_although_there_are_funds(
    books: Books, postgres_store_url: str
) -> None:
    account = funded(books, 1_000)
    month = BudgetPlace(1, "USD", Per.MONTH)
    set_budget(books.database, month, Money(100 * PRICE.amount_micros, "USD"), author="operator")
    answers = run_processes(3, postgres_store_url, ledger_worker.buy_all, [account], 64)
    assert sorted({kind for kind, _, _ in answers}) == ["BudgetExceeded", "Posted"]
    assert sum(kind == "Posted" for kind, _, _ in answers) == 100
    assert books.pages_of(account) == 900
    assert verify(books.database).faults == ()
    books.database.close()


@pytest.mark.parametrize("budgets", [(), (Per.DAY, Per.MONTH)], ids=["without budgets", "with budgets"])
def test_processes_that_charge_many_accounts_in_opposite_orders_do_not_block_each_other(
    books: Books, postgres_store_url: str, budgets: tuple[Per, ...]
) -> None:
    accounts = [funded(books, 40, number) for number in range(1, 9)]
    for number in range(1, 9):
        for per in budgets:
            enough = Money(1_000 * PRICE.amount_micros, "USD")
            set_budget(books.database, BudgetPlace(number, "USD", per), enough, author="operator")
    answers = run_processes(3, postgres_store_url, ledger_worker.buy_all, accounts, 20)
    assert sum(kind == "Posted" for kind, _, _ in answers) == 8 * 40
    assert [books.balance(account) for account in accounts] == [0] * 8
    with books.database.read() as connection:
        counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.exec_driver_sql(counted).scalar_one() == 0
    found = verify(books.database)
    assert found.faults == ()
    assert found.writers == 8 + 8 * len(budgets) + 3
    books.database.close()
