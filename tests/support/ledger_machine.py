"""The ledger beside its model: a Hypothesis state machine of all that can happen to money.

Two processes sell to two crawlers, two signed requests each; processes die and start again, days pass, months are
closed. After each step every balance is what the model says. What a run leaves open it ends, so that nothing of it
moves in the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from edge.core.ledger import Credited, Held, Posted, Suspended, charge_id
from edge.core.ledger_afterwards import REVERSALS_PER_DAY
from edge.core.ledger_corrections import AdjustOrder
from edge.core.ledger_operations import Adjust, BreakOff, Credit, Hold, Operation, Post, Reverse, Settle, Suspend, Void
from edge.core.money import Money
from edge.core.month import Month
from edge.store.service_keys import load_service_keys
from edge.store.tables import account, entry
from tests.support.ledger_model import COST, Model, Payer, Request
from tests.support.model_stage import AFTER_MONTH_MICROS, DEBT_PAGES, MakeDatabase, Stage

HANDS = st.integers(0, 1)
# Few requests, so that much happens to each: what matters needs three or four steps of one.
REQUESTS = st.integers(0, 1)
CRAWLERS = st.sampled_from((0, 0, 1))
AGED = st.sampled_from((False, False, False, True))
WHICH = st.integers(0, 99)
HALF = COST // 2
RARELY = st.integers(0, 15)
"""Zero in about one run of sixteen."""


class LedgerMachine(RuleBasedStateMachine):
    """One run."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.database = self.stage.take()
        self.books, self.hands, self.accounts = self.stage.books, self.stage.hands, self.stage.accounts
        self.model = Model([Payer(), Payer(floor=-DEBT_PAGES * COST)], self.stage.now)
        numbers = [*self.accounts, self.books.publisher, *self.stage.pockets]
        self.query = select(account.c.id, account.c.balance_micros).where(account.c.id.in_(numbers))
        self.numbers = numbers
        self.before = self.balances()
        self.helds: list[tuple[int, int, Held]] = []
        self.notes = self.fees = self.noted = 0
        self.closes = self.ends_in_death = False

    def balances(self) -> list[int]:
        with self.database.read() as connection:
            found = {row.id: row.balance_micros for row in connection.execute(self.query)}
        return [found[number] for number in self.numbers]

    @initialize(pages=st.sampled_from((0, 1, 4, 9)), closes=RARELY, ends_in_death=RARELY, tired=st.booleans())
    def begin(self, pages: int, closes: int, ends_in_death: int, tired: bool) -> None:
        self.closes, self.ends_in_death = closes == 0, ends_in_death == 0
        if pages:
            self.credit(0, pages, 0)
        if pages and tired:
            self.use_up_paybacks()

    def use_up_paybacks(self) -> None:
        """All of the day; the money is back, and what waits for a fetch is never asked for."""
        orders = [self.order(0, 100 + number) for number in range(REVERSALS_PER_DAY)]
        self.write(0, *(one for order in orders for one in (Post(order), Reverse(order.key, "broken"))))
        self.model.payers[0].reversals += [self.model.now] * REVERSALS_PER_DAY

    def write(self, hand: int, *operations: Operation) -> list[Any]:
        return list(self.hands[hand].write(list(operations)))

    def order(self, crawler: int, number: int, *, only: bool = False) -> Any:
        return self.books.order(self.accounts[crawler], 10 * crawler + number, redelivery_only=only)

    def move_to(self, now: int) -> None:
        self.model.now = self.stage.now = now

    # Selling

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, only=AGED, copies=st.integers(1, 2))
    def post(self, hand: int, crawler: int, number: int, only: bool, copies: int) -> None:
        """The same request several times in one batch is the same as one after the other."""
        order = self.order(crawler, number, only=only)
        for answer in self.write(hand, *[Post(order)] * copies):
            self.expect_order(hand, crawler, number, answer, only=only, small=True)

    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, only=AGED)
    def hold(self, hand: int, crawler: int, number: int, only: bool) -> None:
        order = self.order(crawler, number, only=only)
        [answer] = self.write(hand, Hold(order))
        self.expect_order(hand, crawler, number, answer, only=only, small=False)
        if isinstance(answer, Held):
            self.helds.append((crawler, number, answer))
        elif isinstance(answer, Posted):  # what was paid for is collected by the end of this answer
            self.helds.append((crawler, number, Held(answer.charge_id, answer.amount, order, 0, False)))

    def expect_order(self, hand: int, crawler: int, number: int, answer: Any, *, only: bool, small: bool) -> None:
        request = self.model.request(crawler, number)
        writer_id = self.hands[hand].writer_id
        due = self.model.order(crawler, request, only=only, small=small, writer=writer_id)
        self.expect(answer, due)
        self.note_position(request, answer)

    def expect(self, answer: Any, due: str) -> None:
        """The outcome by its class; ``again`` says that it was so before."""
        kind, again = due.removesuffix(" again"), due.endswith(" again")
        assert type(answer).__name__ == kind
        assert getattr(answer, "fresh", not again) is not again

    def note_position(self, request: Request, answer: Any) -> None:
        if isinstance(answer, Posted):
            assert answer.amount.amount_micros == COST
            assert answer.fresh or answer.position == request.position
            request.position = answer.position

    @precondition(lambda self: self.helds)
    @rule(hand=HANDS, which=WHICH)
    def settle(self, hand: int, which: int) -> None:
        crawler, number, held = self.helds[which % len(self.helds)]
        request = self.model.request(crawler, number)
        [answer] = self.write(hand, Settle(held))
        only = held.order.redelivery_only
        self.expect(answer, self.model.settle(crawler, request, self.hands[hand].writer_id, only=only))
        self.note_position(request, answer)

    @precondition(lambda self: self.helds)
    @rule(hand=HANDS, which=WHICH)
    def void(self, hand: int, which: int) -> None:
        """Only the attempt that this delivery held is given back."""
        crawler, number, held = self.helds[which % len(self.helds)]
        self.write(hand, Void(held, "broken"))
        self.model.void(crawler, self.model.request(crawler, number), held.attempt)

    @precondition(lambda self: self.helds)
    @rule(hand=HANDS, which=WHICH)
    def break_off(self, hand: int, which: int) -> None:
        crawler, number, held = self.helds[which % len(self.helds)]
        [answer] = self.write(hand, BreakOff(held))
        request = self.model.request(crawler, number)
        self.expect(answer, self.model.break_off(crawler, request, held.attempt, only=held.order.redelivery_only))
        if isinstance(answer, Suspended):
            request.position = self.position_of(held.order.key)

    def position_of(self, key: bytes) -> tuple[int, int]:
        """The entry that paid for the latest attempt."""
        paid = select(entry.c.writer_id, entry.c.number).where(entry.c.key == key, entry.c.kind == "settle")
        with self.database.read() as connection:
            writer_id, number = connection.execute(paid.order_by(entry.c.attempt.desc()).limit(1)).one()
        return writer_id, number

    # Afterwards

    @property
    def bought(self) -> list[tuple[int, int]]:
        """The requests that something was taken for, ever."""
        return [place for place, request in self.model.requests.items() if request.attempt]

    @precondition(lambda self: self.bought)
    @rule(hand=HANDS, which=WHICH, refund=st.booleans())
    def reverse(self, hand: int, which: int, refund: bool) -> None:
        crawler, number = self.bought[which % len(self.bought)]
        author = "operator" if refund else None
        [answer] = self.write(hand, Reverse(self.order(crawler, number).key, "broken", author=author))
        self.expect(answer, self.model.reverse(crawler, self.model.request(crawler, number), refund=refund))

    @precondition(lambda self: self.bought)
    @rule(hand=HANDS, which=WHICH)
    def suspend(self, hand: int, which: int) -> None:
        crawler, number = self.bought[which % len(self.bought)]
        request = self.model.request(crawler, number)
        if request.position is not None:
            [answer] = self.write(hand, Suspend(self.order(crawler, number).key, "why", request.position))
            self.expect(answer, self.model.suspend(request))

    @precondition(lambda self: self.bought)
    @rule(hand=HANDS, which=WHICH)
    def give_half_back(self, hand: int, which: int) -> None:
        crawler, number = self.bought[which % len(self.bought)]
        self.notes += 1
        key = self.order(crawler, number).key
        name = f"CN-{self.stage.number}-{self.notes}"
        parties = (self.books.publisher, self.accounts[crawler], Money(HALF, "USD"), self.stage.number + crawler, 1)
        order = AdjustOrder(name, *parties, "too dear", "operator", charge_id(key))
        [answer] = self.write(hand, Adjust(order))
        self.expect(answer, self.model.credit_note(crawler, self.model.request(crawler, number), HALF))

    @precondition(lambda self: self.bought)
    @rule(hand=HANDS, which=WHICH)
    def confirm(self, hand: int, which: int) -> None:
        crawler, number = self.bought[which % len(self.bought)]
        request = self.model.request(crawler, number)
        if request.phase in ("paid", "suspended") and request.position is not None:
            self.hands[hand].note_deliveries([request.position])
            self.hands[hand].write_marks()
            request.delivered = True

    @rule(crawler=CRAWLERS, pages=st.integers(1, 3), hand=HANDS)
    def credit(self, crawler: int, pages: int, hand: int) -> None:
        self.notes += 1
        name = f"invoice {self.stage.number} {self.notes}"
        top_up = Credit(self.books.top_up(self.accounts[crawler], pages, name))
        first, again = self.write(hand, top_up, top_up)
        assert isinstance(first, Credited)
        assert (first.fresh, again.fresh) == (True, False)
        self.model.payers[crawler].left += pages * COST

    # What befalls all

    @rule(hand=HANDS, how=st.sampled_from(("dies", "ends", "all die")))
    def start_again(self, hand: int, how: str) -> None:
        """A process dies, or ends in order, and starts again; the other one takes over what it left."""
        if how == "all die":
            self.all_start_again()
            return
        ended = self.hands[hand]
        number = ended.writer_id
        self.hands[hand] = self.stage.process()
        if number is not None:
            if how == "ends":
                ended.close()
            self.take_over([number], 1 - hand)

    def all_start_again(self) -> None:
        """The machine goes down: nobody is left to take over but the next start."""
        dead = [hand.writer_id for hand in self.hands if hand.writer_id is not None]
        self.hands[:] = [self.stage.process(), self.stage.process()]
        if dead:
            self.take_over(dead, 0)

    def take_over(self, dead: list[int], living: int) -> None:
        self.stage.take_over(dead, self.hands[living])
        for number in dead:
            self.model.process_dies(number)

    @rule()
    def a_day_passes(self) -> None:
        self.model.day_passes()
        self.stage.now = self.model.now
        self.stage.sweep()

    @precondition(lambda self: self.closes)
    @rule(hand=HANDS, crawler=CRAWLERS, number=REQUESTS, late=st.booleans())
    def close_the_month(self, hand: int, crawler: int, number: int, late: bool) -> None:
        """The month ends and is closed, and the clock moves on; a process whose clock is late cannot write into it."""
        self.note_month()
        end = Month.of(self.stage.now).end_micros
        fees = self.stage.close_months()
        self.fees += fees
        self.model.earned -= fees
        self.noted = self.model.earned
        self.move_to(end)
        if late:
            self.sell_late(hand, crawler, number, end)
        self.move_to(end + AFTER_MONTH_MICROS)

    def sell_late(self, hand: int, crawler: int, number: int, end: int) -> None:
        """It begins a new chain, and what it sells is recorded after the month; its old chain is a dead one's."""
        before = self.hands[hand].writer_id
        self.stage.now = end - 1
        self.post(hand, crawler, number, False, 1)
        self.stage.now = end
        after = self.hands[hand].writer_id
        if before is None or after == before:  # it had nothing to write
            return
        with self.database.read() as connection:
            recorded = select(entry.c.recorded_at_micros).where(entry.c.writer_id == after)
            assert connection.execute(recorded).scalars().all() == [end]
        self.take_over([before], 1 - hand)

    # What always holds

    @invariant()
    def balances_are_as_the_model_says(self) -> None:
        one, two, *ours = self.balances()
        publisher, holds, suspense, fees = (now - then for now, then in zip(ours, self.before[2:], strict=True))
        assert [one, two] == [payer.left for payer in self.model.payers]
        assert (publisher, fees) == (self.model.earned, self.fees)
        assert (holds, suspense) == (self.model.sum_of("held"), self.model.sum_of("suspended"))
        assert one >= 0
        assert two >= -DEBT_PAGES * COST
        self.note_month()

    def note_month(self) -> None:
        self.stage.months.note(self.stage.now, self.model.earned - self.noted)
        self.noted = self.model.earned

    def teardown(self) -> None:
        """What is held is voided, and what was paid for arrived; or else all processes die. Nothing waits any more."""
        if self.ends_in_death:
            self.all_start_again()
        else:
            self.end_well()
        if self.model.sum_of("suspended"):
            self.a_day_passes()
        self.balances_are_as_the_model_says()
        assert self.model.sum_of("held") == self.model.sum_of("suspended") == 0
        self.stage.give_back()

    def end_well(self) -> None:
        """Resolve what is held, and confirm what is paid for, so that no later death is about it."""
        open_holds = {
            held.order.key: (crawler, request, held)
            for crawler, number, held in self.helds
            if (request := self.model.request(crawler, number)).phase == "held" and held.attempt == request.attempt
        }
        if open_holds:
            self.write(0, *(Void(held, "the run ends") for _, _, held in open_holds.values()))
        for crawler, request, held in open_holds.values():
            self.model.void(crawler, request, held.attempt)
        paid = [one for one in self.model.requests.values() if one.phase in ("paid", "suspended")]
        for request in paid:
            request.delivered = True
        self.hands[0].note_deliveries([one.position for one in paid if one.position is not None])
        self.hands[0].write_marks()


@contextmanager
def staged(make: MakeDatabase, folder: Path, *, start: int = 0) -> Iterator[type[LedgerMachine]]:
    """The machine on databases of one kind; the last one is verified at the end. ``start`` begins another sequence."""

    class Staged(LedgerMachine):
        stage = Stage(make, load_service_keys(folder))

    yield seed(start)(Staged)
    Staged.stage.leave()


def run(machine: type[LedgerMachine], runs: int, steps: int) -> None:
    """So many runs of at most so many steps each, the same in every suite."""
    wanted = settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=wanted)
    assert machine.stage.total >= runs
    assert machine.stage.closes > 0
