"""What a reversal leaves: the page once for nothing, within bounds, and who may still collect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.ledger import (
    CreditOrder,
    NoRight,
    NotReversed,
    Posted,
    Redelivery,
    Reversed,
    Suspended,
    charge_id,
)
from edge.core.ledger_afterwards import FREE_REDELIVERIES_PER_DAY, REVERSALS_PER_DAY
from edge.core.ledger_operations import Credit, Hold, Operation, Post, Reverse, Settle, key_of
from tests.support.ledger_desk import CRAWLER, FUNDING, ONLY, ORDER, PRICE, PUBLISHER, Desk


def test_a_broken_delivery_is_paid_back_and_may_be_fetched_once_for_nothing() -> None:
    desk = Desk()
    desk.posted()
    assert desk.plan(Reverse(ORDER.key, "broken")) == Reversed(charge_id(ORDER.key), PRICE, True)
    assert desk.pages(CRAWLER) == 5
    assert desk.plan(Post(ORDER)) == Redelivery(charge_id(ORDER.key))
    assert desk.plan(Post(ORDER)) == Posted(charge_id(ORDER.key), PRICE, 1, 4, True)
    assert desk.kinds == ["post", "reverse", "redeliver", "post"]


def test_a_large_page_may_be_fetched_again_for_nothing_too() -> None:
    desk = Desk()
    desk.plan(Settle(desk.held()))
    desk.plan(Reverse(ORDER.key, "broken"))
    assert desk.plan(Hold(ORDER)) == Redelivery(charge_id(ORDER.key))


def test_a_refund_gives_no_page_for_nothing() -> None:
    desk = Desk()
    desk.posted()
    desk.plan(Reverse(ORDER.key, "asked for", author="operator"))
    assert desk.plan(Post(ONLY)) == NoRight()
    assert desk.posted().fresh


def test_a_reversal_is_idempotent() -> None:
    desk = Desk()
    desk.posted()
    desk.plan(Reverse(ORDER.key, "broken"))
    assert desk.plan(Reverse(ORDER.key, "broken")) == Reversed(charge_id(ORDER.key), PRICE, False)
    assert desk.pages(CRAWLER) == 5


def test_a_reversal_that_names_its_entry_spares_a_later_attempt() -> None:
    desk = Desk()
    first = desk.posted()
    for operation in (Reverse(ORDER.key, "broken"), Post(ORDER), Post(ORDER)):
        desk.plan(operation)
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken", first.position)), NotReversed)
    assert desk.pages(PUBLISHER) == 1


def test_a_confirmed_delivery_is_only_reversed_by_a_person() -> None:
    desk = Desk()
    desk.delivered.add(desk.posted().position)
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken")), NotReversed)
    assert isinstance(desk.plan(Reverse(ORDER.key, "complaint", author="operator")), Reversed)


@pytest.mark.parametrize("before", [[], [Hold(ORDER)], [Credit(CreditOrder(CRAWLER, FUNDING, 7, PRICE, "x", "op"))]])
def test_there_is_nothing_to_reverse_but_a_live_charge(before: list[Operation]) -> None:
    desk = Desk()
    for operation in before:
        desk.plan(operation)
    key = key_of(before[0]) if before else ORDER.key
    assert isinstance(desk.plan(Reverse(key, "broken")), NotReversed)


def test_a_collecting_order_never_opens_a_charge() -> None:
    desk = Desk()
    assert desk.plan(Post(ONLY)) == desk.plan(Hold(ONLY)) == NoRight()
    assert desk.kinds == []


def test_a_collecting_order_gets_a_charge_whose_delivery_is_not_confirmed() -> None:
    desk = Desk()
    posted = desk.posted()
    assert desk.plan(Post(ONLY)) == replace(posted, fresh=False)
    desk.delivered.add(posted.position)
    assert desk.plan(Post(ONLY)) == NoRight()


def test_a_collecting_order_gets_a_redelivery_once() -> None:
    desk = Desk()
    desk.posted()
    desk.plan(Reverse(ORDER.key, "broken"))
    assert desk.plan(Post(ONLY)) == Redelivery(charge_id(ORDER.key))
    assert desk.plan(Post(ONLY)) == NoRight()


def test_a_collecting_order_leaves_a_hold_alone() -> None:
    desk = Desk()
    desk.held()
    assert desk.plan(Post(ONLY)) == desk.plan(Hold(ONLY)) == NoRight()


def test_broken_deliveries_are_reversed_so_often_a_day_and_then_wait_to_be_fetched() -> None:
    desk = Desk(pages=50)
    for number in range(REVERSALS_PER_DAY):
        order = replace(ORDER, key=bytes([number]) * 16)
        desk.posted(order)
        assert isinstance(desk.plan(Reverse(order.key, "broken")), Reversed)
    posted = desk.posted()
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken")), Suspended)
    assert desk.plan(Post(ONLY)) == replace(posted, fresh=False)
    assert desk.pages(CRAWLER) == 49
    # It was in suspense before: a second broken delivery of it changes nothing.
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken")), NotReversed)
    assert isinstance(desk.plan(Reverse(ORDER.key, "asked for", author="operator")), Reversed)


def test_an_account_fetches_so_many_broken_pages_a_day_for_nothing_and_no_more() -> None:
    desk = Desk(pages=50)
    for number in range(FREE_REDELIVERIES_PER_DAY):
        order = replace(ORDER, key=bytes([number]) * 16)
        desk.posted(order)
        desk.plan(Reverse(order.key, "broken"))
        assert isinstance(desk.plan(Post(order)), Redelivery)
    desk.posted()
    desk.accounts[CRAWLER].reversals_left = 1  # another day for reversals, the same for pages
    desk.plan(Reverse(ORDER.key, "broken"))
    assert desk.plan(Post(ONLY)) == NoRight()
    assert desk.posted().fresh
    assert desk.pages(CRAWLER) == 49
