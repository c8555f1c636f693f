"""Ledger arithmetic, fifth part: decide what becomes of a charge after it was made.

Rules of this file
- A delivery that broke is paid back, so many times a day for one account (docs/decisions, "Reversals have an end each
  day"). Beyond that, and where nobody knows what became of a delivery, the money goes to suspense, once per charge.
- In suspense it is neither earned nor spent. The same signed request collects the page and releases it; else it goes
  back when its time is over, within the same number of reversals a day, so that suspense is no second way to read for
  nothing; else it is released.
- A charge that a credit note corrects stays where it is, or the same money would go back twice.
- Documents (credit notes, fees, notes) are told apart by their keys: the same one again is answered with its entry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.core.ledger import (
    ChargeOrder,
    ConcludeOutcome,
    Entry,
    NotReversed,
    NotSuspended,
    Posted,
    Released,
    Reversed,
    ReverseOutcome,
    Suspended,
    SuspendOutcome,
    charge_id,
)
from edge.core.ledger_corrections import (
    AdjustOrder,
    AdjustOutcome,
    FeeOrder,
    FeeOutcome,
    NotAdjusted,
    NoteOrder,
    NoteOutcome,
    NumberTaken,
    Recorded,
)
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import Conclude, OrderImpossible, Reverse, Suspend
from edge.core.ledger_state import ChargeState, Phase
from edge.core.money import Money

REVERSALS_PER_DAY = 10
"""Broken deliveries that are paid back to an account within 24 hours, at once or out of suspense.

The evidence is the client's own acknowledgement, so a client can break a delivery on purpose after reading nearly all
of it: without an end, that would be a way to read everything for nothing. Beyond it the money waits in suspense, and
the same signed request fetches the page for nothing more (D2).
"""

FREE_REDELIVERIES_PER_DAY = 10
"""Pages that an account may fetch for nothing after such reversals, within 24 hours; beyond it a retry is charged."""

COLLECTED = "collected by the same signed request"
CONFIRMED = "its delivery was confirmed"
KEPT = "kept after its time in suspense, as the site chose"
USED_UP = "its time in suspense is over, and the day's reversals are used up"
NOT_COLLECTED = "nobody collected it in its time in suspense"


@dataclass(slots=True)
class AccountState:
    """An account as it was read under lock, and as the plan goes on changing it.

    ``reversals_left`` and ``redeliveries_left`` say how many broken deliveries are still reversed for it today, and
    how many it may still fetch again for nothing. ``watched`` says that its charges are never assumed.
    """

    currency: str
    balance_micros: int
    floor_micros: int | None
    suspended: bool
    reversals_left: int = REVERSALS_PER_DAY
    redeliveries_left: int = FREE_REDELIVERIES_PER_DAY
    watched: bool = False


class Afterwards(ABC):
    """The later half of the planner: it shares what was read, and writes onto the same page.

    ``_suspense_accounts`` maps a currency to its account; ``_corrected`` a charge's key to what its credit notes give
    back, in micro-units.
    """

    __slots__ = ()

    _page: Page
    _accounts: Mapping[int, AccountState]
    _charges: dict[bytes, ChargeState | None]
    _delivered: Callable[[tuple[int, int]], bool]
    _suspense_accounts: Mapping[str, int]
    _corrected: dict[bytes, int]

    # What the first half brings

    @abstractmethod
    def _note(self, entry: Entry) -> ChargeState:
        """Let the next operations see the entry, and return what its charge has become."""

    @abstractmethod
    def _move(self, debit_account: int, credit_account: int, amount: Money) -> None:
        """Move money in the plan's own balances."""

    @abstractmethod
    def _give_back(self, opening: Entry, amount_micros: int) -> None:
        """Give the budgets back what the charge had taken of them, in the windows in which it was opened."""

    # Deliveries

    def _reverse(self, operation: Reverse) -> ReverseOutcome:
        state = self._charges.get(operation.key)
        if state is None or state.payment is None:
            return NotReversed("there is no live charge of that id")
        posted = posted_by(state, fresh=False)
        if not state.is_paid:
            return Reversed(posted.charge_id, posted.amount, False)
        if operation.position is not None and operation.position != posted.position:
            return NotReversed("another attempt has been charged since")
        if self._corrected.get(operation.key, 0):
            return NotReversed("a credit note corrects it already; write another one for the rest")
        if operation.author is not None and state.is_granted:
            return NotReversed("the page was free: there is nothing to give back")
        if operation.author is None:
            return self._reverse_broken(state, posted, operation.reason)
        return self._pay_back(state, operation.reason, operation.author)

    def _reverse_broken(self, state: ChargeState, posted: Posted, reason: str) -> ReverseOutcome:
        if state.phase is Phase.SUSPENDED:
            return Suspended(posted.charge_id, posted.amount, False)
        if self._delivered(posted.position):
            return NotReversed(CONFIRMED)
        payer = self._accounts[state.opening.debit_account]
        if payer.reversals_left > 0:
            payer.reversals_left -= 1
            return self._pay_back(state, reason, None)
        waits = self._to_suspense(state, reason)
        if isinstance(waits, Suspended):
            return waits
        return NotReversed("today's reversals are used up; the same signed request may fetch it again")

    def _pay_back(self, state: ChargeState, reason: str, author: str | None) -> Reversed:
        amount = amount_of(state.opening)
        if state.is_granted:
            self._note(self._page.withdraw(state, reason))
        else:
            self._move(state.holder, state.opening.debit_account, amount)
            self._note(self._page.reverse(state, reason, author))
        return Reversed(charge_id(state.opening.key), amount, True)

    def _suspend(self, operation: Suspend) -> SuspendOutcome:
        state = self._charges.get(operation.key)
        if state is None or not state.is_paid:
            return NotSuspended("there is no live charge of that id")
        posted = posted_by(state, fresh=False)
        if operation.position != posted.position:
            return NotSuspended("another attempt has been charged since")
        if state.phase is Phase.SUSPENDED:
            return Suspended(posted.charge_id, posted.amount, False)
        return self._to_suspense(state, operation.reason)

    def _to_suspense(self, state: ChargeState, reason: str) -> SuspendOutcome:
        posted = posted_by(state, fresh=False)
        if self._delivered(posted.position):
            return NotSuspended(CONFIRMED)
        if state.is_granted:
            return NotSuspended("the page was free: there is no money that could wait")
        if state.suspension is not None:
            return NotSuspended("it was in suspense before")
        if self._corrected.get(state.opening.key, 0):
            return NotSuspended("a credit note corrects it")
        suspense = self._suspense_accounts[state.opening.currency]
        self._move(state.holder, suspense, posted.amount)
        self._note(self._page.suspend(state, suspense, reason))
        return Suspended(posted.charge_id, posted.amount, True)

    def _is_used_up(self, state: ChargeState) -> bool:
        """Whether a paid page cannot be collected by an old signature any more.

        A delivery that is never confirmed must not make a page free to poll for ever: out of suspense it is collected
        once, and once more after that.
        """
        if self._delivered(posted_by(state, fresh=False).position):
            return True
        return state.phase is Phase.LIVE and state.collection is not None

    def _collected(self, state: ChargeState, order: ChargeOrder) -> ChargeState:
        """Note that the same signed request fetches what it paid for; a fresh signature needs no note."""
        if state.phase is Phase.SUSPENDED:
            return self._release(state, COLLECTED)
        if order.collects_only:
            return self._note(self._page.collect(state, COLLECTED))
        return state

    def _release(self, state: ChargeState, reason: str) -> ChargeState:
        payment = state.payment or state.opening
        self._move(state.holder, payment.credit_account, amount_of(payment))
        return self._note(self._page.release(state, reason))

    def _conclude(self, operation: Conclude) -> ConcludeOutcome:
        state = self._charges.get(operation.key)
        if state is None or state.phase is not Phase.SUSPENDED or state.attempt != operation.attempt:
            return NotSuspended("it is not in suspense any more")
        payer = self._accounts[state.opening.debit_account]
        why = self._why_released(state, operation, payer)
        if why is None:
            payer.reversals_left -= 1
            return self._pay_back(state, NOT_COLLECTED, None)
        self._release(state, why)
        return Released(charge_id(operation.key), amount_of(state.opening))

    def _why_released(self, state: ChargeState, operation: Conclude, payer: AccountState) -> str | None:
        if self._delivered(posted_by(state, fresh=False).position):
            return CONFIRMED
        if operation.keep:
            return KEPT
        return None if payer.reversals_left > 0 else USED_UP

    # Documents

    def _adjust(self, order: AdjustOrder) -> AdjustOutcome:
        earlier = self._charges.get(order.key)
        if earlier is not None:
            parts = (order.debit_account, order.credit_account, order.corrects)
            taken = earlier.opening
            same = (taken.debit_account, taken.credit_account, taken.request_id) == parts
            return _again(taken, same=same and amount_of(taken) == order.money)
        charge = None if order.corrects is None else self._corrected_charge(order)
        if isinstance(charge, NotAdjusted):
            return charge
        payer = self._accounts.get(order.debit_account)
        floor = None if payer is None else payer.floor_micros
        if payer is not None and floor is not None and payer.balance_micros - order.money.amount_micros < floor:
            return NotAdjusted("the account does not cover it")
        self._move(order.debit_account, order.credit_account, order.money)
        entry = self._page.adjust(order, charge)
        self._note(entry)
        if charge is not None:
            amount_micros = order.money.amount_micros
            self._give_back(charge, amount_micros if order.credit_account == charge.debit_account else -amount_micros)
        return _recorded(entry, fresh=True)

    def _corrected_charge(self, order: AdjustOrder) -> Entry | NotAdjusted:
        """The charge that the order corrects, with its corrections counted; or why it cannot be corrected."""
        key = order.charge_key
        state = None if key is None else self._charges.get(key)
        if key is None or state is None or not state.is_paid:
            return NotAdjusted("there is no live charge of that id")
        if state.phase is Phase.SUSPENDED:
            return NotAdjusted("its money is in suspense; refund it whole, or wait")
        payer, earner = state.opening.debit_account, state.holder
        if {order.debit_account, order.credit_account} != {payer, earner}:
            raise OrderImpossible(f"{order.corrects} was not between these accounts")
        price, given = amount_of(state.opening), self._corrected.get(key, 0)
        change = order.money.amount_micros if order.credit_account == payer else -order.money.amount_micros
        if order.money.currency != price.currency or not 0 <= given + change <= price.amount_micros:
            shown = Money(given, price.currency)
            return NotAdjusted(f"its credit notes never exceed it: {shown} of {price} are given back already")
        self._corrected[key] = given + change
        return state.opening

    def _fee(self, order: FeeOrder) -> FeeOutcome:
        earlier = self._charges.get(order.key)
        if earlier is not None:
            return _again(earlier.opening, same=amount_of(earlier.opening) == order.money)
        self._move(order.publisher_account, order.fees_account, order.money)
        entry = self._page.fee(order)
        self._note(entry)
        return _recorded(entry, fresh=True)

    def _write_note(self, order: NoteOrder) -> NoteOutcome:
        earlier = self._charges.get(order.key)
        if earlier is not None:
            taken = earlier.opening
            return _again(taken, same=(taken.debit_account, taken.evidence) == (order.account, order.what))
        self._move(order.account, order.counter_account, Money(0, order.currency))
        entry = self._page.note(order)
        self._note(entry)
        return _recorded(entry, fresh=True)


def amount_of(entry: Entry) -> Money:
    """The entry's amount with its currency."""
    return Money(entry.amount_micros, entry.currency)


def posted_by(state: ChargeState, *, fresh: bool) -> Posted:
    """The answer that names what paid for a charge."""
    payment = state.payment or state.opening
    return Posted(charge_id(payment.key), amount_of(payment), payment.writer, payment.number, fresh)


def _again(taken: Entry, *, same: bool) -> Recorded | NumberTaken:
    return _recorded(taken, fresh=False) if same else NumberTaken(taken)


def _recorded(entry: Entry, *, fresh: bool) -> Recorded:
    assert entry.reference is not None
    return Recorded(entry.reference, amount_of(entry), entry.writer, entry.number, fresh)
