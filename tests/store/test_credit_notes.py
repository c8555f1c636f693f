"""Credit notes by command, with numbers of their own, and the audit log that is the entries themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, select, update

from edge.core.ledger import EntryKind, charge_id
from edge.core.ledger_operations import Credit, Post
from edge.core.money import Money
from edge.core.report import Pocket
from edge.store.account_corrections import take_back
from edge.store.account_rows import find_account
from edge.store.accounts import refund
from edge.store.audit import AuditRow, accounts_owned, audit_rows, change_noted
from edge.store.batch_writer import BatchWriter
from edge.store.charge_story import charge_entries
from edge.store.credit_notes import credit_note
from edge.store.database import Database
from edge.store.problems import InvalidValue, NameTaken, UnknownName
from edge.store.tables import account
from edge.store.verify import verify
from edge.store.whole_audit import Place, team_page
from tests.support.books import PRICE, Books

TENTH = Money(PRICE.amount_micros // 10, "USD")


@pytest.fixture
def books(database: Database) -> Iterator[Books]:
    books = Books.open(database)
    books.crawler(1)
    hand = BatchWriter(database, "test")
    number = payer(books)
    hand.write([Credit(books.top_up(number, 10))])
    hand.write([Post(books.order(number, 1)), Post(books.order(number, 2))])
    hand.close()
    yield books
    assert verify(database).faults == ()


def payer(books: Books) -> int:
    with books.database.read() as connection:
        found = find_account(connection, "crawler:1:USD")
    assert found is not None
    return found


def sold(books: Books, signature: int = 1) -> str:
    return charge_id(books.order(payer(books), signature).key)


def log(database: Database) -> list[AuditRow]:
    with database.read() as connection:
        return list(audit_rows(connection))


def test_a_part_is_given_back_under_the_next_number(books: Books) -> None:
    for number in range(1, 4):
        done = credit_note(books.database, sold(books), TENTH, reason="slow", author="op")
        assert done.reference.endswith(f"-{number:04}")
        assert done.reference.startswith("CN-")
    assert books.balance(payer(books)) == 8 * PRICE.amount_micros + 3 * TENTH.amount_micros


def test_the_notes_of_a_charge_never_exceed_it_and_then_it_is_not_refunded_as_well(books: Books) -> None:
    for _ in range(10):
        credit_note(books.database, sold(books), TENTH, reason="slow", author="op")
    with pytest.raises(UnknownName, match="never exceed"):
        credit_note(books.database, sold(books), Money(1, "USD"), reason="slow", author="op")
    with pytest.raises(UnknownName, match="credit note"):
        refund(books.database, sold(books), reason="all of it", author="op")
    assert books.balance(payer(books)) == 9 * PRICE.amount_micros


def test_commands_at_once_give_no_more_than_the_charge_and_no_number_twice(books: Books) -> None:
    numbers: list[str] = []
    refused: list[str] = []

    def run() -> None:
        for _ in range(4):
            try:
                numbers.append(credit_note(books.database, sold(books), TENTH, reason="x", author="op").reference)
            except UnknownName as why:
                refused.append(str(why))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(set(numbers)), len(refused)) == (10, 6)
    assert sorted(int(number.rpartition("-")[2]) for number in numbers) == list(range(1, 11))


def test_a_named_number_is_written_once(books: Books) -> None:
    first = credit_note(books.database, sold(books), TENTH, reason="slow", author="op", number="CASE-7")
    again = credit_note(books.database, sold(books), TENTH, reason="slow", author="op", number="CASE-7")
    assert (first.fresh, again.fresh) == (True, False)
    with pytest.raises(NameTaken):
        credit_note(books.database, sold(books, 2), TENTH, reason="slow", author="op", number="CASE-7")
    with pytest.raises(InvalidValue):
        credit_note(books.database, sold(books), TENTH, reason="slow", author="op", number="CN-2026-0009")


@pytest.mark.parametrize(
    ("charge", "money", "reason"),
    [("ch_1", TENTH, "x"), (None, Money(0, "USD"), "x"), (None, TENTH, " "), (None, Money(1, "EUR"), "x")],
)
def test_what_makes_no_sense_is_refused(books: Books, charge: str | None, money: Money, reason: str) -> None:
    with pytest.raises((InvalidValue, UnknownName)):
        credit_note(books.database, charge or sold(books), money, reason=reason, author="op")
    assert log(books.database)[1:] == []


def test_the_story_of_a_charge_tells_its_credit_notes(books: Books) -> None:
    credit_note(books.database, sold(books), TENTH, reason="slow", author="op")
    with books.database.read() as connection:
        kinds = [one.kind for one in charge_entries(connection, sold(books))]
    assert kinds == ["post", "adjust"]


# The audit log


def test_everything_that_a_person_does_to_money_is_in_the_log(books: Books) -> None:
    credit_note(books.database, sold(books), TENTH, reason="slow", author="ann")
    refund(books.database, sold(books, 2), reason="wrong page", author="ben")
    rows = log(books.database)
    assert [(row.author, row.kind) for row in rows] == [
        ("operator@example", EntryKind.CREDIT),
        ("ann", EntryKind.ADJUST),
        ("ben", EntryKind.REVERSE),
    ]
    assert [row.charge for row in rows] == [None, sold(books), sold(books, 2)]
    assert [row.reason for row in rows][1:] == ["slow", "wrong page"]


def test_the_log_says_which_way_the_money_went(books: Books) -> None:
    credit_note(books.database, sold(books), TENTH, reason="slow", author="ann")
    take_back(books.database, 1, TENTH, reason="booked twice", author="ann")
    assert [(row.kind, row.payer, row.payee) for row in log(books.database)] == [
        (EntryKind.CREDIT, Pocket.FUNDING, Pocket.CRAWLER),
        (EntryKind.ADJUST, Pocket.PUBLISHER, Pocket.CRAWLER),
        (EntryKind.ADJUST, Pocket.CRAWLER, Pocket.ADJUSTMENTS),
    ]


def test_a_team_reads_of_notes_those_that_stand_with_no_charge(books: Books) -> None:
    credit_note(books.database, sold(books), TENTH, reason="slow", author="ann")
    taken = take_back(books.database, 1, TENTH, reason="booked twice", author="ann")
    with books.database.read() as connection:
        lines = team_page(connection, 1, Place(), 50).lines
    assert [line.reference for line in lines if isinstance(line, AuditRow)] == [taken.reference, "invoice 1"]


def test_a_change_and_its_note_are_one(books: Books) -> None:
    number = payer(books)

    def suspend(connection: Connection) -> str:
        connection.execute(update(account).where(account.c.id == number).values(suspended=True))
        return "done"

    with books.database.read() as connection:
        assert accounts_owned(connection, "crawler", 1) == [number]
    what = {"suspended": True}
    made = change_noted(books.database, [number], what, suspend, author="ann", reason="unpaid")
    assert made == "done"
    last = log(books.database)[-1]
    assert (last.kind, last.what, last.author, last.reason) == (EntryKind.NOTE, '{"suspended":true}', "ann", "unpaid")
    with books.database.read() as connection:
        assert connection.execute(select(account.c.suspended).where(account.c.id == number)).scalar_one()


def test_a_change_that_fails_leaves_no_note_and_a_note_that_cannot_be_written_no_change(books: Books) -> None:
    number = payer(books)

    def fail(connection: Connection) -> None:
        connection.execute(update(account).where(account.c.id == number).values(suspended=True))
        raise UnknownName("there is no such thing", "thing")

    before = log(books.database)
    with pytest.raises(UnknownName, match="no such thing"):
        change_noted(books.database, [number], {}, fail, author="ann", reason="because")
    assert log(books.database) == before
    with books.database.read() as connection:
        assert not connection.execute(select(account.c.suspended).where(account.c.id == number)).scalar_one()
