"""What a month's statement lists one by one: top-ups, corrections of earlier months, and the operator's share.

Rules of this file
- Entries never change, so a closed month's lists are read from them; shares are read from what its close kept.
- Few entries are read: those that a person wrote by the index of the audit log, reversals by their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, literal_column, select

from edge.core.closing import fee_bases
from edge.core.ledger import EntryKind, charge_id, key_of_charge_id
from edge.core.month import Month
from edge.core.particulars import SHOWN_MAX, Correction, Listed, OperatorNote, Particulars, ShareTaken, TopUp
from edge.core.statement import Reader, Statement
from edge.store.closed_months import carried_before, kept_fees
from edge.store.month_reading import WHOLE, Names, Part, recorded_in
from edge.store.tables import account, entry, publisher

_Item = TypeVar("_Item")
_KEYS_AT_ONCE = 500
_STREAM_CHUNK = 2_000
# Literals, so that the planner sees that the partial indexes fit.
_REVERSED = entry.c.kind == literal_column("'reverse'")
_PAYS = select(account.c.id).where(account.c.owner_kind == "crawler")
_OURS = select(account.c.id).where(account.c.owner_kind == "internal")
_PAYING = (EntryKind.POST.value, EntryKind.SETTLE.value)
Placed = tuple[tuple[int, int, int], Correction]


def read_particulars(connection: Connection, statement: Statement, part: Part, names: Names) -> Particulars:
    """Everything that this reader's statement lists; ``names`` are those that the statement speaks by."""
    paying = statement.reader is not Reader.PUBLISHER
    return Particulars(
        late_corrections(connection, statement.month, part),
        top_ups(connection, statement.month, part, names) if paying else Listed(),
        _shares(connection, statement, part, names) if statement.reader is not Reader.CRAWLER else (),
        operator_notes(connection, statement.month, part, names) if paying else Listed(),
    )


def late_corrections(connection: Connection, month: Month, part: Part = WHOLE) -> Listed[Correction]:
    """Reversals, refunds and notes of the month on charges of earlier ones, oldest first."""
    found = sorted((*_reversals(connection, month, part), *_notes(connection, month, part)), key=lambda pair: pair[0])
    return _listed([each for _, each in found], lambda each: (each.currency, each.given_back_micros))


def top_ups(connection: Connection, month: Month, part: Part, names: Names) -> Listed[TopUp]:
    """What was paid in, oldest first."""
    # The audit log's index has what bears an author, as every top-up does.
    query = (
        select(entry)
        .where(*recorded_in(month), *part.conditions(), entry.c.author.is_not(None))
        .where(entry.c.kind == EntryKind.CREDIT.value)
        .order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    )
    with connection.execute(query.execution_options(yield_per=_STREAM_CHUNK)) as rows:
        made = [_top_up(row, names) for row in rows]
    return _listed(made, lambda each: (each.currency, each.amount_micros))


def operator_notes(connection: Connection, month: Month, part: Part, names: Names) -> Listed[OperatorNote]:
    """Credit and debit notes between the operator and crawlers, which no publisher has a part in, oldest first."""
    query = (
        select(entry, entry.c.credit_account.in_(_PAYS).label("gives"))
        .where(*recorded_in(month), *part.conditions(), entry.c.author.is_not(None))
        .where(entry.c.kind == EntryKind.ADJUST.value, entry.c.publisher_id.is_(None))
        .order_by(entry.c.recorded_at_micros, entry.c.writer_id, entry.c.number)
    )
    made = [_operator_note(row, names) for row in connection.execute(query)]
    return _listed(made, lambda each: (each.currency, each.given_micros))


def latest_top_ups(connection: Connection, crawler_id: int, limit: int) -> Listed[TopUp]:
    """What was paid in last for one crawler, the newest first."""
    chosen = (entry.c.crawler_id == crawler_id, entry.c.author.is_not(None), entry.c.kind == EntryKind.CREDIT.value)
    newest = (entry.c.recorded_at_micros.desc(), entry.c.writer_id.desc(), entry.c.number.desc())
    made = [_top_up(row, Names()) for row in connection.execute(select(entry).where(*chosen).order_by(*newest))]
    listed = _listed(made, lambda each: (each.currency, each.amount_micros))
    return replace(listed, items=listed.items[:limit])


def _top_up(row: Any, names: Names) -> TopUp:
    whose = names.crawlers.get(row.crawler_id, "")
    return TopUp(row.recorded_at_micros, whose, row.currency, row.amount_micros, row.reference or "")


def _operator_note(row: Any, names: Names) -> OperatorNote:
    given = row.amount_micros if row.gives else -row.amount_micros
    whose = names.crawlers.get(row.crawler_id, "")
    return OperatorNote(row.recorded_at_micros, whose, row.currency, given, row.reference or "", row.reason or "")


def _shares(connection: Connection, statement: Statement, part: Part, names: Names) -> tuple[ShareTaken, ...]:
    """What fees were taken of; of a month that is open, what they would be taken of now."""
    if statement.draft:
        ids = {name: number for number, name in names.publishers.items() if number is not None}
        ppm = {row.id: row.share_ppm for row in connection.execute(select(publisher.c.id, publisher.c.share_ppm))}
        found = fee_bases(statement.report, ids, ppm, carried_before(connection, statement.month))
    else:
        found = tuple(basis for basis, _ in kept_fees(connection, statement.month))
    return tuple(
        ShareTaken(names.publishers.get(basis.publisher_id, ""), basis)
        for basis in found
        if basis.share_ppm and part.publisher_id in (None, basis.publisher_id)
    )


def _reversals(connection: Connection, month: Month, part: Part) -> Iterator[Placed]:
    """What was given back of a page that an earlier month's statement had as paid; suspense is no such page."""
    paid = entry.alias("paid")
    same = (paid.c.key == entry.c.key) & (paid.c.attempt == entry.c.attempt) & paid.c.kind.in_(_PAYING)
    query = select(entry, paid.c.recorded_at_micros.label("paid_at")).join(
        paid, same & (paid.c.recorded_at_micros < month.start_micros)
    )
    given_back = (_REVERSED, entry.c.credit_account.in_(_PAYS), entry.c.debit_account.not_in(_OURS))
    here = [*recorded_in(month), *part.conditions(), *given_back]
    with connection.execute(query.where(*here).execution_options(yield_per=_STREAM_CHUNK)) as rows:
        for row in rows:
            yield _place(row), _correction(row, charge_id(bytes(row.key)), row.paid_at, row.amount_micros)


def _notes(connection: Connection, month: Month, part: Part) -> Iterator[Placed]:
    """Credit and debit notes that name a charge of an earlier month."""
    notes = select(entry, entry.c.credit_account.in_(_PAYS).label("gives_back")).where(
        *recorded_in(month),
        *part.conditions(),
        entry.c.author.is_not(None),
        entry.c.kind == EntryKind.ADJUST.value,
        entry.c.request_id.is_not(None),
    )
    found = connection.execute(notes).all()
    paid = _paid_before(connection, month, [row.request_id for row in found])
    for row in found:
        if row.request_id in paid:
            amount = row.amount_micros if row.gives_back else -row.amount_micros
            yield _place(row), _correction(row, row.request_id, paid[row.request_id], amount)


def _paid_before(connection: Connection, month: Month, charges: Sequence[str]) -> dict[str, int]:
    """When charges were last paid, of those that were paid before the month."""
    keys = {key: each for each in charges if (key := key_of_charge_id(each)) is not None}
    paid: dict[str, int] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), _KEYS_AT_ONCE):
        chosen = entry.c.key.in_(ordered[start : start + _KEYS_AT_ONCE])
        query = select(entry.c.key, entry.c.recorded_at_micros).where(chosen, entry.c.kind.in_(_PAYING))
        for key, at_micros in connection.execute(query.order_by(entry.c.attempt)):
            paid[keys[bytes(key)]] = at_micros
    return {each: at_micros for each, at_micros in paid.items() if at_micros < month.start_micros}


def _listed(items: Sequence[_Item], told: Callable[[_Item], tuple[str, int]]) -> Listed[_Item]:
    sums: dict[str, int] = {}
    for item in items:
        currency, micros = told(item)
        sums[currency] = sums.get(currency, 0) + micros
    return Listed(tuple(items[:SHOWN_MAX]), len(items), tuple(sorted(sums.items())))


def _place(row: Any) -> tuple[int, int, int]:
    return (row.recorded_at_micros, row.writer_id, row.number)


def _correction(row: Any, charge: str, opened_at: int, amount: int) -> Correction:
    kind, month = EntryKind(row.kind), Month.of(opened_at)
    return Correction(charge, month, kind, row.currency, amount, row.reference, row.reason, row.author)
