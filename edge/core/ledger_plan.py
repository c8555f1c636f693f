"""Ledger arithmetic, fourth part: decide what each operation does to the books.

Rules of this file
- ``assume`` is for the common case: it writes what an operation does when nothing stands in its way, without
  reading. The database's unique index and balance conditions then prove the assumption, or refuse the whole batch.
- ``Planner`` is for the rest: it decides from balances and entries that were read under lock in the same
  transaction, operation by operation in the order they came, each seeing what the ones before it did.
- Both write the same entries for the same case. Refusals are answers; only an impossible order raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

from edge.core.budget_plan import BudgetBook
from edge.core.grant_plan import GrantBook
from edge.core.ledger import (
    LEFT_EARLY,
    AccountSuspended,
    BreakOffOutcome,
    ChargeOrder,
    ChargeRefusal,
    Credited,
    CreditOrder,
    CreditOutcome,
    Entry,
    EntryKind,
    Held,
    HoldOutcome,
    InsufficientFunds,
    Lost,
    NoRight,
    Posted,
    PostOutcome,
    Redelivery,
    ReferenceTaken,
    SettleOutcome,
    Step,
    Suspended,
    Voided,
    charge_id,
)
from edge.core.ledger_afterwards import AccountState, Afterwards, amount_of, posted_by
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import (
    Adjust,
    BreakOff,
    Conclude,
    Credit,
    Fee,
    Hold,
    Note,
    Operation,
    OrderImpossible,
    Outcome,
    Post,
    Reverse,
    Settle,
    Suspend,
    Void,
    VoidAbandoned,
)
from edge.core.ledger_state import ChargeState, Phase, advance
from edge.core.money import Money

# The common case


def hold_currency(operation: Operation) -> str | None:
    """Return the currency of the hold that the operation makes or resolves; None when it is about none."""
    match operation:
        case Hold(order):
            return order.price.currency
        case Settle(held) | Void(held):
            return held.amount.currency
        case _:
            return None


def can_assume(operation: Operation) -> bool:
    """Whether ``assume`` knows what to write without reading; a shared hold or a reversal needs its entries."""
    match operation:
        case Post(order) | Hold(order):
            return not order.redelivery_only and not order.grants
        case Settle(held) | Void(held):
            return held.fresh
        case Credit():
            return True
        case BreakOff() | VoidAbandoned() | Reverse() | Suspend() | Conclude() | Adjust() | Fee() | Note():
            return False
        case _:
            assert_never(operation)


def assume(operation: Operation, page: Page, holds_accounts: Mapping[str, int]) -> Outcome:
    """Write what the operation does to a key that nobody else has touched, and return its answer.

    ``holds_accounts`` maps the currency of each operation that concerns a hold to the account where holds lie.
    """
    match operation:
        case Post(order):
            amount = order.price.amount_micros
            entry = page.open(order, EntryKind.POST, order.publisher_account, amount, 1)
            return Posted(charge_id(order.key), order.price, entry.writer, entry.number, True)
        case Hold(order):
            page.open(order, EntryKind.HOLD, holds_accounts[order.price.currency], order.price.amount_micros, 1)
            return Held(charge_id(order.key), order.price, order, 1, True)
        case Settle(held):
            entry = page.settle(_opening_of(held, page, holds_accounts), held.order.publisher_account)
            return Posted(held.charge_id, held.amount, entry.writer, entry.number, True)
        case Void(held, reason):
            page.void(_opening_of(held, page, holds_accounts), reason)
            return Voided()
        case Credit(order):
            entry = page.credit(order)
            return Credited(order.money, entry.writer, entry.number, True)
        case BreakOff() | VoidAbandoned() | Reverse() | Suspend() | Conclude() | Adjust() | Fee() | Note():
            raise AssertionError(f"{operation} needs to be read first")
        case _:
            assert_never(operation)


def _opening_of(held: Held, page: Page, holds_accounts: Mapping[str, int]) -> Entry:
    """Rebuild the hold's entry from the answer that it gave; its place does not matter to what follows."""
    scratch = Page(page.writer, 0, page.recorded_at_micros)
    holds = holds_accounts[held.amount.currency]
    return scratch.open(held.order, EntryKind.HOLD, holds, held.amount.amount_micros, held.attempt)


# The rest


class Planner(Afterwards):
    """Decides operations one after the other; ``page`` collects the entries.

    ``accounts`` and ``charges`` hold all that the operations can touch, as read under lock; ``delivered`` says
    whether the delivery of an entry was confirmed; ``holds_accounts`` maps a currency to its account, as
    ``suspense_accounts`` does; ``corrected`` a charge's key to the sum of its credit notes. ``budgets`` are
    those of the accounts, ``grants`` what may make pages free; both follow the plan, and know afterwards what changed.
    """

    __slots__ = (
        "_accounts",
        "_charges",
        "_corrected",
        "_delivered",
        "_holds_accounts",
        "_page",
        "_suspense_accounts",
        "budgets",
        "grants",
    )

    def __init__(
        self,
        page: Page,
        accounts: Mapping[int, AccountState],
        charges: dict[bytes, ChargeState | None],
        delivered: Callable[[tuple[int, int]], bool],
        holds_accounts: Mapping[str, int],
        budgets: BudgetBook | None = None,
        suspense_accounts: Mapping[str, int] | None = None,
        corrected: dict[bytes, int] | None = None,
        grants: GrantBook | None = None,
    ) -> None:
        self._page = page
        self._accounts = accounts
        self._charges = charges
        self._delivered = delivered
        self._holds_accounts = holds_accounts
        self.budgets = budgets or BudgetBook()
        self.grants = grants or GrantBook()
        self._suspense_accounts = suspense_accounts or {}
        self._corrected = corrected or {}

    @property
    def watched(self) -> frozenset[int]:
        """The accounts whose charges are never assumed."""
        return frozenset(number for number, state in self._accounts.items() if state.watched)

    def available_micros(self, account: int) -> int | None:
        """What the account may still spend, after what was planned; None where nothing bounds it."""
        state = self._accounts[account]
        return None if state.floor_micros is None else state.balance_micros - state.floor_micros

    def plan(self, operation: Operation) -> Outcome:
        """Decide one operation; raises ``OrderImpossible``, and then has written nothing for it."""
        match operation:
            case Post(order):
                return self._post(order)
            case Hold(order):
                return self._hold(order)
            case Settle(held):
                return self._settle(held)
            case Void(held, reason):
                return self._void(held.order.key, held.attempt, reason)
            case BreakOff(held):
                return self._break_off(held)
            case VoidAbandoned(opening):
                return self._void(opening.key, opening.attempt, "its process ended before the delivery did")
            case Reverse():
                return self._reverse(operation)
            case Suspend():
                return self._suspend(operation)
            case Conclude():
                return self._conclude(operation)
            case Credit(order):
                return self._credit(order)
            case Adjust(order):
                return self._adjust(order)
            case Fee(order):
                return self._fee(order)
            case Note(order):
                return self._write_note(order)
            case _:
                assert_never(operation)

    def _post(self, order: ChargeOrder) -> PostOutcome:
        state = self._charges.get(order.key)
        if state is not None and state.phase is Phase.HELD and not order.redelivery_only:
            # Another delivery holds this charge; ours is complete, so it is earned now, at the price first taken.
            return self._settled(state, order.publisher_account)
        earlier = self._earlier(order, state)
        if earlier is not None:
            if state is not None and isinstance(earlier, Posted):
                self._collected(state, order)
            return earlier
        return self._granted(order, state) or self._open_post(order, state)

    def _hold(self, order: ChargeOrder) -> HoldOutcome:
        state = self._charges.get(order.key)
        if state is not None and state.phase is Phase.HELD and not order.redelivery_only:
            return Held(charge_id(order.key), amount_of(state.opening), order, state.attempt, False)
        earlier = self._earlier(order, state)
        if earlier is not None:
            return earlier
        granted = self._granted(order, state)
        if granted is not None:
            return granted  # nothing to hold: a page that does not arrive is withdrawn
        holds = self._holds_accounts[order.price.currency]
        refusal = self._transfer(order, holds)
        if refusal is not None:
            return refusal
        attempt = 1 if state is None else state.attempt + 1
        entry = self._page.open(order, EntryKind.HOLD, holds, order.price.amount_micros, attempt)
        self._note(entry)
        self.grants.remember(order, entry)
        return Held(charge_id(order.key), order.price, order, attempt, True)

    def _earlier(self, order: ChargeOrder, state: ChargeState | None) -> Posted | Redelivery | NoRight | None:
        """What an earlier attempt of the same signed request gives this one; None when a new one must open."""
        if state is not None and state.is_paid:
            answer = posted_by(state, fresh=False)
            return NoRight() if order.collects_only and self._is_used_up(state) else answer
        payer = self._accounts.get(order.crawler_account)
        if state is not None and state.may_redeliver and payer is not None and payer.redeliveries_left > 0:
            payer.redeliveries_left -= 1
            publisher = order.publisher_account
            entry = self._page.open(order, EntryKind.REDELIVER, publisher, 0, state.attempt, Step.REDELIVER.value)
            self._note(entry)
            return Redelivery(charge_id(order.key))
        return NoRight() if order.collects_only else None

    def _granted(self, order: ChargeOrder, state: ChargeState | None) -> Posted | NoRight | AccountSuspended | None:
        """The page for nothing, if one of the order's terms holds; without an offer there is no other way to it."""
        if order.grants and (state is None or state.is_over):
            if self._account(order.crawler_account, order.price.currency).suspended:
                return AccountSuspended()
            if name := self.grants.holds(order, self._charges, self._page.recorded_at_micros):
                entry = self._page.grant(order, name, 1 if state is None else state.attempt + 1)
                self.grants.remember(order, entry)
                return posted_by(self._note(entry), fresh=True)
        return NoRight() if order.grants and order.redelivery_only else None

    def _open_post(self, order: ChargeOrder, state: ChargeState | None) -> Posted | ChargeRefusal:
        refusal = self._transfer(order, order.publisher_account)
        if refusal is not None:
            return refusal
        attempt = 1 if state is None else state.attempt + 1
        entry = self._page.open(order, EntryKind.POST, order.publisher_account, order.price.amount_micros, attempt)
        self.grants.remember(order, entry)
        return posted_by(self._note(entry), fresh=True)

    def _settle(self, held: Held) -> SettleOutcome:
        """A hold that somebody voided meanwhile is replaced by a new charge of the same amount, or lost."""
        state = self._charges.get(held.order.key)
        if state is None:
            return Lost("the hold is not in the books")
        if state.is_over and held.amount.amount_micros == 0:
            again = self._granted(held.order, state)
            return again if isinstance(again, Posted) else Lost("the page was withdrawn, and is not free any more")
        if state.is_over and held.order.redelivery_only:
            return Lost("what it could collect was given back")
        if state.is_over:
            outcome = self._open_post(replace(held.order, price=held.amount), state)
            return outcome if isinstance(outcome, Posted) else Lost("the hold was voided, and the account cannot pay")
        if amount_of(state.opening) != held.amount:
            # The headers that are out state another amount than the one that is live (D1).
            return Lost("the hold was voided, and a charge of another amount has taken its place")
        if state.phase is Phase.HELD:
            return self._settled(state, held.order.publisher_account)
        if held.order.collects_only and self._is_used_up(state):
            return Lost("the page was collected meanwhile")
        return posted_by(self._collected(state, held.order), fresh=False)

    def _settled(self, state: ChargeState, publisher_account: int) -> Posted:
        return posted_by(self._earned(state, publisher_account), fresh=True)

    def _earned(self, state: ChargeState, publisher_account: int) -> ChargeState:
        self._move(state.opening.credit_account, publisher_account, amount_of(state.opening))
        return self._note(self._page.settle(state.opening, publisher_account))

    def _void(self, key: bytes, attempt: int, reason: str) -> Voided:
        state = self._charges.get(key)
        if state is None or state.attempt != attempt or state.phase is not Phase.HELD:
            return Voided(settled=state is not None and state.is_paid)
        opening = state.opening
        self._move(opening.credit_account, opening.debit_account, amount_of(opening))
        self._note(self._page.void(opening, reason))
        return Voided()

    def _break_off(self, held: Held) -> BreakOffOutcome:
        """One of the day's paybacks; beyond them it is paid, and waits like any page whose delivery broke.

        Where it was paid before, what left counts as collected: else an old signature could begin it for ever.
        """
        order, state = held.order, self._charges.get(held.order.key)
        if state is not None and state.is_paid:
            if not self._is_used_up(state):
                self._collected(state, order)
            return Voided(settled=True)
        if state is None or state.phase is not Phase.HELD or state.attempt != held.attempt:
            return Voided()
        payer = self._accounts[state.opening.debit_account]
        if payer.reversals_left > 0:
            payer.reversals_left -= 1
            return self._void(order.key, held.attempt, LEFT_EARLY)
        waits = self._to_suspense(self._earned(state, order.publisher_account), LEFT_EARLY)
        if not isinstance(waits, Suspended):
            raise AssertionError(f"what was paid for just now cannot wait: {waits}")
        return waits

    def _credit(self, order: CreditOrder) -> CreditOutcome:
        state = self._charges.get(order.key)
        if state is not None:
            entry = state.opening
            if entry.credit_account != order.account or amount_of(entry) != order.money:
                return ReferenceTaken(entry)
            return Credited(order.money, entry.writer, entry.number, False)
        self._move(order.funding_account, order.account, order.money)
        entry = self._page.credit(order)
        self._note(entry)
        return Credited(order.money, entry.writer, entry.number, True)

    def _note(self, entry: Entry) -> ChargeState:
        """Let the next operations see the entry; the state machine proves that it may follow."""
        state = advance(self._charges.get(entry.key), entry)
        self._charges[entry.key] = state
        if entry.kind in (EntryKind.POST, EntryKind.HOLD):
            self.budgets.take(entry)
        elif entry.kind in (EntryKind.VOID, EntryKind.REVERSE):
            self._give_back(state.opening, entry.amount_micros)
        self.grants.follow(entry, state.opening)
        return state

    def _give_back(self, opening: Entry, amount_micros: int) -> None:
        self.budgets.give_back(opening, amount_micros)

    def _transfer(self, order: ChargeOrder, credit_account: int) -> ChargeRefusal | None:
        """Take the price from the crawler if its account and its budgets allow it."""
        payer = self._account(order.crawler_account, order.price.currency)
        if payer.suspended:
            return AccountSuspended()
        now = self._page.recorded_at_micros
        over = self.budgets.refusal(order.crawler_account, order.site_id, order.price, now)
        if over is not None:
            return over
        left = payer.balance_micros - order.price.amount_micros
        if payer.floor_micros is not None and left < payer.floor_micros:
            return InsufficientFunds()
        self._move(order.crawler_account, credit_account, order.price)
        return None

    def _move(self, debit_account: int, credit_account: int, amount: Money) -> None:
        """Move money in the plan's own balances; both accounts are looked at before either changes."""
        giver = self._account(debit_account, amount.currency)
        taker = self._account(credit_account, amount.currency)
        giver.balance_micros -= amount.amount_micros
        taker.balance_micros += amount.amount_micros

    def _account(self, account_id: int, currency: str) -> AccountState:
        account = self._accounts.get(account_id)
        if account is None:
            raise OrderImpossible(f"there is no account {account_id}")
        if account.currency != currency:
            raise OrderImpossible(f"account {account_id} holds {account.currency}, not {currency}")
        return account
