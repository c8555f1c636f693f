"""A large page that the client leaves half way: one of the day's paybacks, and beyond them paid, with a right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.ledger import LEFT_EARLY, Held, NoRight, Posted, Suspended, Voided, charge_id
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_operations import BreakOff, Hold, Post, Reverse, Settle, Void
from tests.support.ledger_desk import CRAWLER, HOLDS, ONLY, ORDER, PRICE, PUBLISHER, SUSPENSE, Desk

PAID = Held(charge_id(ORDER.key), PRICE, ORDER, 0, False)
PAID_AGED = replace(PAID, order=ONLY)


def used_up() -> Desk:
    desk = Desk()
    desk.accounts[CRAWLER].reversals_left = 0
    return desk


def places(desk: Desk) -> tuple[int, ...]:
    return tuple(desk.pages(number) for number in (CRAWLER, HOLDS, SUSPENSE, PUBLISHER))


def test_what_a_client_leaves_is_paid_back_and_says_why() -> None:
    desk = Desk()
    assert desk.plan(BreakOff(desk.held())) == Voided()
    assert (desk.kinds, desk.page.entries[-1].reason) == (["hold", "void"], LEFT_EARLY)
    assert places(desk) == (5, 0, 0, 0)
    assert desk.accounts[CRAWLER].reversals_left == REVERSALS_PER_DAY - 1


def test_small_and_large_pages_that_break_are_one_count() -> None:
    desk = Desk(pages=50)
    orders = [replace(ORDER, key=bytes([number]) * 16) for number in range(REVERSALS_PER_DAY + 2)]
    for number, order in enumerate(orders):
        if number % 2:
            desk.posted(order)
            desk.plan(Reverse(order.key, "broken"))
        else:
            desk.plan(BreakOff(desk.held(order)))
    assert places(desk) == (48, 0, 2, 0)


@pytest.mark.parametrize("why", ["the origin's fault", "nobody waited"])
def test_what_the_client_did_not_end_is_not_counted(why: str) -> None:
    desk = Desk()
    desk.plan(Void(desk.held(), why))
    assert desk.accounts[CRAWLER].reversals_left == REVERSALS_PER_DAY


def test_beyond_the_days_paybacks_it_is_paid_and_waits_and_the_same_request_fetches_it() -> None:
    desk = used_up()
    assert desk.plan(BreakOff(desk.held())) == Suspended(charge_id(ORDER.key), PRICE, True)
    assert desk.kinds == ["hold", "settle", "suspend"]
    assert places(desk) == (4, 0, 1, 0)
    again = desk.plan(Hold(ONLY))
    assert again == Posted(charge_id(ORDER.key), PRICE, 1, 2, False)
    assert desk.plan(Settle(PAID_AGED)) == again
    assert places(desk) == (4, 0, 0, 1)


def test_who_begins_to_collect_and_leaves_has_collected() -> None:
    """Or an old signature could read nearly all of a page for ever."""
    desk = used_up()
    desk.plan(BreakOff(desk.held()))
    collections = 0
    while isinstance(desk.plan(Hold(ONLY)), Posted):
        assert desk.plan(BreakOff(PAID_AGED)) == Voided(settled=True)
        collections += 1
    assert collections == 2
    assert desk.kinds == ["hold", "settle", "suspend", "release", "redeliver"]
    assert desk.plan(Hold(ONLY)) == NoRight()


def test_a_copy_that_breaks_off_leaves_what_another_one_paid_for_alone() -> None:
    desk = used_up()
    held = desk.held()
    desk.plan(Settle(held))
    assert desk.plan(BreakOff(held)) == Voided(settled=True)
    assert desk.plan(BreakOff(PAID)) == Voided(settled=True)
    assert desk.kinds == ["hold", "settle"]


def test_what_was_delivered_needs_no_note_that_it_was_collected() -> None:
    desk = Desk()
    desk.delivered.add(desk.posted().position)
    assert desk.plan(BreakOff(PAID_AGED)) == Voided(settled=True)
    assert desk.kinds == ["post"]


def test_breaking_off_is_idempotent_and_spares_a_later_attempt() -> None:
    desk = used_up()
    assert desk.plan(BreakOff(PAID)) == Voided()
    desk.accounts[CRAWLER].reversals_left = 1
    first = desk.held()
    assert desk.plan(BreakOff(first)) == desk.plan(BreakOff(first)) == Voided()
    second = desk.held()
    assert second.attempt == 2
    assert desk.plan(BreakOff(first)) == Voided()
    assert isinstance(desk.plan(BreakOff(second)), Suspended)
    assert isinstance(desk.plan(Post(ORDER)), Posted)
    assert desk.pages(CRAWLER) == 4
