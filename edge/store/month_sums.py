"""What the accounts moved in a month: what a report is checked against, and what each account opened and closed with.

Rules of this file
- A report goes by the names that entries bear; the sums here go by the accounts that money went into or out of, so
  that the two cannot agree by reading the same column.
- Balances are read backwards from today's: what an account held at a month's end is what it holds now, less what has
  been recorded since. That today's is the fold of all entries is for ``farebox verify`` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, exists, func, or_, select
from sqlalchemy.sql.expression import FromClause

from edge.core.ledger import EntryKind, Step
from edge.core.ledger_corrections import fee_key
from edge.core.month import Month
from edge.core.report import EntrySum, Pocket, ReportMismatch
from edge.core.statement import AccountMonth
from edge.store.month_reading import WHOLE, Move, Names, Part, moves, recorded_in
from edge.store.tables import account, entry

KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement is made of: ``named`` by what entries say, ``moved`` by the accounts that money moved between.

    Of everything, both are the same entries; of a publisher's part they differ where an entry says one and paid
    another. ``since`` is what has been recorded after the month, ``fees`` those that belong to it.
    """

    named: list[Move]
    moved: list[Move]
    fees: list[Move]
    since: list[Move]


def read_month(
    connection: Connection, names: Names, month: Month, part: Part = WHOLE, *, by_days: bool = False
) -> Reading:
    """Sum a month in one pass; raises ``ReportMismatch`` when groups were lost on the way.

    ``by_days`` is for screens: whole days as they were summed, and held against their entries, when they were over.
    """

    def either(rows: FromClause) -> Iterable[ColumnElement[bool]]:
        return [or_(*_sides(part, rows))] if part != WHOLE else []

    found = moves(connection, either, month.start_micros, month.end_micros, by_days=by_days)
    if not by_days:
        _count_again(connection, month, either(entry), found)
    after = moves(connection, either, month.end_micros, None, by_days=by_days)
    since = [move for move in after if _touches(move, names, part)]
    named = [move for move in found if part.publisher_id in (None, move.publisher_id)]
    return Reading(
        [move for move in named if move.kind is not EntryKind.FEE],
        [move for move in found if _touches(move, names, part)],
        month_fees(connection, names, month, part),
        since,
    )


def _count_again(
    connection: Connection, month: Month, bounds: Iterable[ColumnElement[bool]], found: Iterable[Move]
) -> None:
    """Count and add without groups or slices: what was summed in parts must come to the same."""
    whole = select(func.count(), cast(func.sum(entry.c.amount_micros), BigInteger))
    entries, amount = connection.execute(whole.where(*recorded_in(month), *bounds)).one()
    summed = (0, 0)
    for move in found:
        summed = (summed[0] + move.entries, summed[1] + move.amount_micros)
    if summed != (entries, int(amount or 0)):
        raise ReportMismatch(f"the groups of {month.label} hold {summed[0]} entries, the ledger {entries}")


def entry_sums(moves: Iterable[Move], fees: Iterable[Move], names: Names) -> list[EntrySum]:
    """The sums that a report of the month is checked against; a fee is counted by the month that it names."""
    of_the_month = [move for move in moves if move.kind is not EntryKind.FEE]
    return [
        EntrySum(
            move.kind,
            move.currency,
            move.entries,
            move.amount_micros,
            names.publishers.get(_earner(move, names)),
            names.accounts[move.debit_account].pocket,
        )
        for move in (*of_the_month, *fees)
    ]


def month_fees(connection: Connection, names: Names, month: Month, part: Part = WHOLE) -> list[Move]:
    """The fees that belong to the month, whenever they were taken; a crawler's part has none."""
    if part.crawler_id is not None:
        return []
    earners = [known for known in names.accounts.values() if known.pocket is Pocket.PUBLISHER]
    keys = [
        fee_key(month.label, known.owner_id, known.currency)
        for known in earners
        if known.owner_id is not None and part.publisher_id in (None, known.owner_id)
    ]
    return [
        move for start in range(0, len(keys), KEYS_AT_ONCE) for move in _fees(connection, keys[start:][:KEYS_AT_ONCE])
    ]


def account_months(
    connection: Connection, names: Names, moved: Iterable[Move], since: Iterable[Move], part: Part = WHOLE
) -> tuple[AccountMonth, ...]:
    """Every account of the part over the month, by code; ``since`` is what was recorded after it."""
    credited, debited, changed = _sums(moved)
    credited_since, debited_since, _ = _sums(since)
    rows = connection.execute(select(account.c.id, account.c.currency, account.c.balance_micros).where(_owned(part)))
    found = []
    for number, currency, balance in rows:
        known = names.accounts[number]
        taken, given = credited.get(number, 0), debited.get(number, 0)
        closing = balance - credited_since.get(number, 0) + debited_since.get(number, 0)
        opening = closing - taken + given
        if opening or number in changed or part != WHOLE:
            owner = _owner(known.pocket, known.owner_id, names)
            found.append(AccountMonth(known.code, known.pocket, owner, currency, opening, taken, given))
    return tuple(sorted(found, key=lambda each: each.code))


def suspended_by_parties(
    connection: Connection, month: Month, part: Part = WHOLE
) -> Iterator[tuple[int | None, int | None, str, int]]:
    """What lies in suspense at the month's end: suspended before it, and not ended.

    By publisher, crawler and currency, in micro-units.
    """
    ended = entry.alias("ended")
    same = (ended.c.key == entry.c.key) & (ended.c.attempt == entry.c.attempt)
    ends = ended.c.step.in_((Step.RELEASE.value, Step.REVERSE.value)) & (ended.c.recorded_at_micros < month.end_micros)
    keys = (entry.c.publisher_id, entry.c.crawler_id, entry.c.currency)
    query = (
        select(*keys, cast(func.sum(entry.c.amount_micros), BigInteger))
        .where(entry.c.kind == EntryKind.SUSPEND.value, entry.c.recorded_at_micros < month.end_micros)
        .where(*part.conditions(), ~exists().where(same, ends))
        .group_by(*keys)
    )
    for publisher_id, crawler_id, currency, amount in connection.execute(query):
        yield publisher_id, crawler_id, currency, int(amount)


def _fees(connection: Connection, keys: list[bytes]) -> Iterator[Move]:
    chosen = (entry.c.currency, entry.c.debit_account, entry.c.credit_account, entry.c.publisher_id)
    query = select(*chosen, entry.c.amount_micros).where(entry.c.key.in_(keys), entry.c.step == Step.OPEN.value)
    for currency, debit, credit, publisher_id, amount in connection.execute(query.order_by(entry.c.key)):
        yield Move(EntryKind.FEE, currency, debit, credit, publisher_id, None, None, None, None, 1, amount)


def _sides(part: Part, rows: FromClause) -> Iterator[ColumnElement[bool]]:
    """What names the part's reader, or moves its accounts."""
    yield from part.conditions(rows)
    if part.publisher_id is not None:
        own = select(account.c.id).where(account.c.owner_kind == "publisher", account.c.owner_id == part.publisher_id)
        yield or_(rows.c.debit_account.in_(own), rows.c.credit_account.in_(own))


def _touches(move: Move, names: Names, part: Part) -> bool:
    """A publisher's entries are those that move its accounts, and of those that move no publisher's what names it."""
    return part.publisher_id is None or _earner(move, names) == part.publisher_id


def _earner(move: Move, names: Names) -> int | None:
    for number in (move.credit_account, move.debit_account):
        known = names.accounts[number]
        if known.pocket is Pocket.PUBLISHER:
            return known.owner_id
    return move.publisher_id


def _sums(moves: Iterable[Move]) -> tuple[dict[int, int], dict[int, int], set[int]]:
    credited: dict[int, int] = {}
    debited: dict[int, int] = {}
    for move in moves:
        credited[move.credit_account] = credited.get(move.credit_account, 0) + move.amount_micros
        debited[move.debit_account] = debited.get(move.debit_account, 0) + move.amount_micros
    return credited, debited, credited.keys() | debited.keys()


def _owned(part: Part) -> ColumnElement[bool]:
    if part.publisher_id is not None:
        return (account.c.owner_kind == "publisher") & (account.c.owner_id == part.publisher_id)
    if part.crawler_id is not None:
        return (account.c.owner_kind == "crawler") & (account.c.owner_id == part.crawler_id)
    return account.c.id.is_not(None)


def _owner(pocket: Pocket, owner_id: int | None, names: Names) -> str | None:
    match pocket:
        case Pocket.PUBLISHER:
            return names.publishers.get(owner_id)
        case Pocket.CRAWLER:
            return names.crawlers.get(owner_id)
        case _:
            return None
