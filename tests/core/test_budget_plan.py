"""Budgets beside the planner: what it sells, what it refuses, and what it says to write."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.budget_plan import BudgetBook, Spending, WindowChange
from edge.core.budgets import DAY_MICROS, Budget, BudgetExceeded, Per
from edge.core.ledger import ChargeOrder, Entry, Held, InvariantBroken, Posted
from edge.core.ledger_afterwards import AccountState
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import Hold, Operation, Post, Reverse, Settle, Void
from edge.core.ledger_plan import Planner
from edge.core.ledger_state import ChargeState
from edge.core.money import Money
from tests.support.ledger_desk import CRAWLER, HOLDS, ORDER, PRICE, PUBLISHER

DAY = Budget(1, CRAWLER, 7, Per.DAY, Money(3 * PRICE.amount_micros, "USD"), 0)
MONTH = Budget(2, CRAWLER, 7, Per.MONTH, Money(5 * PRICE.amount_micros, "USD"), 0)
SITE = Budget(3, CRAWLER, 7, Per.SITE, Money(2 * PRICE.amount_micros, "USD"), 0, 1, "news.example")
BUDGETS = (DAY, MONTH, SITE)


class Till:
    """Plans one operation at a time at times of its own, and keeps windows as the tables would."""

    def __init__(self, *budgets: Budget, pages: int = 100) -> None:
        self.budgets = budgets
        self.accounts = {
            CRAWLER: AccountState("USD", pages * PRICE.amount_micros, 0, False, watched=True),
            PUBLISHER: AccountState("USD", 0, None, False),
            HOLDS: AccountState("USD", 0, None, False),
        }
        self.charges: dict[bytes, ChargeState | None] = {}
        self.spendings: dict[tuple[int, int], Spending] = {}
        self.crossed: list[tuple[int, int]] = []
        self.number = 1

    def plan(self, *operations: Operation, at: int = 0) -> list[object]:
        page = Page(1, self.number, at)
        book = BudgetBook(self.budgets, self.spendings)
        planner = Planner(page, self.accounts, self.charges, lambda position: False, {"USD": HOLDS}, book)
        answers: list[object] = [planner.plan(operation) for operation in operations]
        self.number = page.next_number
        for change in book.changes():
            self.keep(change)
        return answers

    def keep(self, change: WindowChange) -> None:
        key = (change.budget.budget_id, change.start_micros)
        assert change.is_new == (key not in self.spendings)
        before = self.spendings.get(key, Spending(0, 0)).spent_micros
        assert change.spent_micros - change.change_micros == before
        self.spendings[key] = Spending(change.spent_micros, change.told)
        self.crossed += [(change.budget.budget_id, share) for share in change.crossed]

    def pages(self, budget: Budget, at: int = 0) -> int:
        found = self.spendings.get((budget.budget_id, budget.window(at).start_micros), Spending(0, 0))
        return found.spent_micros // PRICE.amount_micros


def order(number: int, site_id: int = 1) -> ChargeOrder:
    return replace(ORDER, key=number.to_bytes(16, "big"), site_id=site_id)


def refused(answer: object) -> Budget:
    assert isinstance(answer, BudgetExceeded)
    return answer.budget


def test_a_budget_is_spent_to_its_end_and_no_further_although_there_are_funds() -> None:
    till = Till(DAY)
    answers = till.plan(*(Post(order(number)) for number in range(5)))
    assert [type(answer) for answer in answers] == [Posted] * 3 + [BudgetExceeded] * 2
    assert till.accounts[CRAWLER].balance_micros == 97 * PRICE.amount_micros
    assert till.pages(DAY) == 3


def test_a_held_charge_counts_and_settling_it_does_not_count_again() -> None:
    till = Till(DAY)
    [held] = till.plan(Hold(order(1)))
    assert isinstance(held, Held)
    assert till.pages(DAY) == 1
    till.plan(Settle(held))
    assert till.pages(DAY) == 1


def test_a_retry_takes_nothing_and_is_answered_when_the_budget_is_used_up() -> None:
    till = Till(DAY)
    first, *_ = till.plan(*(Post(order(number)) for number in range(3)))
    assert isinstance(first, Posted)
    assert till.plan(Post(order(0))) == [replace(first, fresh=False)]
    assert till.pages(DAY) == 3


def test_a_void_and_a_reversal_make_room_again_in_the_same_batch() -> None:
    till = Till(DAY)
    [held] = till.plan(Hold(order(1)))
    assert isinstance(held, Held)
    answers = till.plan(
        Post(order(2)),
        Post(order(3)),
        Post(order(4)),
        Void(held, "broken"),
        Post(order(5)),
        Reverse(order(2).key, "refund", author="operator"),
        Post(order(6)),
    )
    assert isinstance(answers[2], BudgetExceeded)
    assert isinstance(answers[4], Posted)
    assert isinstance(answers[6], Posted)
    assert till.pages(DAY) == 3


def test_what_goes_back_goes_back_to_the_window_in_which_it_was_taken() -> None:
    till = Till(DAY, MONTH)
    till.plan(Post(order(1)), Post(order(2)), at=0)
    till.plan(Post(order(3)), at=DAY_MICROS)
    till.plan(Reverse(order(1).key, "refund", author="operator"), at=DAY_MICROS)
    assert (till.pages(DAY, 0), till.pages(DAY, DAY_MICROS), till.pages(MONTH)) == (1, 1, 2)


def test_the_next_window_is_empty() -> None:
    till = Till(DAY)
    till.plan(*(Post(order(number)) for number in range(3)))
    assert refused(till.plan(Post(order(9)), at=DAY_MICROS - 1)[0]) is DAY
    assert isinstance(till.plan(Post(order(9)), at=DAY_MICROS)[0], Posted)


def test_a_budget_of_a_site_counts_that_site_alone() -> None:
    till = Till(SITE)
    answers = till.plan(*(Post(order(number, site_id=number % 2)) for number in range(6)))
    assert [type(answer) is Posted for answer in answers] == [True, True, True, True, True, False]


def test_of_several_budgets_the_one_that_resets_last_answers() -> None:
    tight = replace(MONTH, limit=DAY.limit)
    till = Till(DAY, tight)
    answers = till.plan(*(Post(order(number)) for number in range(4)))
    assert refused(answers[3]) is tight


def test_a_budget_that_the_price_can_never_fit_into_answers_before_all_others() -> None:
    never = replace(DAY, budget_id=9, limit=Money(1, "USD"))
    till = Till(never, replace(MONTH, limit=Money(PRICE.amount_micros, "USD")))
    [answer] = till.plan(Post(order(1)))
    assert refused(answer) is never


def test_what_was_opened_before_the_budget_is_none_of_its_business() -> None:
    late = replace(DAY, since_micros=DAY_MICROS)
    till = Till(late)
    till.plan(Post(order(1)), at=0)
    till.plan(Reverse(order(1).key, "refund", author="operator"), at=DAY_MICROS)
    assert till.spendings == {}


def test_each_threshold_is_told_once_in_a_window() -> None:
    ten = replace(DAY, limit=Money(10 * PRICE.amount_micros, "USD"))
    till = Till(ten)
    for number in range(10):
        till.plan(Post(order(number)))
    assert till.crossed == [(1, 50), (1, 80), (1, 100)]
    till.plan(*(Reverse(order(number).key, "refund", author="operator") for number in range(6)))
    till.plan(*(Post(order(number)) for number in range(20, 26)))
    assert till.crossed == [(1, 50), (1, 80), (1, 100)]
    till.plan(Post(order(30)), Post(order(31)), Post(order(32)), Post(order(33)), Post(order(34)), at=DAY_MICROS)
    assert till.crossed[3:] == [(1, 50)]


def test_a_budget_that_refuses_a_page_near_its_end_is_told_as_used_up() -> None:
    odd = replace(DAY, limit=Money(9 * PRICE.amount_micros + 1, "USD"))
    till = Till(odd)
    till.plan(*(Post(order(number)) for number in range(9)))
    assert till.crossed == [(1, 50), (1, 80)]
    till.plan(Post(order(20)), Post(order(21)))
    till.plan(Hold(order(22)))
    assert till.crossed == [(1, 50), (1, 80), (1, 100)]


def test_a_refusal_far_from_the_end_or_of_a_price_above_the_whole_budget_tells_nothing() -> None:
    dear = replace(order(20), price=Money(3 * PRICE.amount_micros, "USD"))
    dearer = replace(order(21), price=Money(30 * PRICE.amount_micros, "USD"))
    till = Till(replace(DAY, limit=Money(10 * PRICE.amount_micros, "USD")))
    till.plan(*(Post(order(number)) for number in range(7)))
    till.plan(Post(replace(dear, price=Money(4 * PRICE.amount_micros, "USD"))))
    till.plan(Post(order(8)), Post(dearer))
    assert till.crossed == [(1, 50), (1, 80)]
    till.plan(Post(dear))
    assert till.crossed == [(1, 50), (1, 80), (1, 100)]


def test_a_refusal_that_tells_nothing_new_writes_nothing() -> None:
    till = Till(DAY)
    till.plan(*(Post(order(number)) for number in range(3)))
    before = dict(till.spendings)
    book = BudgetBook(till.budgets, till.spendings)
    assert book.refusal(CRAWLER, 1, PRICE, 0) is not None
    assert list(book.changes()) == []
    assert till.spendings == before


def test_a_window_that_would_give_more_than_it_took_stops_the_books() -> None:
    till = Till(DAY)
    till.plan(Post(order(1)))
    till.spendings[1, 0] = Spending(0, 0)
    with pytest.raises(InvariantBroken, match="budget 1"):
        till.plan(Reverse(order(1).key, "refund", author="operator"))


STEPS = st.lists(
    st.tuples(st.sampled_from(["post", "hold", "void", "reverse"]), st.integers(0, 7), st.integers(0, 3)), max_size=40
)


@given(steps=STEPS, budgets=st.sets(st.sampled_from(BUDGETS), min_size=1))
def test_the_plan_keeps_every_window_at_what_its_charges_came_to_and_never_above(
    steps: list[tuple[str, int, int]], budgets: set[Budget]
) -> None:
    """The model: a list of openings that stand, each with its day and site; windows are counted from it afresh."""
    till = Till(*budgets)
    standing: dict[int, int] = {}
    held: dict[int, Held] = {}
    now = 0
    for action, number, later in steps:
        now += later * DAY_MICROS // 4
        site = number % 2
        wanted = order(number, site)
        if action in ("post", "hold"):
            fits = all(
                counted(budget, standing, now) < in_pages(budget) for budget in budgets if concerns(budget, site)
            )
            [answer] = till.plan(Post(wanted) if action == "post" else Hold(wanted), at=now)
            if number in standing:
                assert not isinstance(answer, BudgetExceeded)
            elif fits:
                standing[number] = now
                assert isinstance(answer, Posted | Held)
            else:
                assert isinstance(answer, BudgetExceeded)
            if isinstance(answer, Held):
                held.setdefault(number, answer)
            elif isinstance(answer, Posted):
                held.pop(number, None)
        elif action == "void" and number in held:
            till.plan(Void(held.pop(number), "broken"), at=now)
            del standing[number]
        elif action == "reverse" and number in standing and number not in held:
            till.plan(Reverse(wanted.key, "refund", author="operator"), at=now)
            del standing[number]
        for budget in budgets:
            assert till.pages(budget, now) == counted(budget, standing, now) <= in_pages(budget)


def concerns(budget: Budget, site: int) -> bool:
    return budget.site_id in (None, site)


def in_pages(budget: Budget) -> int:
    return budget.limit.amount_micros // PRICE.amount_micros


def counted(budget: Budget, standing: dict[int, int], now: int) -> int:
    opened = (when for number, when in standing.items() if concerns(budget, number % 2))
    return sum(budget.window(when) == budget.window(now) for when in opened)


def test_entries_of_a_plan_with_budgets_are_those_of_one_without() -> None:
    def entries(*budgets: Budget) -> list[Entry]:
        page = Page(1, 1, 0)
        states = {
            CRAWLER: AccountState("USD", PRICE.amount_micros, 0, False),
            PUBLISHER: AccountState("USD", 0, None, False),
        }
        Planner(page, states, {}, lambda position: False, {}, BudgetBook(budgets)).plan(Post(order(1)))
        return page.entries

    assert entries(*BUDGETS) == entries()
