"""A planner over balances in memory: one crawler, one publisher, one order."""

from __future__ import annotations

from dataclasses import replace

from edge.core.ledger import (
    ChargeOrder,
    Held,
    Posted,
    balance_changes,
)
from edge.core.ledger_afterwards import AccountState
from edge.core.ledger_entries import Page
from edge.core.ledger_operations import Hold, Operation, Outcome, Post
from edge.core.ledger_plan import Planner
from edge.core.ledger_state import ChargeState
from edge.core.money import Money

CRAWLER, PUBLISHER, HOLDS, FUNDING, EURO, SUSPENSE, ADJUSTMENTS, FEES = range(7, 15)
PRICE = Money(10_000, "USD")
ORDER = ChargeOrder(b"k" * 16, PRICE, CRAWLER, PUBLISHER, 7, 1, 1, "rule", 3, None, "/a", "max USD 0.05", "r", 200)
ONLY = replace(ORDER, redelivery_only=True)


class Desk:
    """A planner over balances in memory."""

    def __init__(self, pages: int = 5, *, suspended: bool = False) -> None:
        self.accounts = {
            CRAWLER: AccountState("USD", pages * PRICE.amount_micros, 0, suspended),
            PUBLISHER: AccountState("USD", 0, None, False),
            HOLDS: AccountState("USD", 0, None, False),
            EURO: AccountState("EUR", 0, None, False),
            **{number: AccountState("USD", 0, None, False) for number in (FUNDING, SUSPENSE, ADJUSTMENTS, FEES)},
        }
        self.start = self.balances()
        self.charges: dict[bytes, ChargeState | None] = {}
        self.delivered: set[tuple[int, int]] = set()
        self.page = Page(1, 1, 1_000)
        known = (self.accounts, self.charges, self.delivered.__contains__)
        self.planner = Planner(self.page, *known, {"USD": HOLDS}, suspense_accounts={"USD": SUSPENSE})

    def plan(self, operation: Operation) -> Outcome:
        """Decide, and insist that what the plan thinks of balances is what its entries say."""
        try:
            return self.planner.plan(operation)
        finally:
            changes = balance_changes(self.page.entries)
            for key, state in self.accounts.items():
                assert state.balance_micros == self.start[key] + changes.get((key, state.currency), 0)

    def balances(self) -> dict[int, int]:
        return {key: state.balance_micros for key, state in self.accounts.items()}

    def pages(self, account: int) -> int:
        return self.accounts[account].balance_micros // PRICE.amount_micros

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.page.entries]

    def held(self, order: ChargeOrder = ORDER) -> Held:
        outcome = self.plan(Hold(order))
        assert isinstance(outcome, Held)
        return outcome

    def posted(self, order: ChargeOrder = ORDER) -> Posted:
        outcome = self.plan(Post(order))
        assert isinstance(outcome, Posted)
        return outcome
