"""What the charges of a filter come to, at a cost that does not grow with how many there are.

Rules of this file
- A page that is sold or granted at once stands as it was opened, unless something followed: so openings of whole days
  are read as they were summed (``earned_days``), and only charges that something followed are looked at one by one.
- A page that was held first is always looked at: what became of it is another entry.
- The sums are what ``list_charges`` and ``stream_charges`` of the same filter add up to (a property test holds this).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal_column, select, union_all

from edge.core.ledger import EntryKind
from edge.store.charge_notes import credited_by_charge, opened_at
from edge.store.earned_days import DAY_MICROS
from edge.store.entries import ChargeFilter, charges_query, filter_conditions, without_time
from edge.store.moved_days import summed_until
from edge.store.tables import entry, opened_day

_AT_ONCE = (EntryKind.POST.value, EntryKind.GRANT.value)
# As text, and not as parameters: only so are the indexes of these kinds found.
_FOLLOWS = tuple(
    entry.c.kind == literal_column(f"'{kind.value}'")
    for kind in (EntryKind.SUSPEND, EntryKind.REVERSE, EntryKind.WITHDRAW)
)
_IS_HOLD = entry.c.kind == literal_column(f"'{EntryKind.HOLD.value}'")
_POSTED = case((entry.c.kind == EntryKind.POST.value, 1), else_=0)


@dataclass(frozen=True, slots=True)
class ChargeSum:
    """What the charges of a filter come to in one currency: live ones alone count, those given back are named.

    A page that is held is not earned yet, one that was reversed is not earned any more, and nobody knows of one that
    is in suspense. ``free`` pages are not among those that were paid. ``credited_micros`` is what credit notes gave
    back of pages that stand: it is not in ``amount_micros`` any more.
    """

    currency: str
    pages: int
    given_back: int
    amount_micros: int
    in_suspense: int = 0
    free: int = 0
    credited_micros: int = 0


_NUMBERS = tuple(field.name for field in fields(ChargeSum) if field.name != "currency")
_Sums = dict[str, dict[str, int]]


def sum_charges(connection: Connection, narrowed: ChargeFilter) -> list[ChargeSum]:
    """The sums of a filter by currency, in the order of their names."""
    # What follows a charge is not recorded before it; whether it is after the filter's end does not matter.
    after_begin = entry.c.recorded_at_micros + 0 >= (narrowed.since_micros or 0)
    later = union_all(*(select(entry.c.key).where(kind, after_begin) for kind in _FOLLOWS))
    followed = entry.c.kind.in_(_AT_ONCE) & entry.c.key.in_(later)
    sums: _Sums = {}
    _add(sums, _as_opened_by_day(connection, narrowed))
    for part in _outside_days(connection, narrowed):
        _add(sums, _as_opened(connection, narrowed, part & entry.c.kind.in_(_AT_ONCE)))
    few = followed & and_(*_in_time(narrowed))
    _add(sums, _as_opened(connection, without_time(narrowed), few), -1)
    _add(sums, _as_they_stand(connection, narrowed, followed))
    _add(sums, _as_they_stand(connection, narrowed, _IS_HOLD))
    _add(sums, _credited(connection, narrowed))
    return [ChargeSum(currency, **numbers) for currency, numbers in sorted(sums.items())]


def _days(connection: Connection, narrowed: ChargeFilter) -> tuple[int, int]:
    """The whole days of a filter's time that are summed: from, and up to; the same where there are none."""
    first = -(-(narrowed.since_micros or 0) // DAY_MICROS) * DAY_MICROS
    until = summed_until(connection)
    if narrowed.until_micros is not None:
        until = min(until, narrowed.until_micros // DAY_MICROS * DAY_MICROS)
    return first, max(first, until)


def _outside_days(connection: Connection, narrowed: ChargeFilter) -> Iterator[ColumnElement[bool]]:
    """The parts of a filter's time whose entries have to be read."""
    first, last = _days(connection, narrowed)
    recorded = entry.c.recorded_at_micros
    if first == last:
        yield recorded >= (narrowed.since_micros or 0)
        return
    if (narrowed.since_micros or 0) < first:
        yield recorded < first
    if narrowed.until_micros is None or last < narrowed.until_micros:
        yield recorded >= last


def _as_opened_by_day(connection: Connection, narrowed: ChargeFilter) -> Iterator[tuple[str, dict[str, int]]]:
    first, last = _days(connection, narrowed)
    column = opened_day.c
    query = select(column.currency, *(func.sum(column[name]) for name in ("posts", "posts_micros", "grants")))
    query = query.where(column.day_micros >= first, column.day_micros < last).group_by(column.currency)
    if narrowed.publisher_ids is not None:
        query = query.where(column.publisher_id.in_(narrowed.publisher_ids))
    for name in ("site_id", "crawler_id", "rule"):
        if getattr(narrowed, name) is not None:
            query = query.where(column[name] == getattr(narrowed, name))
    for currency, posts, micros, grants in connection.execute(query):
        yield currency, {"pages": int(posts), "amount_micros": int(micros), "free": int(grants)}


def _as_opened(
    connection: Connection, narrowed: ChargeFilter, which: ColumnElement[bool]
) -> Iterator[tuple[str, dict[str, int]]]:
    """Pages sold or granted at once, as if nothing had followed."""
    query = (
        select(entry.c.currency, func.sum(_POSTED), func.sum(_POSTED * entry.c.amount_micros), func.sum(1 - _POSTED))
        .where(which, *filter_conditions(narrowed))
        .group_by(entry.c.currency)
    )
    for currency, posts, micros, grants in connection.execute(query):
        yield currency, {"pages": int(posts), "amount_micros": int(micros), "free": int(grants)}


def _as_they_stand(
    connection: Connection, narrowed: ChargeFilter, which: ColumnElement[bool]
) -> Iterator[tuple[str, dict[str, int]]]:
    """Charges with all that followed."""
    found = charges_query(without_time(narrowed)).where(which, *_in_time(narrowed)).subquery()
    given_back = found.c.reversed_at.is_not(None)
    waits = ~given_back & found.c.suspended_at.is_not(None) & found.c.released_at.is_(None)
    paid = (found.c.kind == EntryKind.POST.value) | (found.c.resolved_as == EntryKind.SETTLE.value)
    live = ~given_back & ~waits & paid
    granted = found.c.kind == EntryKind.GRANT.value
    numbers = {
        "pages": case((live, 1), else_=0),
        "given_back": case((given_back & ~granted, 1), else_=0),
        "amount_micros": case((live, found.c.amount_micros), else_=0),
        "in_suspense": case((waits, 1), else_=0),
        "free": case((granted & ~given_back, 1), else_=0),
    }
    query = select(found.c.currency, *map(func.sum, numbers.values())).group_by(found.c.currency)
    for currency, *sums in connection.execute(query):
        yield currency, {name: int(number) for name, number in zip(numbers, sums, strict=True)}


def _credited(connection: Connection, narrowed: ChargeFilter) -> Iterator[tuple[str, dict[str, int]]]:
    """What credit notes, whenever they were written, gave back of charges that were opened in the filter's time."""
    notes = credited_by_charge(connection, filter_conditions(without_time(narrowed)))
    first, last = narrowed.since_micros or 0, narrowed.until_micros
    is_bounded = bool(notes) and (first > 0 or last is not None)
    opened = opened_at(connection, notes) if is_bounded else dict.fromkeys(notes, first)
    for charge, (currency, micros) in notes.items():
        if first <= opened[charge] and (last is None or opened[charge] < last):
            yield currency, {"amount_micros": -micros, "credited_micros": micros}


def _in_time(narrowed: ChargeFilter) -> Iterator[ColumnElement[bool]]:
    """The filter's time, said so that no database goes along the index of times: what is looked for are a few keys."""
    recorded = entry.c.recorded_at_micros + 0
    yield recorded >= (narrowed.since_micros or 0)
    if narrowed.until_micros is not None:
        yield recorded < narrowed.until_micros


def _add(sums: _Sums, found: Iterator[tuple[str, dict[str, int]]], sign: int = 1) -> None:
    for currency, numbers in found:
        total = sums.setdefault(currency, dict.fromkeys(_NUMBERS, 0))
        for name, number in numbers.items():
            total[name] += sign * number
