"""Which pages of a plan are free by the terms of a site's price list, counted as the site counts them.

Rules of this file: only a list that was written for us has terms that are ours. What our own books say was had is what
counts: pages bought lately, pages that were free in this period, and those planned before. A page that is had free by
another term counts against the free pages here, so that a plan is rather too dear than too cheap. Whether a page is
unchanged, and whether a subscription covers it, is not known beforehand.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edge.client.fetching import Quote
from edge.client.spend_policy import domain_of
from edge.client.wallet import Wallet

if TYPE_CHECKING:
    from edge.core.rules import Rule

_HOUR_MICROS = 3_600_000_000


class FreeTerms:
    """Counts the free pages of one plan, which is made at ``at_micros``."""

    def __init__(self, wallet: Wallet, at_micros: int) -> None:
        self._wallet = wallet
        self._at_micros = at_micros
        self._planned: Counter[tuple[str, int]] = Counter()

    def term_of(self, quote: Quote) -> str | None:
        """By which term the page is free, in words; None when it costs its price."""
        rule = quote.rule
        if rule is None or not quote.knows_us or not rule.has_terms:
            return None
        hours = rule.recrawl_hours
        if hours is not None and self._was_bought(quote.url, hours):
            return f"free again within {hours} hours of buying it"
        return self._free_page(quote.url, rule) if rule.free_pages else None

    def _was_bought(self, url: str, hours: int) -> bool:
        before = self._wallet.store.bought(url, self._at_micros - hours * _HOUR_MICROS)
        return before is not None and before.charged is not None and before.charged.amount_micros > 0

    def _free_page(self, url: str, rule: Rule) -> str | None:
        from edge.core.grants import period_start

        domain, start = domain_of(url), period_start(rule.free_period, self._at_micros)
        had = sum(page.domain == domain for page in self._wallet.store.free_pages(start))
        if had + self._planned[domain, start] >= rule.free_pages:
            return None
        self._planned[domain, start] += 1
        return f"one of {rule.free_pages} free pages of this {rule.free_period.value}"
