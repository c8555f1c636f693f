"""Subscriptions: so many pages a month, decided by the ledger as they stand at that moment, and then the price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from edge.core.grants import FreePages, FreePeriod, Grant, Recrawl, SubscriptionPages
from edge.core.ledger import ChargeOrder, NoRight, Posted
from edge.core.ledger_operations import Credit, Post, Reverse
from edge.core.month import Month
from edge.store.audit import audit_rows
from edge.store.batch_writer import BatchWriter
from edge.store.database import Database
from edge.store.policy import current_version, load_policy
from edge.store.problems import InvalidValue, UnknownName
from edge.store.subscriptions import NewSubscription, begin_subscription, end_subscription, list_subscriptions
from edge.store.tables import entry
from edge.store.verify import verify
from tests.support.books import Books
from tests.support.budget_counter import LAST_OF_NOVEMBER, Clock

AT_SITE = NewSubscription(1, "USD", 1, 1, None, 2, "INV-7")


class Desk:
    """A crawler with credit for ten pages, and a hand that sells to it by a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.books = Books.open(database)
        self.crawler = self.books.crawler(1)
        self.clock = Clock()
        self.hand = BatchWriter(database, "test", self.clock)
        self.hand.write([Credit(self.books.top_up(self.crawler, 10))])
        self.clock.now = LAST_OF_NOVEMBER

    def begin(self, **changes: object) -> int:
        new = replace(AT_SITE, **changes)  # type: ignore[arg-type]
        return begin_subscription(self.database, new, author="operator", now=self.clock.now)

    def order(self, *grants: Grant, signature: int | None = None, **changes: object) -> ChargeOrder:
        return replace(self.books.order(self.crawler, signature), grants=grants, **changes)  # type: ignore[arg-type]

    def post(self, *grants: Grant, signature: int | None = None, **changes: object) -> object:
        [answer] = self.hand.write([Post(self.order(*grants, signature=signature, **changes))])
        return answer

    def used(self) -> list[int]:
        with self.database.read() as connection:
            return [view.used for view in list_subscriptions(connection, self.clock.now)]


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    desk.hand.close()
    assert verify(database).faults == ()


def is_free(answer: object) -> bool:
    assert isinstance(answer, Posted), answer
    return answer.amount.amount_micros == 0


def test_so_many_pages_a_month_are_free_and_then_the_price_is_taken(desk: Desk) -> None:
    pages = SubscriptionPages(desk.begin())
    assert [is_free(desk.post(pages)) for _ in range(3)] == [True, True, False]
    assert desk.used() == [2]
    desk.clock.now = Month.of(desk.clock.now).end_micros
    assert is_free(desk.post(pages))
    assert desk.used() == [1]


def test_what_has_ended_or_not_begun_gives_nothing_whatever_an_edge_still_thinks(desk: Desk) -> None:
    number = desk.begin()
    desk.clock.now -= 1
    assert isinstance(desk.post(SubscriptionPages(number), redelivery_only=True), NoRight)
    desk.clock.now += 1
    assert is_free(desk.post(SubscriptionPages(number)))
    end_subscription(desk.database, number, author="operator", now=desk.clock.now)
    assert isinstance(desk.post(SubscriptionPages(number), redelivery_only=True), NoRight)
    assert isinstance(desk.post(SubscriptionPages(number + 1), redelivery_only=True), NoRight)


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        ({}, True),
        ({"site_id": None, "licence": "ai-train"}, True),
        ({"licence": "ai-train"}, True),
        ({"licence": "ai-input"}, False),
        ({"site_id": None, "licence": "ai-input"}, False),
    ],
)
def test_a_subscription_gives_what_it_covers(desk: Desk, changes: dict[str, object], free: bool) -> None:
    assert is_free(desk.post(SubscriptionPages(desk.begin(**changes)))) is free


def test_coming_again_is_tried_before_a_subscription_and_that_before_free_pages(desk: Desk) -> None:
    terms = (Recrawl(24, False), SubscriptionPages(desk.begin(pages=1)), FreePages(1, FreePeriod.DAY))
    names = []
    for target in ("/a", "/a", "/b", "/c"):
        answer = desk.post(*terms, target=target)
        assert isinstance(answer, Posted)
        written = (entry.c.writer_id == answer.writer) & (entry.c.number == answer.number)
        with desk.database.read() as connection:
            names.append(connection.execute(select(entry.c.reference).where(written)).scalar_one())
    assert names == ["subscription:1", "recrawl", "free:day", None]


def test_a_page_that_did_not_arrive_goes_back_to_its_subscription(desk: Desk) -> None:
    pages = SubscriptionPages(desk.begin(pages=1))
    desk.post(pages, signature=7)
    desk.hand.write([Reverse(desk.books.order(desk.crawler, 7).key, "broken")])
    assert desk.used() == [0]
    assert is_free(desk.post(pages))


def test_edges_learn_of_a_subscription_by_the_policys_version(desk: Desk) -> None:
    before = current_version(desk.database)
    number = begin_subscription(desk.database, AT_SITE, author="operator")
    policy = load_policy(desk.database)
    assert policy.version == before + 1
    [known] = policy.accounts[1, "USD"].subscriptions
    assert (known.subscription_id, known.pages, known.until_micros) == (number, 2, None)
    end_subscription(desk.database, number, author="operator")
    [ended] = load_policy(desk.database).accounts[1, "USD"].subscriptions
    assert ended.until_micros is not None


def test_beginning_and_ending_are_in_the_audit_log(desk: Desk) -> None:
    number = desk.begin()
    end_subscription(desk.database, number, author="boss", now=desk.clock.now)
    with desk.database.read() as connection:
        told = [(row.author, row.reason) for row in audit_rows(connection) if row.what is not None]
    assert sorted(told) == [("boss", "a subscription ended"), ("operator", "a subscription began")]


def test_what_makes_no_subscription_is_said(desk: Desk) -> None:
    with pytest.raises(InvalidValue, match="from 1"):
        desk.begin(pages=0)
    with pytest.raises(InvalidValue, match="site or for a licence"):
        desk.begin(site_id=None)
    with pytest.raises(UnknownName, match="no EUR account"):
        desk.begin(currency="EUR")
    number = desk.begin()
    end_subscription(desk.database, number, author="operator", now=desk.clock.now)
    with pytest.raises(InvalidValue, match="ended already"):
        end_subscription(desk.database, number, author="operator", now=desk.clock.now)
    with pytest.raises(UnknownName, match="no subscription 99"):
        end_subscription(desk.database, 99, author="operator", now=desk.clock.now)
