"""What a crawl would cost, before anything is bought: the prices that were quoted, held against the policy's caps.

Rules of this file: pages are counted in the order in which they would be bought, and a cap that is full keeps every
later page that does not fit, as the spend store will. A price is the most that a page costs: what an account gets free
is decided with the purchase, and told before only by a price list that is for us (``edge.client.free_terms``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge.client.fetching import Quote
from edge.client.free_terms import FreeTerms
from edge.client.spend_policy import Cap, domain_of
from edge.client.wallet import SCOPE_WORDS, Wallet
from edge.core.money import Money


@dataclass(frozen=True, slots=True)
class NoQuote:
    """A page that could not be quoted, and why."""

    url: str
    reason: str


def failure_of(found: Quote) -> str | None:
    """Why a page for which nothing is asked would not be had either, in words; None where it would be.

    421 is what an edge says of a host that it does not serve (RFC 9110, section 15.5.20).
    """
    if found.price is not None or found.status < 400:
        return None
    unknown_host = ": that host is not served there" if found.status == 421 else ""
    return f"the site answered with status {found.status}{unknown_host}"


def unless_failed(found: Quote) -> Quote | NoQuote:
    """The quote, or why there is none: an error is not a page that is free."""
    failure = failure_of(found)
    return found if failure is None else NoQuote(found.url, failure)


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """One page: ``price`` is None where it is free or not known. ``kept_by`` says why it would not be got, ``free_by``
    by which term of the price list a page with a price is free."""

    url: str
    price: Money | None
    kept_by: str | None = None
    free_by: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All pages, in order."""

    pages: tuple[PlannedPage, ...]

    @property
    def cost(self) -> dict[str, Money]:
        """What would be bought, by currency."""
        return _sums([page for page in self.pages if page.kept_by is None])

    @property
    def wanted(self) -> dict[str, Money]:
        """What all of it would cost without the policy, by currency."""
        return _sums(self.pages)

    def by_domain(self) -> dict[str, dict[str, Money]]:
        """What would be bought at each host."""
        hosts = dict.fromkeys(domain_of(page.url) for page in self.pages)
        return {
            host: _sums([page for page in self.pages if page.kept_by is None and domain_of(page.url) == host])
            for host in hosts
        }


def make_plan(wallet: Wallet, quotes: Sequence[Quote | NoQuote]) -> Plan:
    """Hold quotes against the policy and what the store says is spent already."""
    at_micros = wallet.now_micros()
    taken: dict[tuple[str, str, str], int] = {}
    free = FreeTerms(wallet, at_micros)
    pages = []
    for found in quotes:
        if isinstance(found, NoQuote):
            pages.append(PlannedPage(found.url, None, found.reason))
        elif found.price is None or found.price.amount_micros == 0:
            pages.append(PlannedPage(found.url, None))
        elif (term := free.term_of(found)) is not None:
            pages.append(PlannedPage(found.url, None, free_by=term))
        else:
            pages.append(_priced(wallet, found.url, found.price, taken, at_micros))
    return Plan(tuple(pages))


def _priced(
    wallet: Wallet, url: str, price: Money, taken: dict[tuple[str, str, str], int], at_micros: int
) -> PlannedPage:
    forbidden = wallet.policy.why_not(url, price)
    if forbidden is not None:
        return PlannedPage(url, price, str(forbidden).removeprefix(f"{url}: "))
    caps = wallet.policy.caps(price.currency)
    for cap in caps:
        rest = wallet.store.left([cap], domain_of(url), at_micros)
        if rest is not None and taken.get(_place(cap, url), 0) + price.amount_micros > rest:
            return PlannedPage(url, price, f"{SCOPE_WORDS[cap.scope]}, {cap.limit}, is used up")
    for cap in caps:
        taken[_place(cap, url)] = taken.get(_place(cap, url), 0) + price.amount_micros
    return PlannedPage(url, price)


def _place(cap: Cap, url: str) -> tuple[str, str, str]:
    return (cap.scope, cap.limit.currency, domain_of(url) if cap.scope == "domain_day" else "")


def _sums(pages: Sequence[PlannedPage]) -> dict[str, Money]:
    sums: dict[str, int] = {}
    for page in pages:
        if page.price is not None:
            sums[page.price.currency] = sums.get(page.price.currency, 0) + page.price.amount_micros
    return {currency: Money(micros, currency) for currency, micros in sums.items()}
