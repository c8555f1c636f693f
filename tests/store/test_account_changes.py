"""Suspension and limits of accounts: in force at once, noted in the books, and refused where they make no sense."""

from __future__ import annotations

import pytest

from edge.core.ledger import AccountSuspended, EntryKind, InsufficientFunds, Posted
from edge.core.ledger_operations import Post
from edge.core.money import Money, parse_price
from edge.store.account_changes import change_limit, suspend_account
from edge.store.accounts import AccountView, credit
from edge.store.audit import audit_rows
from edge.store.charges import Ledger
from edge.store.crawlers import suspend_crawler
from edge.store.database import Database, now_micros
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, UnknownName
from edge.store.verify import verify
from tests.support.books import PRICE, Books, Reports

BOT = 3


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


def suspend(database: Database, suspended: bool = True, currency: str = "USD") -> AccountView:
    return suspend_account(database, BOT, currency, suspended, author="operator", reason="card disputed")


def limit(database: Database, amount: Money | None, *, may_turn: bool = False) -> AccountView:
    return change_limit(database, BOT, "USD", amount, may_turn=may_turn, author="operator", reason="agreed")


def notes(database: Database) -> list[str | None]:
    with database.read() as connection:
        return [row.what for row in audit_rows(connection) if row.kind is EntryKind.NOTE]


def test_a_suspended_account_stops_paying_at_once_and_is_let_in_again(database: Database, books: Books) -> None:
    number = books.crawler(BOT)
    credit(database, BOT, parse_price("USD 1"), reference="r", author="operator")
    ledger = Ledger.open(database, node="a", report=Reports())
    with database.read() as connection:
        before = read_policy_version(connection)
    assert suspend(database).suspended
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), AccountSuspended)
    assert not suspend(database, False).suspended
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), Posted)
    ledger.close()
    with database.read() as connection:
        assert read_policy_version(connection) == before + 2
    assert notes(database) == ['{"suspended":true}', '{"suspended":false}']
    assert verify(database).faults == ()


def test_what_is_so_already_is_refused_and_noted_nowhere(database: Database, books: Books) -> None:
    books.crawler(BOT)
    with pytest.raises(InvalidValue, match="not suspended already"):
        suspend(database, False)
    suspend(database)
    with pytest.raises(InvalidValue, match="suspended already"):
        suspend(database)
    with pytest.raises(InvalidValue, match="prepaid already"):
        limit(database, None)
    with pytest.raises(UnknownName, match="EUR"):
        suspend(database, currency="EUR")
    assert len(notes(database)) == 1


def test_an_account_is_not_let_in_while_its_crawler_is_suspended(database: Database, books: Books) -> None:
    books.crawler(BOT)
    with database.write() as connection:
        suspend_crawler(connection, f"Bot{BOT}", True, now_micros())
    with pytest.raises(InvalidValue, match="farebox crawler resume"):
        suspend(database, False)


def test_a_limit_holds_from_the_next_charge_on(database: Database, books: Books) -> None:
    number = books.crawler(BOT, limit_pages=1)
    ledger = Ledger.open(database, node="a", report=Reports())
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), Posted)
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), InsufficientFunds)
    raised = limit(database, Money(2 * PRICE.amount_micros, "USD"))
    assert raised.floor_micros == -2 * PRICE.amount_micros
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), Posted)
    assert isinstance(ledger.submit(Post(books.order(number))).result(60), InsufficientFunds)
    with pytest.raises(InvalidValue, match=r"owes USD 0\.02"):
        limit(database, PRICE)
    with pytest.raises(InvalidValue, match="owes"):
        limit(database, None)
    assert limit(database, Money(3 * PRICE.amount_micros, "USD")).terms == "postpaid"
    ledger.close()
    assert len(notes(database)) == 2
    assert verify(database).faults == ()


def test_a_prepaid_account_pays_later_only_when_that_is_said(database: Database, books: Books) -> None:
    books.crawler(BOT)
    with pytest.raises(InvalidValue, match="--postpaid"):
        limit(database, PRICE)
    assert limit(database, PRICE, may_turn=True).terms == "postpaid"
    assert (limit(database, None).terms, limit(database, PRICE, may_turn=True).terms) == ("prepaid", "postpaid")
    with pytest.raises(InvalidValue, match="nothing"):
        limit(database, Money(0, "USD"))
