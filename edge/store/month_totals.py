"""What months come to by currency, without their lines: from the entries, and for one reader as its statements say.

A list of months says what each statement says: a closed month's sums are those of the lines that were kept, an open
one's those of its entries, whole days of which were summed when they were over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from sqlalchemy import BigInteger, Column, Connection, cast, func, select

from edge.core.frozen_statement import head_of
from edge.core.ledger import EntryKind
from edge.core.month import Month
from edge.core.report import CurrencyTotal, effect_of
from edge.core.statement import Reader
from edge.store.closed_months import closed_labels
from edge.store.month_reading import WHOLE, Names, Part
from edge.store.month_sums import month_fees
from edge.store.moved_days import summed_by_days, summed_entries
from edge.store.tables import entry, month_line, month_statement

_KEYS = ("kind", "currency", "debit_account", "publisher_id")
_SUMMED = tuple(
    field.name for field in fields(CurrencyTotal) if field.name in month_line.c and field.name != "currency"
)


def totals_of_entries(
    connection: Connection, month: Month, part: Part = WHOLE, *, by_days: bool = False
) -> tuple[CurrencyTotal, ...]:
    """What the entries of a month come to, by currency; a fee counts in the month that it names.

    ``by_days`` is for lists: whole days as they were summed when they were over.
    """
    names, sums = Names.read(connection), dict[str, dict[str, int]]()
    read = summed_by_days if by_days else summed_entries
    found = read(connection, _KEYS, part.conditions, month.start_micros, month.end_micros)
    for (kind, currency, debit, publisher_id), (entries, amount) in found.items():
        if kind == EntryKind.FEE:
            continue
        publisher = None if publisher_id is None else str(publisher_id)
        effect = effect_of(EntryKind(kind), names.accounts[debit].pocket, publisher)
        if any(effect):
            _add(sums.setdefault(currency, {}), {**effect._asdict(), "amount": effect.amount}, entries, amount)
    for move in month_fees(connection, names, month, part):
        _add(sums.setdefault(move.currency, {}), {"fee": 1}, 1, move.amount_micros)
    nothing = {"pages": 0, "reversed_pages": 0, "amount_micros": 0}
    return tuple(CurrencyTotal(currency, **{**nothing, **sums[currency]}) for currency in sorted(sums))


def months_of(
    connection: Connection, part: Part, months: Iterable[Month]
) -> Iterator[tuple[Month, bool, tuple[CurrencyTotal, ...]]]:
    """Each month with whether it is closed, and its totals as this reader's statement has them."""
    closed = closed_labels(connection)
    kept = _kept_totals(connection, part)
    for month in months:
        if month.label in closed:
            yield month, True, tuple(kept.get(month.label, ()))
        else:
            yield month, False, totals_of_entries(connection, month, part, by_days=True)


def publisher_months(
    connection: Connection, publisher_id: int, months: Iterable[Month]
) -> Iterator[tuple[Month, bool, tuple[CurrencyTotal, ...]]]:
    """Each month with whether it is closed, and its totals as the publisher's statement has them."""
    return months_of(connection, Part(publisher_id=publisher_id), months)


def first_entry_at(connection: Connection, part: Part) -> int | None:
    """When the first entry of a part was recorded, in microseconds since the epoch; None before."""
    first = select(entry.c.recorded_at_micros).where(*part.conditions(), entry.c.kind != EntryKind.FEE.value)
    found: int | None = connection.execute(first.order_by(entry.c.recorded_at_micros).limit(1)).scalar_one_or_none()
    return found


def _kept_totals(connection: Connection, part: Part) -> dict[str, list[CurrencyTotal]]:
    """The sums of a reader's lines of every closed month, by its name of then."""
    named = _named_in_lines(part)
    keys = (
        (month_line.c.month, month_line.c.currency)
        if named is None
        else (month_line.c.month, named, month_line.c.currency)
    )
    sums = (cast(func.sum(month_line.c[name]), BigInteger).label(name) for name in _SUMMED)
    query = select(*keys, *sums).group_by(*keys).order_by(*keys)
    called = _called(connection, part) if named is not None else {}
    if named is not None:
        query = query.where(named.in_(set(called.values())))
    totals: dict[str, list[CurrencyTotal]] = {}
    for row in connection.execute(query).mappings():
        if named is None or called.get(row["month"]) == row[named.name]:
            found = {name: int(row[name]) for name in _SUMMED}
            if part.crawler_id is not None:
                found["fee_micros"] = 0  # what the operator takes of a publisher is no crawler's business
            totals.setdefault(row["month"], []).append(_total(row["currency"], found))
    return totals


def _named_in_lines(part: Part) -> Column[str] | None:
    """The column of lines that names this reader; None for the operator, who reads all."""
    if part.publisher_id is not None:
        return month_line.c.publisher
    return None if part.crawler_id is None else month_line.c.crawler


def _called(connection: Connection, part: Part) -> dict[str, str]:
    """What a reader was called in each closed month."""
    reader = Reader.PUBLISHER if part.publisher_id is not None else Reader.CRAWLER
    number = part.publisher_id if part.publisher_id is not None else part.crawler_id
    mine = (month_statement.c.reader == reader.value, month_statement.c.party_id == number)
    called: dict[str, str] = {}
    for month, text in connection.execute(select(month_statement.c.month, month_statement.c.document).where(*mine)):
        party = head_of(text).party
        assert party is not None, "this statement is a party's"
        called[month] = party.name
    return called


def _total(currency: str, sums: Mapping[str, int]) -> CurrencyTotal:
    net = sums["earned_micros"] - sums["reversed_micros"] - sums["adjusted_micros"]
    return CurrencyTotal(currency, amount_micros=net, **sums)


def _add(sums: dict[str, int], factors: Mapping[str, int], entries: int, amount_micros: int) -> None:
    for name, factor in factors.items():
        counted = name.endswith("pages")
        place = name if counted else f"{name}_micros"
        sums[place] = sums.get(place, 0) + factor * (entries if counted else amount_micros)
