"""The spend store as a receipt log: what `farebox reconcile`, and a statement, are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.client.spend_policy import is_below
from edge.client.spend_rows import State
from edge.client.spend_store import SpendStore
from edge.core.money import Money
from edge.core.receipt_log import log_line


def log_lines(store: SpendStore, since_micros: int = 0, domains: Sequence[str] = ()) -> Iterator[bytes]:
    """A line for each purchase that was settled since then, and one of 0 for each page that a term made free.

    What was never charged, or is in doubt, has none. ``domains`` keep only what was bought there, or below.
    """
    for purchase in store.purchases("state = ? AND ended_micros >= ?", State.SETTLED, since_micros):
        assert purchase.charged is not None, "a settled purchase has an amount"
        assert purchase.ended_micros is not None, "a settled purchase has ended"
        if purchase.charged.amount_micros and _is_wanted(purchase.domain, domains):
            yield log_line(purchase.charge_id, purchase.ended_micros, purchase.url, purchase.charged)
    for page in store.free_pages(since_micros):
        if _is_wanted(page.domain, domains):
            yield log_line(page.charge_id, page.at_micros, page.url, Money(0, page.currency))


def _is_wanted(domain: str, domains: Sequence[str]) -> bool:
    return not domains or any(is_below(domain, name.lower()) for name in domains)
