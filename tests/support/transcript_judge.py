"""What crawlers received against what the books say: the judge of kill tests and storms.

It reads the entries and counts, without the code that folds them: a live charge is a POST or a SETTLE that no REVERSE
took back. It does not know charge keys either: a purchase is found by its target, which is its own alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from edge.core.ledger import charge_id
from edge.core.money import Money, parse_price
from edge.store.database import Database
from edge.store.tables import entry
from tests.support.crawler_line import Attempt, Purchase
from tests.support.market import price_of

_CHUNK = 500


@dataclass(slots=True)
class Charges:
    """What the books say about one purchase; ``paid`` are the entries (writer, number) that earned."""

    ids: set[str] = field(default_factory=set)
    paid: set[tuple[int, int]] = field(default_factory=set)
    amounts: list[Money] = field(default_factory=list)
    reversals: int = 0
    holds: int = 0
    resolutions: int = 0

    @property
    def live(self) -> int:
        """How many live charges there are."""
        return len(self.paid) - self.reversals

    @property
    def open_holds(self) -> int:
        """How many holds are neither settled nor voided."""
        return self.holds - self.resolutions


def charges_of(database: Database, purchases: Sequence[Purchase]) -> dict[str, Charges]:
    """Read the entries of these purchases: target to what was charged for it."""
    found = {purchase.target: Charges() for purchase in purchases}
    targets = list(found)
    with database.read() as connection:
        for start in range(0, len(targets), _CHUNK):
            wanted = entry.c.target.in_(targets[start : start + _CHUNK])
            for row in connection.execute(select(entry).where(wanted)):
                one = found[row.target]
                one.ids.add(charge_id(row.key))
                if row.kind in ("post", "settle"):
                    one.paid.add((row.writer_id, row.number))
                    one.amounts.append(Money(row.amount_micros, row.currency))
                one.holds += row.kind == "hold"
                one.resolutions += row.kind in ("settle", "void")
                one.reversals += row.kind == "reverse"
    return found


def wrongs(database: Database, purchases: Sequence[Purchase]) -> list[str]:
    """Who was wronged, a sentence each: D1 for every whole answer that was charged, and at most one charge ever."""
    found = charges_of(database, purchases)
    return [wrong for purchase in purchases for wrong in _wrongs_of(purchase, found[purchase.target])]


def _wrongs_of(purchase: Purchase, charges: Charges) -> Iterator[str]:
    who = purchase.target
    if len(charges.ids) > 1 or charges.live > 1:
        yield f"D1: {who} has {charges.live} live charges under {sorted(charges.ids)}"
    for attempt in purchase.completed:
        if attempt.status != 200:
            yield f"{who} was answered {attempt.status} {attempt.error}"
        elif attempt.charged is not None and charges.live != 1:
            yield f"D1: {who} came whole and said {attempt.charged}, and has {charges.live} live charges"
        elif attempt.charged is None and charges.live:
            yield f"D1: {who} came whole and said nothing of a charge, and has {charges.live}"
        yield from _wrong_fields(who, attempt, charges)


def _wrong_fields(who: str, attempt: Attempt, charges: Charges) -> Iterator[str]:
    """The headers of a whole answer against the price list (D4) and the books."""
    if attempt.receipt not in charges.ids:
        yield f"{who} named the receipt {attempt.receipt}, which is not in the books"
    if attempt.charged is not None:
        said = parse_price(attempt.charged)
        if said != price_of(who) or set(charges.amounts) != {said}:
            yield f"D4: {who} said {said}, the price is {price_of(who)}, the books say {charges.amounts}"


def wrong_refetches(before: dict[str, Charges], after: dict[str, Charges], fetched: Sequence[Purchase]) -> list[str]:
    """D2 for what had not come whole: nothing was live, or fetching it again was the same charge, for nothing."""
    found = []
    for purchase in fetched:
        then, now = before[purchase.target], after[purchase.target]
        if not purchase.completed:
            found.append(f"D2: {purchase.target} could not be fetched: {purchase.attempts[-1]}")
        if then.live and now.paid != then.paid:
            found.append(f"D2: {purchase.target} was charged by {then.paid} and had to pay again by {now.paid}")
    return found


def spent_micros(database: Database, purchases: Sequence[Purchase]) -> int:
    """What all live charges of these come to, by the price list."""
    found = charges_of(database, purchases)
    return sum(charges.live * price_of(target).amount_micros for target, charges in found.items())
