"""What becomes of a charge after it was made: suspense, credit notes, fees and notes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.ledger import (
    Held,
    Lost,
    NoRight,
    NotReversed,
    NotSuspended,
    Posted,
    Released,
    Reversed,
    Suspended,
    charge_id,
)
from edge.core.ledger_afterwards import CONFIRMED, KEPT, REVERSALS_PER_DAY, USED_UP
from edge.core.ledger_corrections import AdjustOrder, FeeOrder, NotAdjusted, NoteOrder, NumberTaken, Recorded
from edge.core.ledger_operations import (
    Adjust,
    Conclude,
    Fee,
    Hold,
    Note,
    OrderImpossible,
    Post,
    Reverse,
    Settle,
    Suspend,
)
from edge.core.money import Money
from tests.support.ledger_desk import (
    ADJUSTMENTS,
    CRAWLER,
    FEES,
    FUNDING,
    ONLY,
    ORDER,
    PRICE,
    PUBLISHER,
    SUSPENSE,
    Desk,
)

ID = charge_id(ORDER.key)
HALF = Money(PRICE.amount_micros // 2, "USD")


def suspended(desk: Desk) -> Posted:
    posted = desk.posted()
    outcome = desk.plan(Suspend(ORDER.key, "nobody knows", posted.position))
    assert outcome == Suspended(ID, PRICE, True)
    return posted


def test_what_nobody_knows_of_is_neither_earned_nor_spent() -> None:
    desk = Desk(pages=5)
    suspended(desk)
    assert (desk.pages(CRAWLER), desk.pages(PUBLISHER), desk.pages(SUSPENSE)) == (4, 0, 1)


@pytest.mark.parametrize("order", [ORDER, ONLY], ids=["fresh", "aged"])
def test_the_same_request_collects_what_is_in_suspense_for_nothing_more(order: object) -> None:
    desk = Desk(pages=5)
    posted = suspended(desk)
    assert desk.plan(Post(order)) == replace(posted, fresh=False)  # type: ignore[arg-type]
    assert (desk.pages(CRAWLER), desk.pages(PUBLISHER), desk.pages(SUSPENSE)) == (4, 1, 0)
    assert desk.kinds == ["post", "suspend", "release"]


def test_a_large_page_in_suspense_is_released_before_its_tail_and_not_before() -> None:
    desk = Desk(pages=5)
    posted = suspended(desk)
    assert desk.plan(Hold(ORDER)) == replace(posted, fresh=False)
    assert desk.kinds == ["post", "suspend"]
    assert desk.plan(Settle(Held(ID, PRICE, ORDER, 0, False))) == replace(posted, fresh=False)
    assert desk.kinds == ["post", "suspend", "release"]


def test_what_was_given_back_meanwhile_is_not_charged_again_to_who_may_only_collect() -> None:
    desk = Desk(pages=5)
    suspended(desk)
    assert isinstance(desk.plan(Hold(ONLY)), Posted)
    desk.plan(Conclude(ORDER.key, 1, False))
    assert isinstance(desk.plan(Settle(Held(ID, PRICE, ONLY, 0, False))), Lost)
    assert desk.pages(CRAWLER) == 5


def test_after_its_time_it_goes_back_and_the_right_is_over() -> None:
    desk = Desk(pages=5)
    suspended(desk)
    assert desk.plan(Conclude(ORDER.key, 1, False)) == Reversed(ID, PRICE, True)
    assert (desk.pages(CRAWLER), desk.pages(PUBLISHER), desk.pages(SUSPENSE)) == (5, 0, 0)
    assert desk.plan(Post(ONLY)) == NoRight()
    assert desk.posted().fresh


def test_a_site_may_keep_what_nobody_collected() -> None:
    desk = Desk(pages=5)
    suspended(desk)
    assert desk.plan(Conclude(ORDER.key, 1, True)) == Released(ID, PRICE)
    assert desk.page.entries[-1].reason == KEPT


def test_what_was_confirmed_late_is_released() -> None:
    desk = Desk(pages=5)
    posted = suspended(desk)
    desk.delivered.add(posted.position)
    assert desk.plan(Conclude(ORDER.key, 1, False)) == Released(ID, PRICE)
    assert desk.page.entries[-1].reason == CONFIRMED


def test_suspense_gives_back_no_more_a_day_than_broken_deliveries_do() -> None:
    """Whoever breaks every delivery on purpose pays for all but ten a day, whichever way they go."""
    desk = Desk(pages=50)
    orders = [replace(ORDER, key=bytes([number]) * 16) for number in range(3 * REVERSALS_PER_DAY)]
    for order in orders:
        desk.posted(order)
        desk.plan(Reverse(order.key, "broken"))
    desk.accounts[CRAWLER].reversals_left = REVERSALS_PER_DAY  # the next day
    for order in orders:
        desk.plan(Conclude(order.key, 1, False))
    assert desk.pages(CRAWLER) == 50 - REVERSALS_PER_DAY
    assert [one.reason for one in desk.page.entries if one.kind == "release"] == [USED_UP] * REVERSALS_PER_DAY


def test_what_is_not_in_suspense_is_not_concluded() -> None:
    desk = Desk(pages=5)
    assert isinstance(desk.plan(Conclude(ORDER.key, 1, False)), NotSuspended)
    desk.posted()
    assert isinstance(desk.plan(Conclude(ORDER.key, 1, False)), NotSuspended)


def test_only_the_payment_that_is_meant_and_unconfirmed_goes_to_suspense_and_once() -> None:
    desk = Desk(pages=5)
    posted = desk.posted()
    assert isinstance(desk.plan(Suspend(ORDER.key, "why", (9, 9))), NotSuspended)
    desk.delivered.add(posted.position)
    assert desk.plan(Suspend(ORDER.key, "why", posted.position)) == NotSuspended(CONFIRMED)
    desk.delivered.clear()
    assert desk.plan(Suspend(ORDER.key, "why", posted.position)) == Suspended(ID, PRICE, True)
    assert desk.plan(Suspend(ORDER.key, "why", posted.position)) == Suspended(ID, PRICE, False)
    desk.plan(Post(ORDER))
    assert isinstance(desk.plan(Suspend(ORDER.key, "why", posted.position)), NotSuspended)


def test_a_refund_takes_the_money_out_of_suspense() -> None:
    desk = Desk(pages=5)
    suspended(desk)
    assert isinstance(desk.plan(Reverse(ORDER.key, "asked for", author="operator")), Reversed)
    assert (desk.pages(CRAWLER), desk.pages(SUSPENSE)) == (5, 0)


def test_a_delivery_that_is_never_confirmed_makes_no_page_free_to_poll() -> None:
    """Out of suspense it is collected once, and by an old signature once more; after that it is the refusal."""
    desk = Desk(pages=5)
    suspended(desk)
    assert isinstance(desk.plan(Post(ONLY)), Posted)
    assert isinstance(desk.plan(Post(ONLY)), Posted)
    assert desk.plan(Post(ONLY)) == NoRight()
    assert desk.plan(Hold(ONLY)) == NoRight()
    assert desk.kinds == ["post", "suspend", "release", "redeliver"]
    assert desk.pages(CRAWLER) == 4


def test_a_large_page_is_collected_when_its_tail_leaves_and_once() -> None:
    desk = Desk(pages=5)
    desk.posted()
    answers = [desk.plan(Hold(ONLY)), desk.plan(Hold(ONLY))]
    assert all(isinstance(answer, Posted) for answer in answers)
    tail = Settle(Held(ID, PRICE, ONLY, 0, False))
    assert isinstance(desk.plan(tail), Posted)
    assert isinstance(desk.plan(tail), Lost)
    assert desk.kinds == ["post", "redeliver"]


def test_a_page_that_broke_again_after_it_was_collected_is_paid_back_without_another_right() -> None:
    desk = Desk(pages=5)
    desk.posted()
    desk.plan(Post(ONLY))
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken")), Reversed)
    assert desk.plan(Post(ONLY)) == NoRight()
    assert desk.pages(CRAWLER) == 5


# Credit notes


def note_over(money: Money, number: str = "CN-1", *, debit: int = PUBLISHER, credit: int = CRAWLER) -> AdjustOrder:
    return AdjustOrder(number, debit, credit, money, 7, 1, "too dear", "operator", ID)


def test_credit_notes_of_a_charge_never_exceed_it() -> None:
    desk = Desk(pages=5)
    desk.posted()
    assert isinstance(desk.plan(Adjust(note_over(HALF))), Recorded)
    assert isinstance(desk.plan(Adjust(note_over(PRICE, "CN-2"))), NotAdjusted)
    assert isinstance(desk.plan(Adjust(note_over(HALF, "CN-3"))), Recorded)
    assert isinstance(desk.plan(Adjust(note_over(Money(1, "USD"), "CN-4"))), NotAdjusted)
    assert (desk.pages(CRAWLER), desk.pages(PUBLISHER)) == (5, 0)


def test_a_document_number_is_one_document() -> None:
    desk = Desk(pages=5)
    desk.posted()
    first = desk.plan(Adjust(note_over(HALF)))
    assert isinstance(first, Recorded)
    assert desk.plan(Adjust(note_over(HALF))) == replace(first, fresh=False)
    assert isinstance(desk.plan(Adjust(note_over(Money(1, "USD")))), NumberTaken)


def test_a_charge_with_a_credit_note_stays_where_it_is() -> None:
    desk = Desk(pages=5)
    posted = desk.posted()
    desk.plan(Adjust(note_over(HALF)))
    assert isinstance(desk.plan(Reverse(ORDER.key, "broken")), NotReversed)
    assert isinstance(desk.plan(Reverse(ORDER.key, "asked for", author="operator")), NotReversed)
    assert isinstance(desk.plan(Suspend(ORDER.key, "why", posted.position)), NotSuspended)


def test_a_debit_note_takes_back_what_a_credit_note_gave_and_no_more() -> None:
    desk = Desk(pages=5)
    desk.posted()
    back = note_over(HALF, "DN-1", debit=CRAWLER, credit=PUBLISHER)
    assert isinstance(desk.plan(Adjust(back)), NotAdjusted)
    desk.plan(Adjust(note_over(HALF)))
    assert isinstance(desk.plan(Adjust(back)), Recorded)
    assert isinstance(desk.plan(Reverse(ORDER.key, "asked for", author="operator")), Reversed)


def test_what_was_not_charged_or_is_in_suspense_has_no_credit_note() -> None:
    desk = Desk(pages=5)
    assert isinstance(desk.plan(Adjust(note_over(HALF))), NotAdjusted)
    suspended(desk)
    assert isinstance(desk.plan(Adjust(note_over(HALF))), NotAdjusted)
    assert desk.kinds == ["post", "suspend"]


def test_a_credit_note_goes_between_the_accounts_of_its_charge() -> None:
    desk = Desk(pages=5)
    desk.posted()
    with pytest.raises(OrderImpossible):
        desk.plan(Adjust(note_over(HALF, debit=ADJUSTMENTS)))


def test_a_correction_without_a_charge_comes_out_of_our_own_account_and_minds_the_floor() -> None:
    desk = Desk(pages=1)
    given = AdjustOrder("CN-1", ADJUSTMENTS, CRAWLER, HALF, 7, None, "goodwill", "operator")
    assert isinstance(desk.plan(Adjust(given)), Recorded)
    taken = AdjustOrder("DN-1", CRAWLER, ADJUSTMENTS, Money(20_000, "USD"), 7, None, "mistaken top-up", "operator")
    assert isinstance(desk.plan(Adjust(taken)), NotAdjusted)
    assert isinstance(desk.plan(Adjust(replace(taken, money=PRICE))), Recorded)


def test_a_fee_is_taken_once_for_a_month_publisher_and_currency() -> None:
    desk = Desk(pages=5)
    desk.posted()
    fee = FeeOrder("2026-10", PUBLISHER, FEES, 1, HALF, "close")
    first = desk.plan(Fee(fee))
    assert isinstance(first, Recorded)
    assert desk.plan(Fee(fee)) == replace(first, fresh=False)
    assert isinstance(desk.plan(Fee(replace(fee, money=PRICE))), NumberTaken)
    assert isinstance(desk.plan(Fee(replace(fee, month="2026-11"))), Recorded)


def test_a_note_moves_nothing_and_says_what_changed() -> None:
    desk = Desk(pages=5)
    note = NoteOrder("note-1", CRAWLER, FUNDING, "USD", 7, None, '{"limit":"USD 5"}', "asked for", "operator")
    assert isinstance(desk.plan(Note(note)), Recorded)
    [entry] = desk.page.entries
    assert (entry.amount_micros, entry.evidence, entry.author) == (0, note.what, "operator")
