"""What each operation does to a key in each phase, and that the two ways of deciding agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.ledger import (
    AccountSuspended,
    Credited,
    CreditOrder,
    Held,
    InsufficientFunds,
    Lost,
    Posted,
    ReferenceTaken,
    Voided,
    charge_id,
)
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import (
    Credit,
    Hold,
    Operation,
    OrderImpossible,
    Post,
    Reverse,
    Settle,
    Void,
    VoidAbandoned,
    key_of,
)
from edge.core.ledger_plan import assume, can_assume
from edge.core.money import Money
from tests.support.ledger_desk import CRAWLER, EURO, FUNDING, HOLDS, ONLY, ORDER, PRICE, PUBLISHER, Desk


def test_a_post_moves_the_price() -> None:
    desk = Desk(5)
    assert desk.plan(Post(ORDER)) == Posted(charge_id(ORDER.key), PRICE, 1, 1, True)
    assert (desk.pages(CRAWLER), desk.pages(PUBLISHER)) == (4, 1)


def test_a_retry_is_the_same_charge_at_the_first_ones_price() -> None:
    desk = Desk()
    desk.posted()
    dearer = replace(ORDER, price=Money(20_000, "USD"))
    assert desk.plan(Post(dearer)) == Posted(charge_id(ORDER.key), PRICE, 1, 1, False)
    assert desk.plan(Hold(dearer)) == Posted(charge_id(ORDER.key), PRICE, 1, 1, False)
    assert desk.kinds == ["post"]


@pytest.mark.parametrize("operation", [Post(ORDER), Hold(ORDER)])
def test_without_funds_nothing_is_written(operation: Operation) -> None:
    desk = Desk(0)
    assert desk.plan(operation) == InsufficientFunds()
    assert desk.kinds == []


def test_a_prepaid_account_can_be_spent_to_nothing_and_no_further() -> None:
    desk = Desk(1)
    desk.posted()
    assert desk.plan(Post(replace(ORDER, key=b"x" * 16))) == InsufficientFunds()


def test_a_postpaid_account_ends_at_its_limit() -> None:
    desk = Desk(0)
    desk.accounts[CRAWLER].floor_micros = -PRICE.amount_micros
    desk.posted()
    assert desk.plan(Post(replace(ORDER, key=b"x" * 16))) == InsufficientFunds()


@pytest.mark.parametrize("operation", [Post(ORDER), Hold(ORDER)])
def test_a_suspended_account_is_not_charged(operation: Operation) -> None:
    desk = Desk(suspended=True)
    assert desk.plan(operation) == AccountSuspended()
    assert desk.kinds == []


def test_a_suspended_account_still_gets_its_money_back() -> None:
    desk = Desk(5)
    held, _ = desk.held(), desk.posted(replace(ORDER, key=b"x" * 16))
    desk.accounts[CRAWLER].suspended = True
    desk.plan(Void(held, "broken"))
    desk.plan(Reverse(b"x" * 16, "broken"))
    assert desk.pages(CRAWLER) == 5


def test_a_hold_takes_the_funds_and_a_settle_earns_them() -> None:
    desk = Desk()
    held = desk.held()
    assert (desk.pages(CRAWLER), desk.pages(HOLDS), desk.pages(PUBLISHER)) == (4, 1, 0)
    assert desk.plan(Settle(held)) == Posted(held.charge_id, PRICE, 1, 2, True)
    assert (desk.pages(HOLDS), desk.pages(PUBLISHER)) == (0, 1)


def test_settling_again_is_the_same_charge() -> None:
    desk = Desk()
    held = desk.held()
    desk.plan(Settle(held))
    assert desk.plan(Settle(held)) == Posted(held.charge_id, PRICE, 1, 2, False)


def test_a_void_gives_back_and_is_idempotent() -> None:
    desk = Desk()
    held = desk.held()
    assert desk.plan(Void(held, "broken")) == Voided()
    assert desk.plan(Void(held, "broken")) == Voided()
    assert desk.pages(CRAWLER) == 5
    assert desk.kinds == ["hold", "void"]


def test_a_void_after_the_settle_changes_nothing() -> None:
    desk = Desk()
    held = desk.held()
    desk.plan(Settle(held))
    assert desk.plan(Void(held, "broken")) == Voided(settled=True)
    assert desk.pages(PUBLISHER) == 1


def test_a_void_of_an_old_hold_leaves_the_new_one_alone() -> None:
    desk = Desk()
    first = desk.held()
    desk.plan(Void(first, "broken"))
    desk.held()
    assert desk.plan(Void(first, "broken")) == Voided()
    assert desk.pages(HOLDS) == 1


def test_a_second_delivery_shares_the_hold_and_whoever_is_done_first_settles() -> None:
    desk = Desk()
    first, second = desk.held(), desk.held()
    assert (first.fresh, second.fresh) == (True, False)
    assert isinstance(desk.plan(Settle(second)), Posted)
    assert desk.plan(Void(first, "broken")) == Voided(settled=True)
    assert desk.kinds == ["hold", "settle"]


def test_a_shared_hold_states_the_first_ones_price() -> None:
    desk = Desk()
    desk.held()
    assert desk.held(replace(ORDER, price=Money(20_000, "USD"))).amount == PRICE


def test_a_small_answer_to_a_held_request_earns_the_hold() -> None:
    desk = Desk()
    held = desk.held()
    assert desk.posted(replace(ORDER, price=Money(20_000, "USD"))) == Posted(held.charge_id, PRICE, 1, 2, True)
    assert desk.kinds == ["hold", "settle"]


def test_a_settle_after_a_void_is_charged_anew() -> None:
    desk = Desk()
    held = desk.held()
    desk.plan(Void(held, "its process was taken for dead"))
    assert desk.plan(Settle(held)) == Posted(held.charge_id, PRICE, 1, 3, True)
    assert [(entry.kind, entry.attempt) for entry in desk.page.entries] == [("hold", 1), ("void", 1), ("post", 2)]


@pytest.mark.parametrize("hindrance", ["funds", "suspension"])
def test_a_settle_after_a_void_is_lost_when_the_account_cannot_pay(hindrance: str) -> None:
    desk = Desk(1)
    held = desk.held()
    desk.plan(Void(held, "its process was taken for dead"))
    if hindrance == "funds":
        desk.posted(replace(ORDER, key=b"x" * 16))
    else:
        desk.accounts[CRAWLER].suspended = True
    assert isinstance(desk.plan(Settle(held)), Lost)


@pytest.mark.parametrize("operation", [Post, Hold])
def test_a_settle_is_lost_when_another_amount_is_charged_by_now(operation: type[Post] | type[Hold]) -> None:
    """Its headers are out and state the old amount (D1)."""
    desk = Desk()
    held = desk.held()
    desk.plan(Void(held, "its process was taken for dead"))
    desk.plan(operation(replace(ORDER, price=Money(20_000, "USD"))))
    assert isinstance(desk.plan(Settle(held)), Lost)


def test_a_settle_finds_a_later_attempt_of_the_same_amount() -> None:
    desk = Desk()
    first = desk.held()
    desk.plan(Void(first, "its process was taken for dead"))
    second = desk.held()
    assert desk.plan(Settle(first)) == Posted(first.charge_id, PRICE, 1, 4, True)
    assert desk.plan(Settle(second)) == Posted(first.charge_id, PRICE, 1, 4, False)


def test_a_settle_of_a_hold_that_is_not_there_is_lost() -> None:
    assert isinstance(Desk().plan(Settle(Held(charge_id(ORDER.key), PRICE, ORDER, 1, True))), Lost)


def test_an_abandoned_hold_goes_back_once() -> None:
    desk = Desk()
    desk.held()
    opening = desk.page.entries[0]
    assert desk.plan(VoidAbandoned(opening)) == desk.plan(VoidAbandoned(opening)) == Voided()
    assert desk.pages(CRAWLER) == 5


def test_a_reference_is_credited_once() -> None:
    desk = Desk(0)
    order = CreditOrder(CRAWLER, FUNDING, 7, PRICE, "invoice 1", "op")
    assert desk.plan(Credit(order)) == Credited(PRICE, 1, 1, True)
    assert desk.plan(Credit(order)) == Credited(PRICE, 1, 1, False)
    assert (desk.pages(CRAWLER), desk.pages(FUNDING)) == (1, -1)


@pytest.mark.parametrize("change", [{"money": Money(1, "USD")}, {"account": PUBLISHER}], ids=str)
def test_a_reference_cannot_name_two_top_ups(change: dict[str, object]) -> None:
    desk = Desk(0)
    order = CreditOrder(CRAWLER, FUNDING, 7, PRICE, "invoice 1", "op")
    desk.plan(Credit(order))
    outcome = desk.plan(Credit(replace(order, **change)))  # type: ignore[arg-type]
    assert outcome == ReferenceTaken(desk.page.entries[0])


@pytest.mark.parametrize(
    "operation",
    [
        Post(replace(ORDER, crawler_account=99)),
        Post(replace(ORDER, publisher_account=99)),
        Post(replace(ORDER, publisher_account=EURO)),
        Post(replace(ORDER, crawler_account=EURO)),
        Hold(replace(ORDER, crawler_account=99)),
        Credit(CreditOrder(CRAWLER, 99, 7, PRICE, "x", "op")),
        Credit(CreditOrder(EURO, FUNDING, 7, PRICE, "x", "op")),
    ],
    ids=repr,
)
def test_an_impossible_order_writes_nothing(operation: Operation) -> None:
    desk = Desk()
    with pytest.raises(OrderImpossible):
        desk.plan(operation)
    assert desk.page.entries == []
    assert desk.charges.get(key_of(operation)) is None


fresh_operations = st.sampled_from(["post", "hold", "settle", "void", "credit"])


@given(st.lists(fresh_operations, min_size=1, max_size=20))
def test_assuming_and_planning_write_the_same(words: list[str]) -> None:
    """On keys that nobody else touched, the quick way must not differ from the careful one in a single byte."""
    planned, assumed = Desk(100), Page(1, 1, 1_000)
    for number, word in enumerate(words):
        order = replace(ORDER, key=number.to_bytes(16, "big"))
        operations: list[Operation]
        match word:
            case "post":
                operations = [Post(order)]
            case "credit":
                operations = [Credit(CreditOrder(CRAWLER, FUNDING, 7, PRICE, f"invoice {number}", "op"))]
            case _:
                held = Held(charge_id(order.key), PRICE, order, 1, True)
                then: dict[str, list[Operation]] = {"settle": [Settle(held)], "void": [Void(held, "broken")]}
                operations = [Hold(order), *then.get(word, [])]
        for operation in operations:
            assert can_assume(operation)
            assert assume(operation, assumed, {"USD": HOLDS}) == planned.plan(operation)
    assert assumed.entries == planned.page.entries


@pytest.mark.parametrize(
    "operation", [Post(ONLY), Hold(ONLY), Reverse(ORDER.key, "x"), Settle(Held("ch", PRICE, ORDER, 1, False))], ids=repr
)
def test_what_depends_on_earlier_entries_is_never_assumed(operation: Operation) -> None:
    assert not can_assume(operation)
