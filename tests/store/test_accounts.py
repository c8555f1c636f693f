"""Accounts as commands handle them, beside a ledger that sells."""

from __future__ import annotations

import asyncio

import pytest

from edge.core.ledger import InsufficientFunds, Posted, charge_id
from edge.core.money import Money, parse_price
from edge.store import accounts
from edge.store.accounts import Opening, Terms
from edge.store.charges import Ledger
from edge.store.database import Database
from edge.store.policy_version import read_policy_version
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.verify import verify
from tests.support.books import Books, Reports, introduce_crawler

CRAWLER = 3
TEN = parse_price("USD 10")


@pytest.fixture
def account(database: Database) -> int:
    with database.write() as connection:
        introduce_crawler(connection, CRAWLER)
        return accounts.open_crawler_account(connection, CRAWLER, "USD")


def credit(database: Database, money: Money = TEN, reference: str = "invoice 1", crawler_id: int = CRAWLER) -> bool:
    done = accounts.credit(database, crawler_id, money, reference=reference, author="operator", reason="prepaid")
    return done.fresh


def balance(database: Database) -> list[int]:
    with database.read() as connection:
        return [view.balance_micros for view in accounts.show(connection, CRAWLER)]


def test_a_credit_is_done_once_and_says_so_when_it_is_repeated(database: Database, account: int) -> None:
    assert credit(database)
    assert not credit(database, reference=" invoice 1 ")
    assert balance(database) == [10_000_000]
    assert credit(database, reference="invoice 2")
    assert balance(database) == [20_000_000]
    assert verify(database).faults == ()


def test_a_reference_with_another_amount_or_crawler_is_refused(database: Database, account: int) -> None:
    with database.write() as connection:
        accounts.open_crawler_account(connection, 4, "USD")
    credit(database)
    with pytest.raises(NameTaken, match=r"USD 10\.00"):
        credit(database, parse_price("USD 11"))
    with pytest.raises(NameTaken, match="own reference"):
        credit(database, crawler_id=4)
    assert balance(database) == [10_000_000]


@pytest.mark.parametrize("reference", ["", "  ", "x" * 201, "two\nlines"])
def test_a_reference_is_one_line(database: Database, account: int, reference: str) -> None:
    with pytest.raises(InvalidValue):
        credit(database, reference=reference)


def test_a_credit_needs_an_amount_and_an_account_of_its_currency(database: Database, account: int) -> None:
    with pytest.raises(InvalidValue):
        credit(database, Money(0, "USD"))
    with pytest.raises(UnknownName, match="EUR"):
        credit(database, parse_price("EUR 1"))


def test_opening_on_the_same_terms_is_harmless_and_on_others_refused(database: Database, account: int) -> None:
    with database.write() as connection:
        assert accounts.open_crawler_account(connection, CRAWLER, "USD") == account
    with pytest.raises(NameTaken, match="prepaid"), database.write() as connection:
        accounts.open_crawler_account(connection, CRAWLER, "USD", terms=Terms.POSTPAID, limit=TEN)


def test_opening_an_account_tells_the_edge(database: Database) -> None:
    with database.write() as connection:
        before = read_policy_version(connection)
        accounts.open_crawler_account(connection, CRAWLER, "USD")
        assert read_policy_version(connection) > before


@pytest.mark.parametrize(
    ("terms", "limit"),
    [
        (Terms.PREPAID, TEN),
        (Terms.POSTPAID, None),
        (Terms.POSTPAID, Money(0, "USD")),
        (Terms.POSTPAID, Money(5, "EUR")),
    ],
)
def test_terms_without_sense_are_refused(database: Database, terms: Terms, limit: Money | None) -> None:
    with pytest.raises(InvalidValue) as caught, database.write() as connection:
        accounts.open_crawler_account(connection, CRAWLER, "USD", terms=terms, limit=limit)
    assert caught.value.field == "limit"


def test_what_is_available_counts_the_limit(database: Database) -> None:
    with database.write() as connection:
        accounts.open_crawler_account(connection, CRAWLER, "USD", terms=Terms.POSTPAID, limit=TEN)
        accounts.open_crawler_account(connection, CRAWLER, "EUR")
    credit(database)
    with database.read() as connection:
        shown = [(view.currency, view.terms, view.available_micros) for view in accounts.show(connection, CRAWLER)]
        unbounded = [view.code for view in accounts.balances(connection) if view.available_micros is None]
    assert unbounded == ["funding:USD"]
    assert shown == [("EUR", "prepaid", 0), ("USD", "postpaid", 20_000_000)]


def test_commands_write_beside_a_ledger_that_sells(database: Database, store_url: str, account: int) -> None:
    """A command is another process: it has a connection of its own, and a chain of its own."""
    books, command = Books.open(database), Database.open(store_url)
    ledger = Ledger.open(database, node="edge", report=Reports())

    async def sell() -> tuple[object, Posted, object]:
        before = await ledger.post(books.order(account))
        await asyncio.to_thread(credit, command, Money(10_000, "USD"))
        sold = await ledger.post(books.order(account, 7))
        assert isinstance(sold, Posted)
        await asyncio.to_thread(accounts.refund, command, sold.charge_id, reason="asked for", author="operator")
        return before, sold, await ledger.post(books.order(account))

    before, sold, after = asyncio.run(sell())
    assert before == InsufficientFunds()
    assert sold.fresh
    assert isinstance(after, Posted)
    ledger.close()
    command.close()
    assert balance(database) == [0]
    assert verify(database).faults == ()


def test_a_refund_is_done_once_and_needs_a_reason_and_a_live_charge(database: Database, account: int) -> None:
    books, ledger = Books.open(database), Ledger.open(database, node="edge", report=Reports())
    credit(database)
    order = books.order(account)

    async def post() -> object:
        return await ledger.post(order)

    asyncio.run(post())
    sold = charge_id(order.key)
    with pytest.raises(InvalidValue, match="reason"):
        accounts.refund(database, sold, reason=" ", author="operator")
    assert accounts.refund(database, sold, reason="complaint", author="operator").fresh
    assert not accounts.refund(database, sold, reason="complaint", author="operator").fresh
    assert balance(database) == [10_000_000]
    with pytest.raises(UnknownName, match="no live charge"):
        accounts.refund(database, charge_id(bytes(16)), reason="complaint", author="operator")
    with pytest.raises(InvalidValue, match="ch_"):
        accounts.refund(database, "charge 7", reason="complaint", author="operator")
    ledger.close()


def codes(database: Database) -> list[str]:
    with database.read() as connection:
        return [view.code for view in accounts.balances(connection)]


def open_with(database: Database, opening: Opening, money: str, reference: str = "invoice 1") -> None:
    accounts.credit(database, CRAWLER, parse_price(money), reference=reference, author="operator", opening=opening)


def test_a_top_up_opens_an_account_in_a_currency_that_is_known(database: Database, account: int) -> None:
    Books.open(database)
    with pytest.raises(InvalidValue, match="no site sells in UZS"):
        open_with(database, Opening.KNOWN_CURRENCY, "UZS 10")
    assert not any("UZS" in code for code in codes(database))
    open_with(database, Opening.ANY_CURRENCY, "UZS 10")
    assert {"crawler:3:UZS", "funding:UZS"} <= set(codes(database))
    assert verify(database).faults == ()


def test_a_top_up_that_is_refused_opens_nothing(database: Database, account: int) -> None:
    credit(database)
    before = codes(database)
    with pytest.raises(NameTaken, match="to account crawler:3:USD"):
        open_with(database, Opening.ANY_CURRENCY, "EUR 10")
    with pytest.raises(UnknownName):
        open_with(database, Opening.NEVER, "EUR 10", "invoice 2")
    assert codes(database) == before
