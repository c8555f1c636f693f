"""A ledger in memory that decides by the real arithmetic: idempotent, and every entry is there to be looked at."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from edge.core.ledger import (
    ChargeOrder,
    Entry,
    Held,
    HoldOutcome,
    PostOutcome,
    SettleOutcome,
    Voided,
    balance_changes,
    check_conservation,
)
from edge.core.ledger_afterwards import AccountState
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import BreakOff, Hold, Operation, Post, Reverse, Settle, Suspend, Void
from edge.core.ledger_plan import Planner
from edge.core.ledger_state import ChargeState, Phase, fold_charge

WAIT_SECONDS = 60.0
HOLDS_ACCOUNT = 30
SUSPENSE_ACCOUNT = 31
RICH_MICROS = 1_000_000_000


class MemoryLedger:
    """What selling and delivery evidence ask of a ledger. ``accounts`` maps crawlers' accounts to their balance.

    ``faults`` maps an operation's name (``post``, ``hold``, ``settle``, ``void``, ``break_off``, ``reverse``) to
    what it raises.
    All operations run on the edge's loop; tests look from their own thread, hence the lock.
    """

    def __init__(self, accounts: dict[int, int], publisher_account: int, currency: str = "USD") -> None:
        crawlers = {number: AccountState(currency, balance, 0, False) for number, balance in accounts.items()}
        own = {
            number: AccountState(currency, 0, None, False)
            for number in (publisher_account, HOLDS_ACCOUNT, SUSPENSE_ACCOUNT)
        }
        self.faults: dict[str, Exception] = {}
        self.confirmed: list[tuple[int, int]] = []
        self._changed = threading.Condition()
        self._page = Page(1, 1, 0)
        self._charges: dict[bytes, ChargeState | None] = {}
        self._accounts = crawlers | own
        self._planner = Planner(
            self._page,
            self._accounts,
            self._charges,
            lambda place: place in self.confirmed,
            {currency: HOLDS_ACCOUNT},
            suspense_accounts={currency: SUSPENSE_ACCOUNT},
        )

    # What the edge asks

    async def post(self, order: ChargeOrder) -> PostOutcome:
        outcome: PostOutcome = self._do("post", Post(order))
        return outcome

    async def hold(self, order: ChargeOrder) -> HoldOutcome:
        outcome: HoldOutcome = self._do("hold", Hold(order))
        return outcome

    async def settle(self, held: Held) -> SettleOutcome:
        outcome: SettleOutcome = self._do("settle", Settle(held))
        return outcome

    async def void(self, held: Held, reason: str) -> Voided:
        outcome: Voided = self._do("void", Void(held, reason))
        return outcome

    async def break_off(self, held: Held) -> object:
        return self._do("break_off", BreakOff(held))

    async def reverse(self, key: bytes, reason: str, *, position: tuple[int, int]) -> object:
        return self._do("reverse", Reverse(key, reason, position))

    async def suspend(self, key: bytes, reason: str, *, position: tuple[int, int]) -> object:
        return self._do("suspend", Suspend(key, reason, position))

    async def has_right(self, key: bytes) -> bool:
        return key in self._charges

    def confirm_delivery(self, position: tuple[int, int]) -> None:
        with self._changed:
            self.confirmed.append(position)
            self._changed.notify_all()

    def _do(self, name: str, operation: Operation) -> Any:
        with self._changed:
            if name in self.faults:
                raise self.faults[name]
            outcome = self._planner.plan(operation)
            self._changed.notify_all()
            return outcome

    # What a test asks

    def set_balance(self, account: int, balance_micros: int) -> None:
        """Top an account up, or empty it, beside the entries."""
        with self._changed:
            self._accounts[account].balance_micros = balance_micros

    @property
    def entries(self) -> list[Entry]:
        """Every entry so far."""
        with self._changed:
            return list(self._page.entries)

    def kinds(self, request_id: str | None = None) -> list[str]:
        """The kinds of entries in their order; only one request's when it is named."""
        return [entry.kind for entry in self.entries if request_id in (None, entry.request_id)]

    def states(self) -> list[ChargeState]:
        """What became of every charge, folded from the entries."""
        keys: dict[bytes, list[Entry]] = {}
        for entry in self.entries:
            keys.setdefault(entry.key, []).append(entry)
        return [state for entries in keys.values() if (state := fold_charge(entries)) is not None]

    def charged_micros(self) -> int:
        """What all live charges come to."""
        live = (state.payment for state in self.states() if state.phase is Phase.LIVE)
        return sum(payment.amount_micros for payment in live if payment is not None)

    def charged_for(self) -> Counter[str]:
        """Micro-units of live charges by target."""
        charged: Counter[str] = Counter()
        for state in self.states():
            if state.phase is Phase.LIVE and state.payment is not None and state.payment.target is not None:
                charged[state.payment.target] += state.payment.amount_micros
        return charged

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return as soon as ``holds()``; fails the test when it never does."""
        with self._changed:
            assert self._changed.wait_for(holds, WAIT_SECONDS), f"entries: {[e.kind for e in self._page.entries]}"

    def wait_for(self, *kinds: str) -> None:
        """Return when exactly these kinds of entries are there, in this order."""
        self.wait_until(lambda: [entry.kind for entry in self._page.entries] == list(kinds))

    def wait_for_confirmation(self, count: int = 1) -> None:
        """Return when that many deliveries have been confirmed."""
        self.wait_until(lambda: len(self.confirmed) >= count)

    def check(self) -> None:
        """Insist on what always holds: no money appears or vanishes, and no hold is left open."""
        check_conservation(balance_changes(self.entries))
        assert _open_holds(self.states()) == []


def _open_holds(states: Iterable[ChargeState]) -> list[ChargeState]:
    return [state for state in states if state.phase is Phase.HELD]
