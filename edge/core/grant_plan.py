"""Granted pages beside the ledger's planner: which term holds for an order, and what is counted and remembered for it.

Rules of this file
- A ``GrantBook`` holds what the orders of a batch can be granted by, as it was read under lock, and follows the plan
  entry by entry; what it collected is written in the batch's own transaction (``edge.store.grant_rows``).
- A page counts in the period in which it was granted, for as long as it stands; a page that is withdrawn is given back
  to that period, also when that is over.
- What was bought is looked up in the charge itself: a purchase that was given back gives no re-crawl.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from edge.core.grants import (
    FREE,
    RECRAWL,
    SUBSCRIPTION,
    UNCHANGED,
    CounterKey,
    FreePages,
    FreePeriod,
    Grant,
    Recrawl,
    Subscription,
    SubscriptionPages,
    free_counter,
    free_name,
    is_subscription,
    subscription_counter,
    subscription_name,
)
from edge.core.ledger import ChargeOrder, Entry, EntryKind, InvariantBroken, digest_of
from edge.core.ledger_state import ChargeState

HOUR_MICROS = 3_600_000_000


class PageKey(NamedTuple):
    """A page that somebody may have bought: whose account, at which site, which page."""

    account: int
    site_id: int
    page: bytes


class Purchase(NamedTuple):
    """The charge that last bought a page, and what told the page's state then, if anything did."""

    key: bytes
    validator: str | None


@dataclass(frozen=True, slots=True)
class CounterChange:
    """What a batch does to one count: ``allowed`` is the most that a page of it was granted under, 0 for none."""

    key: CounterKey
    before: int | None
    used: int
    allowed: int


class GrantBook:
    """What can be granted: ``used`` are the counts that have a row, ``bought`` the purchases that are remembered."""

    __slots__ = ("_allowed", "_bought", "_new", "_subscriptions", "_used", "_was")

    def __init__(
        self,
        used: Mapping[CounterKey, int] | None = None,
        subscriptions: Mapping[int, Subscription] | None = None,
        bought: Mapping[PageKey, Purchase] | None = None,
    ) -> None:
        self._was = dict(used or {})
        self._used: dict[CounterKey, int] = {}
        self._allowed: dict[CounterKey, int] = {}
        self._subscriptions = subscriptions or {}
        self._bought = dict(bought or {})
        self._new: dict[PageKey, Purchase] = {}

    def holds(self, order: ChargeOrder, charges: Mapping[bytes, ChargeState | None], at_micros: int) -> str | None:
        """The name of the first of the order's terms that holds; None when the page has to be paid."""
        for grant in order.grants:
            match grant:
                case Recrawl():
                    name = self._recrawl(grant, order, charges, at_micros)
                case SubscriptionPages(subscription_id):
                    name = self._subscription(subscription_id, order, at_micros)
                case FreePages(pages, per):
                    counter = free_counter(order.crawler_account, order.site_id, per, at_micros)
                    name = free_name(per) if self._has_left(counter, pages) else None
                case _:
                    assert_never(grant)
            if name is not None:
                return name
        return None

    def follow(self, entry: Entry, opening: Entry) -> None:
        """Count a page that is granted, or one that was and did not arrive; ``opening`` began its attempt."""
        if entry.kind not in (EntryKind.GRANT, EntryKind.WITHDRAW):
            return
        counter = counter_of(opening)
        if counter is None:
            return
        self._used[counter] = self._count(counter) + (1 if entry.kind == EntryKind.GRANT else -1)
        if self._used[counter] < 0:
            raise InvariantBroken(f"{counter.name} of account {counter.account}: more is given back than was granted")

    def remember(self, order: ChargeOrder, opening: Entry) -> None:
        """Remember what was bought, where a re-crawl asks for it; what was free before is no purchase."""
        asked = any(isinstance(grant, Recrawl) for grant in order.grants)
        if asked and (opening.kind != EntryKind.GRANT or is_subscription(opening.reference)):
            place = page_of(order)
            self._new[place] = self._bought[place] = Purchase(order.key, order.validator)

    def changes(self) -> Iterator[CounterChange]:
        """The counts that a batch changed."""
        for key, used in self._used.items():
            if used != self._was.get(key, 0):
                yield CounterChange(key, self._was.get(key), used, self._allowed.get(key, 0))

    def purchases(self) -> Mapping[PageKey, Purchase]:
        """What a batch bought, for the next re-crawl."""
        return self._new

    def _recrawl(
        self, grant: Recrawl, order: ChargeOrder, charges: Mapping[bytes, ChargeState | None], at_micros: int
    ) -> str | None:
        purchase = self._bought.get(page_of(order))
        state = None if purchase is None else charges.get(purchase.key)
        if purchase is None or state is None or not state.is_paid or state.payment is None:
            return None
        age_micros = at_micros - state.payment.recorded_at_micros
        if grant.hours is not None and age_micros <= grant.hours * HOUR_MICROS:
            return RECRAWL
        same = order.validator is not None and order.validator == purchase.validator
        return UNCHANGED if grant.unchanged and same else None

    def _subscription(self, number: int, order: ChargeOrder, at_micros: int) -> str | None:
        found = self._subscriptions.get(number)
        if found is None or not found.runs(at_micros):
            return None
        if not found.covers(order.publisher_id, order.site_id, order.licence):
            return None
        counter = subscription_counter(order.crawler_account, number, at_micros)
        return subscription_name(number) if self._has_left(counter, found.pages) else None

    def _has_left(self, counter: CounterKey, allowed: int) -> bool:
        if self._count(counter) >= allowed:
            return False
        self._allowed[counter] = max(allowed, self._allowed.get(counter, 0))
        return True

    def _count(self, counter: CounterKey) -> int:
        return self._used.get(counter, self._was.get(counter, 0))


def counter_of(opening: Entry) -> CounterKey | None:
    """The count that a granted page belongs to; None for a re-crawl, which uses nothing up.

    Raises ``InvariantBroken`` for an entry that no term can have made.
    """
    name, at_micros = opening.reference or "", opening.recorded_at_micros
    if opening.kind != EntryKind.GRANT:
        raise InvariantBroken(f"a {opening.kind} is no granted page")
    if name in (RECRAWL, UNCHANGED):
        return None
    if name.startswith(FREE) and name.removeprefix(FREE) in set(FreePeriod):
        period = FreePeriod(name.removeprefix(FREE))
        return free_counter(opening.debit_account, opening.site_id or 0, period, at_micros)
    number = name.removeprefix(SUBSCRIPTION)
    if number != name and number.isascii() and number.isdigit():
        return subscription_counter(opening.debit_account, int(number), at_micros)
    raise InvariantBroken(f"entry {opening.writer}/{opening.number}: {name!r} is no term that makes a page free")


def page_key(target: str) -> bytes:
    """Name a page of a site for the record of what was bought: its canonical address, hashed."""
    return digest_of(b"farebox page 1", (target.encode(),))


def page_of(order: ChargeOrder) -> PageKey:
    """The page that an order is about."""
    return PageKey(order.crawler_account, order.site_id, page_key(order.target))


def counters_for(order: ChargeOrder, at_micros: int) -> Iterator[CounterKey]:
    """Every count that the order could be granted from at that time."""
    for grant in order.grants:
        yield from _counters(grant, order.crawler_account, order.site_id, at_micros)


def _counters(grant: Grant, account: int, site_id: int, at_micros: int) -> Iterator[CounterKey]:
    match grant:
        case FreePages(_, per):
            yield free_counter(account, site_id, per, at_micros)
        case SubscriptionPages(number):
            yield subscription_counter(account, number, at_micros)
        case Recrawl():
            return
        case _:
            assert_never(grant)
