"""Verification finds what somebody did to the rows beside the entries, and says where; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection, delete, update

from edge.core.grants import FreePages, FreePeriod, SubscriptionPages
from edge.core.ledger_corrections import AdjustOrder
from edge.core.ledger_operations import Adjust, Credit, Post
from edge.core.money import Money
from edge.core.rules import Action, Rule, RuleSet, everything_else
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.deliveries import mark_delivered
from edge.store.erasure import erase_person
from edge.store.faults import Fault
from edge.store.people import Role, add_person, grant
from edge.store.recovery import recover
from edge.store.rulesets import publish_rules
from edge.store.subscriptions import NewSubscription, begin_subscription
from edge.store.tables import delivery, erasure, grant_count, subscription, writer
from edge.store.verify import verify
from tests.support.books import PRICE, Books
from tests.support.tampering import tampering

NOW = 1_800_000_000_000_000
PUBLISHED = RuleSet(
    (Rule("long reads", action=Action.CHARGE, price=PRICE, free_pages=2, free_period=FreePeriod.MONTH),),
    everything_else(Action.ALLOW),
)


@pytest.fixture
def books(database: Database) -> Books:
    return Books.open(database)


def faults_of(database: Database) -> list[Fault]:
    return list(verify(database).faults)


def only_fault(database: Database) -> Fault:
    [fault] = faults_of(database)
    return fault


# Triggers (I4)


def test_a_trigger_that_moves_balances_is_named(books: Books, database: Database) -> None:
    assert faults_of(database) == []
    with database.write() as connection:
        for statement in MOVING_SQLITE if database.is_sqlite else MOVING_POSTGRESQL:
            connection.exec_driver_sql(statement)
    assert (only_fault(database).invariant, only_fault(database).place) == ("I4", "trigger tip on account")


def test_a_trigger_under_the_name_of_one_of_ours_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_event_no_delete")
        moving = MOVING_SQLITE if database.is_sqlite else MOVING_POSTGRESQL
        for statement in moving:
            connection.exec_driver_sql(statement.replace("TRIGGER tip", "TRIGGER audit_event_no_delete"))
    assert only_fault(database).place == "trigger audit_event_no_delete on account"


MOVING_SQLITE = (
    "CREATE TRIGGER tip AFTER UPDATE ON account BEGIN "
    "UPDATE account SET balance_micros = balance_micros + 1 WHERE id = 1; END",
)
MOVING_POSTGRESQL = (
    "CREATE FUNCTION tip() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN NEW.balance_micros = NEW.balance_micros + 1; RETURN NEW; END'",
    "CREATE TRIGGER tip BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION tip()",
)


# Delivery marks (D2)


def test_a_delivery_mark_that_was_taken_away_is_named_by_its_charge(books: Books, database: Database) -> None:
    crawler, seller = books.crawler(1), BatchWriter(database, "seller")
    seller.write([Credit(books.top_up(crawler, 10))])
    orders = [books.order(crawler) for _ in range(4)]
    answers = seller.write([Post(order) for order in orders])
    places = [(answer.writer, answer.number) for answer in answers]  # type: ignore[union-attr]
    corrects = books.order(crawler, 4)
    with database.write() as connection:
        mark_delivered(connection, places[:2], NOW)
        connection.execute(update(writer).values(lease_until_micros=1))
    note = AdjustOrder(
        "A-1",
        books.publisher,
        crawler,
        Money(1, "USD"),
        1,
        1,
        "too dear",
        "operator",
        answers[3].charge_id,  # type: ignore[union-attr]
    )
    hand = BatchWriter(database, "next")
    hand.write([Adjust(note)])
    assert corrects.key == orders[3].key
    assert recover(database, hand) == 1, "the third is in suspense, the fourth is corrected"
    assert faults_of(database) == []
    with database.write() as connection:
        connection.execute(delete(delivery).where(delivery.c.first_number == places[0][1]))
    assert (
        {(fault.invariant, fault.place) for fault in faults_of(database)}
        == {
            ("D2", answer.charge_id)  # type: ignore[union-attr]
            for answer in answers[:2]
        }
    )


# What notes tell of


def test_the_record_of_an_erasure_that_was_removed_is_named(books: Books, database: Database) -> None:
    with database.write() as connection:
        person = add_person(connection, "editor@news.example", "hash", NOW)
        grant(connection, person.person_id, 1, Role.EDITOR)
    done = erase_person(database, "editor@news.example", author="operator", reason="they asked", now_micros=NOW)
    assert faults_of(database) == []
    with database.write() as connection:
        connection.execute(delete(erasure))
    assert (only_fault(database).invariant, only_fault(database).place) == ("I4", f"erasure {done.pseudonym}")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda it: it.execute(update(subscription).values(pages=9)), {"I3", "I4"}),
        (lambda it: it.execute(delete(subscription)), {"I4"}),
        (lambda it: it.execute(update(grant_count).values(allowed=9)), {"I3"}),
    ],
    ids=["more pages", "removed", "a count that allows more"],
)
def test_a_subscription_that_is_not_as_noted_is_named(
    books: Books, database: Database, change: Callable[[Connection], object], found: set[str]
) -> None:
    crawler, seller = books.crawler(1), BatchWriter(database, "seller")
    number = begin_subscription(database, NewSubscription(1, "USD", 1, 1, None, 2, None), author="operator")
    seller.write([Post(replace(books.order(crawler), grants=(SubscriptionPages(number),)))])
    assert faults_of(database) == []
    with tampering(database) as connection:
        change(connection)
    assert {fault.invariant for fault in faults_of(database)} == found


@pytest.mark.parametrize(("allowed", "rules_there"), [(2, True), (3, True), (3, False)])
def test_a_count_that_allows_more_than_its_rules_gave_is_named(
    books: Books, database: Database, allowed: int, rules_there: bool
) -> None:
    with database.write() as connection:
        for seen in range(3) if rules_there else ():  # the orders of these books are by version 3
            publish_rules(connection, 1, PUBLISHED, seen, None, "owner", NOW)
    crawler, seller = books.crawler(1), BatchWriter(database, "seller")
    seller.write([Post(replace(books.order(crawler), grants=(FreePages(2, FreePeriod.MONTH),)))])
    with database.write() as connection:
        connection.execute(update(grant_count).values(allowed=allowed))
    if allowed == 2 or not rules_there:
        assert faults_of(database) == []
        return
    fault = only_fault(database)
    assert (fault.invariant, fault.sentence) == ("I3", "allows 3 pages, its terms gave 2")
