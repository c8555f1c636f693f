"""Which accounts could not pay a moment ago: asking the origin for them again would be work for nothing.

Rules of this file
- A hint, never the decision: the ledger decided, and what it said is repeated for half a second at most, so that a
  top-up works within a second. One request of an account that cannot pay still goes to the origin and the ledger in
  that time, in every process.
- It is repeated only for the same account at the same site and for a price that is no lower; whoever uses it must
  have seen that there is nothing to collect and nothing free.
"""

from __future__ import annotations

from edge.core.budgets import BudgetExceeded
from edge.core.decision import Charge
from edge.core.ledger import InsufficientFunds

KNOWN_SECONDS = 0.5
PLACES_MAX = 10_000
"""Accounts at sites that are remembered; beyond it all are forgotten, which costs one question each."""

CannotPay = InsufficientFunds | BudgetExceeded


class RefusedLately:
    """What the ledger said of accounts at sites in the last half second; ``now`` is the event loop's time."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[float, int, CannotPay]] = {}

    def note(self, charge: Charge, said: CannotPay, now: float) -> None:
        """The ledger refused this charge."""
        if len(self._known) >= PLACES_MAX:
            self._known.clear()
        self._known[_place(charge)] = (now + KNOWN_SECONDS, charge.price.amount_micros, said)

    def find(self, charge: Charge, now: float) -> CannotPay | None:
        """What the ledger would say again, as far as anyone can know without asking."""
        known = self._known.get(_place(charge))
        if known is None:
            return None
        until, price_micros, said = known
        if now >= until:
            del self._known[_place(charge)]
            return None
        return said if charge.price.amount_micros >= price_micros else None


def _place(charge: Charge) -> tuple[int, int]:
    return (charge.account.account_id, charge.site.site_id)
